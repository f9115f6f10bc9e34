"""SciPy's BLAS library, and whether its threads and its buffers can be controlled."""

import ctypes
import functools
import mmap
import platform
from typing import Any, NamedTuple

# The size of a buffer in bytes (BUFFER_SIZE in OpenBLAS's common_x86_64.h, and the largest for other processors), and
# the most buffers that are allocated: OpenBLAS has at least as many if it is built for as many threads.
BUFFER_SIZE = (32 if platform.machine().lower() in ("x86_64", "amd64") else 128) << 20
MAX_BUFFERS = 64


class Blas(NamedTuple):
    """SciPy's BLAS library: its description, and the addresses of its functions for threads and buffers.

    An address is 0 where the library has no such function, or one that cannot be used.
    """

    description: str
    get_threads: int = 0
    set_threads: int = 0
    allocate: int = 0
    deallocate: int = 0


@functools.cache
def find_blas(module: str | None = None) -> Blas:
    """Look for OpenBLAS's control functions in the library that SciPy's BLAS functions come from.

    A symbol is looked up in an extension module and in the libraries that it is linked with, so SciPy's module leads to
    the right copy where NumPy, SciPy and others have each brought their own. They may be of different kinds: a BLIS
    beside an OpenBLAS that is there for its LAPACK is not controlled by that one's functions.
    """
    if module is None:
        import scipy.linalg.cython_blas

        module = scipy.linalg.cython_blas.__file__
    library = ctypes.CDLL(module)
    for prefix in ("scipy_openblas", "openblas"):
        try:
            get, set_, parallel, config = (
                getattr(library, f"{prefix}_{name}")
                for name in ("get_num_threads", "set_num_threads", "get_parallel", "get_config")
            )
        except AttributeError:
            continue
        if _file_of(get) not in (_file_of(getattr(library, name, None)) for name in ("scipy_sgemm_", "sgemm_")):
            continue
        config.restype = ctypes.c_char_p
        description = config().decode().strip()
        before = get()
        set_(1)
        obeyed = get() == 1
        set_(before)
        # 0 is a build without threads, 1 one with threads of its own; one with OpenMP's (2) has another limit for
        # each calling thread, so that a limit set here would not hold for the members of a team
        if parallel() not in (0, 1) or not obeyed:
            return Blas(description)
        buffers = [getattr(library, f"blas_memory_{name}", None) for name in ("alloc", "free")]
        if any(_file_of(function) != _file_of(get) for function in buffers):
            buffers = [None, None]
        return Blas(description, *map(_address, (get, set_, *buffers)))
    return Blas("unknown")


class WorkBuffers:
    """Memory for the buffers of OpenBLAS, mapped before a kernel needs it.

    OpenBLAS uses a buffer for each product that is being computed, and maps a new one if all are in use. If that fails,
    it tries again forever (blas_memory_alloc in its driver/others/memory.c), and no signal can interrupt it. So as many
    buffers as threads are at work are allocated at once beforehand and freed again: OpenBLAS keeps them mapped.
    """

    def __init__(self, blas: Blas):
        self._allocate = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_int)(blas.allocate)
        self._free = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(blas.deallocate)
        self._n_mapped = 0

    def provide(self, n_working: int, n_more: int) -> None:
        """Map buffers for the threads at work and for n more; a MemoryError where the memory does not suffice."""
        wanted = min(n_working + n_more, MAX_BUFFERS)
        if wanted <= self._n_mapped:
            return
        try:
            # buffers that were mapped before still are, but those of the threads at work may be in use
            mmap.mmap(-1, (wanted - self._n_mapped + n_working) * BUFFER_SIZE).close()
        except OSError:
            raise MemoryError(
                f"BLAS needs {BUFFER_SIZE >> 20} MiB for each of {n_more} threads, which could not be allocated"
            ) from None
        buffers: list[int] = []
        try:
            while len(buffers) < wanted:
                buffers.append(self._allocate(0))
        finally:
            for buffer in buffers:
                self._free(buffer)
        self._n_mapped = wanted


class _SymbolInfo(ctypes.Structure):
    """Dl_info of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _address(function: Any) -> int:
    return 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0


def _file_of(function: Any) -> bytes | None:
    """The library that a function lies in; None for no function, or where the system does not say."""
    dladdr = getattr(ctypes.CDLL(None), "dladdr", None)
    info = _SymbolInfo()
    if dladdr is None or not dladdr(ctypes.c_void_p(_address(function)), ctypes.byref(info)):
        return None
    return info.file
