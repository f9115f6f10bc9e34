"""Optimisers: one update of n parameters w with their gradients dw, in place.

Scalars are rounded to the type of the parameters once, before the loop.
"""
from cython cimport floating
from libc.math cimport sqrt

cdef enum Method:
    SGD
    MOMENTUM
    ADAM
    ADAMW
    NESTEROV
    RMSPROP


cdef struct Optimizer:
    Method method
    double beta1
    double beta2
    double epsilon
    double weight_decay
    double rho
    # whether Adam adds epsilon before it corrects the second moment
    bint epsilon_hat
    # of the current step; correction1 = 1 - beta1**t and correction2 = 1 - beta2**t, for Adam
    double learning_rate
    double correction1
    double correction2
    # the flat buffers of its moments, of the parameters' type; NULL where it has none
    void* m
    void* v


cdef inline int set_options(Optimizer* optimizer, tuple options) except -1:
    """Set the options that do not change from step to step, in the order of fastmlp.functions.Optimizer."""
    (optimizer.beta1, optimizer.beta2, optimizer.epsilon, optimizer.weight_decay, optimizer.rho,
     optimizer.epsilon_hat) = options


cdef inline void set_step(Optimizer* optimizer, double learning_rate, Py_ssize_t t) noexcept nogil:
    """Set the learning rate and Adam's corrections for the step at time t, counted from 1.

    1 - beta**t is computed by squaring (Knuth, The Art of Computer Programming, 4.6.3, algorithm A), for both betas at
    a time. Where a = 1 - beta**i and b = 1 - beta**j, 1 - beta**(i + j) is a + b * (1 - a). Nothing cancels, so that
    all digits are kept even for a beta whose powers are close to 1.
    """
    cdef double square1 = 1 - optimizer.beta1, result1 = 0
    cdef double square2 = 1 - optimizer.beta2, result2 = 0
    optimizer.learning_rate = learning_rate
    while t > 0 and optimizer.method in (ADAM, ADAMW):
        if t % 2 == 1:
            result1 += square1 * (1 - result1)
            result2 += square2 * (1 - result2)
        square1 *= 2 - square1
        square2 *= 2 - square2
        t //= 2
    optimizer.correction1, optimizer.correction2 = result1, result2


cdef inline void update(
    const Optimizer* optimizer, floating* w, const floating* dw, Py_ssize_t at, Py_ssize_t n
) noexcept nogil:
    """Update w[:n], the elements of the flat buffer from `at` on, with their gradients dw[:n]."""
    cdef floating* m = <floating*> optimizer.m
    cdef floating* v = <floating*> optimizer.v
    if optimizer.method == SGD:
        sgd(w, dw, optimizer.learning_rate, n)
    elif optimizer.method == MOMENTUM:
        momentum(w, dw, m + at, optimizer.learning_rate, optimizer.beta1, n)
    elif optimizer.method == NESTEROV:
        nesterov(w, dw, m + at, optimizer.learning_rate, optimizer.beta1, n)
    elif optimizer.method == RMSPROP:
        rmsprop(w, dw, m + at, optimizer, n)
    else:
        if optimizer.method == ADAMW:
            decay(w, optimizer.learning_rate * optimizer.weight_decay, n)
        adam(w, dw, m + at, v + at, optimizer, n)


cdef inline void sgd(
    floating* restrict w, const floating* restrict dw, double learning_rate, Py_ssize_t n
) noexcept nogil:
    """w -= rate * dw"""
    cdef Py_ssize_t j
    cdef floating rate = <floating> learning_rate
    for j in range(n):
        w[j] -= rate * dw[j]


cdef inline void momentum(
    floating* restrict w, const floating* restrict dw, floating* restrict velocity, double learning_rate, double beta1,
    Py_ssize_t n
) noexcept nogil:
    """velocity := beta1 * velocity - rate * dw; w += velocity. Sutskever et al., ICML 2013, equations 1 and 2."""
    cdef Py_ssize_t j
    cdef floating rate = <floating> learning_rate, beta1_ = <floating> beta1
    for j in range(n):
        velocity[j] = beta1_ * velocity[j] - rate * dw[j]
        w[j] += velocity[j]


cdef inline void nesterov(
    floating* restrict w, const floating* restrict dw, floating* restrict velocity, double learning_rate, double beta1,
    Py_ssize_t n
) noexcept nogil:
    """velocity := beta1 * velocity - rate * dw; w += beta1 * velocity - rate * dw

    w is where the gradient is taken, a step along the velocity ahead. Bengio, Boulanger-Lewandowski and Pascanu,
    Advances in Optimizing Recurrent Networks, ICASSP 2013, equation 7.
    """
    cdef Py_ssize_t j
    cdef floating rate = <floating> learning_rate, beta1_ = <floating> beta1, step
    for j in range(n):
        step = rate * dw[j]
        velocity[j] = beta1_ * velocity[j] - step
        w[j] += beta1_ * velocity[j] - step


cdef inline void rmsprop(
    floating* restrict w, const floating* restrict dw, floating* restrict squares, const Optimizer* optimizer,
    Py_ssize_t n
) noexcept nogil:
    """squares := rho * squares + (1 - rho) * dw**2; w -= rate * dw / (sqrt(squares) + epsilon)

    Tieleman and Hinton, Neural Networks for Machine Learning, 2012, lecture 6.5.
    """
    cdef Py_ssize_t j
    cdef floating rho = <floating> optimizer.rho, one_minus_rho = <floating> (1 - optimizer.rho)
    cdef floating rate = <floating> optimizer.learning_rate, epsilon = <floating> optimizer.epsilon
    for j in range(n):
        squares[j] = rho * squares[j] + one_minus_rho * dw[j] * dw[j]
        w[j] -= rate * dw[j] / (<floating> sqrt(squares[j]) + epsilon)


cdef inline void decay(floating* restrict w, double rate, Py_ssize_t n) noexcept nogil:
    """w -= rate * w, for rate = learning_rate * weight_decay. Loshchilov and Hutter, ICLR 2019, algorithm 2."""
    cdef Py_ssize_t j
    cdef floating rate_ = <floating> rate
    for j in range(n):
        w[j] -= rate_ * w[j]


cdef inline void adam(
    floating* restrict w, const floating* restrict dw, floating* restrict m, floating* restrict v,
    const Optimizer* optimizer, Py_ssize_t n
) noexcept nogil:
    """Kingma and Ba, ICLR 2015, algorithm 1, with correction1 = 1 - beta1**t and correction2 = 1 - beta2**t:

    m := beta1 * m + (1 - beta1) * dw; v := beta2 * v + (1 - beta2) * dw**2;
    w -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon)
    With epsilon_hat, epsilon is divided by sqrt(correction2), too: the form at the end of section 2.
    """
    cdef Py_ssize_t j
    cdef floating beta1 = <floating> optimizer.beta1, one_minus_beta1 = <floating> (1 - optimizer.beta1)
    cdef floating beta2 = <floating> optimizer.beta2, one_minus_beta2 = <floating> (1 - optimizer.beta2)
    cdef floating step = <floating> (optimizer.learning_rate / optimizer.correction1)
    cdef floating scale = <floating> (1 / sqrt(optimizer.correction2)), epsilon = <floating> optimizer.epsilon
    if optimizer.epsilon_hat:
        epsilon = <floating> (optimizer.epsilon / sqrt(optimizer.correction2))
    for j in range(n):
        m[j] = beta1 * m[j] + one_minus_beta1 * dw[j]
        v[j] = beta2 * v[j] + one_minus_beta2 * dw[j] * dw[j]
        w[j] -= step * m[j] / (<floating> sqrt(v[j]) * scale + epsilon)
