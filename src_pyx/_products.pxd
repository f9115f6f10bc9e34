"""How matrix products are cut into blocks that a team of threads shares.

Which blocks exist follows from the shape and the size of an element alone; the number of threads decides only who
computes them. So the same bits come out for any number of threads, as long as BLAS itself uses one
(_blas_limit.h).
"""

cdef enum:
    MAX_BLOCKS = 64
    # the extent at which a block's products cost much more than packing its operands does
    BLOCK_EXTENT = 384
    # small products are cut too, into at most FEW_BLOCKS of at least SMALL_EXTENT and BLOCK_WORK multiplications
    FEW_BLOCKS = 4
    SMALL_EXTENT = 48
    BLOCK_WORK = 1 << 20
    # partial sums beyond this leave the second-level cache and cost more than cutting the result
    MAX_PARTIAL_BYTES = 1 << 21
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
    # multiplications, with those that would take as long as all else that is done with the result
    Py_ssize_t work
    Axis axis
    Blocks blocks
    Blocks results


cdef struct Block:
    # rows [row, row + m) and columns [column, column + n) of a product, of its sums over terms [term, term + k) alone
    Py_ssize_t row
    Py_ssize_t m
    Py_ssize_t column
    Py_ssize_t n
    Py_ssize_t term
    Py_ssize_t k


cdef inline Blocks cut(Py_ssize_t extent, Py_ssize_t n_blocks) noexcept nogil:
    cdef Blocks blocks
    if n_blocks <= 1:
        return Blocks(extent, extent, 1)  # without divisions, which tiny networks would feel
    n_blocks = min(n_blocks, MAX_BLOCKS)
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
    bint ta, bint tb, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, size_t itemsize, Py_ssize_t more_work=0
) noexcept nogil:
    """The product op(a) @ op(b), cut along the longest of its rows, columns and terms.

    `more_work` is what is done with the result besides, as a number of multiplications that take as long.
    """
    cdef Product p
    p.ta, p.tb, p.m, p.n, p.k = ta, tb, m, n, k
    p.work = m * n * k + more_work
    p.axis = ROWS if m >= n else COLUMNS
    if k > max(m, n):
        p.blocks = cut_axis(k, p.work)
        if p.blocks.n > 1 and p.blocks.n * m * n * <Py_ssize_t> itemsize <= MAX_PARTIAL_BYTES:
            p.axis = TERMS
    if p.axis != TERMS:
        p.blocks = cut_axis(m if p.axis == ROWS else n, p.work)
    p.results = cut(m, p.blocks.n) if p.axis == TERMS else p.blocks
    return p


cdef inline Py_ssize_t partials_size(const Product* p, size_t itemsize) noexcept nogil:
    """Elements of scratch that suffice for the product, and for each of fewer rows or of fewer terms.

    One of fewer rows may need more: where there are as many rows as terms, it is not terms that are cut.
    """
    cdef Py_ssize_t most = MAX_PARTIAL_BYTES // <Py_ssize_t> itemsize
    cdef Py_ssize_t n_blocks = min(<Py_ssize_t> MAX_BLOCKS, p.work // BLOCK_WORK)
    if n_blocks <= 1 or p.k <= p.n:
        return 0
    return min(most, n_blocks * min(most, min(p.m, p.k - 1) * p.n))


cdef inline Block whole(const Product* p) noexcept nogil:
    return Block(0, p.m, 0, p.n, 0, p.k)


cdef inline Block result_block(const Product* p, Py_ssize_t i) noexcept nogil:
    """The part of c that whoever has result block i completes."""
    cdef Block block = whole(p)
    if p.axis == COLUMNS:
        block.column, block.n = start(&p.results, i), length(&p.results, i)
    else:
        block.row, block.m = start(&p.results, i), length(&p.results, i)
    return block


cdef inline Block terms_block(const Product* p, Py_ssize_t i) noexcept nogil:
    """Where the terms are cut: all of c, from block i of them."""
    cdef Block block = whole(p)
    block.term, block.k = start(&p.blocks, i), length(&p.blocks, i)
    return block
