"""A call of the kernels, the Job, and each thread's share of it."""
from cython cimport floating

from _batch cimport Batch
from _clipping cimport clip
from _epoch cimport EpochProgress, train_share
from _float_mode cimport flush_denormals, restore
from _matmul cimport SMALL_WORK
from _network cimport Network, flat_size, forward_batch
from _openmp cimport Barrier, Thread, barrier
from _optimizers cimport Optimizer, update
from _products cimport FLAT_BLOCK, Share, cut, share_of
from _tiles cimport uses_tiles
from _training cimport train_batch

cdef enum Task:
    FORWARD
    BACKWARD
    TRAIN
    CLIP
    UPDATE


cdef struct Job:
    # the buffers of a network, float or double, and the number of parameters
    Network net
    void* params
    void* gradients
    void* arena
    Py_ssize_t n_parameters
    # what to do, and its arguments; in training, batch.n_rows is that of the largest batch
    Task task
    Batch batch
    EpochProgress* epoch
    double deadline
    const Optimizer* optimizer
    # the team, and how many seconds its threads have slept while they waited for each other
    int n_threads
    Barrier* barrier
    double slept


cdef inline bint calls_blas(const Job* job) noexcept nogil:
    """Whether BLAS may compute a product of this job: one that is not small (_matmul.pxd)."""
    cdef bint multiplies = not uses_tiles and job.task not in (CLIP, UPDATE)
    return multiplies and <double> job.batch.n_rows * flat_size(&job.net) > SMALL_WORK


cdef inline void run_thread(void* context, int number, int n_threads) noexcept nogil:
    """One thread's share of a job."""
    cdef Job* job = <Job*> context
    # the parallel region may have fewer threads than it asked for, or more
    cdef Thread thread = Thread(number, min(job.n_threads, n_threads), job.barrier)
    if number >= thread.n_threads:
        return
    if job.net.itemsize == sizeof(float):
        run_task(job, <float*> job.params, thread)
    else:
        run_task(job, <double*> job.params, thread)


cdef inline void run_task(const Job* job, floating* params, Thread thread) noexcept nogil:
    """run_thread for float or double."""
    cdef unsigned long before = flush_denormals()
    cdef floating* gradients = <floating*> job.gradients
    cdef floating* arena = <floating*> job.arena
    cdef Share share
    if job.task == FORWARD:
        forward_batch(&job.net, params, arena, &job.batch, thread)
    elif job.task == BACKWARD:
        train_batch(&job.net, params, gradients, arena, &job.batch, True, NULL, thread)
    elif job.task == TRAIN:
        train_share(&job.net, params, gradients, arena, job.epoch, job.optimizer, job.deadline, thread)
    elif job.task == CLIP:
        clip(&job.net, params, gradients, job.batch.step.clip_norm, NULL, thread)
    else:
        share = share_of(thread, cut(job.n_parameters, job.n_parameters // FLAT_BLOCK))
        update(job.optimizer, params + share.start, gradients + share.start, share.start, share.n)
    barrier(thread)  # at the end of the region OpenMP would wait, without a count of the time, and without sleep
    restore(before)
