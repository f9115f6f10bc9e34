"""How matrix products are cut into blocks that a team of threads shares.

The blocks follow from the shape and the size of an element alone; the number of threads decides only which thread
computes which. So the results have the same bits for any number of threads, as long as BLAS itself uses one
(_blas_limit.h).
"""

cdef enum:
    MAX_BLOCKS = 64
    # the extent of a block whose multiplications take much longer than BLAS takes to pack its operands
    BLOCK_EXTENT = 384
    # small products are cut too, into at most FEW_BLOCKS of at least SMALL_EXTENT and BLOCK_WORK multiplications
    FEW_BLOCKS = 4
    SMALL_EXTENT = 48
    BLOCK_WORK = 1 << 20
    # larger partial sums do not fit into the second-level cache, and cost more than cutting the result does
    MAX_PARTIAL_BYTES = 1 << 21
    # blocks start at whole vectors and cache lines
    GRAIN = 16

cdef enum Axis:
    # the axis along which a product is cut: the rows or the columns of its result, or the terms of its sums
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
    # multiplications, plus the other work on the result, as the number of multiplications that take as long
    Py_ssize_t work
    # the axis that is cut and its blocks; and the blocks of c, which are others where the terms are cut
    Axis axis
    Blocks blocks
    Blocks results


cdef struct Block:
    # rows [row, row + m) and columns [column, column + n) of a product, summed over terms [term, term + k)
    Py_ssize_t row
    Py_ssize_t m
    Py_ssize_t column
    Py_ssize_t n
    Py_ssize_t term
    Py_ssize_t k


cdef inline Blocks cut(Py_ssize_t extent, Py_ssize_t n_blocks) noexcept nogil:
    """[0, extent) in at most n_blocks pieces, and at most MAX_BLOCKS."""
    cdef Py_ssize_t size
    if n_blocks <= 1:
        return Blocks(extent, extent, 1)  # without divisions, whose time matters in tiny networks
    n_blocks = min(n_blocks, MAX_BLOCKS)
    size = max(GRAIN, ((extent + n_blocks - 1) // n_blocks + GRAIN - 1) // GRAIN * GRAIN)
    return Blocks(extent, size, (extent + size - 1) // size)


cdef inline Py_ssize_t start(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return i * blocks.size


cdef inline Py_ssize_t length(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return min(blocks.size, blocks.extent - i * blocks.size)


cdef inline Blocks cut_axis(Py_ssize_t extent, Py_ssize_t work) noexcept nogil:
    cdef Py_ssize_t wanted = max(extent // BLOCK_EXTENT, min(<Py_ssize_t> FEW_BLOCKS, extent // SMALL_EXTENT))
    return cut(extent, min(wanted, work // BLOCK_WORK))


cdef inline Product product(
    bint ta, bint tb, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, Py_ssize_t work, size_t itemsize
) noexcept nogil:
    """The product op(a) @ op(b), cut along the longest of its rows, columns and terms; in one block for work = 0."""
    cdef Product p
    p.ta, p.tb, p.m, p.n, p.k, p.work = ta, tb, m, n, k, work
    p.axis = ROWS if m >= n else COLUMNS
    if k > max(m, n):
        p.blocks = cut_axis(k, work)
        if p.blocks.n > 1 and p.blocks.n * m * n * <Py_ssize_t> itemsize <= MAX_PARTIAL_BYTES:
            p.axis = TERMS
    if p.axis != TERMS:
        p.blocks = cut_axis(m if p.axis == ROWS else n, work)
    p.results = cut(m, p.blocks.n) if p.axis == TERMS else p.blocks
    return p


cdef inline Py_ssize_t partials_size(Product p, size_t itemsize) noexcept nogil:
    """Elements of scratch that suffice for the product, and for any with fewer rows or fewer terms.

    One with fewer rows may need more: it may be cut along its terms where this one is cut along its rows.
    """
    cdef Py_ssize_t most = MAX_PARTIAL_BYTES // <Py_ssize_t> itemsize
    cdef Py_ssize_t n_blocks = min(<Py_ssize_t> MAX_BLOCKS, p.work // BLOCK_WORK)
    if n_blocks <= 1 or p.k <= p.n:
        return 0
    return min(most, n_blocks * min(most, min(p.m, p.k - 1) * p.n))


cdef inline Block whole(const Product* p) noexcept nogil:
    return Block(0, p.m, 0, p.n, 0, p.k)


cdef inline Block result_block(const Product* p, Py_ssize_t i) noexcept nogil:
    """Block i of the result, c."""
    cdef Block block = whole(p)
    if p.axis == COLUMNS:
        block.column, block.n = start(&p.results, i), length(&p.results, i)
    else:
        block.row, block.m = start(&p.results, i), length(&p.results, i)
    return block
