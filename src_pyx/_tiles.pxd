"""Products of matrices by register tiles (_tile.h), in builds with fused multiply-add.

Each element is one chain of multiply-adds in the order of its terms, so how a product is cut into blocks, tiles and
runs of terms does not change its bits. The loops are those of Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, 2008, but operands are packed only where that is faster.
"""
from cython cimport floating

cdef extern from "_tile.h" nogil:
    const bint TILES "FASTMLP_TILES"
    bint uses_tiles "fastmlp_uses_tiles"
    void use_tiles "fastmlp_use_tiles"(bint by_tiles) noexcept
    const Py_ssize_t TILE_ROWS "FASTMLP_TILE_ROWS"
    const Py_ssize_t TILE_VECTORS "FASTMLP_TILE_VECTORS"
    const Py_ssize_t VECTOR_BYTES "FASTMLP_VECTOR_BYTES"
    void float_tile "fastmlp_float_tile"(
        bint loaded, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const float* a, Py_ssize_t ra,
        Py_ssize_t ta, const float* b, Py_ssize_t ldb, float* c, Py_ssize_t ldc
    ) noexcept
    void double_tile "fastmlp_double_tile"(
        bint loaded, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const double* a, Py_ssize_t ra,
        Py_ssize_t ta, const double* b, Py_ssize_t ldb, double* c, Py_ssize_t ldc
    ) noexcept

cdef enum:
    # Terms in a run: its rows of b, or what is packed of a and b, stay in cache while the tiles pass over them.
    RUN_TERMS = 256
    PACKED_TERMS = 128
    # Rows that are further apart fall into few sets of a cache, and each is in another page. A panel of b, one tile
    # wide, is packed where its terms are that far apart, if at least SHARING_ROWS rows of c use it, or where it is
    # transposed. It is on the stack: PACKED_TERMS rows of a tile's widest columns, 256 bytes.
    FAR_BYTES = 2048
    SHARING_ROWS = 32
    PANEL_DOUBLES = 4096
    # Where the terms of a are that far apart, a block of BLOCK_ROWS rows is packed, in panels of PANEL_ROWS rows.
    PANEL_ROWS = 24
    BLOCK_ROWS = 240
    # elements of memory that a thread needs for it
    PACKED_SIZE = 30720


cdef inline bint are_far(Py_ssize_t distance, size_t itemsize) noexcept nogil:
    """Whether rows, this many elements apart, are packed."""
    return distance * <Py_ssize_t> itemsize >= FAR_BYTES


cdef inline void multiply(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const floating* a, Py_ssize_t ra, Py_ssize_t ta, const floating* b,
    Py_ssize_t tb, Py_ssize_t cb, bint adds, floating* c, Py_ssize_t ldc, floating* packed
) noexcept nogil:
    """c := a @ b, or c += a @ b where it adds, a (m, k), b (k, n), c (m, n).

    a[i, t] is at a + i * ra + t * ta, b[t, j] at b + t * tb + j * cb, and c[i, j] at c + i * ldc + j. `packed`
    (PACKED_SIZE,) is scratch, and is not used unless `are_far(ta)` and there are several terms.
    """
    cdef Py_ssize_t width = TILE_VECTORS * VECTOR_BYTES // <Py_ssize_t> sizeof(floating)
    cdef bint packs_a = are_far(ta, sizeof(floating)) and n > width and k > 1
    cdef bint packs_b = cb != 1 or are_far(tb, sizeof(floating)) and m >= SHARING_ROWS
    cdef Py_ssize_t run = PACKED_TERMS if packs_a or packs_b else RUN_TERMS
    cdef Py_ssize_t height = BLOCK_ROWS if packs_a else m, panel_rows = PANEL_ROWS if packs_a else m
    cdef double b_panel[PANEL_DOUBLES]
    cdef const floating* columns
    cdef const floating* rows
    cdef Py_ssize_t i = 0, j, t, panel, n_rows, n_columns, n_terms
    while i < m:
        n_rows, t = min(height, m - i), 0
        while t < k:
            n_terms, j, rows = min(run, k - t), 0, a + i * ra + t * ta
            if packs_a:
                for panel in range((n_rows + PANEL_ROWS - 1) // PANEL_ROWS):
                    pack(rows + panel * PANEL_ROWS * ra, ta, ra, n_terms, min(PANEL_ROWS, n_rows - panel * PANEL_ROWS),
                         packed + panel * PANEL_ROWS * PACKED_TERMS, PANEL_ROWS)
                rows = packed
            while j < n:
                n_columns, columns, panel = min(width, n - j), b + t * tb + j * cb, 0
                if packs_b:
                    pack(columns, tb, cb, n_terms, n_columns, <floating*> b_panel, width)
                    columns = <floating*> b_panel
                while panel < n_rows:
                    tiles(adds or t > 0, min(panel_rows, n_rows - panel), n_columns, n_terms,
                          rows + panel * PACKED_TERMS, 1 if packs_a else ra, PANEL_ROWS if packs_a else ta,
                          columns, width if packs_b else tb, c + (i + panel) * ldc + j, ldc)
                    panel += panel_rows
                j += n_columns
            t += n_terms
        i += n_rows


cdef inline void tiles(
    bint loaded, Py_ssize_t m, Py_ssize_t n_columns, Py_ssize_t n_terms, const floating* a, Py_ssize_t ra,
    Py_ssize_t ta, const floating* b, Py_ssize_t tb, floating* c, Py_ssize_t ldc
) noexcept nogil:
    """All tiles of m rows and one tile's columns."""
    cdef Py_ssize_t i = 0, n_rows
    while i < m:
        n_rows = min(TILE_ROWS, m - i)
        if floating is float:
            float_tile(loaded, n_rows, n_columns, n_terms, a + i * ra, ra, ta, b, tb, c + i * ldc, ldc)
        else:
            double_tile(loaded, n_rows, n_columns, n_terms, a + i * ra, ra, ta, b, tb, c + i * ldc, ldc)
        i += n_rows


cdef inline void pack(
    const floating* restrict b, Py_ssize_t tb, Py_ssize_t cb, Py_ssize_t n_terms, Py_ssize_t n_columns,
    floating* restrict panel, Py_ssize_t width
) noexcept nogil:
    """panel[t, j] := b[t, j], row-major with `width` elements from row to row"""
    cdef Py_ssize_t t, j
    if cb == 1 and n_columns == width:  # a constant
        for t in range(n_terms):
            for j in range(width):
                panel[t * width + j] = b[t * tb + j]
    elif cb == 1:
        for t in range(n_terms):
            for j in range(n_columns):
                panel[t * width + j] = b[t * tb + j]
    else:
        for j in range(n_columns):
            for t in range(n_terms):
                panel[t * width + j] = b[t * tb + j * cb]
