"""Matrix products: the only file that calls BLAS, at the addresses that `use_blas` has got from _scipy_blas.pyx.

SciPy's BLAS takes 32-bit sizes; the engine refuses larger ones.
"""
from cython cimport floating


# SciPy's matrix products
ctypedef void (*Sgemm)(
    char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*, float*, int*) noexcept nogil
ctypedef void (*Dgemm)(
    char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*) noexcept nogil

cdef extern from "_blas_limit.h" nogil:
    void* sgemm "fastmlp_blas_sgemm"
    void* dgemm "fastmlp_blas_dgemm"
    int (*get_threads "fastmlp_blas_get")() noexcept
    void (*set_threads "fastmlp_blas_set")(int) noexcept
    int users "fastmlp_blas_users"
    void hold "fastmlp_blas_hold"(int n_users) noexcept
    void release "fastmlp_blas_release"(int n_users) noexcept
    void keep_one_thread "fastmlp_blas_keep_one"() noexcept


cdef inline void gemm(
    bint trans_a, bint trans_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const floating* a, Py_ssize_t lda,
    const floating* b, Py_ssize_t ldb, bint adds, floating* c, Py_ssize_t ldc
) noexcept nogil:
    """c := op(a) @ op(b), or c += op(a) @ op(b) where it adds, all row-major, op(a) (m, k), op(b) (k, n), c (m, n).

    ld? is the distance between rows.

    BLAS is column-major, and a row-major matrix read as column-major is its transpose, so BLAS computes
    c.T = op(b).T @ op(a).T: the operands are swapped, and keep their flags.
    """
    cdef char* op_a = b"T" if trans_a else b"N"
    cdef char* op_b = b"T" if trans_b else b"N"
    cdef int m_ = <int> m, n_ = <int> n, k_ = <int> k
    cdef int lda_ = <int> lda, ldb_ = <int> ldb, ldc_ = <int> ldc
    cdef floating one = 1, beta = adds
    keep_one_thread()
    # c = op(a) @ op(b), or c += op(a) @ op(b); the casts drop const, which the BLAS declarations lack
    if floating is float:
        (<Sgemm> sgemm)(op_b, op_a, &n_, &m_, &k_, &one, <float*> b, &ldb_, <float*> a, &lda_, &beta, c, &ldc_)
    else:
        (<Dgemm> dgemm)(op_b, op_a, &n_, &m_, &k_, &one, <double*> b, &ldb_, <double*> a, &lda_, &beta, c, &ldc_)
