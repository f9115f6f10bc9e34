/* The only file that touches OpenMP. Built without it, every team has one thread. */
#ifndef FASTMLP_OPENMP_H
#define FASTMLP_OPENMP_H

#include <pthread.h>

/* What each thread of a team does: it is given its number, from 0, and how many there are. */
typedef void (*fastmlp_work)(void *context, int number, int n_threads);

/* Size of the calling thread's team. A team that changes its size from one region to the next is rebuilt by libgomp each
   time (gcc's libgomp/team.c), so every calling thread keeps one size, the largest it has asked for; threads that are
   not needed find no work. */
static _Thread_local int fastmlp_team_size = 1;

#ifdef _OPENMP
#include <omp.h>

/* Not Cython's `with parallel`, whose threads ask for the GIL's state: after a subinterpreter, that ends the process. */
static inline void fastmlp_run_team(int wanted, fastmlp_work work, void *context)
{
    if (wanted == 1) {
        work(context, 0, 1);
        return;
    }
    if (wanted > fastmlp_team_size)
        fastmlp_team_size = wanted;
    #pragma omp parallel num_threads(fastmlp_team_size)
    work(context, omp_get_thread_num(), omp_get_num_threads());
}

static inline int fastmlp_openmp_version(void) { return _OPENMP; }
static inline int fastmlp_max_threads(void) { return omp_get_max_threads(); }
/* Where OpenMP binds threads to processors, the first thread is bound already, and its own affinity says one. */
static inline int fastmlp_bound_processors(void) { return omp_get_proc_bind() ? omp_get_num_procs() : 0; }
#else
static inline void fastmlp_run_team(int wanted, fastmlp_work work, void *context)
{
    (void)wanted;
    work(context, 0, 1);
}

static inline int fastmlp_openmp_version(void) { return 0; }
static inline int fastmlp_max_threads(void) { return 1; }
static inline int fastmlp_bound_processors(void) { return 0; }
#endif

static inline void *fastmlp_wait_for(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* Start the threads that the calling thread's team lacks, all at once, and end them again; 0, or the error of the one that
   could not be had. libgomp ends the process where it cannot start one of its own (gcc's libgomp/team.c). */
static inline int fastmlp_try_team(int wanted)
{
    int n = fastmlp_openmp_version() ? wanted - fastmlp_team_size : 0, n_started = 0, error = 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[64]; /* threads.MAX_THREADS */
    if (n <= 0)
        return 0;
    pthread_mutex_lock(&mutex);
    while (n_started < n && n_started < 64 && !(error = pthread_create(&threads[n_started], NULL, fastmlp_wait_for, &mutex)))
        n_started++;
    pthread_mutex_unlock(&mutex);
    while (n_started > 0)
        pthread_join(threads[--n_started], NULL);
    return error;
}

#endif
