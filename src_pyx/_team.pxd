"""What one call of the kernels does, and what each thread of its team does of it."""
from cython cimport floating

from _batch cimport Batch
from _epoch cimport Epoch, train_share
from _float_mode cimport FloatMode, flush_denormals, restore
from _matmul cimport SMALL_WORK
from _network cimport (
    Network, PredictOutputs, backward_batch, flat_size, forward_batch, parameter_blocks, predict_batch,
)
from _openmp cimport Barrier, Thread, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport Blocks, length, start

cdef enum Task:
    FORWARD
    BACKWARD
    PREDICT
    TRAIN
    UPDATE


cdef struct Job:
    # what a call works on: buffers of one type, float or double, with so many parameters
    bint single
    Network net
    void* params
    void* gradients
    void* arena
    Py_ssize_t n_parameters
    # what it does, and what that needs
    Task task
    Batch batch
    bint tiled
    PredictOutputs predictions
    Epoch* epoch
    double deadline
    const Optimizer* optimizer
    # who does it, and how many seconds they have slept while they waited for each other
    int n_threads
    Barrier* barrier
    double slept


cdef inline Py_ssize_t size_of(const Job* job) noexcept nogil:
    return sizeof(float) if job.single else sizeof(double)


cdef inline bint calls_blas(const Job* job) noexcept nogil:
    """Whether a product of this job may be too large for the loops of _matmul.pxd."""
    if job.task == UPDATE:
        return False
    return <double> (
        job.epoch.batch_size if job.task == TRAIN else job.batch.n_rows
    ) * flat_size(&job.net) > SMALL_WORK


cdef inline void run_thread(void* context, int number, int n_threads) noexcept nogil:
    """One thread's share of a job."""
    cdef Job* job = <Job*> context
    # the region may have got fewer threads than it asked for, or more
    cdef Thread thread = Thread(number, min(job.n_threads, n_threads), job.barrier)
    if number >= thread.n_threads:
        return
    if job.single:
        run_task(job, <float*> job.params, thread)
    else:
        run_task(job, <double*> job.params, thread)


cdef inline void run_task(const Job* job, floating* params, Thread thread) noexcept nogil:
    cdef FloatMode before = flush_denormals()
    cdef floating* gradients = <floating*> job.gradients
    cdef floating* arena = <floating*> job.arena
    if job.task == FORWARD:
        forward_batch(&job.net, params, arena, &job.batch, NULL, thread)
    elif job.task == BACKWARD:
        backward_batch(&job.net, params, gradients, arena, &job.batch, NULL, thread)
    elif job.task == PREDICT:
        predict_batch(&job.net, params, arena, &job.batch, job.tiled, &job.predictions, thread)
    elif job.task == TRAIN:
        train_share(&job.net, params, gradients, arena, job.epoch, job.optimizer, job.deadline, thread)
    else:
        update_share(job.optimizer, params, gradients, job.n_parameters, thread)
    restore(before)


cdef inline void update_share(
    const Optimizer* optimizer, floating* w, const floating* dw, Py_ssize_t n, Thread thread
) noexcept nogil:
    cdef Blocks blocks = parameter_blocks(n)
    cdef Py_ssize_t i, at
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        at = start(&blocks, i)
        update(optimizer, w + at, dw + at, at, length(&blocks, i))
