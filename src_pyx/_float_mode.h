/* Denormal numbers taken for zero while a kernel runs. A moment that fades away passes through them on its way to 0, and
   most processors compute with them a hundred times slower. The mode belongs to a thread; it is put back as it was. */
#ifndef FASTMLP_FLOAT_MODE_H
#define FASTMLP_FLOAT_MODE_H

#if defined(__SSE2__)
#include <xmmintrin.h>

typedef unsigned int fastmlp_float_mode;

static inline fastmlp_float_mode fastmlp_flush_denormals(void)
{
    fastmlp_float_mode before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* flush to zero, denormals are zero */
    return before;
}

static inline void fastmlp_restore_float_mode(fastmlp_float_mode before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
typedef unsigned long fastmlp_float_mode;

static inline fastmlp_float_mode fastmlp_flush_denormals(void)
{
    fastmlp_float_mode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (1ul << 24)));
    return before;
}

static inline void fastmlp_restore_float_mode(fastmlp_float_mode before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}
#else
typedef int fastmlp_float_mode;
static inline fastmlp_float_mode fastmlp_flush_denormals(void) { return 0; }
static inline void fastmlp_restore_float_mode(fastmlp_float_mode before) { (void)before; }
#endif

#endif
