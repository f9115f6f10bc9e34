"""Activation functions.

Elementwise functions are applied in place, and their derivatives are functions of their values, so that the backward
pass of a layer needs its outputs only. Softmax, a function of whole rows, is for the network's outputs only.
"""
from cython cimport floating

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


cdef extern from "_exp_log.h" nogil:
    float exp_float "fastmlp_exp_float"(float) noexcept
    double exp_double "fastmlp_exp_double"(double) noexcept
    double log1p "fastmlp_log1p"(double) noexcept


cdef inline void add_and_activate(
    Activation activation, floating* y, const floating* b, Py_ssize_t n
) noexcept nogil:
    """y := activation(y + b)"""
    if activation == RELU:
        add_relu(y, b, n)  # in one pass, since most networks have it
    else:
        add(y, b, n)
        activate(activation, y, n)


cdef inline void activate(Activation activation, floating* y, Py_ssize_t n) noexcept nogil:
    """y := activation(y)"""
    cdef Py_ssize_t j
    if activation == RELU:
        for j in range(n):
            y[j] = relu(y[j])
    elif activation == LOGISTIC:
        for j in range(n):
            y[j] = logistic(y[j])
    elif activation == TANH:
        for j in range(n):
            y[j] = hyperbolic_tangent(y[j])


cdef inline void multiply_by_derivative(
    Activation activation, floating* restrict dy, const floating* restrict y, Py_ssize_t n
) noexcept nogil:
    """dy *= the derivative of the activation, given its values y"""
    cdef Py_ssize_t j
    if activation == RELU:
        for j in range(n):
            dy[j] = dy[j] if y[j] > 0 else 0
    elif activation == LOGISTIC:
        for j in range(n):
            dy[j] *= y[j] * (1 - y[j])
    elif activation == TANH:
        for j in range(n):
            dy[j] *= 1 - y[j] * y[j]


cdef inline void add_relu(floating* restrict y, const floating* restrict b, Py_ssize_t n) noexcept nogil:
    """y := relu(y + b)"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = relu(y[j] + b[j])


cdef inline floating relu(floating x) noexcept nogil:
    """maximum(x, 0); in this form NaN stays NaN, as in NumPy"""
    return 0 if x < 0 else x


cdef inline floating logistic(floating x) noexcept nogil:
    """1 / (1 + exp(-x)), computed from exp(-abs(x)), which cannot overflow"""
    cdef floating term = exp(-abs(x)), one = 1
    return (one if x >= 0 else term) / (one + term)


cdef inline floating hyperbolic_tangent(floating x) noexcept nogil:
    """tanh(x), computed from exp(-2 abs(x)), and near 0, where that would lose digits, from the Taylor series"""
    cdef floating term = exp(-2 * abs(x)), square = x * x, series = <floating> TANH_SERIES[0], one = 1
    cdef int k
    term = (one - term) / (one + term)
    for k in range(1, N_TANH_TERMS):
        series = series * square + <floating> TANH_SERIES[k]
    series = x + x * (square * series)
    return series if square < 0.0625 else (term if x >= 0 else -term)


cdef inline floating exp(floating x) noexcept nogil:
    """exp(x) for x <= 0"""
    if floating is float:
        return exp_float(x)
    else:
        return exp_double(x)


cdef inline void softmax(
    const floating* restrict logits, floating* restrict probabilities, floating* restrict row_max,
    floating* restrict log_sum, floating* restrict others, Py_ssize_t n_rows, Py_ssize_t n
) noexcept nogil:
    """probabilities := exp(logits - max) / sum(exp(logits - max)) for n_rows rows of n logits.

    Also fills row_max = max(logits) and log_sum = log(sum(exp(logits - max))) of each row, from which the loss is
    computed without the logarithm of a probability that may be 0. The term of the largest logit, exp(0) = 1, is left
    out, so that log1p of the others keeps the digits of a loss close to 0. `others`, scratch (n_rows, n), holds these
    terms, and before that the rounding errors of logits - max: the relative error of the exponential is the absolute
    error of its argument.
    """
    cdef Py_ssize_t i, j
    cdef const floating* row
    cdef floating* terms
    cdef floating most, term
    cdef double total, rest, n_largest, before
    for i in range(n_rows):
        row, terms, most = logits + i * n, probabilities + i * n, logits[i * n]
        for j in range(1, n):
            most = row[j] if row[j] > most else most
        for j in range(n):
            terms[j] = row[j] - most
            others[i * n + j] = rounding(terms[j], row[j], -most)
        row_max[i] = most
    # one loop over all rows, which is fast for few classes, too
    for j in range(n_rows * n):
        term = exp(probabilities[j])
        # exp(x + error) = exp(x) (1 + error) up to rounding; a term of 0 stays 0, since the error may be NaN there
        term *= 1 + others[j] if term > 0 else 1
        others[j] = 0 if probabilities[j] >= 0 else term
        probabilities[j] = term
    for i in range(n_rows):
        terms, total, rest, n_largest = probabilities + i * n, 0, 0, 0
        for j in range(n):
            term, before = others[i * n + j], total
            total = before + term
            n_largest += terms[j] - term
            if floating is double:
                rest += rounding(total, before, term)
        total += rest + (n_largest - 1)
        log_sum[i] = <floating> total
        for j in range(n):
            terms[j] = <floating> (terms[j] / (1 + total))
    for i in range(n_rows):
        log_sum[i] = <floating> log1p(log_sum[i])


cdef inline floating rounding(floating rounded, floating a, floating b) noexcept nogil:
    """a + b - rounded, exactly, for rounded = a + b (Knuth, The Art of Computer Programming, 4.2.2, theorem C)."""
    cdef floating b_there = rounded - a
    return (a - (rounded - b_there)) + (b - b_there)
