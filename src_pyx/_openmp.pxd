"""The team of threads: its size, its barrier, and each thread's share of the blocks of a step."""


cdef extern from "_openmp.h" nogil:
    ctypedef void (*Work "fastmlp_work")(void* context, int number, int n_threads) noexcept
    void run_team "fastmlp_run_team"(int wanted, Work work, void* context) noexcept
    int try_team "fastmlp_try_team"(int wanted) noexcept
    int max_threads "omp_get_max_threads"() noexcept
    int bound_processors "fastmlp_bound_processors"() noexcept
    int openmp_version "fastmlp_openmp_version"() noexcept


cdef extern from "_barrier.h" nogil:
    ctypedef struct Barrier "fastmlp_barrier":
        double slept
    void init "fastmlp_barrier_init"(Barrier* barrier) noexcept
    void destroy "fastmlp_barrier_destroy"(Barrier* barrier) noexcept
    void wait "fastmlp_barrier_wait"(Barrier* barrier, int n_threads) noexcept


cdef struct Thread:
    # its number in the team, counted from 0, the size of the team, and its barrier
    int number
    int n_threads
    Barrier* barrier


cdef inline void barrier(Thread thread) noexcept nogil:
    """Wait until all threads of the team have reached the barrier."""
    if thread.n_threads > 1:
        wait(thread.barrier, thread.n_threads)


cdef inline Py_ssize_t share_start(Thread thread, Py_ssize_t n_blocks) noexcept nogil:
    return 0 if thread.n_threads == 1 else n_blocks * thread.number // thread.n_threads


cdef inline Py_ssize_t share_stop(Thread thread, Py_ssize_t n_blocks) noexcept nogil:
    return n_blocks if thread.n_threads == 1 else n_blocks * (thread.number + 1) // thread.n_threads
