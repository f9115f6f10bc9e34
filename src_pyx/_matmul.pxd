"""Products of blocks of matrices: by tiles, or else by BLAS, except for products so small that tiles are faster."""
from cython cimport floating

from _blas cimport gemm
from _tiles cimport multiply, uses_tiles

cdef enum:
    # multiplications up to which tiles are faster even without fused multiply-add
    SMALL_WORK = 2048


cdef inline bint is_tiled(bint trans_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Whether tiles compute a product of this shape, whose second operand may be transposed."""
    return uses_tiles or m * n * k <= SMALL_WORK or not trans_b and (m == 1 or k == 1)


cdef inline void matmul(
    bint trans_a, bint trans_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const floating* a, Py_ssize_t lda,
    const floating* b, Py_ssize_t ldb, bint adds, floating* c, Py_ssize_t ldc, floating* packed
) noexcept nogil:
    """c := op(a) @ op(b), or c += op(a) @ op(b) where it adds, all row-major, op(a) (m, k), op(b) (k, n), c (m, n).

    ld? is the distance between rows. `packed` is the thread's scratch for `multiply`.
    """
    if is_tiled(trans_b, m, n, k):
        multiply(m, n, k, a, 1 if trans_a else lda, lda if trans_a else 1, b, 1 if trans_b else ldb,
                 ldb if trans_b else 1, adds, c, ldc, packed)
    else:
        gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, adds, c, ldc)
