/* exp(x) for x <= 0, without branches and calls: loops over it become vector instructions, with the same bits for
   vectors of any width.

   x = n ln 2 + r with |r| <= ln(2) / 2, so exp(x) = 2**n exp(r), and exp(r) is its Taylor polynomial of a degree at
   which the remainder is below rounding. ln 2 is given in two parts, the first of so few bits that its product with n
   is exact (Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6). Adding 1.5 * 2**(bits of
   the significand - 1) rounds to an integer and leaves it in the lowest bits. Results below the smallest normal number
   are 0, and NaN stays NaN. */
#ifndef FASTMLP_EXP_H
#define FASTMLP_EXP_H

#include <stdint.h>
#include <string.h>

/* 1 / k! for k = 0, 1, ..., 13 */
static const double fastmlp_inverse_factorials[] = {
    1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
    1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};

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
            0.693145751953125, 1.42860682030941723212e-6)

#endif
