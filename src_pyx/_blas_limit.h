/* The addresses of SciPy's BLAS, and its limit to one thread while a kernel may call it.

   Matrix products that several threads compute at once are safe, and have the same bits each time, only if BLAS itself
   uses one thread (OpenBLAS#4741, #5836). The limit applies to the whole process, so the threads at work are counted:
   the first call of a kernel sets it, each product sets it again if other code has changed it, and the last call
   restores the number that other code last asked for, unless that code has changed the limit since. */
#pragma once

static void *fastmlp_blas_sgemm = 0, *fastmlp_blas_dgemm = 0;
static int (*fastmlp_blas_get)(void) = 0;
static void (*fastmlp_blas_set)(int) = 0;
static int fastmlp_blas_users = 0;  /* threads that may call BLAS; changed with the GIL held */
static int fastmlp_blas_wanted = 1; /* what other code last asked for; written by any thread of a team */

static inline void fastmlp_blas_keep_one(void)
{
    const int now = fastmlp_blas_get();
    if (now != 1) {
        __atomic_store_n(&fastmlp_blas_wanted, now, __ATOMIC_RELAXED);
        fastmlp_blas_set(1);
    }
}

static inline void fastmlp_blas_hold(int n_users)
{
    fastmlp_blas_users += n_users;
    if (n_users > 0)
        fastmlp_blas_keep_one();
}

static inline void fastmlp_blas_release(int n_users)
{
    fastmlp_blas_users -= n_users;
    if (fastmlp_blas_users == 0) {
        if (fastmlp_blas_wanted != 1 && fastmlp_blas_get() == 1)
            fastmlp_blas_set(fastmlp_blas_wanted);
        fastmlp_blas_wanted = 1;
    }
}
