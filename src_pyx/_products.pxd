"""Matrix products cut into blocks that a team of threads shares.

Which blocks exist follows from the shape and the size of an element alone; the number of threads decides only who
computes them. So the same bits come out for any number of threads, as long as BLAS itself uses one
(_blas_limit.h).
"""
from cython cimport floating

from _blas cimport gemm
from _elementwise cimport add
from _openmp cimport Member, barrier, share_start, share_stop

cdef enum:
    MAX_BLOCKS = 64
    # the extent at which a block's products cost much more than packing its operands does
    BLOCK_EXTENT = 384
    # small products are cut too, into at most FEW_BLOCKS of at least SMALL_EXTENT and BLOCK_WORK multiplications
    FEW_BLOCKS = 4
    SMALL_EXTENT = 48
    BLOCK_WORK = 1 << 20
    # partial sums beyond this leave the second-level cache and cost more than cutting the result
    MAX_PARTIAL_BYTES = 1 << 23
    # edges of blocks fall on whole vectors and cache lines
    GRAIN = 16

cdef enum Axis:
    # along which a product is cut: the rows or the columns of its result, or the terms of its sums
    ROWS
    COLUMNS
    TERMS


cdef struct Blocks:
    # [0, extent) cut into n pieces of the given size, the last one perhaps shorter
    Py_ssize_t extent
    Py_ssize_t size
    Py_ssize_t n


cdef struct Product:
    # c := op(a) @ op(b), op(a) (m, k), op(b) (k, n), c (m, n), all row-major and without gaps between rows
    bint ta
    bint tb
    Py_ssize_t m
    Py_ssize_t n
    Py_ssize_t k
    Axis axis
    Blocks blocks
    Blocks results


cdef struct Rectangle:
    # rows [row, row + n_rows) and columns [column, column + n_columns) of a matrix
    Py_ssize_t row
    Py_ssize_t n_rows
    Py_ssize_t column
    Py_ssize_t n_columns


cdef inline Blocks cut(Py_ssize_t extent, Py_ssize_t n_blocks) noexcept nogil:
    cdef Blocks blocks
    n_blocks = max(1, min(n_blocks, MAX_BLOCKS))
    blocks.extent = extent
    blocks.size = max(GRAIN, ((extent + n_blocks - 1) // n_blocks + GRAIN - 1) // GRAIN * GRAIN)
    blocks.n = (extent + blocks.size - 1) // blocks.size
    return blocks


cdef inline Py_ssize_t start(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return i * blocks.size


cdef inline Py_ssize_t length(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return min(blocks.size, blocks.extent - i * blocks.size)


cdef inline Blocks cut_axis(Py_ssize_t extent, Py_ssize_t work) noexcept nogil:
    cdef Py_ssize_t wanted = max(extent // BLOCK_EXTENT, min(<Py_ssize_t> FEW_BLOCKS, extent // SMALL_EXTENT))
    return cut(extent, min(wanted, work // BLOCK_WORK))


cdef inline Product product(
    bint ta, bint tb, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, size_t itemsize
) noexcept nogil:
    """The product op(a) @ op(b), cut along the longest of its rows, columns and terms."""
    cdef Product p
    cdef Py_ssize_t work = m * n * k
    p.ta = ta
    p.tb = tb
    p.m = m
    p.n = n
    p.k = k
    p.axis = ROWS if m >= n else COLUMNS
    if k > max(m, n):
        p.blocks = cut_axis(k, work)
        if p.blocks.n > 1 and p.blocks.n * m * n * <Py_ssize_t> itemsize <= MAX_PARTIAL_BYTES:
            p.axis = TERMS
    if p.axis != TERMS:
        p.blocks = cut_axis(m if p.axis == ROWS else n, work)
    p.results = cut(m, p.blocks.n) if p.axis == TERMS else p.blocks
    return p


cdef inline Py_ssize_t n_partials(const Product* p) noexcept nogil:
    """How many elements of scratch the product needs."""
    return p.blocks.n * p.m * p.n if p.axis == TERMS else 0


cdef inline Rectangle result(const Product* p, Py_ssize_t i) noexcept nogil:
    """The part of c that whoever has result block i owns when `multiply` is done."""
    cdef Rectangle r
    r.row, r.n_rows, r.column, r.n_columns = 0, p.m, 0, p.n
    if p.axis == COLUMNS:
        r.column, r.n_columns = start(&p.results, i), length(&p.results, i)
    else:
        r.row, r.n_rows = start(&p.results, i), length(&p.results, i)
    return r


cdef inline void multiply(
    const Product* p, const floating* a, const floating* b, floating* c, floating* partials, Member me
) noexcept nogil:
    """This member's share of c := op(a) @ op(b); its own result blocks are complete on return, the others' are not."""
    cdef Py_ssize_t lda = p.m if p.ta else p.k
    cdef Py_ssize_t ldb = p.k if p.tb else p.n
    cdef Py_ssize_t i, j, at, extent
    cdef Rectangle r
    for i in range(share_start(me, p.blocks.n), share_stop(me, p.blocks.n)):
        at, extent = start(&p.blocks, i), length(&p.blocks, i)
        if p.axis == ROWS:
            # c[at:at + extent] = op(a)[at:at + extent] @ op(b)
            gemm(p.ta, p.tb, extent, p.n, p.k, a + (at if p.ta else at * lda), lda, b, ldb, c + at * p.n, p.n)
        elif p.axis == COLUMNS:
            # c[:, at:at + extent] = op(a) @ op(b)[:, at:at + extent]
            gemm(p.ta, p.tb, p.m, extent, p.k, a, lda, b + (at * ldb if p.tb else at), ldb, c + at, p.n)
        else:
            # partials[i] = op(a)[:, at:at + extent] @ op(b)[at:at + extent]
            gemm(p.ta, p.tb, p.m, p.n, extent, a + (at * lda if p.ta else at), lda,
                 b + (at if p.tb else at * ldb), ldb, partials + i * p.m * p.n, p.n)
    if p.axis == TERMS:
        barrier(me.n_members)
        for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
            # c[rows] = partials[0][rows] + partials[1][rows] + ..., in this order
            r = result(p, i)
            at, extent = r.row * p.n, r.n_rows * p.n
            copy(c + at, partials + at, extent)
            for j in range(1, p.blocks.n):
                add(c + at, partials + j * p.m * p.n + at, extent)


cdef inline void copy(floating* y, const floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = x[j]
