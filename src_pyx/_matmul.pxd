"""One matrix product: by BLAS, or, where it would be over before BLAS has begun, by a loop.

Which of the two follows from the shape alone, and each number of a result is summed in the order of its terms.
"""
from cython cimport floating

from _blas cimport gemm

cdef extern from *:
    """
    #ifndef FASTMLP_SMALL_WORK /* the build for ThreadSanitizer has more */
    #define FASTMLP_SMALL_WORK 2048
    #endif
    """
    # Multiplications up to which the loops are faster.
    const Py_ssize_t SMALL_WORK "FASTMLP_SMALL_WORK"


cdef inline void matmul(
    bint ta, bint tb, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const floating* a, Py_ssize_t lda, const floating* b, Py_ssize_t ldb, floating* c, Py_ssize_t ldc,
) noexcept nogil:
    """c := op(a) @ op(b), all row-major, op(a) (m, k), op(b) (k, n), c (m, n); ld? is the distance between rows."""
    cdef Py_ssize_t i
    cdef bint is_small = m * n * k <= SMALL_WORK
    if not tb and (is_small or m == 1 or k == 1):
        for i in range(m):
            combine_rows(a + (i if ta else i * lda), lda if ta else 1, b, ldb, c + i * ldc, n, k)
    elif tb and not ta and is_small:
        for i in range(m):
            dot_rows(a + i * lda, b, ldb, c + i * ldc, n, k)
    else:
        gemm(ta, tb, m, n, k, a, lda, b, ldb, c, ldc)


cdef inline void combine_rows(
    const floating* restrict a, Py_ssize_t step, const floating* restrict b, Py_ssize_t ldb, floating* restrict c,
    Py_ssize_t n, Py_ssize_t k
) noexcept nogil:
    """c := a[0] * b[0] + a[step] * b[1] + ..., rows of b, in this order; a few at a time, so that c is written less."""
    cdef Py_ssize_t j, i = 1
    cdef floating a0, a1, a2, a3
    cdef const floating* restrict row
    for j in range(n):
        c[j] = a[0] * b[j]
    while i + 4 <= k:
        a0, a1, a2, a3 = a[i * step], a[(i + 1) * step], a[(i + 2) * step], a[(i + 3) * step]
        row = b + i * ldb
        for j in range(n):
            c[j] = (((c[j] + a0 * row[j]) + a1 * row[ldb + j]) + a2 * row[2 * ldb + j]) + a3 * row[3 * ldb + j]
        i += 4
    while i < k:
        a0, row = a[i * step], b + i * ldb
        for j in range(n):
            c[j] += a0 * row[j]
        i += 1


cdef inline void dot_rows(
    const floating* a, const floating* b, Py_ssize_t ldb, floating* c, Py_ssize_t n, Py_ssize_t k
) noexcept nogil:
    """c[j] := a @ b[j], rows of b"""
    cdef Py_ssize_t i, j
    cdef floating total
    for j in range(n):
        total = a[0] * b[j * ldb]
        for i in range(1, k):
            total += a[i] * b[j * ldb + i]
        c[j] = total
