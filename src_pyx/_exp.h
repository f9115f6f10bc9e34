/* The exponential of x <= 0, without a branch or a call, so that a loop over it becomes vector instructions, and with the
   same bits for any width of them.

   x = n ln 2 + r with |r| <= ln(2) / 2, so exp(x) = 2**n exp(r), and exp(r) is Taylor's series up to where the rest is
   below rounding. ln 2 comes in two parts, the first of so few bits that its product with n is exact (Cody and Waite,
   Software Manual for the Elementary Functions, 1980, chapter 6). Adding 1.5 * 2**(bits of the significand - 1) rounds to
   an integer and leaves it in the lowest bits. Results below the smallest normal number are 0, and NaN stays NaN. */
#ifndef FASTMLP_EXP_H
#define FASTMLP_EXP_H

#include <stdint.h>
#include <string.h>

static inline float fastmlp_exp_float(float x)
{
    const float rounder = 12582912.0f, smallest = -87.33654f;
    float in_range = x < smallest ? smallest : x;
    float shifted = in_range * 1.44269504f + rounder;
    float n = shifted - rounder;
    float r = (in_range - n * 0.693359375f) - n * -2.12194440e-4f;
    float y = 1.0f / 5040;
    int32_t bits;
    float power;
    y = y * r + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)(((uint32_t)bits + 127) << 23);
    memcpy(&power, &bits, sizeof power);
    y *= power;
    return x < smallest ? 0 : y;
}

static inline double fastmlp_exp_double(double x)
{
    const double rounder = 6755399441055744.0, smallest = -708.3964185322641;
    double in_range = x < smallest ? smallest : x;
    double shifted = in_range * 1.4426950408889634 + rounder;
    double n = shifted - rounder;
    double r = (in_range - n * 0.693145751953125) - n * 1.42860682030941723212e-6;
    double y = 1.0 / 6227020800;
    int64_t bits;
    double power;
    y = y * r + 1.0 / 479001600;
    y = y * r + 1.0 / 39916800;
    y = y * r + 1.0 / 3628800;
    y = y * r + 1.0 / 362880;
    y = y * r + 1.0 / 40320;
    y = y * r + 1.0 / 5040;
    y = y * r + 1.0 / 720;
    y = y * r + 1.0 / 120;
    y = y * r + 1.0 / 24;
    y = y * r + 1.0 / 6;
    y = y * r + 0.5;
    y = y * r + 1.0;
    y = y * r + 1.0;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int64_t)(((uint64_t)bits + 1023) << 52);
    memcpy(&power, &bits, sizeof power);
    y *= power;
    return x < smallest ? 0 : y;
}

#endif
