"""How matrix products are cut into blocks that a team of threads shares.

The blocks follow from the shape alone; the number of threads decides only which thread computes which. So the results
have the same bits for any number of threads, as long as BLAS itself uses one (_blas_limit.h).
"""
from _openmp cimport Thread, share_start, share_stop
from _tiles cimport uses_tiles

cdef enum:
    # blocks of a product, and threads of a team
    MAX_BLOCKS = 64
    # the extent of a block whose multiplications take much longer than BLAS takes to pack its operands
    BLOCK_EXTENT = 384
    # small products are cut too, into at most FEW_BLOCKS of at least SMALL_EXTENT and BLOCK_WORK multiplications
    FEW_BLOCKS = 4
    SMALL_EXTENT = 48
    BLOCK_WORK = 1 << 20
    # blocks of columns start at whole vectors and cache lines, and blocks for BLAS at whole tiles of its own
    GRAIN = 16
    # elements in a block of a flat buffer
    FLAT_BLOCK = 8192
    # rows in a block of tiles are a multiple of this, so that few blocks are about equal; the same in all builds, since
    # sums of squares follow the blocks
    TILED_GRAIN = 4


cdef struct Blocks:
    # [0, extent) cut into n pieces of the given size, the last one perhaps shorter
    Py_ssize_t extent
    Py_ssize_t size
    Py_ssize_t n


cdef struct Block:
    # rows [row, row + m) and columns [column, column + n) of a matrix
    Py_ssize_t row
    Py_ssize_t m
    Py_ssize_t column
    Py_ssize_t n


cdef struct Share:
    # elements [start, start + n)
    Py_ssize_t start
    Py_ssize_t n


cdef inline Blocks cut(Py_ssize_t extent, Py_ssize_t n_blocks, Py_ssize_t grain=GRAIN) noexcept nogil:
    """[0, extent) in at most n_blocks pieces, and at most MAX_BLOCKS, whose sizes are multiples of the grain."""
    cdef Py_ssize_t size
    if n_blocks <= 1:
        return Blocks(extent, extent, 1)  # without divisions, whose time matters in tiny networks
    n_blocks = min(n_blocks, MAX_BLOCKS)
    size = max(grain, ((extent + n_blocks - 1) // n_blocks + grain - 1) // grain * grain)
    return Blocks(extent, size, (extent + size - 1) // size)


cdef inline Py_ssize_t start(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return i * blocks.size


cdef inline Py_ssize_t length(const Blocks* blocks, Py_ssize_t i) noexcept nogil:
    return min(blocks.size, blocks.extent - i * blocks.size)


cdef inline double sum_of_blocks(const double* sums, Py_ssize_t n_blocks) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n_blocks):
        total += sums[i]
    return total


cdef inline Blocks cut_product(Py_ssize_t m, Py_ssize_t n, Py_ssize_t work) noexcept nogil:
    """The blocks of a product (m, n), of its rows or of its columns, of which there are more; one block for work = 0.

    `work` is its multiplications, plus the other work on the result, as multiplications that take as long.
    """
    cdef Py_ssize_t extent = max(m, n)
    cdef Py_ssize_t wanted = max(extent // BLOCK_EXTENT, min(<Py_ssize_t> FEW_BLOCKS, extent // SMALL_EXTENT))
    return cut(extent, min(wanted, work // BLOCK_WORK), TILED_GRAIN if uses_tiles and m >= n else GRAIN)


cdef inline Block block_of(const Blocks* blocks, Py_ssize_t m, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Block i of the product (m, n)."""
    cdef Py_ssize_t at = start(blocks, i), extent = length(blocks, i)
    return Block(at, extent, 0, n) if m >= n else Block(0, m, at, extent)


cdef inline Share share_of(Thread thread, Blocks blocks) noexcept nogil:
    """The elements of all blocks of a thread, which are contiguous."""
    cdef Py_ssize_t first = start(&blocks, share_start(thread, blocks.n))
    return Share(first, min(blocks.extent, start(&blocks, share_stop(thread, blocks.n))) - first)
