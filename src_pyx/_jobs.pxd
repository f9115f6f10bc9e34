"""What one call of the kernels does, and the team that does it: the one place that starts a parallel region."""
from cython cimport floating

cimport _openmp as openmp
from _float_mode cimport FloatMode, flush_denormals, restore
from _layers cimport Layer
from _matmul cimport SMALL_WORK
from _network cimport Answers, Network, Wanted, backward_member, forward_member, predict_member
from _openmp cimport Member, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport Blocks, cut, length, start
from _rows cimport Rows
from _training cimport Epoch, train_member

cdef enum:
    # parameters that one member updates
    UPDATE_SIZE = 8192

cdef enum Task:
    FORWARD
    BACKWARD
    PREDICT
    TRAIN
    UPDATE


cdef struct Job:
    # what a call works on: the buffers and x are of one type, float or double
    bint single
    Network net
    void* params
    void* gradients
    void* arena
    void* x
    # what it does, and what that needs
    Task task
    const Rows* rows
    Py_ssize_t n_rows
    Wanted wanted
    double regularization
    bint tiled
    Answers answers
    Epoch* epoch
    double deadline
    const Optimizer* optimizer
    # seconds that the members have slept while they waited for each other
    double slept


cdef inline Py_ssize_t size_of(const Job* job) noexcept nogil:
    return sizeof(float) if job.single else sizeof(double)


cdef inline bint calls_blas(const Job* job) noexcept nogil:
    """Whether a product of this job may be too large for the loops of _matmul.pxd."""
    cdef const Layer* last
    if job.task == UPDATE:
        return False
    last = &job.net.layers[job.net.n_layers - 1]
    return <double> (job.epoch.batch_size if job.task == TRAIN else job.n_rows) * (last.b + last.n_out) > SMALL_WORK


cdef struct Team:
    const Job* job
    int n_members
    openmp.Barrier barrier


cdef inline void run_team(Job* job, int n_threads) noexcept nogil:
    """Do a job by so many threads, or by fewer where OpenMP has not got them."""
    cdef Team team
    job.slept = 0
    if n_threads == 1:
        run_member(job, Member(0, 1, NULL))
        return
    team.job, team.n_members = job, n_threads
    openmp.init(&team.barrier)
    openmp.run_team(n_threads, run_share, &team)
    job.slept = team.barrier.slept
    openmp.destroy(&team.barrier)


cdef inline void run_share(void* context, int number, int n_members) noexcept nogil:
    cdef Team* team = <Team*> context
    # the region may have got fewer members than it asked for, or more
    cdef Member me = Member(number, min(team.n_members, n_members), &team.barrier)
    if number < me.n_members:
        run_member(team.job, me)


cdef inline void run_member(const Job* job, Member me) noexcept nogil:
    if job.single:
        run_task(job, <float*> job.params, me)
    else:
        run_task(job, <double*> job.params, me)


cdef inline void run_task(const Job* job, floating* params, Member me) noexcept nogil:
    cdef FloatMode before = flush_denormals()
    cdef floating* gradients = <floating*> job.gradients
    cdef floating* arena = <floating*> job.arena
    cdef floating* x = <floating*> job.x
    if job.task == FORWARD:
        forward_member(&job.net, params, arena, job.rows, x, job.n_rows, NULL, me)
    elif job.task == BACKWARD:
        backward_member(&job.net, params, gradients, arena, x, &job.wanted, job.n_rows, job.regularization, NULL, me)
    elif job.task == PREDICT:
        predict_member(&job.net, params, arena, job.rows, x, job.n_rows, job.tiled, &job.answers, me)
    elif job.task == TRAIN:
        train_member(&job.net, params, gradients, arena, job.epoch, job.optimizer, job.deadline, me)
    else:
        update_member(job.optimizer, params, gradients, job.n_rows, me)
    restore(before)


cdef inline void update_member(
    const Optimizer* optimizer, floating* w, const floating* dw, Py_ssize_t n, Member me
) noexcept nogil:
    cdef Blocks blocks = cut(n, n // UPDATE_SIZE)
    cdef Py_ssize_t i, at
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        at = start(&blocks, i)
        update(optimizer, w + at, dw + at, at, length(&blocks, i))
