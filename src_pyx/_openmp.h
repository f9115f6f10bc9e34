/* The only file that touches OpenMP. Built without it, every team has one thread. */
#pragma once

#include <pthread.h>

/* The function that each thread of a team runs, with its number, counted from 0, and the number of threads. */
typedef void (*fastmlp_work)(void *context, int number, int n_threads);

/* The size of the calling thread's team. libgomp starts new threads whenever the size of a team changes from one region
   to the next (gcc's libgomp/team.c), so each calling thread keeps the largest size that it has asked for; the threads
   beyond the wanted number do nothing. */
static _Thread_local int fastmlp_team_size = 1;

#ifdef _OPENMP
#include <omp.h>
static inline int fastmlp_openmp_version(void) { return _OPENMP; }
/* The number of processors to which OpenMP binds threads, or 0. The affinity mask of the first thread, which is bound
   already, would say 1. */
static inline int fastmlp_bound_processors(void) { return omp_get_proc_bind() ? omp_get_num_procs() : 0; }
#else
static inline int omp_get_thread_num(void) { return 0; }
static inline int omp_get_num_threads(void) { return 1; }
static inline int omp_get_max_threads(void) { return 1; }
static inline int fastmlp_openmp_version(void) { return 0; }
static inline int fastmlp_bound_processors(void) { return 0; }
#endif

/* Not Cython's `with parallel`: its threads call PyGILState_Ensure, which aborts the process after a subinterpreter. */
static inline void fastmlp_run_team(int wanted, fastmlp_work work, void *context)
{
    if (wanted == 1) {
        work(context, 0, 1);
        return;
    }
    if (wanted > fastmlp_team_size)
        fastmlp_team_size = wanted;
#ifdef _OPENMP
    #pragma omp parallel num_threads(fastmlp_team_size)
#endif
    work(context, omp_get_thread_num(), omp_get_num_threads());
}

static inline void *fastmlp_wait_for(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* Check that the threads that the calling thread's team lacks can be started: start them all at once, and end them
   again. Returns 0, or the error of the thread that could not be started. libgomp ends the process if it cannot start a
   thread (gcc's libgomp/team.c). */
static inline int fastmlp_try_team(int wanted)
{
    int n = fastmlp_openmp_version() ? wanted - fastmlp_team_size : 0, n_started = 0, error = 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[64]; /* MAX_BLOCKS */
    if (n <= 0)
        return 0;
    pthread_mutex_lock(&mutex);
    while (n_started < n && n_started < 64
           && !(error = pthread_create(&threads[n_started], NULL, fastmlp_wait_for, &mutex)))
        n_started++;
    pthread_mutex_unlock(&mutex);
    while (n_started > 0)
        pthread_join(threads[--n_started], NULL);
    return error;
}
