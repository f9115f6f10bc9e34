"""The loss of one row, its gradient, and its score.

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
    # of labels: 1 for a row classified right, else 0; of targets: sum((outputs - targets)**2)
    double score


cdef inline RowLoss loss_and_grad_row(
    Loss loss, Activation activation, const floating* scores, floating largest, floating others,
    const floating* restrict outputs, const void* targets, Py_ssize_t row, Py_ssize_t n, double denominator,
    floating* restrict dscores
) noexcept nogil:
    """The loss and the score of one row of n outputs = activation(scores); `row` is the index of its label or targets.

    `largest` and `others` are the values that `softmax` also gives. Where dscores (n,) is not NULL, it is filled with
    the gradient of loss / denominator with respect to the scores.
    """
    cdef RowLoss result
    cdef Py_ssize_t j, label
    cdef const floating* restrict expected
    cdef double difference, factor = 1 if loss == HALF_SQUARED_ERROR else 2
    cdef floating scale
    if loss == CROSS_ENTROPY:
        label = (<const Py_ssize_t*> targets)[row]
        # -log(softmax(scores)[label])
        if floating is float:
            result.loss = log1pf(others) + (largest - scores[label])
        else:
            result.loss = log1p(others) + (largest - scores[label])
        result.score = is_first_largest(outputs, label, n)
        if dscores != NULL:
            # (softmax(scores) - one_hot(label)) / denominator
            scale = <floating> (1 / denominator)
            for j in range(n):
                dscores[j] = outputs[j] * scale
            dscores[label] = (outputs[label] - 1) * scale
    else:
        expected, result.score = <const floating*> targets + row * n, 0
        for j in range(n):
            difference = outputs[j] - expected[j]
            result.score += difference * difference
        result.loss = result.score / (2 * n if loss == HALF_SQUARED_ERROR else n)
        if dscores != NULL:
            scale = <floating> (factor / (denominator * n))
            for j in range(n):
                dscores[j] = scale * (outputs[j] - expected[j])
            multiply_by_derivative(activation, dscores, outputs, n)
    return result


cdef inline bint is_first_largest(const floating* x, Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """Whether argmax(x) == at, for n numbers none of which is NaN."""
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
