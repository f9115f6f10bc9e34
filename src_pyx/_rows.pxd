"""Rows of X as their owner keeps them, and their way into a batch: gathered, cast and standardised in one pass."""
from cython cimport floating

cdef enum Kind:
    UINT8
    FLOAT32
    FLOAT64

ctypedef fused Stored:
    unsigned char
    float
    double


cdef struct Rows:
    # feature j of row i is at data + i * row_stride + j * stride, strides in bytes
    const char* data
    Kind kind
    Py_ssize_t row_stride
    Py_ssize_t stride
    # x := (X - mean) * inverse_scale, with a mean of two parts, of which mean + mean_rest has the digits that the
    # network's type cuts off; each (n_in,) of that type, or NULL to leave X as it is
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
        if rows.kind == UINT8:
            convert(rows, <const unsigned char*> source, n_in, x + i * n_in)
        elif rows.kind == FLOAT32:
            convert(rows, <const float*> source, n_in, x + i * n_in)
        else:
            convert(rows, <const double*> source, n_in, x + i * n_in)


cdef inline void convert(
    const Rows* rows, const Stored* source, Py_ssize_t n, floating* x
) noexcept nogil:
    cdef Py_ssize_t step = rows.stride // <Py_ssize_t> sizeof(Stored)
    # the constant lets the compiler make a loop over neighbours of its own
    if step == 1:
        convert_every(rows, source, 1, n, x)
    else:
        convert_every(rows, source, step, n, x)


cdef inline void convert_every(
    const Rows* rows, const Stored* restrict source, Py_ssize_t step, Py_ssize_t n,
    floating* restrict x
) noexcept nogil:
    cdef Py_ssize_t j
    cdef const floating* mean = <const floating*> rows.mean
    cdef const floating* mean_rest = <const floating*> rows.mean_rest
    cdef const floating* inverse_scale = <const floating*> rows.inverse_scale
    if rows.mean == NULL:
        for j in range(n):
            x[j] = <floating> source[j * step]
    else:
        for j in range(n):
            # the difference comes in the wider of the two types: a large mean costs no digits
            x[j] = (<floating> (source[j * step] - mean[j]) - mean_rest[j]) * inverse_scale[j]
