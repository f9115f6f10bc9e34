"""The loss of one row, its gradient, and its scores.

Losses of an output layer are fused with its activation where that keeps digits (softmax, logistic and exp: Goodfellow,
Bengio and Courville, Deep Learning, 6.2.2); others go with any elementwise activation.
"""
from cython cimport floating

from _activations cimport Activation, exp, is_of_sums, multiply_by_derivative


cdef extern from "_exp_log.h" nogil:
    double log1p "fastmlp_log1p"(double) noexcept


cdef enum Loss:
    # of labels, with SOFTMAX
    CROSS_ENTROPY
    # of targets, one for each output
    SQUARED_ERROR
    HALF_SQUARED_ERROR
    ABSOLUTE_ERROR
    HUBER
    # with EXPONENTIAL
    POISSON
    # with LOGISTIC
    BINARY_CROSS_ENTROPY


cdef inline bint takes_labels(Loss loss) noexcept nogil:
    """Whether the targets are labels (n,), intp; otherwise they are (n, n_out), of the network's dtype."""
    return loss == CROSS_ENTROPY


cdef inline Py_ssize_t n_scores(Loss loss, Py_ssize_t n_out) noexcept nogil:
    """The number of sums that the score is computed from."""
    return 1 if loss in (CROSS_ENTROPY, BINARY_CROSS_ENTROPY) else n_out


cdef inline double loss_and_grad_row(
    Loss loss, double option, Activation activation, const floating* logits, const floating* row_max,
    const floating* log_sum, const floating* restrict outputs, const void* targets, Py_ssize_t row, Py_ssize_t n,
    double weight, double denominator, floating* restrict dlogits, double* scores
) noexcept nogil:
    """The loss of one row of n outputs = activation(logits); `row` is the index of its label or targets.

    The option is the label smoothing of the cross-entropy, or Huber's delta. row_max and log_sum point to what
    `softmax` computes besides; they are not read for other activations. Unless both are NULL, dlogits (n,) is filled
    with the gradient of weight * loss / denominator with respect to the logits, and scores (n_scores,), the sums over
    earlier rows, grow by weight times those of this row: 1 for a row classified correctly; otherwise, for each output,
    the squared error, the absolute error or the deviance without its constant part.
    """
    if loss == CROSS_ENTROPY:
        return cross_entropy_row(option, logits, row_max[0], log_sum[0], outputs, (<const Py_ssize_t*> targets)[row], n,
                                 weight, denominator, dlogits, scores)
    return loss_of_targets_row(loss, option, activation, logits, outputs, <const floating*> targets + row * n, n,
                               weight, denominator, dlogits, scores)


cdef inline double loss_of_targets_row(
    Loss loss, double option, Activation activation, const floating* logits, const floating* restrict outputs,
    const floating* restrict expected, Py_ssize_t n, double weight, double denominator, floating* restrict dlogits,
    double* scores
) noexcept nogil:
    """The same of a loss of targets; a function of its own, so that the one above is small enough to be inlined."""
    if loss == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy_row(logits, outputs, expected, n, weight, denominator, dlogits, scores)
    if loss == POISSON:
        return poisson_row(logits, outputs, expected, n, weight, denominator, dlogits, scores)
    return error_row(loss, option, activation, logits, outputs, expected, n, weight, denominator, dlogits, scores)


cdef inline double cross_entropy_row(
    double smoothing, const floating* logits, floating row_max, floating log_sum, const floating* restrict outputs,
    Py_ssize_t label, Py_ssize_t n, double weight, double denominator, floating* restrict dlogits, double* scores
) noexcept nogil:
    """-log(softmax(logits)[label])"""
    cdef double result = <double> log_sum + (row_max - logits[label])
    cdef floating scale = <floating> (weight / denominator)
    cdef Py_ssize_t j
    if dlogits != NULL:
        scores[0] += weight * is_first_largest(outputs, label, n)
        # (softmax(logits) - one_hot(label)) * weight / denominator
        for j in range(n):
            dlogits[j] = outputs[j] * scale
        dlogits[label] = (outputs[label] - 1) * scale
    if smoothing != 0:
        result += smooth(smoothing, logits, label, n, scale, dlogits)
    return result


cdef inline double smooth(
    double smoothing, const floating* restrict logits, Py_ssize_t label, Py_ssize_t n, floating scale,
    floating* restrict dlogits
) noexcept nogil:
    """What changes in the cross-entropy where the label has 1 - smoothing, and all n classes share the rest.

    Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016, section 7.
    """
    cdef double total = 0
    cdef Py_ssize_t j
    for j in range(n):
        total += logits[j]
    if dlogits != NULL:
        for j in range(n):
            dlogits[j] -= <floating> (smoothing / n) * scale
        dlogits[label] += <floating> smoothing * scale
    return smoothing * (logits[label] - total / n)


cdef inline double binary_cross_entropy_row(
    const floating* restrict logits, const floating* restrict outputs, const floating* restrict expected, Py_ssize_t n,
    double weight, double denominator, floating* restrict dlogits, double* scores
) noexcept nogil:
    """The mean over outputs of -(y log(p) + (1 - y) log(1 - p)), p = logistic(z).

    It is max(z, 0) - z y + log(1 + exp(-abs(z))).
    """
    cdef double result = 0
    cdef floating scale = <floating> (weight / (denominator * n))
    cdef Py_ssize_t j
    cdef int wrong = 0
    for j in range(n):
        result += max(<double> logits[j], 0) - <double> logits[j] * expected[j] + log1p(exp(-abs(logits[j])))
    if dlogits != NULL:
        for j in range(n):
            dlogits[j] = (outputs[j] - expected[j]) * scale
            wrong |= (outputs[j] > 0.5) != (expected[j] > 0.5)
        scores[0] += weight * (wrong == 0)
    return result / n


cdef inline double poisson_row(
    const floating* restrict logits, const floating* restrict outputs, const floating* restrict expected, Py_ssize_t n,
    double weight, double denominator, floating* restrict dlogits, double* scores
) noexcept nogil:
    """The mean over outputs of exp(z) - y z: the negative log-likelihood of counts y, without log(y!)"""
    cdef double result = 0, term
    cdef floating scale = <floating> (weight / (denominator * n))
    cdef Py_ssize_t j
    for j in range(n):
        term = outputs[j] - <double> expected[j] * logits[j]
        result += term
        if dlogits != NULL:
            scores[j] += weight * term
            dlogits[j] = (outputs[j] - expected[j]) * scale
    return result / n


cdef inline double error_row(
    Loss loss, double delta, Activation activation, const floating* logits, const floating* restrict outputs,
    const floating* restrict expected, Py_ssize_t n, double weight, double denominator, floating* restrict dlogits,
    double* scores
) noexcept nogil:
    """The mean over outputs of a function of outputs - expected.

    Its square, half of that, its absolute value, or Huber's function, which is half the square up to delta, and goes on
    as a straight line (Huber, Robust Estimation of a Location Parameter, 1964).
    """
    cdef double result = 0, difference, size, factor = 2 if loss == SQUARED_ERROR else 1
    cdef floating scale, slope, limit = <floating> delta
    cdef Py_ssize_t j
    for j in range(n):
        difference = outputs[j] - expected[j]
        size = abs(difference)
        if loss == ABSOLUTE_ERROR:
            result += size
        elif loss == HUBER:
            result += delta * (size - delta / 2) if size > delta else difference * difference / 2
        else:
            result += difference * difference
        if dlogits != NULL:
            scores[j] += weight * (size if loss == ABSOLUTE_ERROR else difference * difference)
    result /= 2 * n if loss == HALF_SQUARED_ERROR else n
    if dlogits != NULL:
        scale = <floating> (weight * factor / (denominator * n))
        for j in range(n):
            slope = outputs[j] - expected[j]
            if loss == ABSOLUTE_ERROR:
                slope = (slope > 0) - (slope < 0)
            elif loss == HUBER:
                slope = limit if slope > limit else (-limit if slope < -limit else slope)
            dlogits[j] = scale * slope
        multiply_by_derivative(activation, dlogits, logits if is_of_sums(activation) else outputs, n)
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
