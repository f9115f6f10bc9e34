"""Softmax and mean cross-entropy over the scores (logits), Goodfellow, Bengio and Courville, Deep Learning, 6.2.2.3."""
from cython cimport floating
from libc.math cimport exp, expf, log1p, log1pf


cdef inline void softmax(
    const floating* scores, floating* probabilities, floating* largest, floating* log_sum, Py_ssize_t n
) noexcept nogil:
    """probabilities := exp(scores - max) / sum(exp(scores - max)) for one row of n scores, in one pass after the max.

    OUT also largest = max(scores) and log_sum = log(sum(exp(scores - max))), from which the loss follows without the
    logarithm of a probability that may have become 0. The largest score's term is exp(0) = 1, so the logarithm is
    taken as log1p of the others: a loss close to 0 keeps its digits.
    """
    cdef Py_ssize_t j, at = 0
    cdef floating total, others = 0
    for j in range(1, n):
        if scores[j] > scores[at]:
            at = j
    for j in range(n):
        if floating is float:
            probabilities[j] = expf(scores[j] - scores[at])
        else:
            probabilities[j] = exp(scores[j] - scores[at])
        if j != at:
            others += probabilities[j]
    total = probabilities[at] + others
    for j in range(n):
        probabilities[j] /= total
    largest[0] = scores[at]
    if floating is float:
        log_sum[0] = log1pf(others)
    else:
        log_sum[0] = log1p(others)


cdef inline double cross_entropy(
    const floating* scores, floating largest, floating log_sum, Py_ssize_t label
) noexcept nogil:
    """-log(softmax(scores)[label]) of one row"""
    return log_sum + (largest - scores[label])


cdef inline void cross_entropy_grad(
    const floating* probabilities, floating* dscores, Py_ssize_t label, Py_ssize_t n, Py_ssize_t n_rows
) noexcept nogil:
    """dscores := (softmax(scores) - one_hot(label)) / n_rows for one row of a batch of n_rows"""
    cdef Py_ssize_t j
    cdef floating scale = <floating> (1.0 / n_rows)
    for j in range(n):
        dscores[j] = probabilities[j] * scale
    dscores[label] = (probabilities[label] - 1) * scale
