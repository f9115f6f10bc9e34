/* The only file that touches OpenMP. Built without it, every team has one member. */
#ifndef FASTMLP_OPENMP_H
#define FASTMLP_OPENMP_H

/* Whether this process has ever started a team: libgomp's threads do not survive a fork, so a forked child must know. */
static int fastmlp_team_started = 0;

#ifdef _OPENMP
#include <omp.h>

/* A team that changes its size from one region to the next is rebuilt by libgomp each time (gcc's libgomp/team.c), so
   every calling thread keeps one size, the largest it has asked for; members that are not needed find no work. */
static inline int fastmlp_team_size(int wanted)
{
    static _Thread_local int size = 1;
    if (wanted > size)
        size = wanted;
    if (size > 1)
        __atomic_store_n(&fastmlp_team_started, 1, __ATOMIC_RELAXED); /* several threads may be here */
    return size;
}

static inline int fastmlp_openmp_version(void) { return _OPENMP; }
static inline int fastmlp_max_threads(void) { return omp_get_max_threads(); }
/* Where OpenMP binds threads to processors, the first thread is bound already, and its own affinity says one. */
static inline int fastmlp_bound_processors(void) { return omp_get_proc_bind() ? omp_get_num_procs() : 0; }
static inline int fastmlp_members(void) { return omp_get_num_threads(); }
#else
static inline int fastmlp_team_size(int wanted) { (void)wanted; return 1; }
static inline int fastmlp_openmp_version(void) { return 0; }
static inline int fastmlp_max_threads(void) { return 1; }
static inline int fastmlp_bound_processors(void) { return 0; }
static inline int fastmlp_members(void) { return 1; }
#endif

#endif
