"""Activation functions.

An elementwise one works in place, and its derivative is a function of its values: what a layer gave is all that its way
back needs. Softmax, a function of whole rows, is for outputs only.
"""
from cython cimport floating
from libc.math cimport fabs, fabsf

from _elementwise cimport add

cdef enum Activation:
    IDENTITY
    RELU
    LOGISTIC
    SOFTMAX
    TANH


cdef extern from *:
    """
    /* coefficients of y**21, y**19, ..., y**3 in the series of tanh(y) (Abramowitz and Stegun, 4.5.64) */
    static const double fastmlp_tanh_series[] = {
        18888466084.0 / 194896477400625, -443861162.0 / 1856156927625, 6404582.0 / 10854718875, -929569.0 / 638512875,
        21844.0 / 6081075, -1382.0 / 155925, 62.0 / 2835, -17.0 / 315, 2.0 / 15, -1.0 / 3};
    """
    const double* TANH_SERIES "fastmlp_tanh_series"

cdef enum:
    N_TANH_TERMS = 10


cdef extern from "_exp.h" nogil:
    float exp_float "fastmlp_exp_float"(float) noexcept
    double exp_double "fastmlp_exp_double"(double) noexcept


cdef inline void add_and_activate(
    Activation activation, floating* y, const floating* b, Py_ssize_t n
) noexcept nogil:
    """y := activation(y + b)"""
    if activation == RELU:
        add_relu(y, b, n)  # in one pass, since nearly all networks have it
    else:
        add(y, b, n)
        activate(activation, y, n)


cdef inline void activate(Activation activation, floating* y, Py_ssize_t n) noexcept nogil:
    """y := activation(y)"""
    if activation == RELU:
        relu(y, n)
    elif activation == LOGISTIC:
        logistic(y, n)
    elif activation == TANH:
        hyperbolic_tangent(y, n)


cdef inline void multiply_by_derivative(
    Activation activation, floating* dy, const floating* y, Py_ssize_t n
) noexcept nogil:
    """dy *= the derivative of the activation where it is y"""
    if activation == RELU:
        relu_grad(dy, y, n)
    elif activation == LOGISTIC:
        logistic_grad(dy, y, n)
    elif activation == TANH:
        hyperbolic_tangent_grad(dy, y, n)


cdef inline void add_relu(floating* restrict y, const floating* restrict x, Py_ssize_t n) noexcept nogil:
    """y := maximum(y + x, 0); in this form NaN stays NaN, as in NumPy"""
    cdef Py_ssize_t j
    cdef floating value
    for j in range(n):
        value = y[j] + x[j]
        y[j] = 0 if value < 0 else value


cdef inline void relu(floating* y, Py_ssize_t n) noexcept nogil:
    """y := maximum(y, 0)"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = 0 if y[j] < 0 else y[j]


cdef inline void relu_grad(floating* restrict dy, const floating* restrict y, Py_ssize_t n) noexcept nogil:
    """dy := where(y > 0, dy, 0)"""
    cdef Py_ssize_t j
    for j in range(n):
        dy[j] = dy[j] if y[j] > 0 else 0


cdef inline void logistic(floating* y, Py_ssize_t n) noexcept nogil:
    """y := 1 / (1 + exp(-y)), by way of exp(-abs(y)), which cannot overflow"""
    cdef Py_ssize_t j
    cdef floating term, one = 1
    for j in range(n):
        if floating is float:
            term = exp_float(-fabsf(y[j]))
        else:
            term = exp_double(-fabs(y[j]))
        y[j] = (one if y[j] >= 0 else term) / (one + term)


cdef inline void logistic_grad(floating* restrict dy, const floating* restrict y, Py_ssize_t n) noexcept nogil:
    """dy *= y * (1 - y)"""
    cdef Py_ssize_t j
    for j in range(n):
        dy[j] *= y[j] * (1 - y[j])


cdef inline void hyperbolic_tangent(floating* y, Py_ssize_t n) noexcept nogil:
    """y := tanh(y), by way of exp(-2 abs(y)), and near 0, where that would lose digits, by the series of tanh"""
    cdef Py_ssize_t j, k
    cdef floating term, series, square, one = 1
    for j in range(n):
        if floating is float:
            term = exp_float(-2 * fabsf(y[j]))
        else:
            term = exp_double(-2 * fabs(y[j]))
        term = (one - term) / (one + term)
        square = y[j] * y[j]
        series = <floating> TANH_SERIES[0]
        for k in range(1, N_TANH_TERMS):
            series = series * square + <floating> TANH_SERIES[k]
        series = y[j] + y[j] * (square * series)
        y[j] = series if square < 0.0625 else (term if y[j] >= 0 else -term)


cdef inline void hyperbolic_tangent_grad(
    floating* restrict dy, const floating* restrict y, Py_ssize_t n
) noexcept nogil:
    """dy *= 1 - y**2"""
    cdef Py_ssize_t j
    for j in range(n):
        dy[j] *= 1 - y[j] * y[j]


cdef inline void softmax(
    const floating* restrict scores, floating* restrict probabilities, floating* restrict largest,
    floating* restrict others, floating* restrict lost, Py_ssize_t n_rows, Py_ssize_t n
) noexcept nogil:
    """probabilities := exp(scores - max) / sum(exp(scores - max)) of n_rows rows of n scores.

    OUT also largest = max(scores) and others = sum(exp(scores - max)) - 1 of each row, from which the loss follows
    without the logarithm of a probability that may have become 0. The largest score's own term, exp(0) = 1, is left
    out, so that log1p(others) keeps the digits of a loss close to 0. `lost` is scratch, (n_rows, n): what rounding took
    from scores - max, which the exponential would make larger, as many times as that difference is large.
    """
    cdef Py_ssize_t i, j
    cdef int n_largest
    cdef const floating* row
    cdef floating* terms
    cdef floating most
    cdef double total, rest, term, before
    for i in range(n_rows):
        row, terms, most = scores + i * n, probabilities + i * n, scores[i * n]
        for j in range(1, n):
            most = row[j] if row[j] > most else most
        for j in range(n):
            terms[j] = row[j] - most
            lost[i * n + j] = rounding(terms[j], row[j], -most)
        largest[i] = most
    # one long run, whatever the number of classes
    for j in range(n_rows * n):
        if floating is float:
            probabilities[j] = exp_float(probabilities[j])
        else:
            probabilities[j] = exp_double(probabilities[j])
        # exp(x + lost) = exp(x) (1 + lost); of an infinite score, whose term is 0, nothing is lost
        probabilities[j] *= 1 + lost[j] if probabilities[j] > 0 else 1
    for i in range(n_rows):
        row, terms, n_largest, total, rest = scores + i * n, probabilities + i * n, 0, 0, 0
        for j in range(n):
            n_largest += row[j] == largest[i]
            term = 0 if row[j] == largest[i] else terms[j]
            before = total
            total = before + term
            if floating is double:
                rest += rounding(total, before, term)
        total += rest + (n_largest - 1)
        others[i] = <floating> total
        for j in range(n):
            terms[j] = <floating> (terms[j] / (1 + total))


cdef inline floating rounding(floating rounded, floating a, floating b) noexcept nogil:
    """a + b - rounded, exactly, for rounded = a + b (Knuth, The Art of Computer Programming, 4.2.2, theorem C)."""
    cdef floating b_there = rounded - a
    return (a - (rounded - b_there)) + (b - b_there)
