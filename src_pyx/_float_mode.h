/* Denormal numbers are taken for zero while a kernel runs. A moment that decays passes through them on its way to 0,
   and most processors compute with them a hundred times slower. The mode belongs to a thread; it is restored
   afterwards. */
#pragma once

/* The thread's control register, and its bits that flush denormal results and operands to zero. */
#if defined(__SSE2__)
#include <xmmintrin.h>
#define FASTMLP_FLUSH 0x8040
static inline unsigned long fastmlp_float_mode(void) { return _mm_getcsr(); }
static inline void fastmlp_set_float_mode(unsigned long mode) { _mm_setcsr((unsigned int)mode); }
#elif defined(__aarch64__)
#define FASTMLP_FLUSH (1ul << 24)
static inline unsigned long fastmlp_float_mode(void)
{
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void fastmlp_set_float_mode(unsigned long mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
#define FASTMLP_FLUSH 0
static inline unsigned long fastmlp_float_mode(void) { return 0; }
static inline void fastmlp_set_float_mode(unsigned long mode) { (void)mode; }
#endif

static inline unsigned long fastmlp_flush_denormals(void)
{
    unsigned long before = fastmlp_float_mode();
    fastmlp_set_float_mode(before | FASTMLP_FLUSH);
    return before;
}
