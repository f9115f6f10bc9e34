"""Products of blocks of matrices: by BLAS, or by loops where the product is smaller than the overhead of BLAS.

The choice follows from the shape alone, and the loops sum each element of a result in the order of its terms.
"""
from cython cimport floating
from libc.string cimport memcpy

from _blas cimport gemm
from _elementwise cimport add
from _openmp cimport Thread, barrier, share_start, share_stop
from _products cimport TERMS, Block, Product, length, start, whole

cdef extern from *:
    """
    #ifndef FASTMLP_SMALL_WORK /* the build for ThreadSanitizer sets it */
    #define FASTMLP_SMALL_WORK 2048
    #endif
    """
    # Multiplications up to which the loops are faster.
    const Py_ssize_t SMALL_WORK "FASTMLP_SMALL_WORK"


cdef inline void matmul(
    const Product* p, const Block* block, const floating* a, const floating* b, const floating* partials, floating* c,
    Py_ssize_t ldc
) noexcept nogil:
    """c := block of op(a) @ op(b), computed from the partial sums where these are given.

    The block's first element is at c; ld? is the distance between rows.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t m = block.m, n = block.n, k = block.k
    cdef Py_ssize_t lda = p.m if p.ta else p.k, ldb = p.k if p.tb else p.n
    cdef bint is_small = m * n * k <= SMALL_WORK
    a += block.term * lda + block.row if p.ta else block.row * lda + block.term
    b += block.column * ldb + block.term if p.tb else block.term * ldb + block.column
    if partials != NULL:
        add_partials(p, block, partials, c)
    elif not p.tb and (is_small or m == 1 or k == 1):
        for i in range(m):
            combine_rows(a + (i if p.ta else i * lda), lda if p.ta else 1, b, ldb, c + i * ldc, n, k)
    elif p.tb and not p.ta and is_small:
        for i in range(m):
            dot_rows(a + i * lda, b, ldb, c + i * ldc, n, k)
    else:
        # c = op(a) @ op(b)
        gemm(p.ta, p.tb, m, n, k, a, lda, b, ldb, c, ldc)


cdef inline const floating* partial_sums(
    const Product* p, const floating* a, const floating* b, floating* partials, Thread thread
) noexcept nogil:
    """Compute this thread's share of the partial sums; those of all threads are complete on return.

    Returns them, or NULL where the terms are not cut.
    """
    cdef Block block = whole(p)
    cdef floating* no_partials = NULL
    cdef Py_ssize_t i
    if p.axis != TERMS:
        return NULL
    for i in range(share_start(thread, p.blocks.n), share_stop(thread, p.blocks.n)):
        block.term, block.k = start(&p.blocks, i), length(&p.blocks, i)
        matmul(p, &block, a, b, no_partials, partials + i * p.m * p.n, p.n)
    barrier(thread)
    return partials


cdef inline void add_partials(
    const Product* p, const Block* block, const floating* partials, floating* c
) noexcept nogil:
    """block := partials[0] + partials[1] + ..., in this order; whole rows, without gaps between them"""
    cdef Py_ssize_t j, at = block.row * p.n, extent = block.m * p.n
    memcpy(c, partials + at, extent * sizeof(floating))
    for j in range(1, p.blocks.n):
        add(c, partials + j * p.m * p.n + at, extent)


cdef inline void combine_rows(
    const floating* restrict a, Py_ssize_t step, const floating* restrict b, Py_ssize_t ldb, floating* restrict c,
    Py_ssize_t n, Py_ssize_t k
) noexcept nogil:
    """c := a[0] * b[0] + a[step] * b[1] + ..., rows of b, in this order; four at a time, so that c is written less."""
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
