/* The compiler and the vector instructions of this module. setup.py defines FASTMLP_BUILD and FASTMLP_FLAGS. */
#pragma once

#include <float.h>

/* Modes that setup.py has not prevented: sums would be reordered, NaN would be assumed not to occur, and so on. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) \
    || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "-ffast-math, or a part of it, changes results: take it out of CFLAGS, CC and the compiler's own configuration"
#endif
/* 0 and 16: each type is computed in its own precision */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "float and double would be computed in another type (-mfpmath=387): on 32-bit x86, add -msse2 to CFLAGS"
#endif
_Static_assert(sizeof(1.0) == sizeof(double), "-fsingle-precision-constant changes results: take it out of CFLAGS");

#if defined(__clang__)
#define FASTMLP_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define FASTMLP_COMPILER "gcc " __VERSION__
#else
#define FASTMLP_COMPILER "unknown"
#endif
#if defined(__AVX512F__)
#define FASTMLP_SIMD "AVX-512"
#elif defined(__AVX2__)
#define FASTMLP_SIMD "AVX2"
#elif defined(__SSE2__)
#define FASTMLP_SIMD "SSE2"
#elif defined(__ARM_NEON)
#define FASTMLP_SIMD "NEON"
#else
#define FASTMLP_SIMD "none"
#endif
