"""The team of threads: its size, its barrier, and which share of a row of blocks a member computes."""


cdef extern from "_openmp.h" nogil:
    bint team_started "fastmlp_team_started"
    int team_size "fastmlp_team_size"(int wanted) noexcept
    int members "fastmlp_members"() noexcept
    int max_threads "fastmlp_max_threads"() noexcept
    int openmp_version "fastmlp_openmp_version"() noexcept
    void barrier "fastmlp_barrier"(int n_members) noexcept


cdef struct Member:
    # One member of a team, counted from 0; members beyond n_members have no share but meet the others at barriers.
    int number
    int n_members


cdef inline Py_ssize_t share_start(Member me, Py_ssize_t n_blocks) noexcept nogil:
    return 0 if me.n_members == 1 else min(n_blocks, n_blocks * me.number // me.n_members)


cdef inline Py_ssize_t share_stop(Member me, Py_ssize_t n_blocks) noexcept nogil:
    return n_blocks if me.n_members == 1 else min(n_blocks, n_blocks * (me.number + 1) // me.n_members)
