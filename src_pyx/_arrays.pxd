"""Addresses of Python's arrays, given out once type, alignment and length have been checked."""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport strchr


cdef inline void* address(array, const char* types=b"fd") except NULL:
    """The address of a writable, contiguous array of one of these types; its owner keeps it alive.

    Faster than a memoryview, which matters to a prediction of one row.
    """
    cdef Py_buffer view
    cdef char found
    PyObject_GetBuffer(array, &view, PyBUF_FORMAT | PyBUF_WRITABLE)
    found = view.format[0]
    PyBuffer_Release(&view)
    if strchr(types, found) == NULL:
        raise ValueError(f"Buffer dtype mismatch, expected one of {types!r}, got {chr(found)!r}")
    return view.buf


cdef inline void* checked_address(str what, array, Py_ssize_t n, const char* types=b"fd") except NULL:
    """The same, of an array that must have n elements, or n rows."""
    check_length(what, len(array), n)
    return address(array, types)


cdef inline int check_length(str what, Py_ssize_t found, Py_ssize_t needed) except -1:
    """Python has checked it, but a signal handler or another thread may have changed the array since."""
    if found != needed:
        raise RuntimeError(f"{what}: {needed} were needed, and there are {found}; they were changed during the call")


cdef inline bint can_gather(const Py_buffer* view) noexcept:
    """Whether the elements are of a native type that `gather` reads, and all of them aligned."""
    cdef int i
    cdef Py_ssize_t places = <Py_ssize_t> view.buf
    if view.format[0] == 0 or view.format[1] != 0 or view.format[0] not in (b"B", b"f", b"d"):
        return False
    for i in range(view.ndim):
        places |= view.strides[i]
    return places % view.itemsize == 0
