/* Who may use the threads of SciPy's BLAS while a kernel runs.

   A matrix product called from several threads is safe, and gives the same bits each time, only while BLAS itself uses
   one thread (OpenBLAS#4741, #5836). The limit belongs to the whole process, so it is counted: the first kernel under
   way sets it, each product looks again in case somebody lifted it, and the last one out restores what the others had
   last asked for, unless somebody has changed it since. */
#ifndef FASTMLP_BLAS_LIMIT_H
#define FASTMLP_BLAS_LIMIT_H

static int (*fastmlp_blas_get)(void) = 0;
static void (*fastmlp_blas_set)(int) = 0;
static int fastmlp_blas_holders = 0; /* kernels under way; changed with the GIL held */
static int fastmlp_blas_wanted = 1;  /* what everybody else last asked for; written by any member of a team */

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
