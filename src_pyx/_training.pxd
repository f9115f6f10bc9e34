"""One training step of a network, as far as its gradients or their update: one thread's share of it."""
from cython cimport floating
from libc.math cimport isfinite
from libc.string cimport memset

from _batch cimport Batch
from _layers cimport add_gradients, apply_partials
from _network cimport (
    CHUNK_ROWS, Network, add_earlier, add_losses, backward_batch, clear_sums, flat_size, forward_batch, forward_rows,
    inputs, loss_blocks, sum_of_blocks,
)
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer
from _products cimport MAX_BLOCKS, Blocks, length, start
from _tiles cimport PACKED_SIZE, uses_tiles

cdef enum:
    # a network whose flat buffers have at most so many elements is narrow, and takes so many rows at a time
    NARROW_SIZE = 8192
    NARROW_ROWS = 64


cdef inline bint train_batch(
    const Network* net, floating* params, floating* gradients, floating* arena, const Batch* batch,
    bint is_forward_done, const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """Compute the gradients of the batch, after `forward_batch` where that is done; see `backward_batch`."""
    if is_narrow(net, batch.n_rows):
        return train_narrow(net, params, gradients, arena, batch, is_forward_done, optimizer, thread)
    if not is_forward_done:
        forward_batch(net, params, arena, batch, thread)
    return backward_batch(net, params, gradients, arena, batch, optimizer, thread)


cdef inline bint is_narrow(const Network* net, Py_ssize_t n_rows) noexcept nogil:
    """Whether each thread takes blocks of rows through the whole network and back, instead of a share of each layer.

    A product of a narrow network has too few elements to be shared, and its outputs too many rows to stay in cache.
    """
    return uses_tiles and n_rows > CHUNK_ROWS and flat_size(net) <= NARROW_SIZE


cdef inline bint train_narrow(
    const Network* net, floating* params, floating* gradients, floating* arena, const Batch* batch,
    bint is_forward_done, const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """`train_batch` of a narrow network.

    The gradient is summed over the rows of each block, and then over the blocks, in order.
    """
    cdef Blocks blocks = loss_blocks(batch.n_rows)
    cdef Thread alone = Thread(0, 1, NULL)
    cdef Py_ssize_t i, k, first, stop, n_rows, at, size = flat_size(net)
    cdef floating* partials = arena + net.offsets.partials
    cdef floating* packed = arena + net.offsets.packed + thread.number * PACKED_SIZE
    cdef floating* dy
    cdef floating* dx
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        first, stop = start(&blocks, i), start(&blocks, i) + length(&blocks, i)
        clear_sums(net, i)
        memset(partials + i * size, 0, size * sizeof(floating))
        while first < stop:
            n_rows = min(<Py_ssize_t> NARROW_ROWS, stop - first)
            # without a forward pass before, all rows of a block use the same rows of the arena, which stay in cache
            at = first if is_forward_done else start(&blocks, i)
            if not is_forward_done:
                forward_rows(net, params, arena, batch, first, n_rows, at, NULL, alone)
            dy = arena + net.offsets.delta + at * net.offsets.widest
            dx = arena + net.offsets.next_delta + at * net.offsets.widest
            add_losses(net, arena, batch, i, first, n_rows, at, dy)
            for k in range(net.n_layers - 1, -1, -1):
                add_gradients(&net.layers[k], params + net.layers[k].w, partials + i * size,
                              inputs(net, arena, batch, first, at, k), dy, NULL if k == 0 else dx, n_rows, packed)
                dy, dx = dx, dy
            first += n_rows
    barrier(thread)
    if optimizer != NULL and not isfinite(sum_of_blocks(net.sums, blocks.n)):
        return False
    for k in range(net.n_layers):
        apply_partials(&net.layers[k], params, gradients, partials, size, blocks.n, batch.n_rows, batch.step.l2,
                       net.sums + (1 + k) * MAX_BLOCKS, optimizer, thread)
    barrier(thread)
    add_earlier(net, gradients, batch, thread)
    return True
