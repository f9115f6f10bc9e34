"""Losses of one row, their gradients, and what the row adds to the score.

Cross-entropy of a softmax, and squared error of any elementwise activation (Goodfellow, Bengio and Courville, Deep
Learning, 6.2.2.3 and 6.2.2.1).
"""
from cython cimport floating
from libc.math cimport log1p, log1pf

from _activations cimport Activation, multiply_by_derivative

cdef enum Loss:
    # of labels, with SOFTMAX
    CROSS_ENTROPY
    # of targets, one for each output
    SQUARED_ERROR
    HALF_SQUARED_ERROR


cdef struct RowLoss:
    double loss
    # 1 for a row classified right, else 0; for targets, sum((outputs - targets)**2)
    double score


cdef inline RowLoss loss_and_grad_row(
    Loss loss, Activation activation, const floating* scores, floating largest, floating others,
    const floating* outputs, const void* targets, Py_ssize_t row, Py_ssize_t n, double denominator, floating* dscores
) noexcept nogil:
    """The loss of one row of n outputs = activation(scores), whose targets are those of this row.

    `largest` and `others` are what `softmax` gave besides. OUT also dscores (n,), the gradient of loss / denominator
    with respect to the scores, where it is not NULL.
    """
    cdef RowLoss result
    cdef Py_ssize_t label
    cdef const floating* wanted
    cdef double factor = 1 if loss == HALF_SQUARED_ERROR else 2
    if loss == CROSS_ENTROPY:
        label = (<const Py_ssize_t*> targets)[row]
        result.loss = cross_entropy(scores, largest, others, label)
        result.score = is_first_largest(outputs, label, n)
        if dscores != NULL:
            cross_entropy_grad(outputs, dscores, label, n, denominator)
    else:
        wanted = <const floating*> targets + row * n
        result.score = squared_error(outputs, wanted, n)
        result.loss = result.score / (2 * n if loss == HALF_SQUARED_ERROR else n)
        if dscores != NULL:
            squared_error_grad(outputs, wanted, dscores, n, factor / (denominator * n))
            multiply_by_derivative(activation, dscores, outputs, n)
    return result


cdef inline double cross_entropy(
    const floating* scores, floating largest, floating others, Py_ssize_t label
) noexcept nogil:
    """-log(softmax(scores)[label])"""
    if floating is float:
        return log1pf(others) + (largest - scores[label])
    else:
        return log1p(others) + (largest - scores[label])


cdef inline void cross_entropy_grad(
    const floating* restrict probabilities, floating* restrict dscores, Py_ssize_t label, Py_ssize_t n,
    double denominator
) noexcept nogil:
    """dscores := (softmax(scores) - one_hot(label)) / denominator"""
    cdef Py_ssize_t j
    cdef floating scale = <floating> (1 / denominator)
    for j in range(n):
        dscores[j] = probabilities[j] * scale
    dscores[label] = (probabilities[label] - 1) * scale


cdef inline double squared_error(const floating* outputs, const floating* targets, Py_ssize_t n) noexcept nogil:
    """sum((outputs - targets)**2)"""
    cdef Py_ssize_t j
    cdef double total = 0, difference
    for j in range(n):
        difference = outputs[j] - targets[j]
        total += difference * difference
    return total


cdef inline void squared_error_grad(
    const floating* restrict outputs, const floating* restrict targets, floating* restrict dscores, Py_ssize_t n,
    double scale
) noexcept nogil:
    """dscores := scale * (outputs - targets)"""
    cdef Py_ssize_t j
    cdef floating scale_ = <floating> scale
    for j in range(n):
        dscores[j] = scale_ * (outputs[j] - targets[j])


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
