"""Products of blocks of matrices: by tiles; or else by BLAS, or by loops where a product is small.

The choice between BLAS and loops follows from the shape alone, and loops too sum each element of a result in the order
of its terms.
"""
from cython cimport floating

from _blas cimport gemm
from _products cimport Block, Product
from _tiles cimport TILES, multiply, uses_tiles

cdef extern from *:
    """
    #ifndef FASTMLP_SMALL_WORK /* the build for ThreadSanitizer sets it */
    #define FASTMLP_SMALL_WORK 2048
    #endif
    """
    # Multiplications up to which the loops are faster.
    const Py_ssize_t SMALL_WORK "FASTMLP_SMALL_WORK"


cdef inline void matmul(
    const Product* p, const Block* block, const floating* a, const floating* b, floating* c, Py_ssize_t ldc,
    floating* packed
) noexcept nogil:
    """c := block of op(a) @ op(b). The block's first element is at c; ld? is the distance between rows.

    `packed` is the thread's scratch for `multiply`.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t m = block.m, n = block.n, k = p.k
    cdef Py_ssize_t lda = p.m if p.ta else k, ldb = k if p.tb else p.n
    cdef bint is_small = m * n * k <= SMALL_WORK
    a += block.row if p.ta else block.row * lda
    b += block.column * ldb if p.tb else block.column
    if TILES and uses_tiles:
        # c = op(a) @ op(b)
        multiply(m, n, k, a, 1 if p.ta else lda, lda if p.ta else 1, b, 1 if p.tb else ldb, ldb if p.tb else 1, False,
                 c, ldc, packed)
    elif not p.tb and (is_small or m == 1 or k == 1):
        for i in range(m):
            combine_rows(a + (i if p.ta else i * lda), lda if p.ta else 1, b, ldb, False, c + i * ldc, n, k)
    elif p.tb and not p.ta and is_small:
        for i in range(m):
            dot_rows(a + i * lda, b, ldb, c + i * ldc, n, k)
    else:
        # c = op(a) @ op(b)
        gemm(p.ta, p.tb, m, n, k, a, lda, b, ldb, c, ldc)


cdef inline void combine_rows(
    const floating* restrict a, Py_ssize_t step, const floating* restrict b, Py_ssize_t ldb, bint adds,
    floating* restrict c, Py_ssize_t n, Py_ssize_t k
) noexcept nogil:
    """c := a[0] * b[0] + a[step] * b[1] + ..., rows of b, in this order, or c + a[0] * b[0] + ... where it adds.

    Four rows at a time, so that c is written less.
    """
    cdef Py_ssize_t j, i = 0 if adds else 1
    cdef floating a0, a1, a2, a3
    cdef const floating* restrict row
    if not adds:
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
