"""The training steps of an epoch, as many as a span of time holds: one member's share of them."""
from cpython.time cimport monotonic
from cython cimport floating
from libc.math cimport isfinite

from _layers cimport Layer
from _network cimport Network, Wanted, backward_member, count_correct, forward_member, mean_loss
from _openmp cimport Member, barrier
from _optimizers cimport ADAM, Optimizer, set_time_step
from _rows cimport Rows


cdef enum:
    # Parameters read or updated, each once for a row and once for an update, from one look at the clock to the next: a
    # few tenths of a millisecond, where a look after each batch of a tiny network would take a twentieth of its time.
    CLOCK_WORK = 1 << 20


cdef struct Epoch:
    # rows.order[:n_rows] is the order of the epoch; labels are those of all rows
    Rows rows
    const Py_ssize_t* labels
    Py_ssize_t n_rows
    Py_ssize_t batch_size
    double regularization
    # Adam's time step of the first batch, and by how much it grows from one to the next: 1, or 0
    Py_ssize_t time_step
    Py_ssize_t time_grows
    # What is done, written by the first member alone: rows, batches, those that were applied, the sum over rows of
    # their batch's loss, rows classified right, whether the last batch's loss was not finite, and whether to stop here.
    Py_ssize_t n_done
    Py_ssize_t n_batches
    Py_ssize_t n_updates
    double loss
    Py_ssize_t n_correct
    bint diverged
    bint paused
    # parameters that have been read or updated since the clock was looked at
    Py_ssize_t unclocked


cdef inline void train_member(
    const Network* net, floating* params, floating* gradients, floating* arena, Epoch* epoch,
    const Optimizer* optimizer, double deadline, Member me
) noexcept nogil:
    """Train on one batch after the other until the epoch or the time is over, or the loss is not finite."""
    cdef Optimizer now = optimizer[0]
    cdef Rows rows = epoch.rows
    cdef Wanted wanted = Wanted(epoch.labels, NULL, NULL)
    cdef floating* x = arena + net.room.x
    cdef Py_ssize_t at = epoch.n_done, batch = epoch.n_batches, n
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef Py_ssize_t n_parameters = last.b + last.n_out
    cdef bint applied
    while True:
        n = min(epoch.batch_size, epoch.n_rows - at)
        rows.order = wanted.order = epoch.rows.order + at
        if now.method == ADAM:
            set_time_step(&now, epoch.time_step + batch * epoch.time_grows)
        forward_member(net, params, arena, &rows, x, n, NULL, me)
        applied = backward_member(net, params, gradients, arena, x, &wanted, n, epoch.regularization, &now, me)
        at += n
        batch += 1
        if me.number == 0:
            epoch.n_updates += applied
            epoch.unclocked += (n + 1) * n_parameters
            finish_batch(epoch, n, mean_loss(net, n, epoch.regularization, sizeof(floating)), count_correct(net, n),
                         deadline)
        barrier(me)
        if epoch.paused:
            break


cdef inline void finish_batch(
    Epoch* epoch, Py_ssize_t n_rows, double loss, Py_ssize_t n_correct, double deadline
) noexcept nogil:
    epoch.n_done += n_rows
    epoch.n_batches += 1
    epoch.loss += loss * n_rows
    epoch.n_correct += n_correct
    epoch.diverged = not isfinite(loss)
    epoch.paused = epoch.diverged or epoch.n_done == epoch.n_rows
    if epoch.unclocked >= CLOCK_WORK:
        epoch.unclocked = 0
        epoch.paused |= monotonic() >= deadline
