"""Loops over n contiguous elements, in forms that the compiler vectorises."""
from cython cimport floating
from libc.string cimport memset

cdef enum:
    LANES = 16
    # elements of each of a few arrays that together fit into the first-level cache
    RUN = 1024


cdef inline void add(floating* restrict y, const floating* restrict x, Py_ssize_t n) noexcept nogil:
    """y += x"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] += x[j]


cdef inline void add_rows(
    floating* restrict total, const floating* restrict x, Py_ssize_t distance, Py_ssize_t n_rows, Py_ssize_t n,
    bint adds
) noexcept nogil:
    """total := x[0] + x[1] + ..., or total += them, rows in this order; four at a time, so that less is written."""
    cdef Py_ssize_t i, j
    cdef const floating* restrict row
    if not adds:
        memset(total, 0, n * sizeof(floating))
    for i in range(n_rows // 4):
        row = x + 4 * i * distance
        for j in range(n):
            total[j] = (((total[j] + row[j]) + row[distance + j]) + row[2 * distance + j]) + row[3 * distance + j]
    for i in range(n_rows - n_rows % 4, n_rows):
        add(total, x + i * distance, n)


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

    At the end the upper half of the lanes is added to the lower half, in loops of constant length.
    """
    cdef double lanes[LANES]
    cdef Py_ssize_t i, j, k
    for k in range(LANES):
        lanes[k] = 0
    for i in range(n // LANES):
        for k in range(LANES):
            lanes[k] += <double> x[i * LANES + k] * x[i * LANES + k]
    for j in range(n - n % LANES, n):
        lanes[0] += <double> x[j] * x[j]
    for k in range(LANES // 2):
        lanes[k] += lanes[k + LANES // 2]
    for k in range(LANES // 4):
        lanes[k] += lanes[k + LANES // 4]
    for k in range(LANES // 8):
        lanes[k] += lanes[k + LANES // 8]
    return lanes[0] + lanes[1]
