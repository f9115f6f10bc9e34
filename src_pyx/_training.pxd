"""One training step of a network, as far as its gradients or their update: one thread's share of it."""
from cython cimport floating
from libc.math cimport INFINITY, isfinite
from libc.string cimport memset

from _batch cimport Batch, row_weight
from _clipping cimport clip
from _elementwise cimport add
from _layers cimport affine_backward, apply_partials, weight_blocks
from _losses cimport CROSS_ENTROPY, Loss, n_scores as scores_of
from _network cimport (
    CHUNK_ROWS, Network, flat_size, forward_rows, inputs, kept_of_inputs, last_layer, loss_blocks, row_loss,
)
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer
from _products cimport FLAT_BLOCK, MAX_BLOCKS, Blocks, Share, cut, length, share_of, start, sum_of_blocks
from _tiles cimport PACKED_SIZE, uses_tiles

cdef enum:
    # a network whose flat buffers have at most so many elements is narrow, and takes so many rows at a time
    NARROW_SIZE = 8192
    NARROW_ROWS = 64


cdef inline bint is_narrow(const Network* net, Py_ssize_t n_rows) noexcept nogil:
    """Whether each thread takes rows of its own through the whole network and back, instead of a share of each layer.

    A product of a narrow network has too few elements to be shared, and its outputs too many rows to stay in cache.
    """
    return uses_tiles and n_rows > CHUNK_ROWS and flat_size(net) <= NARROW_SIZE


cdef inline bint train_batch(
    const Network* net, floating* params, floating* gradients, floating* arena, const Batch* batch,
    bint is_forward_done, const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """Compute the gradients of the batch, plus those of earlier batches, or apply them where an optimiser is given.

    A chunk of rows goes forward, unless that is done, and back before the next one, while its outputs are in cache, and
    its gradients are added to those of the chunks before. In a narrow network the rows are cut into blocks, each with
    a gradient of its own, which are added in the order of the blocks. A gradient that may be clipped is complete before
    it is applied.

    Returns whether the mean loss, without the regularisation, is finite; where it is not, nothing is applied.
    """
    cdef bint narrow = is_narrow(net, batch.n_rows), adds, is_last
    # the team that shares the blocks, and the team that shares the chunks of each
    cdef Thread alone = Thread(0, 1, NULL)
    cdef Thread across = thread if narrow else alone, within = alone if narrow else thread
    cdef Blocks blocks = loss_blocks(batch.n_rows) if narrow else Blocks(batch.n_rows, batch.n_rows, 1)
    cdef Py_ssize_t i, k, first, stop, n_rows, at, size = flat_size(net)
    cdef Py_ssize_t most = NARROW_ROWS if narrow else CHUNK_ROWS
    cdef floating* partials = arena + net.offsets.partials
    cdef floating* packed = arena + net.offsets.packed + thread.number * PACKED_SIZE
    cdef floating* dy
    cdef floating* dx
    cdef double* squares = net.sums + MAX_BLOCKS
    cdef bint clips = optimizer != NULL and batch.step.clip_norm != INFINITY
    cdef const Optimizer* at_once = optimizer  # applied to each part of the gradient as soon as that is there
    cdef Share share
    if clips:
        at_once = NULL
    for i in range(share_start(across, blocks.n), share_stop(across, blocks.n)):
        first, stop = start(&blocks, i), start(&blocks, i) + length(&blocks, i)
        while first < stop:
            n_rows, adds = min(most, stop - first), first > start(&blocks, i)
            is_last = not narrow and first + n_rows == stop
            # without a forward pass before, all chunks use the same rows of the arena, which stay in cache
            at = first if is_forward_done else start(&blocks, i)
            if not is_forward_done:
                forward_rows(net, params, arena, batch, first, n_rows, at, NULL, within)
            dy = arena + net.offsets.delta + at * net.offsets.widest
            dx = arena + net.offsets.next_delta + at * net.offsets.widest
            add_losses(net, arena, batch, i, first, n_rows, at, adds, dy, within)
            if is_last and optimizer != NULL and not isfinite(summed_loss(net, batch)):
                return False
            for k in range(net.n_layers - 1, -1, -1):
                affine_backward(
                    &net.layers[k], params, partials + i * size if narrow else gradients,
                    inputs(net, arena, batch, first, at, k), kept_of_inputs(net, arena, at, k), dy,
                    NULL if k == 0 else dx, batch, first, n_rows, adds,
                    squares + k * MAX_BLOCKS if is_last else NULL, at_once, packed, within,
                )
                dy, dx = dx, dy
            first += n_rows
    if narrow:
        barrier(thread)
        if optimizer != NULL and not isfinite(summed_loss(net, batch)):
            return False
        for k in range(net.n_layers):
            apply_partials(&net.layers[k], params, gradients, partials, size, blocks.n, batch, squares + k * MAX_BLOCKS,
                           at_once, thread)
        barrier(thread)
    if clips:
        clip(net, params, gradients, batch.step.clip_norm, optimizer, thread)
    if batch.earlier != NULL:
        share = share_of(thread, cut(size, size // FLAT_BLOCK))
        add(gradients + share.start, <const floating*> batch.earlier + share.start, share.n)
    return True


cdef inline void add_losses(
    const Network* net, const floating* arena, const Batch* batch, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n_rows,
    Py_ssize_t at, bint adds, floating* dlogits, Thread thread
) noexcept nogil:
    """Fill dlogits (n_rows, n_out), and add the losses and scores of the rows, weighted, to the sums from block i on.

    The rows are those of the batch from `first` on, in the rows of the arena from `at` on. Where this does not add, the
    sums are cleared before. Complete for every thread on return.
    """
    cdef Blocks blocks = loss_blocks(n_rows)
    cdef Py_ssize_t j, k, row
    cdef double* scores
    for j in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        scores, row = block_scores(net, i + j), start(&blocks, j)
        if not adds:
            net.sums[i + j] = 0
            for k in range(n_scores(net)):
                scores[k] = 0
        # two calls, since a loop with one loss alone is faster, and most networks have this one
        if net.loss == CROSS_ENTROPY:
            add_losses_of_rows(
                CROSS_ENTROPY, net, arena, batch, first + row, at + row, length(&blocks, j),
                dlogits + row * last_layer(net).n_out, net.sums + i + j, scores
            )
        else:
            add_losses_of_rows(
                net.loss, net, arena, batch, first + row, at + row, length(&blocks, j),
                dlogits + row * last_layer(net).n_out, net.sums + i + j, scores
            )
    barrier(thread)


cdef inline void add_losses_of_rows(
    Loss loss, const Network* net, const floating* arena, const Batch* batch, Py_ssize_t first, Py_ssize_t at,
    Py_ssize_t n_rows, floating* dlogits, double* total, double* scores
) noexcept nogil:
    """The same for one block of rows, whose weighted losses are added to the total."""
    cdef Py_ssize_t row, n_out = last_layer(net).n_out
    cdef double weight = 1
    for row in range(n_rows):
        if batch.weights != NULL:
            weight = row_weight(batch, first + row)
        if weight == 0:  # its loss does not count, finite or not
            memset(dlogits + row * n_out, 0, n_out * sizeof(floating))
            continue
        total[0] += weight * row_loss(loss, net, arena, at + row, batch, first + row, weight, batch.step.denominator,
                                      dlogits + row * n_out, scores)


cdef inline Py_ssize_t n_scores(const Network* net) noexcept nogil:
    return scores_of(net.loss, last_layer(net).n_out)


cdef inline double* block_scores(const Network* net, Py_ssize_t i) noexcept nogil:
    """The sums (n_scores,) of block i."""
    return net.sums + (2 + net.n_layers) * MAX_BLOCKS + i * n_scores(net)


cdef inline Py_ssize_t n_summed(const Network* net, const Batch* batch) noexcept nogil:
    """The number of blocks whose losses and scores are summed apart: all, or those of a chunk, over all chunks."""
    return loss_blocks(batch.n_rows if is_narrow(net, batch.n_rows) else min(batch.n_rows, <Py_ssize_t> CHUNK_ROWS)).n


cdef inline double summed_loss(const Network* net, const Batch* batch) noexcept nogil:
    """sum(loss) of the batch"""
    return sum_of_blocks(net.sums, n_summed(net, batch))


cdef inline void add_scores(const Network* net, const Batch* batch, double* scores) noexcept nogil:
    """scores (n_scores,) += those of the rows in the batch of the last `train_batch`"""
    cdef Py_ssize_t i, j
    for i in range(n_summed(net, batch)):
        for j in range(n_scores(net)):
            scores[j] += block_scores(net, i)[j]


cdef inline double mean_loss(const Network* net, const Batch* batch) noexcept nogil:
    """sum(loss) / denominator + 0.5 * l2 * sum(w**2) of the batch of the last `train_batch`, w before its update."""
    cdef double squares = 0
    cdef Py_ssize_t k
    if batch.step.l2 != 0:
        for k in range(net.n_layers):
            squares += sum_of_blocks(net.sums + (1 + k) * MAX_BLOCKS, weight_blocks(&net.layers[k], batch.n_rows).n)
    return summed_loss(net, batch) / batch.step.denominator + 0.5 * batch.step.l2 * squares
