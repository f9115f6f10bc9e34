"""Rows of X in the caller's memory, copied into a batch: gathered, cast and standardised in one pass."""
from cython cimport floating

ctypedef fused Stored:
    unsigned char
    float
    double


cdef struct Rows:
    # feature j of row i is at data + i * row_stride + j * stride, strides in bytes
    const char* data
    Py_ssize_t row_stride
    Py_ssize_t stride
    # the type of the features, as buffers name it: B (uint8), f (float32) or d (float64)
    char type
    # x := (X - mean) * inverse_scale, where the mean is the sum of two parts: mean_rest is the rounding error of mean
    # in the network's type; each (n_in,) of that type, or NULL to leave X as it is
    const void* mean
    const void* mean_rest
    const void* inverse_scale


cdef inline void gather(
    const Rows* rows, const Py_ssize_t* order, Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t n_in, floating* x
) noexcept nogil:
    """x (n_rows, n_in) := rows order[first], order[first + 1], ..., or first, first + 1, ... where order is NULL."""
    cdef Py_ssize_t i, row
    cdef const char* source
    for i in range(n_rows):
        row = first + i if order == NULL else order[first + i]
        source = rows.data + row * rows.row_stride
        if rows.type == b"B":
            convert(rows, <const unsigned char*> source, n_in, x + i * n_in)
        elif rows.type == b"f":
            convert(rows, <const float*> source, n_in, x + i * n_in)
        else:
            convert(rows, <const double*> source, n_in, x + i * n_in)


cdef inline void convert(const Rows* rows, const Stored* source, Py_ssize_t n, floating* x) noexcept nogil:
    """x (n,) := one row, cast and standardised."""
    cdef Py_ssize_t step = rows.stride // <Py_ssize_t> sizeof(Stored)
    # the constant lets the compiler vectorise the loops over contiguous features
    if step == 1:
        convert_every(rows, source, 1, n, x)
    else:
        convert_every(rows, source, step, n, x)


cdef inline void convert_every(
    const Rows* rows, const Stored* restrict source, Py_ssize_t step, Py_ssize_t n, floating* restrict x
) noexcept nogil:
    """The same, of every step-th element of the source."""
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
            x[j] = (<floating> (source[j * step] - mean[j]) - mean_rest[j]) * inverse_scale[j]
