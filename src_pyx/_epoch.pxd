"""The training steps of an epoch, until a deadline: one thread's share of them."""
from cpython.time cimport monotonic
from cython cimport floating
from libc.math cimport isfinite

from _batch cimport Batch, StepSettings
from _network cimport Network, flat_size
from _openmp cimport Thread, barrier
from _optimizers cimport Optimizer, set_step
from _training cimport add_scores, mean_loss, train_batch

cdef enum:
    # Parameters that are read or updated between two looks at the clock, counting each once for a row and once for an
    # update: a few tenths of a millisecond. A look after each batch of a tiny network would take 5 % of its time.
    CLOCK_WORK = 1 << 20


cdef struct EpochProgress:
    # what all batches share: X and the targets, the memory of x, and the dropout of the first one
    Batch batch
    # the rows to train on, in batches of batch_size, the last one perhaps shorter, and the settings of each step
    const Py_ssize_t* order
    Py_ssize_t n_rows
    Py_ssize_t batch_size
    const StepSettings* steps
    # Adam's time step of the first update, and its increment from one update to the next: 1, or 0
    Py_ssize_t time_step
    Py_ssize_t time_increment
    # Progress, written by the first thread alone: the number of rows and batches done, and of the batches applied; the
    # sums over these rows, by their weights, of their batch's loss and of their scores (n_scores,); whether the last
    # loss was not finite; and whether to stop here.
    Py_ssize_t n_done
    Py_ssize_t n_batches
    Py_ssize_t n_updates
    double loss
    double* scores
    bint diverged
    bint paused
    # parameters that have been read or updated since the last look at the clock
    Py_ssize_t unclocked


cdef inline void train_share(
    const Network* net, floating* params, floating* gradients, floating* arena, EpochProgress* epoch,
    const Optimizer* optimizer, double deadline, Thread thread
) noexcept nogil:
    """Train on one batch after the other until the epoch or the time is over, or the loss is not finite."""
    cdef Optimizer now = optimizer[0]
    cdef Batch batch = epoch.batch
    cdef Py_ssize_t at = epoch.n_done, i = epoch.n_batches, n_updates = epoch.n_updates
    cdef bint applied
    while True:
        batch.order, batch.n_ordered = epoch.order + at, epoch.n_rows - at
        batch.n_rows = min(epoch.batch_size, batch.n_ordered)
        batch.step = epoch.steps[i]
        batch.dropout.n_updates = epoch.batch.dropout.n_updates + n_updates
        set_step(&now, batch.step.learning_rate, epoch.time_step + n_updates * epoch.time_increment)
        if batch.step.denominator > 0:
            applied = train_batch(net, params, gradients, arena, &batch, False, &now, thread)
        else:  # all its rows weigh 0
            applied = False
            barrier(thread)  # all threads have read `paused` of the batch before, which the first one writes next
        at += batch.n_rows
        i += 1
        n_updates += applied
        if thread.number == 0:
            epoch.n_updates = n_updates
            finish_batch(epoch, net, &batch, deadline)
        barrier(thread)
        if epoch.paused:
            break


cdef inline void finish_batch(
    EpochProgress* epoch, const Network* net, const Batch* batch, double deadline
) noexcept nogil:
    """Add the batch to the epoch's progress, and decide whether to pause."""
    cdef double loss
    epoch.n_done += batch.n_rows
    epoch.n_batches += 1
    if batch.step.denominator > 0:
        loss = mean_loss(net, batch)
        epoch.loss += loss * batch.step.denominator
        add_scores(net, batch, epoch.scores)
        epoch.diverged = not isfinite(loss)
    epoch.paused = epoch.diverged or epoch.n_done == epoch.n_rows
    epoch.unclocked += (batch.n_rows + 1) * flat_size(net)
    if epoch.unclocked >= CLOCK_WORK:
        epoch.unclocked = 0
        epoch.paused |= monotonic() >= deadline
