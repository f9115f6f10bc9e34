"""The addresses of SciPy's matrix products; a module of its own, since SciPy is slow to import."""
from scipy.linalg.cython_blas cimport dgemm, sgemm


def addresses():
    """The addresses of sgemm and dgemm."""
    return <size_t> <void*> sgemm, <size_t> <void*> dgemm
