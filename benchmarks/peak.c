/* Multiply-adds that wait for nothing but each other's registers: what one core can compute at most. Each accumulator is
   a chain of its own; there are more of them than a core has multiply-adds in flight, and all fit into its registers. */
#include <stdint.h>

#if defined(__AVX512F__)
#define BYTES 64
#define CHAINS 24
#elif defined(__AVX__)
#define BYTES 32
#define CHAINS 12
#elif defined(__aarch64__)
#define BYTES 16
#define CHAINS 24
#else
#define BYTES 16
#define CHAINS 12
#endif

/* clang does not unroll by the other one: accumulators would be in memory */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

/* so that the compiler takes a variable for another one from here on; no instruction */
#if defined(__aarch64__)
#define RENEW(x) __asm__ volatile("" : "+w"(x))
#else
#define RENEW(x) __asm__ volatile("" : "+v"(x))
#endif

/* Does `terms` multiply-adds in each element of each chain; returns the number of operations. */
#define PEAK(real)                                                                                                     \
    typedef real real##s __attribute__((vector_size(BYTES)));                                                          \
    int64_t peak_##real(int64_t terms)                                                                                 \
    {                                                                                                                  \
        real##s factor = (real##s){0} + (real)0.5, sums[CHAINS] = {0};                                                 \
        for (int64_t t = 0; t < terms; t++) {                                                                          \
            UNROLL for (int i = 0; i < CHAINS; i++) {                                                                  \
                RENEW(factor); /* otherwise it would be multiplied once for all */                                     \
                sums[i] += factor * factor;                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        UNROLL for (int i = 0; i < CHAINS; i++) RENEW(sums[i]); /* otherwise nobody would need them */                 \
        return 2 * terms * CHAINS * (int64_t)(BYTES / sizeof(real));                                                   \
    }

PEAK(float)
PEAK(double)
