"""What becomes of the last layer's scores, and how far it is from what is wanted.

Softmax and mean cross-entropy, or the logistic function and mean squared error (Goodfellow, Bengio and Courville, Deep
Learning, 6.2.2.3 and 6.2.2.2).
"""
from cython cimport floating
from libc.math cimport fabs, fabsf, log1p, log1pf

cdef enum Loss:
    # of labels
    CROSS_ENTROPY
    # of targets, one for each output
    SQUARED_ERROR
    HALF_SQUARED_ERROR


cdef extern from "_exp.h" nogil:
    float exp_float "fastmlp_exp_float"(float) noexcept
    double exp_double "fastmlp_exp_double"(double) noexcept


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


cdef inline double cross_entropy(
    const floating* scores, floating largest, floating others, Py_ssize_t label
) noexcept nogil:
    """-log(softmax(scores)[label]) of one row"""
    if floating is float:
        return log1pf(others) + (largest - scores[label])
    else:
        return log1p(others) + (largest - scores[label])


cdef inline void cross_entropy_grad(
    const floating* restrict probabilities, floating* restrict dscores, Py_ssize_t label, Py_ssize_t n,
    Py_ssize_t n_rows
) noexcept nogil:
    """dscores := (softmax(scores) - one_hot(label)) / n_rows for one row of a batch of n_rows"""
    cdef Py_ssize_t j
    cdef floating scale = <floating> (1.0 / n_rows)
    for j in range(n):
        dscores[j] = probabilities[j] * scale
    dscores[label] = (probabilities[label] - 1) * scale


cdef inline void sigmoid(
    const floating* restrict scores, floating* restrict outputs, Py_ssize_t n
) noexcept nogil:
    """outputs := 1 / (1 + exp(-scores)), by way of exp(-abs(scores)), which cannot overflow"""
    cdef Py_ssize_t j
    cdef floating term, one = 1
    for j in range(n):
        if floating is float:
            term = exp_float(-fabsf(scores[j]))
        else:
            term = exp_double(-fabs(scores[j]))
        outputs[j] = (one if scores[j] >= 0 else term) / (one + term)


cdef inline double squared_error(
    const floating* outputs, const floating* targets, Loss loss, Py_ssize_t n
) noexcept nogil:
    """mean((outputs - targets)**2) of one row, or half of it"""
    cdef Py_ssize_t j
    cdef double total = 0, difference
    for j in range(n):
        difference = outputs[j] - targets[j]
        total += difference * difference
    return total / (2 * n if loss == HALF_SQUARED_ERROR else n)


cdef inline void squared_error_grad(
    const floating* restrict outputs, const floating* restrict targets, floating* restrict dscores, Loss loss,
    Py_ssize_t n, Py_ssize_t n_rows
) noexcept nogil:
    """dscores := 2 / (n_rows * n) * (outputs - targets) * outputs * (1 - outputs), or half of it, for one row of a
    batch of n_rows and outputs = sigmoid(scores)"""
    cdef Py_ssize_t j
    cdef floating scale = <floating> ((1.0 if loss == HALF_SQUARED_ERROR else 2.0) / (<double> n_rows * n))
    for j in range(n):
        dscores[j] = scale * (outputs[j] - targets[j]) * (outputs[j] * (1 - outputs[j]))


cdef inline bint is_first_largest(const floating* x, Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """Whether x.argmax() == at, for n numbers none of which is NaN."""
    cdef Py_ssize_t j
    cdef int larger = 0
    for j in range(at):
        larger |= x[j] >= x[at]
    for j in range(at + 1, n):
        larger |= x[j] > x[at]
    return larger == 0


cdef inline Py_ssize_t argmax(const floating* x, Py_ssize_t n) noexcept nogil:
    """As in NumPy: the first of the largest, or the first NaN."""
    cdef Py_ssize_t j, at = 0
    for j in range(1, n):
        if x[at] != x[at]:
            break
        if not x[j] <= x[at]:
            at = j
    return at
