"""Loops over contiguous runs of n elements.

Sums either run in order, a row at a time, or in a fixed number of lanes that are added up at the end: both ways the
bits do not depend on how wide the processor's vectors are.
"""
from cython cimport floating

cdef enum:
    LANES = 8


cdef inline void add(floating* y, const floating* x, Py_ssize_t n) noexcept nogil:
    """y += x"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] += x[j]


cdef inline void relu(floating* y, Py_ssize_t n) noexcept nogil:
    """y := maximum(y, 0); in this form NaN stays NaN, as in NumPy"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = 0 if y[j] < 0 else y[j]


cdef inline void relu_grad(floating* dy, const floating* y, Py_ssize_t n) noexcept nogil:
    """dy := where(y > 0, dy, 0), for y = relu(...)"""
    cdef Py_ssize_t j
    for j in range(n):
        dy[j] = dy[j] if y[j] > 0 else 0


cdef inline double regularize(floating* dw, const floating* w, double regularization, Py_ssize_t n) noexcept nogil:
    """dw += regularization * w; returns sum(w**2)"""
    cdef double lanes[LANES]
    cdef floating scale = <floating> regularization
    cdef double total = 0
    cdef Py_ssize_t i, j, k
    for k in range(LANES):
        lanes[k] = 0
    for i in range(n // LANES):
        for k in range(LANES):
            j = i * LANES + k
            lanes[k] += <double> w[j] * w[j]
            dw[j] += scale * w[j]
    for j in range(n - n % LANES, n):
        lanes[0] += <double> w[j] * w[j]
        dw[j] += scale * w[j]
    for k in range(LANES):
        total += lanes[k]
    return total
