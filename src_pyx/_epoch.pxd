"""The training steps of an epoch, as many as a span of time holds: one thread's share of them."""
from cpython.time cimport monotonic
from cython cimport floating
from libc.math cimport isfinite

from _batch cimport Batch, StepSettings
from _network cimport Network, backward_batch, flat_size, forward_batch, mean_loss, score_sum
from _openmp cimport Thread, barrier
from _optimizers cimport Optimizer, set_step
from _rows cimport Rows

cdef enum:
    # Parameters read or updated, each once for a row and once for an update, from one look at the clock to the next: a
    # few tenths of a millisecond, where a look after each batch of a tiny network would take a twentieth of its time.
    CLOCK_WORK = 1 << 20


cdef struct Epoch:
    # the rows of order[:n_rows] in batches of batch_size, the last one perhaps shorter, with the settings of each step
    Rows rows
    const Py_ssize_t* order
    const void* targets
    Py_ssize_t n_rows
    Py_ssize_t batch_size
    const StepSettings* steps
    # Adam's time step of the first batch, and by how much it grows from one to the next: 1, or 0
    Py_ssize_t time_step
    Py_ssize_t time_increment
    # What is done, written by the first thread alone: rows, batches, those that were applied, the sums over rows of
    # their batch's loss and of their scores, whether the last batch's loss was not finite, and whether to stop here.
    Py_ssize_t n_done
    Py_ssize_t n_batches
    Py_ssize_t n_updates
    double loss
    double score
    bint diverged
    bint paused
    # parameters that have been read or updated since the clock was looked at
    Py_ssize_t unclocked


cdef inline void train_share(
    const Network* net, floating* params, floating* gradients, floating* arena, Epoch* epoch,
    const Optimizer* optimizer, double deadline, Thread thread
) noexcept nogil:
    """Train on one batch after the other until the epoch or the time is over, or the loss is not finite."""
    cdef Optimizer now = optimizer[0]
    cdef Batch batch
    cdef Py_ssize_t at = epoch.n_done, i = epoch.n_batches
    cdef bint applied
    batch.rows, batch.x, batch.targets, batch.earlier = &epoch.rows, arena + net.offsets.x, epoch.targets, NULL
    while True:
        batch.n_rows, batch.order = min(epoch.batch_size, epoch.n_rows - at), epoch.order + at
        batch.step = epoch.steps[i]
        set_step(&now, batch.step.learning_rate, epoch.time_step + i * epoch.time_increment)
        applied = batch.step.denominator != 0
        if applied:
            forward_batch(net, params, arena, &batch, NULL, thread)
            applied = backward_batch(net, params, gradients, arena, &batch, &now, thread)
        at += batch.n_rows
        i += 1
        if thread.number == 0:
            epoch.n_updates += applied
            epoch.unclocked += (batch.n_rows + 1) * flat_size(net)
            finish_batch(epoch, net, &batch, sizeof(floating), deadline)
        barrier(thread)
        if epoch.paused:
            break


cdef inline void finish_batch(
    Epoch* epoch, const Network* net, const Batch* batch, size_t itemsize, double deadline
) noexcept nogil:
    """Add the batch to what is done."""
    cdef double loss
    epoch.n_done += batch.n_rows
    epoch.n_batches += 1
    if batch.step.denominator != 0:
        loss = mean_loss(net, batch, itemsize)
        epoch.loss += loss * batch.step.denominator
        epoch.score += score_sum(net, batch)
        epoch.diverged = not isfinite(loss)
    epoch.paused = epoch.diverged or epoch.n_done == epoch.n_rows
    if epoch.unclocked >= CLOCK_WORK:
        epoch.unclocked = 0
        epoch.paused |= monotonic() >= deadline
