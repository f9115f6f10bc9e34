"""Softmax and mean cross-entropy over the scores (logits), Goodfellow, Bengio and Courville, Deep Learning, 6.2.2.3."""
from cython cimport floating
from libc.math cimport log1p, log1pf


cdef extern from "_exp.h" nogil:
    float exp_float "fastmlp_exp_float"(float) noexcept
    double exp_double "fastmlp_exp_double"(double) noexcept


cdef inline void softmax(
    const floating* restrict scores, floating* restrict probabilities, floating* restrict largest,
    floating* restrict others, Py_ssize_t n_rows, Py_ssize_t n
) noexcept nogil:
    """probabilities := exp(scores - max) / sum(exp(scores - max)) of n_rows rows of n scores.

    OUT also largest = max(scores) and others = sum(exp(scores - max)) - 1 of each row, from which the loss follows
    without the logarithm of a probability that may have become 0. The largest score's own term, exp(0) = 1, is left
    out, so that log1p(others) keeps the digits of a loss close to 0.
    """
    cdef Py_ssize_t i, j
    cdef int n_largest
    cdef const floating* row
    cdef floating* terms
    cdef floating most, total
    for i in range(n_rows):
        row, terms, most = scores + i * n, probabilities + i * n, scores[i * n]
        for j in range(1, n):
            most = row[j] if row[j] > most else most
        for j in range(n):
            terms[j] = row[j] - most
        largest[i] = most
    # one long run, whatever the number of classes
    for j in range(n_rows * n):
        if floating is float:
            probabilities[j] = exp_float(probabilities[j])
        else:
            probabilities[j] = exp_double(probabilities[j])
    for i in range(n_rows):
        row, terms, n_largest, total = scores + i * n, probabilities + i * n, 0, 0
        for j in range(n):
            n_largest += row[j] == largest[i]
            total += 0 if row[j] == largest[i] else terms[j]
        others[i] = total + (n_largest - 1)
        total = 1 + others[i]
        for j in range(n):
            terms[j] /= total


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
