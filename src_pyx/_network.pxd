"""The forward and backward pass of a whole network: one thread's share of them, and the loss of the batch."""
from cython cimport floating
from libc.math cimport isfinite
from libc.string cimport memcpy

from _activations cimport SOFTMAX, Activation, activate, softmax
from _batch cimport Batch, Predictions
from _elementwise cimport add
from _layers cimport Layer, affine_backward, affine_forward, weight_blocks
from _losses cimport Loss, argmax, loss_and_grad_row, takes_labels
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer
from _products cimport MAX_BLOCKS, Blocks, cut, length, start
from _rows cimport gather

cdef enum:
    # A batch of more rows is taken forward in chunks of this many, each by one thread through all layers, so that the
    # outputs of a layer are still in cache when the next layer reads them. Prediction uses the same chunks, and so gets
    # the same bits.
    CHUNK_ROWS = 512
    # rows in a block of the output activation and the loss, and in a block that is gathered
    LOSS_ROWS = 64
    GATHER_ROWS = 16
    # parameters in a block that is updated, or to which the gradients of earlier batches are added
    UPDATE_SIZE = 8192


cdef struct ArenaOffsets:
    # Where the parts of the arena start, besides each layer's y: the gathered x (n_rows, n_in); the outputs
    # (n_rows, n_out); the two values that softmax also gives of each row; two buffers (n_rows, widest) for dy and dx;
    # the threads' scratch for packing; and the gradients of blocks of rows, for narrow networks. Last, the number of
    # outputs of the widest layer.
    Py_ssize_t x
    Py_ssize_t outputs
    Py_ssize_t row_max
    Py_ssize_t log_sum
    Py_ssize_t delta
    Py_ssize_t next_delta
    Py_ssize_t packed
    Py_ssize_t partials
    Py_ssize_t widest


cdef struct Network:
    const Layer* layers
    int n_layers
    const ArenaOffsets* offsets
    # the output activation; its arguments, the sums of the last layer, are called logits
    Activation activation
    Loss loss
    # sums over blocks: MAX_BLOCKS elements each for the losses of the rows and the squared weights of each layer, then
    # MAX_BLOCKS times n_scores elements for the rows' scores
    double* sums
    size_t itemsize


cdef struct Share:
    # elements [start, start + n)
    Py_ssize_t start
    Py_ssize_t n


cdef inline Share share_of(Thread thread, Blocks blocks) noexcept nogil:
    """The elements of all blocks of a thread, which are contiguous."""
    cdef Py_ssize_t first = start(&blocks, share_start(thread, blocks.n))
    return Share(first, min(blocks.extent, start(&blocks, share_stop(thread, blocks.n))) - first)


cdef inline Blocks loss_blocks(Py_ssize_t n_rows) noexcept nogil:
    return cut(n_rows, n_rows // LOSS_ROWS)


cdef inline Blocks parameter_blocks(Py_ssize_t n_parameters) noexcept nogil:
    return cut(n_parameters, n_parameters // UPDATE_SIZE)


cdef inline const Layer* last_layer(const Network* net) noexcept nogil:
    return &net.layers[net.n_layers - 1]


cdef inline Py_ssize_t flat_size(const Network* net) noexcept nogil:
    """Elements of a flat buffer, from the first layer's weights to the last one's biases."""
    return last_layer(net).b + last_layer(net).n_out


cdef inline void forward_batch(
    const Network* net, const floating* params, floating* arena, const Batch* batch, Thread thread
) noexcept nogil:
    """Compute the outputs of the batch, and write the predictions that are asked for.

    The threads share the work on each layer, or, where the batch is chunked, each takes chunks through all layers.
    In prediction, a thread's number of rows that may not be finite (see `affine_forward`) is added to its element of
    net.sums, and the arena has only CHUNK_ROWS rows for each thread, or as many as the batch where it is not chunked.
    """
    # the team over the chunks, of which there is one if the batch is not chunked, and the team that shares each chunk
    cdef Thread alone = Thread(0, 1, NULL)
    cdef Thread across = thread if batch.chunked else alone, within = alone if batch.chunked else thread
    cdef Share share
    cdef Blocks chunks = Blocks(batch.n_rows, batch.n_rows, 1)
    cdef bint predicts = batch.predictions != NULL
    cdef double* n_bad = net.sums + thread.number if predicts else NULL
    cdef Py_ssize_t i, first, at, n_rows
    if batch.chunked:
        chunks = Blocks(batch.n_rows, CHUNK_ROWS, (batch.n_rows + CHUNK_ROWS - 1) // CHUNK_ROWS)
    for i in range(share_start(across, chunks.n), share_stop(across, chunks.n)):
        # rows of the batch from `first` on, in the rows of the arena from `at` on
        first, n_rows = start(&chunks, i), length(&chunks, i)
        at = thread.number * CHUNK_ROWS if predicts and batch.chunked else first
        forward_rows(net, params, arena, batch, first, n_rows, at, n_bad, within)
        if predicts:
            share = share_of(within, loss_blocks(n_rows))
            write_predictions(net, arena, at + share.start, share.n, batch, first + share.start)
    barrier(across)


cdef inline void forward_rows(
    const Network* net, const floating* params, floating* arena, const Batch* batch, Py_ssize_t first,
    Py_ssize_t n_rows, Py_ssize_t at, double* n_bad, Thread thread
) noexcept nogil:
    """Compute the outputs of n_rows rows of the batch, from `first` on, in the rows of the arena from `at` on."""
    cdef Py_ssize_t k
    cdef const Layer* layer
    cdef floating* x = inputs(net, arena, batch, first, at, 0)
    cdef floating* y
    cdef Share share
    if batch.rows.data != NULL:
        share = share_of(thread, cut(n_rows, n_rows // GATHER_ROWS))
        gather(&batch.rows, batch.order, first + share.start, share.n, net.layers[0].n_in,
               x + share.start * net.layers[0].n_in)
        barrier(thread)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        y = arena + layer.y + at * layer.n_out
        affine_forward(layer, params, x, y, n_rows, batch.chunked, n_bad if k == 0 else NULL, thread)
        x = y
    share = share_of(thread, loss_blocks(n_rows))
    apply_output_activation(net, arena, at + share.start, share.n)


cdef inline floating* inputs(
    const Network* net, floating* arena, const Batch* batch, Py_ssize_t first, Py_ssize_t at, Py_ssize_t k
) noexcept nogil:
    """The inputs of layer k for the row `first` of the batch, which is in row `at` of the arena.

    The first layer's may not be in the arena: X itself, where it is used in place.
    """
    if k > 0:
        return arena + net.layers[k - 1].y + at * net.layers[k].n_in
    return <floating*> batch.x + (first if batch.rows.data == NULL else at) * net.layers[0].n_in


cdef inline void apply_output_activation(
    const Network* net, floating* arena, Py_ssize_t first, Py_ssize_t n_rows
) noexcept nogil:
    """outputs := activation(logits) in n_rows rows of the arena; the logits are kept, since the loss may need them."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    cdef const floating* logits = arena + last_layer(net).y + first * n_out
    cdef floating* outputs = arena + net.offsets.outputs + first * n_out
    if net.activation == SOFTMAX:
        # next_delta serves as scratch: other threads may have begun to write the gradients of their rows to delta
        softmax(logits, outputs, arena + net.offsets.row_max + first, arena + net.offsets.log_sum + first,
                arena + net.offsets.next_delta + first * net.offsets.widest, n_rows, n_out)
    else:
        memcpy(outputs, logits, n_rows * n_out * sizeof(floating))
        activate(net.activation, outputs, n_rows * n_out)


cdef inline double row_loss(
    const Network* net, const floating* arena, Py_ssize_t row, const Batch* batch, Py_ssize_t i, double denominator,
    floating* dlogits, double* scores
) noexcept nogil:
    """The loss of row i of the batch, which is in this row of the arena; see `loss_and_grad_row`."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    return loss_and_grad_row(
        net.loss, net.activation, arena + last_layer(net).y + row * n_out, arena + net.offsets.row_max + row,
        arena + net.offsets.log_sum + row, arena + net.offsets.outputs + row * n_out, batch.targets,
        i if batch.order == NULL else batch.order[i], n_out, denominator, dlogits, scores
    )


cdef inline void write_predictions(
    const Network* net, const floating* arena, Py_ssize_t at, Py_ssize_t n_rows, const Batch* batch, Py_ssize_t first
) noexcept nogil:
    """Write the predictions for rows of the batch from `first` on, which are in the arena from `at` on."""
    cdef const Predictions* predictions = batch.predictions
    cdef Py_ssize_t n_out = last_layer(net).n_out
    cdef const floating* outputs = arena + net.offsets.outputs + at * n_out
    cdef floating* no_gradient = NULL
    cdef Py_ssize_t i
    if predictions.outputs != NULL:
        memcpy(<floating*> predictions.outputs + first * n_out, outputs, n_rows * n_out * sizeof(floating))
    for i in range(n_rows):
        if predictions.classes != NULL:
            predictions.classes[first + i] = argmax(outputs + i * n_out, n_out)
        if predictions.losses != NULL:
            predictions.losses[first + i] = row_loss(net, arena, at + i, batch, first + i, 1, no_gradient, NULL)


cdef inline bint backward_batch(
    const Network* net, floating* params, floating* gradients, floating* arena, const Batch* batch,
    const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """Compute the gradients of the batch, plus those of earlier batches, or apply them where an optimiser is given.

    Returns whether the mean loss, without the regularisation, is finite; where it is not, nothing is applied.
    """
    cdef floating* dy = arena + net.offsets.delta
    cdef floating* dx = arena + net.offsets.next_delta
    cdef double* squares = net.sums + MAX_BLOCKS
    cdef Py_ssize_t i, first, k, n_out = last_layer(net).n_out
    cdef Blocks blocks = loss_blocks(batch.n_rows)
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        first = start(&blocks, i)
        clear_sums(net, i)
        add_losses(net, arena, batch, i, first, length(&blocks, i), first, dy + first * n_out)
    barrier(thread)
    if optimizer != NULL and not isfinite(sum_of_blocks(net.sums, blocks.n)):
        return False
    for k in range(net.n_layers - 1, -1, -1):
        affine_backward(
            &net.layers[k], params, gradients, inputs(net, arena, batch, 0, 0, k), dy, NULL if k == 0 else dx,
            batch.n_rows, batch.step.l2, squares + k * MAX_BLOCKS, optimizer, arena + net.offsets.packed, thread,
        )
        dy, dx = dx, dy
    add_earlier(net, gradients, batch, thread)
    return True


cdef inline void clear_sums(const Network* net, Py_ssize_t i) noexcept nogil:
    """Clear the sums over the rows of block i."""
    cdef Py_ssize_t k
    net.sums[i] = 0
    for k in range(n_scores(net)):
        block_scores(net, i)[k] = 0


cdef inline void add_losses(
    const Network* net, const floating* arena, const Batch* batch, Py_ssize_t i, Py_ssize_t first, Py_ssize_t n_rows,
    Py_ssize_t at, floating* dlogits
) noexcept nogil:
    """Fill dlogits (n_rows, n_out) for rows of block i, and add their losses and scores to its sums."""
    cdef Py_ssize_t row, n_out = last_layer(net).n_out
    for row in range(n_rows):
        net.sums[i] += row_loss(net, arena, at + row, batch, first + row, batch.step.denominator,
                                dlogits + row * n_out, block_scores(net, i))


cdef inline void add_earlier(
    const Network* net, floating* gradients, const Batch* batch, Thread thread
) noexcept nogil:
    """Add the gradients of earlier batches, where they accumulate."""
    cdef Share share
    if batch.earlier != NULL:
        share = share_of(thread, parameter_blocks(flat_size(net)))
        add(gradients + share.start, <const floating*> batch.earlier + share.start, share.n)


cdef inline double sum_of_blocks(const double* sums, Py_ssize_t n_blocks) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n_blocks):
        total += sums[i]
    return total


cdef inline Py_ssize_t n_scores(const Network* net) noexcept nogil:
    return 1 if takes_labels(net.loss) else last_layer(net).n_out


cdef inline double* block_scores(const Network* net, Py_ssize_t i) noexcept nogil:
    """The sums (n_scores,) over the rows of block i."""
    return net.sums + (1 + net.n_layers) * MAX_BLOCKS + i * n_scores(net)


cdef inline void add_scores(const Network* net, const Batch* batch, double* scores) noexcept nogil:
    """scores (n_scores,) += those of the rows in the batch of the last `backward_batch`"""
    cdef Py_ssize_t i, j
    cdef const double* of_block
    for i in range(loss_blocks(batch.n_rows).n):
        of_block = block_scores(net, i)
        for j in range(n_scores(net)):
            scores[j] += of_block[j]


cdef inline double mean_loss(const Network* net, const Batch* batch) noexcept nogil:
    """sum(loss) / denominator + 0.5 * l2 * sum(w**2) of the batch of the last `backward_batch`, w before its update."""
    cdef double loss = sum_of_blocks(net.sums, loss_blocks(batch.n_rows).n)
    cdef double squares = 0
    cdef Py_ssize_t k
    if batch.step.l2 != 0:
        for k in range(net.n_layers):
            squares += sum_of_blocks(
                net.sums + (1 + k) * MAX_BLOCKS, weight_blocks(batch.n_rows, &net.layers[k]).n
            )
    return loss / batch.step.denominator + 0.5 * batch.step.l2 * squares
