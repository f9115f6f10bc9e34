"""Products of matrices by register tiles (_tile.h).

Each element is one chain of multiply-adds in the order of its terms, so how a product is cut into blocks, tiles and
runs of terms does not change its bits. The loops are those of Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, 2008, but operands are packed only where that is faster.
"""
from cython cimport floating

cdef extern from "_tile.h" nogil:
    const bint HAS_FMA "FASTMLP_FMA"
    bint uses_tiles "fastmlp_uses_tiles"
    const Py_ssize_t TILE_ROWS "FASTMLP_TILE_ROWS"
    const Py_ssize_t TILE_VECTORS "FASTMLP_TILE_VECTORS"
    const Py_ssize_t VECTOR_BYTES "FASTMLP_VECTOR_BYTES"
    void tile "fastmlp_tile"(
        bint adds, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const void* a, Py_ssize_t ra,
        Py_ssize_t ta, const void* b, Py_ssize_t ldb, void* c, Py_ssize_t ldc
    ) noexcept

cdef enum:
    # Terms in a run: its rows of b, or what is packed of a and b, stay in cache while the tiles pass over them.
    RUN_TERMS = 256
    PACKED_TERMS = 128
    # Rows that are further apart fall into few sets of a cache, and each is in another page. A panel of b, one tile
    # wide, is packed where its terms are that far apart, if at least SHARING_ROWS rows of c use it, or where it is
    # transposed. It has PACKED_TERMS rows of at most 32 doubles, on the stack.
    FAR_BYTES = 2048
    SHARING_ROWS = 32
    PANEL_DOUBLES = PACKED_TERMS * 32
    # Where the terms of a are that far apart, a block of BLOCK_ROWS rows is packed, in panels of PANEL_ROWS rows; a
    # thread needs memory for PACKED_SIZE elements for it.
    PANEL_ROWS = 24
    BLOCK_ROWS = 240
    PACKED_SIZE = BLOCK_ROWS * PACKED_TERMS


cdef inline void multiply(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const floating* a, Py_ssize_t ra, Py_ssize_t ta, const floating* b,
    Py_ssize_t tb, Py_ssize_t cb, bint adds, floating* c, Py_ssize_t ldc, floating* packed
) noexcept nogil:
    """c := a @ b, or c += a @ b where it adds, a (m, k), b (k, n), c (m, n).

    a[i, t] is at a + i * ra + t * ta, b[t, j] at b + t * tb + j * cb, and c[i, j] at c + i * ldc + j; there is at least
    one term. `packed` (PACKED_SIZE,) is scratch, and is not used unless the terms of a are far apart.
    """
    cdef Py_ssize_t width = TILE_VECTORS * VECTOR_BYTES // <Py_ssize_t> sizeof(floating)
    cdef Py_ssize_t far = FAR_BYTES // <Py_ssize_t> sizeof(floating)
    cdef bint packs_a, packs_b
    cdef Py_ssize_t i = 0, j, t, p, n_rows, n_columns, n_terms, run, height, panel_height
    cdef double b_panel[PANEL_DOUBLES]
    cdef const floating* a_run
    cdef const floating* b_run
    if m == 1 and tb == 1 and cb != 1 or n == 1 and ra == 1 and ldc == 1 and m > 1:
        # c.T = b.T @ a.T instead, so that b need not be transposed, or that tiles are wide
        m, n, a, b, ra, ta, tb, cb, ldc = n, m, b, a, cb, tb, ta, 1, 1
    packs_a, packs_b = ta >= far and k > 1, cb != 1 or tb >= far and m >= SHARING_ROWS
    run = PACKED_TERMS if packs_a or packs_b else RUN_TERMS
    height, panel_height = BLOCK_ROWS if packs_a else m, PANEL_ROWS if packs_a else m
    while i < m:
        n_rows, t = min(height, m - i), 0
        while t < k:
            n_terms, j, p, a_run = min(run, k - t), 0, 0, a + i * ra + t * ta
            if packs_a:
                while p < n_rows:
                    pack(a_run + p * ra, ta, ra, n_terms, min(PANEL_ROWS, n_rows - p), packed + p * PACKED_TERMS,
                         PANEL_ROWS)
                    p += PANEL_ROWS
                a_run = packed
            while j < n:
                n_columns, p, b_run = min(width, n - j), 0, b + t * tb + j * cb
                if packs_b:
                    pack(b_run, tb, cb, n_terms, n_columns, <floating*> b_panel, width)
                    b_run = <floating*> b_panel
                while p < n_rows:
                    tiles(adds or t > 0, min(panel_height, n_rows - p), n_columns, n_terms,
                          a_run + p * PACKED_TERMS, 1 if packs_a else ra, PANEL_ROWS if packs_a else ta,
                          b_run, width if packs_b else tb, c + (i + p) * ldc + j, ldc)
                    p += panel_height
                j += n_columns
            t += n_terms
        i += n_rows


cdef inline void sum_rows(
    const floating* x, Py_ssize_t distance, Py_ssize_t n_rows, Py_ssize_t n, bint adds, floating* total
) noexcept nogil:
    """total := ones(n_rows) @ x, or total += ones(n_rows) @ x, x (n_rows, n): 1 * x + total rounds once."""
    cdef floating one = 1
    multiply(1, n, n_rows, &one, 0, 0, x, distance, 1, adds, total, n, <floating*> NULL)


cdef inline void tiles(
    bint adds, Py_ssize_t m, Py_ssize_t n_columns, Py_ssize_t n_terms, const floating* a, Py_ssize_t ra,
    Py_ssize_t ta, const floating* b, Py_ssize_t tb, floating* c, Py_ssize_t ldc
) noexcept nogil:
    """All tiles of m rows and one tile's columns."""
    cdef Py_ssize_t i = 0, n_rows
    while i < m:
        n_rows = min(TILE_ROWS, m - i)
        tile(adds, n_rows, n_columns, n_terms, a + i * ra, ra, ta, b, tb, c + i * ldc, ldc)
        i += n_rows


cdef inline void pack(
    const floating* restrict b, Py_ssize_t tb, Py_ssize_t cb, Py_ssize_t n_terms, Py_ssize_t n_columns,
    floating* restrict panel, Py_ssize_t width
) noexcept nogil:
    """panel[t, j] := b[t, j], row-major with `width` elements from row to row"""
    cdef Py_ssize_t t, j
    if cb == 1 and n_columns == width:  # a constant, so that the loop has vectors alone
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
