"""Activation functions of single elements, applied in place, and their derivatives.

A derivative is a function of the activation's value, so that the backward pass of a layer needs its outputs only; or of
the sums that it was applied to, where two of them may have the same value (`is_of_sums`): these sums are kept.
"""
from cython cimport floating

from _elementwise cimport add

cdef enum Activation:
    IDENTITY
    RELU
    LOGISTIC
    SOFTMAX
    TANH
    LEAKY_RELU
    ELU
    GELU
    GELU_TANH
    SILU
    EXPONENTIAL


cdef extern from *:
    """
    /* coefficients of y**21, y**19, ..., y**3 in the series of tanh(y) (Abramowitz and Stegun, 4.5.64) */
    static const double fastmlp_tanh_series[] = {
        18888466084.0 / 194896477400625, -443861162.0 / 1856156927625, 6404582.0 / 10854718875, -929569.0 / 638512875,
        21844.0 / 6081075, -1382.0 / 155925, 62.0 / 2835, -17.0 / 315, 2.0 / 15, -1.0 / 3};
    /* coefficients of x**22, x**20, ..., 1 in the series of erf(x) / x - 1: 2 / sqrt(pi) (-1)**k / (k! (2 k + 1)), and
       the last one less 1 (Abramowitz and Stegun, 7.1.5) */
    #define FASTMLP_ERF_TERM(factorial, odd) (1.1283791670955126 / ((double)(factorial) * (odd)))
    static const double fastmlp_erf_series[] = {
        -FASTMLP_ERF_TERM(39916800, 23), FASTMLP_ERF_TERM(3628800, 21), -FASTMLP_ERF_TERM(362880, 19),
        FASTMLP_ERF_TERM(40320, 17), -FASTMLP_ERF_TERM(5040, 15), FASTMLP_ERF_TERM(720, 13),
        -FASTMLP_ERF_TERM(120, 11), FASTMLP_ERF_TERM(24, 9), -FASTMLP_ERF_TERM(6, 7), FASTMLP_ERF_TERM(2, 5),
        -FASTMLP_ERF_TERM(1, 3), 0.12837916709551257};
    /* erfc(x) exp(x**2) as a ratio of polynomials (Cody, Rational Chebyshev approximations for the error function,
       Mathematics of Computation 23, 1969) */
    static const double fastmlp_erfc_numerator[] = {
        2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
        881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725};
    static const double fastmlp_erfc_denominator[] = {
        1, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
        4362.61909014324716, 3439.36767414372164, 1230.33935480374942};
    """
    const double* TANH_SERIES "fastmlp_tanh_series"
    const double* ERF_SERIES "fastmlp_erf_series"
    const double* ERFC_NUMERATOR "fastmlp_erfc_numerator"
    const double* ERFC_DENOMINATOR "fastmlp_erfc_denominator"
    # the slope of the leaky ReLU below 0
    const double LEAK "0.01"
    const double SQRT_HALF "0.7071067811865476"
    const double DENSITY_AT_0 "0.3989422804014327"
    const double SQRT_8_OVER_PI "1.5957691216057308"

cdef enum:
    N_TANH_TERMS = 10
    N_ERF_TERMS = 12
    N_ERFC_TERMS = 9


cdef extern from "_exp_log.h" nogil:
    float exp_float "fastmlp_exp_float"(float) noexcept
    double exp_double "fastmlp_exp_double"(double) noexcept


cdef inline void add_and_activate(
    Activation activation, floating* y, const floating* b, Py_ssize_t n
) noexcept nogil:
    """y := activation(y + b)"""
    if activation == RELU:
        add_relu(y, b, n)  # in one pass, since most networks have it
    else:
        add(y, b, n)
        if activation != IDENTITY:
            activate(activation, y, n)


cdef inline void activate(Activation activation, floating* y, Py_ssize_t n) noexcept nogil:
    """y := activation(y)"""
    cdef Py_ssize_t j
    if activation == RELU:
        for j in range(n):
            y[j] = relu(y[j])
    elif activation == LOGISTIC:
        for j in range(n):
            y[j] = logistic(y[j])
    elif activation == TANH:
        for j in range(n):
            y[j] = hyperbolic_tangent(y[j])
    elif activation == LEAKY_RELU:
        for j in range(n):
            y[j] = y[j] * <floating> LEAK if y[j] < 0 else y[j]
    elif activation == ELU:
        for j in range(n):
            y[j] = expm1(y[j]) if y[j] < 0 else y[j]
    elif activation == GELU:
        for j in range(n):
            y[j] = y[j] * normal_distribution(y[j])
    elif activation == GELU_TANH:
        for j in range(n):
            y[j] = y[j] * logistic(cubic(y[j]))
    elif activation == SILU:
        for j in range(n):
            y[j] = y[j] * logistic(y[j])
    elif activation == EXPONENTIAL:
        for j in range(n):
            y[j] = exponential(y[j])


cdef inline bint is_of_sums(Activation activation) noexcept nogil:
    """Whether the derivative is a function of the sums."""
    return activation == GELU or activation == GELU_TANH or activation == SILU


cdef inline void multiply_by_derivative(
    Activation activation, floating* restrict dy, const floating* restrict y, Py_ssize_t n
) noexcept nogil:
    """dy *= the derivative of the activation, given its values y, or the sums where it is a function of these"""
    cdef Py_ssize_t j
    cdef floating s, one = 1
    if activation == RELU:
        for j in range(n):
            dy[j] = dy[j] if y[j] > 0 else 0
    elif activation == LOGISTIC:
        for j in range(n):
            dy[j] *= y[j] * (1 - y[j])
    elif activation == TANH:
        for j in range(n):
            dy[j] *= 1 - y[j] * y[j]
    elif activation == LEAKY_RELU:
        for j in range(n):
            dy[j] *= one if y[j] > 0 else <floating> LEAK
    elif activation == ELU:
        for j in range(n):
            dy[j] *= one if y[j] > 0 else 1 + y[j]
    elif activation == GELU:
        for j in range(n):
            dy[j] *= normal_distribution(y[j]) + y[j] * normal_density(y[j])
    elif activation == GELU_TANH:
        for j in range(n):
            s = logistic(cubic(y[j]))
            dy[j] *= s + y[j] * (s * (1 - s) * cubic_derivative(y[j]))
    elif activation == SILU:
        for j in range(n):
            s = logistic(y[j])
            dy[j] *= s + y[j] * (s * (1 - s))


cdef inline void add_relu(floating* restrict y, const floating* restrict b, Py_ssize_t n) noexcept nogil:
    """y := relu(y + b)"""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = relu(y[j] + b[j])


cdef inline floating relu(floating x) noexcept nogil:
    """maximum(x, 0); in this form NaN stays NaN, as in NumPy"""
    return 0 if x < 0 else x


cdef inline floating logistic(floating x) noexcept nogil:
    """1 / (1 + exp(-x)), computed from exp(-abs(x)), which cannot overflow"""
    cdef floating term = exp(-abs(x)), one = 1
    return (one if x >= 0 else term) / (one + term)


cdef inline floating hyperbolic_tangent(floating x) noexcept nogil:
    """tanh(x), computed from exp(-2 abs(x)), and near 0, where that would lose digits, from the Taylor series"""
    cdef floating term = exp(-2 * abs(x)), square = x * x, series = <floating> TANH_SERIES[0], one = 1
    cdef int k
    term = (one - term) / (one + term)
    for k in range(1, N_TANH_TERMS):
        series = series * square + <floating> TANH_SERIES[k]
    series = x + x * (square * series)
    return series if square < 0.0625 else (term if x >= 0 else -term)


cdef inline floating expm1(floating x) noexcept nogil:
    """exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2), which keeps the digits near 0"""
    cdef floating t = hyperbolic_tangent(x / 2)
    return 2 * t / (1 - t)


cdef inline floating normal_distribution(floating x) noexcept nogil:
    """(1 + erf(x / sqrt(2))) / 2, the distribution function of the standard normal distribution"""
    return <floating> 0.5 + <floating> 0.5 * error_function(x * <floating> SQRT_HALF)


cdef inline floating normal_density(floating x) noexcept nogil:
    """exp(-x**2 / 2) / sqrt(2 pi)"""
    return <floating> DENSITY_AT_0 * exp(x * x * <floating> -0.5)


cdef inline floating error_function(floating x) noexcept nogil:
    """erf(x), computed from its Taylor series near 0, and else from erfc"""
    cdef floating size = abs(x), square = x * x
    cdef floating series = <floating> ERF_SERIES[0], one = 1
    cdef floating numerator = <floating> ERFC_NUMERATOR[0], denominator = <floating> ERFC_DENOMINATOR[0]
    cdef int k
    for k in range(1, N_ERF_TERMS):
        series = series * square + <floating> ERF_SERIES[k]
    series = x + x * series
    size = <floating> 6 if size > 6 else size  # beyond, erf is 1 up to rounding
    for k in range(1, N_ERFC_TERMS):
        numerator = numerator * size + <floating> ERFC_NUMERATOR[k]
        denominator = denominator * size + <floating> ERFC_DENOMINATOR[k]
    size = one - exp(-(size * size)) * (numerator / denominator)
    return series if square < 0.25 else (size if x >= 0 else -size)


cdef inline floating cubic(floating x) noexcept nogil:
    """sqrt(8 / pi) (x + 0.044715 x**3): gelu_tanh(x) = x * (1 + tanh(cubic(x) / 2)) / 2 = x * logistic(cubic(x))"""
    x = bounded(x)
    return <floating> SQRT_8_OVER_PI * (x + <floating> 0.044715 * (x * x * x))


cdef inline floating cubic_derivative(floating x) noexcept nogil:
    """That of `cubic`"""
    x = bounded(x)
    return <floating> SQRT_8_OVER_PI * (1 + <floating> (3 * 0.044715) * (x * x))


cdef inline floating bounded(floating x) noexcept nogil:
    """x within [-24, 24], beyond which logistic(cubic(x)) is 0 or 1, and its derivative 0"""
    return <floating> -24 if x < -24 else (<floating> 24 if x > 24 else x)


cdef inline floating exponential(floating x) noexcept nogil:
    """exp(x); infinite where exp(-x) is below the smallest normal number"""
    cdef floating term = exp(-abs(x)), one = 1
    return one / term if x > 0 else term


cdef inline floating exp(floating x) noexcept nogil:
    """exp(x) for x <= 0"""
    if floating is float:
        return exp_float(x)
    else:
        return exp_double(x)
