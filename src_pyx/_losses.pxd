"""The loss of one row, its gradient, and its scores.

Cross-entropy of a softmax, and squared error of any elementwise activation (Goodfellow, Bengio and Courville, Deep
Learning, 6.2.2.3 and 6.2.2.1).
"""
from cython cimport floating

from _activations cimport Activation, multiply_by_derivative


cdef enum Loss:
    # of labels, with SOFTMAX
    CROSS_ENTROPY
    # of targets, one for each output
    SQUARED_ERROR
    HALF_SQUARED_ERROR


cdef inline bint takes_labels(Loss loss) noexcept nogil:
    """Whether the targets are labels (n,), intp; otherwise they are (n, n_out), of the network's dtype."""
    return loss == CROSS_ENTROPY


cdef inline double loss_and_grad_row(
    Loss loss, Activation activation, const floating* logits, const floating* row_max, const floating* log_sum,
    const floating* restrict outputs, const void* targets, Py_ssize_t row, Py_ssize_t n, double denominator,
    floating* restrict dlogits, double* scores
) noexcept nogil:
    """The loss of one row of n outputs = activation(logits); `row` is the index of its label or targets.

    row_max and log_sum point to what `softmax` computes besides; they are not read for other activations. Unless both
    are NULL, dlogits (n,) is filled with the gradient of loss / denominator with respect to the logits, and scores, the
    sums over earlier rows, grow by those of this row: for labels (1,), by 1 for a row classified correctly; for targets
    (n,), by the squared errors.
    """
    cdef double result = 0
    cdef Py_ssize_t j, label
    cdef const floating* restrict expected
    cdef double difference, factor = 1 if loss == HALF_SQUARED_ERROR else 2
    cdef floating scale
    if loss == CROSS_ENTROPY:
        label = (<const Py_ssize_t*> targets)[row]
        # -log(softmax(logits)[label])
        result = <double> log_sum[0] + (row_max[0] - logits[label])
        if dlogits != NULL:
            scores[0] += is_first_largest(outputs, label, n)
            # (softmax(logits) - one_hot(label)) / denominator
            scale = <floating> (1 / denominator)
            for j in range(n):
                dlogits[j] = outputs[j] * scale
            dlogits[label] = (outputs[label] - 1) * scale
    else:
        expected = <const floating*> targets + row * n
        for j in range(n):
            difference = outputs[j] - expected[j]
            result += difference * difference
            if dlogits != NULL:
                scores[j] += difference * difference
        result /= 2 * n if loss == HALF_SQUARED_ERROR else n
        if dlogits != NULL:
            scale = <floating> (factor / (denominator * n))
            for j in range(n):
                dlogits[j] = scale * (outputs[j] - expected[j])
            multiply_by_derivative(activation, dlogits, outputs, logits, n)
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
