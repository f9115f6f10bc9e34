/* The limit of SciPy's BLAS to one thread while a kernel runs.

   Matrix products that several threads compute at once are safe, and have the same bits each time, only if BLAS itself
   uses one thread (OpenBLAS#4741, #5836). The limit applies to the whole process, so the running kernels are counted:
   the first one sets it, each product sets it again if other code has changed it, and the last one restores the number
   that other code last asked for, unless that code has changed the limit since. */
#ifndef FASTMLP_BLAS_LIMIT_H
#define FASTMLP_BLAS_LIMIT_H

static int (*fastmlp_blas_get)(void) = 0;
static void (*fastmlp_blas_set)(int) = 0;
static int fastmlp_blas_holders = 0; /* running kernels; changed with the GIL held */
static int fastmlp_blas_wanted = 1;  /* what other code last asked for; written by any thread of a team */

static inline void fastmlp_blas_keep_one(void)
{
    int now;
    if (fastmlp_blas_get && (now = fastmlp_blas_get()) != 1) {
        __atomic_store_n(&fastmlp_blas_wanted, now, __ATOMIC_RELAXED);
        fastmlp_blas_set(1);
    }
}

static inline void fastmlp_blas_hold(void)
{
    if (fastmlp_blas_holders++ == 0)
        __atomic_store_n(&fastmlp_blas_wanted, 1, __ATOMIC_RELAXED);
    fastmlp_blas_keep_one();
}

static inline void fastmlp_blas_release(void)
{
    int wanted = __atomic_load_n(&fastmlp_blas_wanted, __ATOMIC_RELAXED);
    if (--fastmlp_blas_holders == 0 && wanted != 1 && fastmlp_blas_get() == 1)
        fastmlp_blas_set(wanted);
}

/* A child forked while another thread ran a kernel inherits that thread's hold, but not the thread. */
static inline void fastmlp_blas_forget(void)
{
    if (fastmlp_blas_holders > 0) {
        fastmlp_blas_holders = 1;
        fastmlp_blas_release();
    }
}

#endif
