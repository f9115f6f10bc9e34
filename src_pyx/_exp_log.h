/* exp(x) for x <= 0 and log1p(x) for x >= 0, in plain arithmetic without branches and calls: the same bits with every
   compiler and C library, and loops over them become vector instructions, with the same bits for vectors of any width.

   exp: x = n ln 2 + r with |r| <= ln(2) / 2, so exp(x) = 2**n exp(r), and exp(r) is its Taylor polynomial of a degree at
   which the remainder is below rounding. ln 2 is given in two parts, the first of so few bits that its product with n
   is exact (Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6). Adding 1.5 * 2**(bits of
   the significand - 1) rounds to an integer and leaves it in the lowest bits. Results below the smallest normal number
   are 0, and NaN stays NaN.

   log1p: 1 + x is sum + rest exactly, where sum is rounded, and its logarithm is log(sum) + rest / sum up to rounding.
   sum = 2**n m with m between sqrt(1/2) and sqrt(2), so log(sum) = n ln 2 + log(m), with ln 2 in two parts as above (Cody
   and Waite, chapter 5). With f = m - 1 and s = f / (2 + f), log(m) = 2 (s + s**3 / 3 + s**5 / 5 + ...) (Abramowitz and
   Stegun, 4.1.27), cut off where the remainder is below rounding. Its first term is 2 s = f - s f, whose larger part, f,
   is exact. The error is below 1 unit in the last place. Infinity and NaN stay. */
#pragma once

#include <float.h>
#include <stdint.h>
#include <string.h>

/* 1 / k! for k = 0, 1, ..., 13 */
static const double fastmlp_inverse_factorials[] = {
    1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
    1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};

#define FASTMLP_LN2 0.693145751953125
#define FASTMLP_LN2_REST 1.42860682030941723212e-6

#define FASTMLP_EXP(name, real, integer, bias, digits, degree, rounder, smallest, ln2, ln2_rest)                       \
    static inline real name(real x)                                                                                    \
    {                                                                                                                  \
        real in_range = x < smallest ? smallest : x;                                                                   \
        real shifted = in_range * (real)1.4426950408889634 + rounder;                                                  \
        real n = shifted - rounder;                                                                                    \
        real r = (in_range - n * ln2) - n * ln2_rest;                                                                  \
        real y = (real)fastmlp_inverse_factorials[degree];                                                             \
        real power;                                                                                                    \
        integer bits;                                                                                                  \
        for (int k = degree - 1; k >= 0; k--)                                                                          \
            y = y * r + (real)fastmlp_inverse_factorials[k];                                                           \
        memcpy(&bits, &shifted, sizeof bits);                                                                          \
        bits = (bits + bias) << digits; /* 2**n: the exponent alone */                                                 \
        memcpy(&power, &bits, sizeof power);                                                                           \
        y *= power;                                                                                                    \
        return x < smallest ? 0 : y;                                                                                   \
    }

FASTMLP_EXP(fastmlp_exp_float, float, uint32_t, 127, 23, 7, 12582912.0f, -87.33654f, 0.693359375f, -2.12194440e-4f)
FASTMLP_EXP(fastmlp_exp_double, double, uint64_t, 1023, 52, 13, 6755399441055744.0, -708.3964185322641,
            FASTMLP_LN2, FASTMLP_LN2_REST)

/* 2 / k for k = 3, 5, ..., 21 */
static const double fastmlp_log_series[] = {
    2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};

static inline double fastmlp_log1p(double x)
{
    double sum = 1 + x, x_there = sum - 1;
    double rest = (1 - (sum - x_there)) + (x - x_there); /* Knuth, as in _activations.pxd */
    double n, m, f, s, y, series = 0;
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    n = (double)((int)(bits >> 52) - 1023);
    bits = (bits & 0xfffffffffffff) | (uint64_t)1023 << 52; /* the exponent of 1 */
    memcpy(&m, &bits, sizeof m);
    n = m > 1.4142135623730951 ? n + 1 : n;
    m = m > 1.4142135623730951 ? m / 2 : m;
    f = m - 1;
    s = f / (2 + f);
    for (int k = 9; k >= 0; k--)
        series = (series + fastmlp_log_series[k]) * (s * s);
    y = n * FASTMLP_LN2 + (f - (s * (f - series) - (n * FASTMLP_LN2_REST + rest / sum)));
    return x <= DBL_MAX ? y : x;
}
