"""Products of blocks of matrices: by tiles, or else by BLAS, except for products so small that tiles are faster."""
from cython cimport floating

from _blas cimport gemm
from _products cimport Block, Product
from _tiles cimport multiply, uses_tiles

cdef enum:
    # multiplications up to which tiles are faster even without fused multiply-add
    SMALL_WORK = 2048


cdef inline void matmul(
    const Product* p, const Block* block, const floating* a, const floating* b, floating* c, Py_ssize_t ldc,
    floating* packed
) noexcept nogil:
    """c := block of op(a) @ op(b). The block's first element is at c; ld? is the distance between rows.

    `packed` is the thread's scratch for `multiply`.
    """
    cdef Py_ssize_t m = block.m, n = block.n, k = p.k
    cdef Py_ssize_t lda = p.m if p.ta else k, ldb = k if p.tb else p.n
    cdef bint is_small = m * n * k <= SMALL_WORK or not p.tb and (m == 1 or k == 1)
    a += block.row if p.ta else block.row * lda
    b += block.column * ldb if p.tb else block.column
    # c = op(a) @ op(b)
    if uses_tiles or is_small:
        multiply(m, n, k, a, 1 if p.ta else lda, lda if p.ta else 1, b, 1 if p.tb else ldb, ldb if p.tb else 1, False,
                 c, ldc, packed)
    else:
        gemm(p.ta, p.tb, m, n, k, a, lda, b, ldb, c, ldc)
