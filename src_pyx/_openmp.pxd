"""The team of threads: its size, its barrier, and which share of a row of blocks a member computes."""


cdef extern from "_openmp.h" nogil:
    ctypedef void (*Work "fastmlp_work")(void* context, int number, int n_members) noexcept
    void run_team "fastmlp_run_team"(int wanted, Work work, void* context) noexcept
    int try_team "fastmlp_try_team"(int wanted) noexcept
    int max_threads "fastmlp_max_threads"() noexcept
    int bound_processors "fastmlp_bound_processors"() noexcept
    int openmp_version "fastmlp_openmp_version"() noexcept


cdef extern from "_barrier.h" nogil:
    ctypedef struct Barrier "fastmlp_barrier":
        double slept
    void init "fastmlp_barrier_init"(Barrier* barrier) noexcept
    void destroy "fastmlp_barrier_destroy"(Barrier* barrier) noexcept
    void wait "fastmlp_barrier_wait"(Barrier* barrier, int n_members) noexcept


cdef struct Member:
    # one member of a team, counted from 0, and where it meets the others
    int number
    int n_members
    Barrier* barrier


cdef inline void barrier(Member me) noexcept nogil:
    """Wait until all members are here; not in a team of one."""
    if me.n_members > 1:
        wait(me.barrier, me.n_members)


cdef inline Py_ssize_t share_start(Member me, Py_ssize_t n_blocks) noexcept nogil:
    return 0 if me.n_members == 1 else n_blocks * me.number // me.n_members


cdef inline Py_ssize_t share_stop(Member me, Py_ssize_t n_blocks) noexcept nogil:
    return n_blocks if me.n_members == 1 else n_blocks * (me.number + 1) // me.n_members
