"""Rows of X in the caller's memory, copied into a batch: gathered, cast and standardised in one pass."""
from cython cimport floating

ctypedef fused Stored:
    unsigned char
    float
    double


cdef extern from *:
    """
    #define fastmlp_prefetch(address) __builtin_prefetch(address)
    """
    void prefetch "fastmlp_prefetch"(const void* address) noexcept nogil

cdef enum:
    # Features that are converted at a time, and about how many ahead features are on their way into the cache
    # meanwhile: rows in random order come from main memory.
    FEATURES = 256
    FEATURES_AHEAD = 2048
    CACHE_LINE = 64


cdef struct Rows:
    # feature j of row i is at data + i * row_stride + j * stride, strides in bytes
    const char* data
    Py_ssize_t row_stride
    Py_ssize_t stride
    # how many rows ahead are read
    Py_ssize_t n_ahead
    # the type of the features, as buffers name it: B (uint8), f (float32) or d (float64)
    char type
    # x := (X - mean) * inverse_scale, where the mean is the sum of two parts: mean_rest is the rounding error of mean
    # in the network's type; each (n_in,) of that type, or NULL to leave X as it is
    const void* mean
    const void* mean_rest
    const void* inverse_scale


cdef inline void gather(
    const Rows* rows, const Py_ssize_t* order, Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t stop, Py_ssize_t n_in,
    floating* x
) noexcept nogil:
    """x (n_rows, n_in) := rows order[first], order[first + 1], ..., or first, first + 1, ... where order is NULL.

    Rows before `stop`, which may be those of later batches, are read ahead.
    """
    cdef Py_ssize_t i, j, n, line
    cdef const char* source
    cdef const char* later
    for i in range(first, first + n_rows):
        source, later = row(rows, order, i), row(rows, order, min(i + rows.n_ahead, stop - 1))
        j = 0
        while j < n_in:
            n = min(<Py_ssize_t> FEATURES, n_in - j)
            if rows.stride <= <Py_ssize_t> sizeof(double):
                for line in range((n * rows.stride + CACHE_LINE - 1) // CACHE_LINE):
                    prefetch(later + j * rows.stride + line * CACHE_LINE)
            if rows.type == b"B":
                convert(rows, <const unsigned char*> source, j, n, x)
            elif rows.type == b"f":
                convert(rows, <const float*> source, j, n, x)
            else:
                convert(rows, <const double*> source, j, n, x)
            j += n
        x += n_in


cdef inline const char* row(const Rows* rows, const Py_ssize_t* order, Py_ssize_t i) noexcept nogil:
    return rows.data + (i if order == NULL else order[i]) * rows.row_stride


cdef inline void convert(
    const Rows* rows, const Stored* source, Py_ssize_t first, Py_ssize_t n, floating* x
) noexcept nogil:
    """x[first:first + n] := those features of one row, cast and standardised."""
    cdef Py_ssize_t step = rows.stride // <Py_ssize_t> sizeof(Stored)
    # the constant lets the compiler vectorise the loops over contiguous features
    if step == 1:
        convert_every(rows, source + first, 1, first, n, x + first)
    else:
        convert_every(rows, source + first * step, step, first, n, x + first)


cdef inline void convert_every(
    const Rows* rows, const Stored* restrict source, Py_ssize_t step, Py_ssize_t first, Py_ssize_t n,
    floating* restrict x
) noexcept nogil:
    """x (n,) := every step-th element of the source, which are features from `first` on."""
    cdef Py_ssize_t j
    cdef const floating* mean = <const floating*> rows.mean
    cdef const floating* mean_rest = <const floating*> rows.mean_rest
    cdef const floating* inverse_scale = <const floating*> rows.inverse_scale
    if rows.mean == NULL:
        for j in range(n):
            x[j] = <floating> source[j * step]
    else:
        for j in range(n):
            # the difference is computed in the wider of the two types, so that a large mean costs no digits
            x[j] = (
                (<floating> (source[j * step] - mean[first + j]) - mean_rest[first + j]) * inverse_scale[first + j]
            )
