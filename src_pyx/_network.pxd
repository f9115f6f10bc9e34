"""A whole network's forward and backward pass: one member's share of them, and the loss that they add up to."""
from cython cimport floating

from _layers cimport affine_backward, affine_forward, weight_gradient
from _losses cimport cross_entropy, cross_entropy_grad, softmax
from _openmp cimport Member, barrier, share_start, share_stop
from _products cimport MAX_BLOCKS, Blocks, Product, cut, length, start

cdef enum:
    # Rows that forward takes through all layers before it takes the next ones, so that what a layer wrote is still in
    # cache when the next one reads it. Forward, prediction and validation cut rows alike and get the same bits.
    TILE_ROWS = 512
    # rows of a batch that one member takes through softmax and loss
    LOSS_ROWS = 64


cdef struct Layer:
    # sizes, where W and b start in the flat buffers, where the batch's outputs start in the arena
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t w
    Py_ssize_t b
    Py_ssize_t y


cdef struct Room:
    # where the rest of the arena starts: per row and class, per row, two of the widest layer's size, and scratch
    Py_ssize_t probabilities
    Py_ssize_t largest
    Py_ssize_t log_sum
    Py_ssize_t delta
    Py_ssize_t next_delta
    Py_ssize_t partials


cdef struct Network:
    const Layer* layers
    int n_layers
    const Room* room
    double* sums  # MAX_BLOCKS for the loss, then as many for each layer's sum of squared weights


cdef inline Blocks loss_blocks(Py_ssize_t n_rows) noexcept nogil:
    return cut(n_rows, n_rows // LOSS_ROWS)


cdef inline void forward_member(
    const Network* net, const floating* params, floating* arena, const floating* x, Py_ssize_t n_rows, Member me
) noexcept nogil:
    cdef const Layer* layer
    cdef const floating* inputs
    cdef floating* outputs
    cdef floating* scores
    cdef Py_ssize_t first, n, row, k, i
    cdef Blocks blocks = loss_blocks(n_rows)
    for i in range((n_rows + TILE_ROWS - 1) // TILE_ROWS):
        first = i * TILE_ROWS
        n = min(<Py_ssize_t> TILE_ROWS, n_rows - first)
        inputs = x + first * net.layers[0].n_in
        for k in range(net.n_layers):
            layer = &net.layers[k]
            outputs = arena + layer.y + first * layer.n_out
            affine_forward(inputs, params + layer.w, params + layer.b, outputs, n, layer.n_in, layer.n_out,
                           k < net.n_layers - 1, arena + net.room.partials, me)
            inputs = outputs
    layer = &net.layers[net.n_layers - 1]
    scores = arena + layer.y
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        for row in range(start(&blocks, i), start(&blocks, i) + length(&blocks, i)):
            softmax(scores + row * layer.n_out, arena + net.room.probabilities + row * layer.n_out,
                    arena + net.room.largest + row, arena + net.room.log_sum + row, layer.n_out)


cdef inline double loss_of_rows(
    const Network* net, const floating* arena, const Py_ssize_t* labels, Py_ssize_t first, Py_ssize_t last
) noexcept nogil:
    """The sum of the cross-entropies of rows [first, last)."""
    cdef const Layer* layer = &net.layers[net.n_layers - 1]
    cdef Py_ssize_t row
    cdef double total = 0
    for row in range(first, last):
        total += cross_entropy(arena + layer.y + row * layer.n_out, arena[net.room.largest + row],
                               arena[net.room.log_sum + row], labels[row])
    return total


cdef inline void backward_member(
    const Network* net, const floating* params, floating* gradients, floating* arena, const floating* x,
    const Py_ssize_t* labels, Py_ssize_t n_rows, double regularization, Member me,
) noexcept nogil:
    cdef const Layer* layer = &net.layers[net.n_layers - 1]
    cdef const floating* inputs
    cdef floating* dy = arena + net.room.delta
    cdef floating* dx = arena + net.room.next_delta
    cdef Py_ssize_t i, row, k, first, last
    cdef Blocks blocks = loss_blocks(n_rows)
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        first, last = start(&blocks, i), start(&blocks, i) + length(&blocks, i)
        net.sums[i] = loss_of_rows(net, arena, labels, first, last)
        for row in range(first, last):
            cross_entropy_grad(arena + net.room.probabilities + row * layer.n_out, dy + row * layer.n_out,
                               labels[row], layer.n_out, n_rows)
    barrier(me.n_members)
    for k in range(net.n_layers - 1, -1, -1):
        layer = &net.layers[k]
        inputs = x if k == 0 else arena + net.layers[k - 1].y
        affine_backward(inputs, params + layer.w, dy, gradients + layer.w, gradients + layer.b, NULL if k == 0 else dx,
                        n_rows, layer.n_in, layer.n_out, regularization, net.sums + (k + 1) * MAX_BLOCKS,
                        arena + net.room.partials, me)
        dy, dx = dx, dy


cdef inline double mean_loss(
    const Network* net, Py_ssize_t n_rows, double regularization, size_t itemsize
) noexcept nogil:
    """mean(cross_entropy) + 0.5 * regularization * sum(w**2), from the sums of the blocks in their order."""
    cdef Blocks blocks = loss_blocks(n_rows)
    cdef const Layer* layer
    cdef Product p
    cdef double loss = 0, squares = 0
    cdef Py_ssize_t i, k
    for i in range(blocks.n):
        loss += net.sums[i]
    if regularization != 0:
        for k in range(net.n_layers):
            layer = &net.layers[k]
            p = weight_gradient(n_rows, layer.n_in, layer.n_out, itemsize)
            for i in range(p.results.n):
                squares += net.sums[(k + 1) * MAX_BLOCKS + i]
    return loss / n_rows + 0.5 * regularization * squares
