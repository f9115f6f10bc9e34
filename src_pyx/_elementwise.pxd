"""Loops over n contiguous elements, in forms that the compiler vectorises."""
from cython cimport floating

cdef enum:
    LANES = 16
    # elements of each of a few arrays that together fit into the first-level cache
    RUN = 1024


cdef inline void add(floating* restrict y, const floating* restrict x, Py_ssize_t n) noexcept nogil:
    """y += x"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] += x[j]


cdef inline void multiply(floating* y, double factor, Py_ssize_t n) noexcept nogil:
    """y *= factor, which is rounded to the type of y"""
    cdef floating factor_ = <floating> factor
    cdef Py_ssize_t j
    for j in range(n):
        y[j] *= factor_


cdef inline double regularize(
    floating* restrict dw, const floating* restrict w, double regularization, Py_ssize_t n
) noexcept nogil:
    """dw += regularization * w; returns sum(w**2)"""
    cdef floating scale = <floating> regularization
    cdef Py_ssize_t j
    for j in range(n):
        dw[j] += scale * w[j]
    return sum_of_squares(w, n)


cdef inline double sum_of_squares(const floating* restrict x, Py_ssize_t n) noexcept nogil:
    """sum(x**2), in double, in a fixed number of lanes, so that its bits do not depend on the width of vectors.

    At the end the upper half of the lanes is added to the lower half, again and again.
    """
    cdef double lanes[LANES]
    cdef Py_ssize_t i, j, k, half = LANES // 2
    for k in range(LANES):
        lanes[k] = 0
    for i in range(n // LANES):
        for k in range(LANES):
            lanes[k] += <double> x[i * LANES + k] * x[i * LANES + k]
    for j in range(n - n % LANES, n):
        lanes[0] += <double> x[j] * x[j]
    while half > 0:
        for k in range(half):
            lanes[k] += lanes[k + half]
        half //= 2
    return lanes[0]
