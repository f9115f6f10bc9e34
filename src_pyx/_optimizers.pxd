"""One update of n parameters w with their gradients dw, in place. `rate` is the learning rate.

Scalars are rounded to the parameters' type once, so that every element sees the same ones.
"""
from cython cimport floating
from libc.math cimport sqrt, sqrtf


cdef inline void sgd(floating* w, const floating* dw, double rate, Py_ssize_t n) noexcept nogil:
    """w -= rate * dw"""
    cdef Py_ssize_t j
    cdef floating rate_ = <floating> rate
    for j in range(n):
        w[j] -= rate_ * dw[j]


cdef inline void momentum(
    floating* w, const floating* dw, floating* velocity, double rate, double beta1, Py_ssize_t n
) noexcept nogil:
    """velocity := beta1 * velocity - rate * dw; w += velocity. Sutskever et al., ICML 2013, equations 1 and 2."""
    cdef Py_ssize_t j
    cdef floating rate_ = <floating> rate, beta1_ = <floating> beta1
    for j in range(n):
        velocity[j] = beta1_ * velocity[j] - rate_ * dw[j]
        w[j] += velocity[j]


cdef inline void adam(
    floating* w, const floating* dw, floating* m, floating* v, double rate, double beta1, double beta2,
    double epsilon, double correction1, double correction2, Py_ssize_t n,
) noexcept nogil:
    """Kingma and Ba, ICLR 2015, algorithm 1, with correction1 = 1 - beta1**t and correction2 = 1 - beta2**t:

    m := beta1 * m + (1 - beta1) * dw; v := beta2 * v + (1 - beta2) * dw**2;
    w -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon)
    """
    cdef Py_ssize_t j
    cdef floating beta1_ = <floating> beta1, one_minus_beta1 = <floating> (1 - beta1)
    cdef floating beta2_ = <floating> beta2, one_minus_beta2 = <floating> (1 - beta2)
    cdef floating step = <floating> (rate / correction1), scale = <floating> (1 / sqrt(correction2))
    cdef floating epsilon_ = <floating> epsilon
    for j in range(n):
        m[j] = beta1_ * m[j] + one_minus_beta1 * dw[j]
        v[j] = beta2_ * v[j] + one_minus_beta2 * dw[j] * dw[j]
        if floating is float:
            w[j] -= step * m[j] / (sqrtf(v[j]) * scale + epsilon_)
        else:
            w[j] -= step * m[j] / (sqrt(v[j]) * scale + epsilon_)
