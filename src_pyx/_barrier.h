/* The barrier of a team.

   libgomp's own barrier spins for milliseconds before it sleeps. Where another process uses one of the cores, a thread
   of the team that was preempted there can only continue on a core that becomes idle, and none does while the others
   spin: training on two cores, one of them busy, was ten times slower than on one thread. This barrier spins for about
   as long as it takes to wake a thread, which is longer than the threads of an undisturbed team wait for each other,
   and then sleeps. */
#pragma once

#include <pthread.h>
#include <time.h>

/* How long to spin, in seconds, and how many times between two looks at the clock. */
#define FASTMLP_SPIN 1e-4
#define FASTMLP_SPINS 64

typedef struct {
    int arrived;
    int phase; /* the number of times that all have arrived */
    int asleep;
    double slept; /* seconds, summed over the threads */
    pthread_mutex_t mutex;
    pthread_cond_t met;
} __attribute__((aligned(64))) fastmlp_barrier; /* shares no cache line with other data */

static inline void fastmlp_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static inline void fastmlp_barrier_init(fastmlp_barrier *barrier)
{
    *barrier = (fastmlp_barrier){.mutex = PTHREAD_MUTEX_INITIALIZER, .met = PTHREAD_COND_INITIALIZER};
}

static inline void fastmlp_barrier_destroy(fastmlp_barrier *barrier)
{
    pthread_cond_destroy(&barrier->met);
    pthread_mutex_destroy(&barrier->mutex);
}

static inline double fastmlp_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

static inline void fastmlp_barrier_wait(fastmlp_barrier *barrier, int n_threads)
{
    int phase = __atomic_load_n(&barrier->phase, __ATOMIC_RELAXED);
    double start, now;
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == n_threads) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        /* sequentially consistent: either the last thread sees that another sleeps, or that one sees the new phase */
        __atomic_store_n(&barrier->phase, phase + 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&barrier->asleep, __ATOMIC_SEQ_CST)) {
            pthread_mutex_lock(&barrier->mutex);
            pthread_cond_broadcast(&barrier->met);
            pthread_mutex_unlock(&barrier->mutex);
        }
        return;
    }
    start = 0;
    do {
        for (int i = 0; i < FASTMLP_SPINS; i++) {
            if (__atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE) != phase)
                return;
            fastmlp_pause();
        }
        now = fastmlp_clock();
        start = start == 0 ? now : start;
    } while (now - start < FASTMLP_SPIN);
    pthread_mutex_lock(&barrier->mutex);
    __atomic_add_fetch(&barrier->asleep, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&barrier->phase, __ATOMIC_SEQ_CST) == phase)
        pthread_cond_wait(&barrier->met, &barrier->mutex);
    __atomic_sub_fetch(&barrier->asleep, 1, __ATOMIC_SEQ_CST);
    barrier->slept += fastmlp_clock() - now;
    pthread_mutex_unlock(&barrier->mutex);
}
