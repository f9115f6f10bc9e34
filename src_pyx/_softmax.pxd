"""Softmax, a function of whole rows, for the network's outputs only."""
from cython cimport floating

from _activations cimport exp


cdef extern from "_exp_log.h" nogil:
    double log1p "fastmlp_log1p"(double) noexcept


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
