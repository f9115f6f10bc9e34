"""A whole network's forward and backward pass: one member's share of them, and the loss that they add up to."""
from cython cimport floating
from libc.math cimport isfinite

from _elementwise cimport copy
from _layers cimport Layer, affine_backward, affine_forward, affine_forward_alone, weight_gradient
from _losses cimport (
    CROSS_ENTROPY, Loss, argmax, cross_entropy, cross_entropy_grad, is_first_largest, sigmoid, softmax, squared_error,
    squared_error_grad,
)
from _openmp cimport Member, barrier, share_start, share_stop
from _optimizers cimport Optimizer
from _products cimport MAX_BLOCKS, Blocks, Product, cut, length, start
from _rows cimport Rows, gather

cdef enum:
    # A batch of more rows is taken forward a tile at a time, each by one member and through all layers, so that what a
    # layer wrote is still in cache when the next one reads it. Prediction does the same, and gets the same bits.
    TILE_ROWS = 512
    # rows of a batch that one member takes through softmax and loss, and that one member gathers
    LOSS_ROWS = 64
    GATHER_ROWS = 16


cdef struct Room:
    # where the rest of the arena starts: per row and feature, for rows that are gathered; per row and output; per row;
    # two of the widest layer's size; and scratch
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
    const Room* room
    Loss loss
    double* sums  # MAX_BLOCKS each for the loss, the rows classified right, and each layer's sum of squared weights


cdef struct Wanted:
    # What a batch should give: the labels of its rows, labels[order], or labels where there is no order; or, where the
    # loss is of targets, these, (n_rows, n_out) of the network's type.
    const Py_ssize_t* labels
    const Py_ssize_t* order
    const void* targets


cdef struct Answers:
    # what is asked for of each row that is predicted: (n_rows, n_out) of the network's type, (n_rows,), and
    # cross-entropies (n_rows,) for the labels (n_rows,); NULL for what is not
    void* outputs
    Py_ssize_t* classes
    double* losses
    const Py_ssize_t* labels


cdef inline Py_ssize_t n_tiles(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + TILE_ROWS - 1) // TILE_ROWS


cdef inline Blocks loss_blocks(Py_ssize_t n_rows) noexcept nogil:
    return cut(n_rows, n_rows // LOSS_ROWS)


cdef inline void forward_member(
    const Network* net, const floating* params, floating* arena, const Rows* rows, floating* x, Py_ssize_t n_rows,
    double* n_bad, Member me
) noexcept nogil:
    """Take the batch x through all layers to its outputs; x is gathered from `rows` where they are given.

    Where n_bad is given, it counts this member's rows that may not be finite, see `affine_forward`.
    """
    cdef const Layer* layer
    cdef const floating* inputs = x
    cdef Py_ssize_t n_in = net.layers[0].n_in
    cdef Blocks shares = cut(n_rows, n_rows // GATHER_ROWS), blocks = loss_blocks(n_rows)
    cdef Py_ssize_t i, k, first
    if n_rows > TILE_ROWS:
        for i in range(share_start(me, n_tiles(n_rows)), share_stop(me, n_tiles(n_rows))):
            first = i * TILE_ROWS
            forward_tile(net, params, arena, rows, first, x + first * n_in, first,
                         min(<Py_ssize_t> TILE_ROWS, n_rows - first), n_bad)
        barrier(me)
        return
    if rows != NULL:
        for i in range(share_start(me, shares.n), share_stop(me, shares.n)):
            first = start(&shares, i)
            gather(rows, first, length(&shares, i), n_in, x + first * n_in)
        barrier(me)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        affine_forward(layer, params, inputs, arena + layer.y, n_rows, k < net.n_layers - 1,
                       arena + net.room.partials, n_bad if k == 0 else NULL, me)
        inputs = arena + layer.y
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        outputs_of(net, arena, start(&blocks, i), length(&blocks, i))


cdef inline void forward_tile(
    const Network* net, const floating* params, floating* arena, const Rows* rows, Py_ssize_t first, floating* x,
    Py_ssize_t at, Py_ssize_t n_rows, double* n_bad
) noexcept nogil:
    """The same for rows from `first` on, which are given row `at` of the arena and on; one member's work."""
    cdef const Layer* layer
    cdef const floating* inputs = x
    cdef Py_ssize_t k
    if rows != NULL:
        gather(rows, first, n_rows, net.layers[0].n_in, x)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        affine_forward_alone(layer, params, inputs, arena + layer.y + at * layer.n_out, n_rows, k < net.n_layers - 1,
                             n_bad if k == 0 else NULL)
        inputs = arena + layer.y + at * layer.n_out
    outputs_of(net, arena, at, n_rows)


cdef inline void outputs_of(
    const Network* net, floating* arena, Py_ssize_t first, Py_ssize_t n_rows
) noexcept nogil:
    """What becomes of the scores of rows of the arena."""
    cdef const Layer* layer = &net.layers[net.n_layers - 1]
    cdef const floating* scores = arena + layer.y + first * layer.n_out
    cdef floating* outputs = arena + net.room.outputs + first * layer.n_out
    if net.loss == CROSS_ENTROPY:
        # the deltas' room is free until the backward pass
        softmax(scores, outputs, arena + net.room.largest + first, arena + net.room.others + first,
                arena + net.room.delta + first * layer.n_out, n_rows, layer.n_out)
    else:
        sigmoid(scores, outputs, n_rows * layer.n_out)


cdef inline double loss_of_row(
    const Network* net, const floating* arena, Py_ssize_t row, Py_ssize_t label
) noexcept nogil:
    """The cross-entropy of one row of the arena."""
    cdef const Layer* layer = &net.layers[net.n_layers - 1]
    return cross_entropy(arena + layer.y + row * layer.n_out, arena[net.room.largest + row],
                         arena[net.room.others + row], label)


cdef inline void predict_member(
    const Network* net, const floating* params, floating* arena, const Rows* rows, floating* x, Py_ssize_t n_rows,
    bint tiled, const Answers* answers, Member me
) noexcept nogil:
    """Take rows forward, as a batch or a tile at a time, and write what is asked for of each.

    x holds as many rows as the arena, or all of them where none are given to gather. The number of this member's
    rows that may not be finite is added to its place in the network's sums.
    """
    cdef Py_ssize_t n_in = net.layers[0].n_in
    cdef Blocks blocks = loss_blocks(n_rows)
    cdef Py_ssize_t i, first, n
    cdef Py_ssize_t at = me.number * TILE_ROWS
    cdef double* n_bad = net.sums + me.number
    if tiled:
        for i in range(share_start(me, n_tiles(n_rows)), share_stop(me, n_tiles(n_rows))):
            first = i * TILE_ROWS
            n = min(<Py_ssize_t> TILE_ROWS, n_rows - first)
            forward_tile(net, params, arena, rows, first, x + (first if rows == NULL else at) * n_in, at, n,
                         n_bad)
            answer(net, arena, at, n, answers, first)
    else:
        forward_member(net, params, arena, rows, x, n_rows, n_bad, me)
        for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
            answer(net, arena, start(&blocks, i), length(&blocks, i), answers, start(&blocks, i))


cdef inline void answer(
    const Network* net, const floating* arena, Py_ssize_t at, Py_ssize_t n_rows, const Answers* answers,
    Py_ssize_t first
) noexcept nogil:
    """Write what is asked for of the rows from `at` on in the arena, for rows from `first` on."""
    cdef Py_ssize_t n_out = net.layers[net.n_layers - 1].n_out
    cdef const floating* outputs = arena + net.room.outputs + at * n_out
    cdef Py_ssize_t i
    if answers.outputs != NULL:
        copy(<floating*> answers.outputs + first * n_out, outputs, n_rows * n_out)
    for i in range(n_rows):
        if answers.classes != NULL:
            answers.classes[first + i] = argmax(outputs + i * n_out, n_out)
        if answers.losses != NULL:
            answers.losses[first + i] = loss_of_row(net, arena, at + i, answers.labels[first + i])


cdef inline bint backward_member(
    const Network* net, floating* params, floating* gradients, floating* arena, const floating* x,
    const Wanted* wanted, Py_ssize_t n_rows, double regularization, const Optimizer* optimizer, Member me
) noexcept nogil:
    """Fill the gradients for the batch x, or apply them where an optimiser is given.

    Returns whether the mean loss is finite, the regularisation apart; where it is not, nothing is applied.
    """
    cdef const Layer* layer = &net.layers[net.n_layers - 1]
    cdef const floating* inputs
    cdef floating* dy = arena + net.room.delta
    cdef floating* dx = arena + net.room.next_delta
    cdef double* losses = net.sums
    cdef double* n_correct = net.sums + MAX_BLOCKS
    cdef double* squares = net.sums + 2 * MAX_BLOCKS
    cdef Py_ssize_t i, row, k
    cdef Blocks blocks = loss_blocks(n_rows)
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        losses[i] = n_correct[i] = 0
        for row in range(start(&blocks, i), start(&blocks, i) + length(&blocks, i)):
            judge_row(net, arena, wanted, row, n_rows, dy + row * layer.n_out, losses + i, n_correct + i)
    barrier(me)
    if optimizer != NULL and not isfinite(sum_of_blocks(losses, blocks.n)):
        return False
    for k in range(net.n_layers - 1, -1, -1):
        layer = &net.layers[k]
        inputs = x if k == 0 else arena + net.layers[k - 1].y
        affine_backward(layer, params, gradients, inputs, dy, NULL if k == 0 else dx, n_rows, regularization,
                        squares + k * MAX_BLOCKS, optimizer, arena + net.room.partials, me)
        dy, dx = dx, dy
    return True


cdef inline void judge_row(
    const Network* net, const floating* arena, const Wanted* wanted, Py_ssize_t row, Py_ssize_t n_rows,
    floating* dscores, double* loss, double* n_correct
) noexcept nogil:
    """Add one row's loss, and whether it was classified right; dscores (n_out,) := the gradient of its scores."""
    cdef Py_ssize_t n_out = net.layers[net.n_layers - 1].n_out
    cdef const floating* outputs = arena + net.room.outputs + row * n_out
    cdef const floating* targets
    cdef Py_ssize_t label
    if net.loss == CROSS_ENTROPY:
        label = wanted.labels[row] if wanted.order == NULL else wanted.labels[wanted.order[row]]
        loss[0] += loss_of_row(net, arena, row, label)
        n_correct[0] += is_first_largest(outputs, label, n_out)
        cross_entropy_grad(outputs, dscores, label, n_out, n_rows)
    else:
        targets = <const floating*> wanted.targets + row * n_out
        loss[0] += squared_error(outputs, targets, net.loss, n_out)
        squared_error_grad(outputs, targets, dscores, net.loss, n_out, n_rows)


cdef inline double sum_of_blocks(const double* sums, Py_ssize_t n_blocks) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t i
    for i in range(n_blocks):
        total += sums[i]
    return total


cdef inline Py_ssize_t count_correct(const Network* net, Py_ssize_t n_rows) noexcept nogil:
    """How many rows of the batch last given to `backward_member` were classified right."""
    cdef Blocks blocks = loss_blocks(n_rows)
    return <Py_ssize_t> sum_of_blocks(net.sums + MAX_BLOCKS, blocks.n)


cdef inline double mean_loss(
    const Network* net, Py_ssize_t n_rows, double regularization, size_t itemsize
) noexcept nogil:
    """mean(loss) + 0.5 * regularization * sum(w**2) of that batch, w as it was then."""
    cdef Blocks blocks = loss_blocks(n_rows)
    cdef Product p
    cdef double squares = 0
    cdef Py_ssize_t k
    if regularization != 0:
        for k in range(net.n_layers):
            p = weight_gradient(n_rows, &net.layers[k], itemsize)
            squares += sum_of_blocks(net.sums + (k + 2) * MAX_BLOCKS, p.results.n)
    return sum_of_blocks(net.sums, blocks.n) / n_rows + 0.5 * regularization * squares
