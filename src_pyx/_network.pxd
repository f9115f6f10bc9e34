"""A whole network's forward and backward pass: one thread's share of them, and the loss that they add up to."""
from cython cimport floating
from libc.math cimport isfinite

from _activations cimport SOFTMAX, Activation, activate, softmax
from _batch cimport Batch
from _elementwise cimport add, copy
from _layers cimport Layer, affine_backward, affine_forward, affine_forward_alone, weight_gradient
from _losses cimport Loss, RowLoss, argmax, loss_and_grad_row
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer
from _products cimport MAX_BLOCKS, Blocks, Product, cut, length, start
from _rows cimport gather

cdef enum:
    # A batch of more rows is taken forward a tile at a time, each by one thread and through all layers, so that what a
    # layer wrote is still in cache when the next one reads it. Prediction does the same, and gets the same bits.
    TILE_ROWS = 512
    # rows of a batch that one thread takes through the output activation and the loss, and that one thread gathers
    LOSS_ROWS = 64
    GATHER_ROWS = 16
    # parameters that one thread updates, or adds up the gradients of
    UPDATE_SIZE = 8192


cdef struct ArenaOffsets:
    # Where the parts of the arena start, besides each layer's outputs: X as gathered (n_rows, n_in); the network's
    # outputs (n_rows, n_out); of each row, what softmax gives besides; two of the widest layer's size; and scratch.
    Py_ssize_t x
    Py_ssize_t outputs
    Py_ssize_t largest
    Py_ssize_t others
    Py_ssize_t delta
    Py_ssize_t next_delta
    Py_ssize_t partials


cdef struct Network:
    const Layer* layers
    int n_layers
    const ArenaOffsets* offsets
    # the last layer gives scores, and this makes outputs of them
    Activation activation
    Loss loss
    double* sums  # MAX_BLOCKS each for the rows' losses, their scores, and each layer's sum of squared weights


cdef struct PredictOutputs:
    # What to write of each row that is predicted: (n_rows, n_out) of the network's type, the most probable class
    # (n_rows,), and the loss (n_rows,), which needs targets; NULL for what is not asked for.
    void* outputs
    Py_ssize_t* classes
    double* losses


cdef inline Py_ssize_t n_tiles(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + TILE_ROWS - 1) // TILE_ROWS


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
    const Network* net, const floating* params, floating* arena, const Batch* batch, double* n_bad, Thread thread
) noexcept nogil:
    """Take the batch through all layers to its outputs.

    Where n_bad is given, it counts this thread's rows that may not be finite, see `affine_forward`.
    """
    cdef const Layer* layer
    cdef floating* x = <floating*> batch.x
    cdef const floating* inputs = x
    cdef Py_ssize_t n_rows = batch.n_rows, n_in = net.layers[0].n_in
    cdef Blocks shares = cut(n_rows, n_rows // GATHER_ROWS), blocks = loss_blocks(n_rows)
    cdef Py_ssize_t i, k, first
    if n_rows > TILE_ROWS:
        for i in range(share_start(thread, n_tiles(n_rows)), share_stop(thread, n_tiles(n_rows))):
            first = i * TILE_ROWS
            forward_tile(net, params, arena, batch, first, x + first * n_in, first,
                         min(<Py_ssize_t> TILE_ROWS, n_rows - first), n_bad)
        barrier(thread)
        return
    if batch.rows != NULL:
        for i in range(share_start(thread, shares.n), share_stop(thread, shares.n)):
            first = start(&shares, i)
            gather(batch.rows, batch.order, first, length(&shares, i), n_in, x + first * n_in)
        barrier(thread)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        affine_forward(layer, params, inputs, arena + layer.y, n_rows, arena + net.offsets.partials,
                       n_bad if k == 0 else NULL, thread)
        inputs = arena + layer.y
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        apply_output_activation(net, arena, start(&blocks, i), length(&blocks, i))


cdef inline void forward_tile(
    const Network* net, const floating* params, floating* arena, const Batch* batch, Py_ssize_t first, floating* x,
    Py_ssize_t at, Py_ssize_t n_rows, double* n_bad
) noexcept nogil:
    """The same for rows from `first` on, in the rows of the arena from `at` on, by one thread."""
    cdef const Layer* layer
    cdef const floating* inputs = x
    cdef Py_ssize_t k
    if batch.rows != NULL:
        gather(batch.rows, batch.order, first, n_rows, net.layers[0].n_in, x)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        affine_forward_alone(layer, params, inputs, arena + layer.y + at * layer.n_out, n_rows,
                             n_bad if k == 0 else NULL)
        inputs = arena + layer.y + at * layer.n_out
    apply_output_activation(net, arena, at, n_rows)


cdef inline void apply_output_activation(
    const Network* net, floating* arena, Py_ssize_t first, Py_ssize_t n_rows
) noexcept nogil:
    """outputs := activation(scores) in these rows of the arena; the loss may need the scores too."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    cdef const floating* scores = arena + last_layer(net).y + first * n_out
    cdef floating* outputs = arena + net.offsets.outputs + first * n_out
    if net.activation == SOFTMAX:
        # the place of delta is free until the backward pass
        softmax(scores, outputs, arena + net.offsets.largest + first, arena + net.offsets.others + first,
                arena + net.offsets.delta + first * n_out, n_rows, n_out)
    else:
        copy(outputs, scores, n_rows * n_out)
        activate(net.activation, outputs, n_rows * n_out)


cdef inline RowLoss row_loss(
    const Network* net, const floating* arena, Py_ssize_t row, const Batch* batch, Py_ssize_t i, double denominator,
    floating* dscores
) noexcept nogil:
    """The loss of row i of the batch, which is this row of the arena, and its gradient; see `loss_and_grad_row`."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    return loss_and_grad_row(
        net.loss, net.activation, arena + last_layer(net).y + row * n_out, arena[net.offsets.largest + row],
        arena[net.offsets.others + row], arena + net.offsets.outputs + row * n_out, batch.targets,
        i if batch.order == NULL else batch.order[i], n_out, denominator, dscores
    )


cdef inline void predict_batch(
    const Network* net, const floating* params, floating* arena, const Batch* batch, bint tiled,
    const PredictOutputs* wanted, Thread thread
) noexcept nogil:
    """Take rows forward, all at once or a tile at a time, and write what is wanted of each.

    batch.x has as many rows as the arena, or all of them where there are none to gather. The number of this thread's
    rows that may not be finite is added to its place in the network's sums.
    """
    cdef Py_ssize_t n_rows = batch.n_rows, n_in = net.layers[0].n_in
    cdef Blocks blocks = loss_blocks(n_rows)
    cdef Py_ssize_t i, first, n
    cdef Py_ssize_t at = thread.number * TILE_ROWS
    cdef double* n_bad = net.sums + thread.number
    if tiled:
        for i in range(share_start(thread, n_tiles(n_rows)), share_stop(thread, n_tiles(n_rows))):
            first = i * TILE_ROWS
            n = min(<Py_ssize_t> TILE_ROWS, n_rows - first)
            forward_tile(net, params, arena, batch, first,
                         <floating*> batch.x + (first if batch.rows == NULL else at) * n_in, at, n, n_bad)
            write_predictions(net, arena, at, n, batch, wanted, first)
    else:
        forward_batch(net, params, arena, batch, n_bad, thread)
        for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
            write_predictions(net, arena, start(&blocks, i), length(&blocks, i), batch, wanted, start(&blocks, i))


cdef inline void write_predictions(
    const Network* net, const floating* arena, Py_ssize_t at, Py_ssize_t n_rows, const Batch* batch,
    const PredictOutputs* wanted, Py_ssize_t first
) noexcept nogil:
    """Write what is wanted of rows of the batch from `first` on, which are in the arena from `at` on."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    cdef const floating* outputs = arena + net.offsets.outputs + at * n_out
    cdef floating* no_gradient = NULL
    cdef Py_ssize_t i
    if wanted.outputs != NULL:
        copy(<floating*> wanted.outputs + first * n_out, outputs, n_rows * n_out)
    for i in range(n_rows):
        if wanted.classes != NULL:
            wanted.classes[first + i] = argmax(outputs + i * n_out, n_out)
        if wanted.losses != NULL:
            wanted.losses[first + i] = row_loss(net, arena, at + i, batch, first + i, 1, no_gradient).loss


cdef inline bint backward_batch(
    const Network* net, floating* params, floating* gradients, floating* arena, const Batch* batch,
    const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """Fill the gradients for the batch, added to those of earlier ones, or apply them where an optimiser is given.

    Returns whether the mean loss is finite, the regularisation apart; where it is not, nothing is applied.
    """
    cdef const Layer* layer
    cdef const floating* inputs
    cdef floating* dy = arena + net.offsets.delta
    cdef floating* dx = arena + net.offsets.next_delta
    cdef double* losses = net.sums
    cdef double* scores = net.sums + MAX_BLOCKS
    cdef double* squares = net.sums + 2 * MAX_BLOCKS
    cdef Py_ssize_t i, row, k, n_out = last_layer(net).n_out
    cdef Blocks blocks = loss_blocks(batch.n_rows)
    cdef RowLoss found
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        losses[i] = scores[i] = 0
        for row in range(start(&blocks, i), start(&blocks, i) + length(&blocks, i)):
            found = row_loss(net, arena, row, batch, row, batch.step.denominator, dy + row * n_out)
            losses[i] += found.loss
            scores[i] += found.score
    barrier(thread)
    if optimizer != NULL and not isfinite(sum_of_blocks(losses, blocks.n)):
        return False
    for k in range(net.n_layers - 1, -1, -1):
        layer = &net.layers[k]
        inputs = <floating*> batch.x if k == 0 else arena + net.layers[k - 1].y
        affine_backward(layer, params, gradients, inputs, dy, NULL if k == 0 else dx, batch.n_rows, batch.step.l2,
                        squares + k * MAX_BLOCKS, optimizer, arena + net.offsets.partials, thread)
        dy, dx = dx, dy
    if batch.earlier != NULL:
        blocks = parameter_blocks(flat_size(net))
        for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
            add(gradients + start(&blocks, i), <const floating*> batch.earlier + start(&blocks, i), length(&blocks, i))
    return True


cdef inline double sum_of_blocks(const double* sums, Py_ssize_t n_blocks) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n_blocks):
        total += sums[i]
    return total


cdef inline double score_sum(const Network* net, const Batch* batch) noexcept nogil:
    """What the rows of the batch last given to `backward_batch` add to the score."""
    cdef Blocks blocks = loss_blocks(batch.n_rows)
    return sum_of_blocks(net.sums + MAX_BLOCKS, blocks.n)


cdef inline double mean_loss(const Network* net, const Batch* batch, size_t itemsize) noexcept nogil:
    """sum(loss) / denominator + 0.5 * l2 * sum(w**2) of that batch, w as it was then."""
    cdef Blocks blocks = loss_blocks(batch.n_rows)
    cdef Product p
    cdef double squares = 0
    cdef Py_ssize_t k
    if batch.step.l2 != 0:
        for k in range(net.n_layers):
            p = weight_gradient(batch.n_rows, &net.layers[k], itemsize)
            squares += sum_of_blocks(net.sums + (k + 2) * MAX_BLOCKS, p.results.n)
    return sum_of_blocks(net.sums, blocks.n) / batch.step.denominator + 0.5 * batch.step.l2 * squares
