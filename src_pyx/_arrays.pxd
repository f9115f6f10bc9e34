"""What the kernels ask of Python's arrays before they take an address: type, alignment and length."""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport strchr

from _rows cimport FLOAT32, FLOAT64, UINT8, Kind


cdef inline void* address(buffer, const char* types=b"fd") except NULL:
    """Where a writable, contiguous array of one of these types starts; its owner keeps it alive.

    Quicker than a memoryview, which a prediction of one row would feel.
    """
    cdef Py_buffer view
    cdef char found
    PyObject_GetBuffer(buffer, &view, PyBUF_FORMAT | PyBUF_WRITABLE)
    found = view.format[0]
    PyBuffer_Release(&view)
    if strchr(types, found) == NULL:
        raise ValueError(f"Buffer dtype mismatch, expected one of {types!r}, got {chr(found)!r}")
    return view.buf


cdef inline int check_length(str what, Py_ssize_t found, Py_ssize_t wanted) except -1:
    """What Python has checked may have changed since, by a signal's handler or another thread."""
    if found != wanted:
        raise RuntimeError(f"{what}: {wanted} were needed, and there are {found}; they were changed during the call")


cdef inline bint can_gather(const Py_buffer* view) noexcept:
    """Whether the elements are of a native type that `gather` knows, and each lies where its type wants it."""
    cdef int i
    cdef Py_ssize_t places = <Py_ssize_t> view.buf
    if view.format[0] == 0 or view.format[1] != 0 or view.format[0] not in (b"B", b"f", b"d"):
        return False
    for i in range(view.ndim):
        places |= view.strides[i]
    return places % view.itemsize == 0


cdef inline Kind kind_of(const Py_buffer* view) noexcept:
    cdef char format = view.format[0]
    return UINT8 if format == b"B" else FLOAT32 if format == b"f" else FLOAT64
