"""One layer, forward and backward: y = activation(x @ w + b).

x (n_rows, n_in), w (n_in, n_out), b (n_out,), y (n_rows, n_out); dx, dw, db are the gradients of the loss with respect
to them, and dy with respect to x @ w + b. Each function computes one thread's share; all threads of the team call it.
"""
from cython cimport floating
from libc.math cimport isfinite
from libc.string cimport memcpy

from _activations cimport IDENTITY, Activation, activate, add_and_activate, is_of_sums, multiply_by_derivative
from _batch cimport Batch
from _dropout cimport drop
from _elementwise cimport RUN, regularize
from _matmul cimport matmul
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport Block, Blocks, Share, block_of, cut, cut_product, length, share_of, start
from _tiles cimport sum_rows

cdef enum:
    # columns in a block of a bias gradient
    BIAS_COLUMNS = 64
    # multiplications that take as long as regularising and applying one element of a gradient
    FUSED_UPDATE_WORK = 64


cdef struct Layer:
    # sizes; where w and b start in the flat buffers; where the argument of the derivative and y start in the arena, at
    # one place unless the derivative is a function of the sums, or units are dropped
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t w
    Py_ssize_t b
    Py_ssize_t kept
    Py_ssize_t y
    # of y, and of x, which is the previous layer's y: the activation, and the rate of dropout times 2**31
    Py_ssize_t activation
    Py_ssize_t input_activation
    Py_ssize_t dropout
    Py_ssize_t input_dropout
    # counted from 0
    Py_ssize_t number


cdef inline Blocks weight_blocks(const Layer* layer, Py_ssize_t n_rows) noexcept nogil:
    """The blocks of rows of w and its gradient, for a batch of n_rows rows."""
    return cut_product(layer.n_in, 1, (n_rows + FUSED_UPDATE_WORK) * layer.n_in * layer.n_out)


cdef inline void affine_forward(
    const Layer* layer, const floating* params, const floating* x, floating* kept, floating* y, const Batch* batch,
    Py_ssize_t first, Py_ssize_t n_rows, double* n_bad, Thread thread
) noexcept nogil:
    """y := activation(x @ w + b), of which units may be dropped, for rows of the batch from `first` on.

    `kept` is y, or it gets what the derivative is a function of: the sums, or y before units are dropped. Complete for
    every thread on return.

    Where n_bad is given, it counts this thread's rows in which the first element of x @ w is not finite. These include
    all rows of x that are not finite, since NaN and infinities spoil every sum that they are in, so that x itself need
    not be searched.
    """
    cdef Py_ssize_t n_in = layer.n_in, n_out = layer.n_out
    cdef Blocks blocks = cut_product(n_rows, n_out, n_rows * n_in * n_out)
    cdef Block block
    cdef bint keeps = kept != y, keeps_sums = keeps and is_of_sums(<Activation> layer.activation)
    cdef Activation activation = IDENTITY if keeps_sums else <Activation> layer.activation
    cdef floating* out
    cdef Py_ssize_t i, row, at
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        block = block_of(&blocks, n_rows, n_out, i)
        at = block.row * n_out + block.column
        out = kept + at
        # kept = x @ w
        matmul(False, False, block.m, block.n, n_in, x + block.row * n_in, n_in, params + layer.w + block.column, n_out,
               False, out, n_out, <floating*> NULL)
        for row in range(block.m):
            if n_bad != NULL and block.column == 0 and not isfinite(out[row * n_out]):
                n_bad[0] += 1
            add_and_activate(activation, out + row * n_out, params + layer.b + block.column, block.n)
        if keeps:
            for row in range(block.m):
                memcpy(y + at + row * n_out, out + row * n_out, block.n * sizeof(floating))
                if keeps_sums:
                    activate(<Activation> layer.activation, y + at + row * n_out, block.n)
                if batch.dropout.active and layer.dropout > 0:
                    drop(&batch.dropout, layer.number + 1, layer.dropout, first + block.row + row, block.column,
                         block.n, y + at + row * n_out)
    barrier(thread)


cdef inline void affine_backward(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* x_kept,
    const floating* dy, floating* dx, const Batch* batch, Py_ssize_t first, Py_ssize_t n_rows, bint adds,
    double* squares, const Optimizer* optimizer, floating* packed, Thread thread
) noexcept nogil:
    """dw := x.T @ dy, db := dy.sum(axis=0), dx := (dy @ w.T) * the derivative of the activation of x.

    The n_rows rows, from `first` on, are a chunk of the batch; dw and db are added to those of the chunks before where
    it adds. dx is NULL for the first layer, whose x needs no gradient. In the last chunk, squares (MAX_BLOCKS,) is
    given and is filled with parts of sum(w**2), dw is regularised, and the optimiser, if any, is applied to w and b;
    the gradients then hold scratch values. `packed` is the thread's scratch for `multiply`. Complete for every thread
    on return.
    """
    if squares == NULL:
        optimizer = NULL
    if dx != NULL:
        backward_inputs(layer, params + layer.w, x_kept, dy, dx, batch, first, n_rows, thread)
        if optimizer != NULL:
            barrier(thread)  # before w is updated, all threads have read it
    backward_weights(layer, params, gradients, x, dy, n_rows, adds, batch, squares, optimizer, packed, thread)
    backward_bias(layer, params, gradients, dy, layer.n_out, n_rows, adds, optimizer, thread)
    barrier(thread)


cdef inline void backward_inputs(
    const Layer* layer, const floating* w, const floating* x_kept, const floating* dy, floating* dx,
    const Batch* batch, Py_ssize_t first, Py_ssize_t n_rows, Thread thread
) noexcept nogil:
    """dx := (dy @ w.T) * the derivative of the activation of x, 0 for units that were dropped"""
    cdef Py_ssize_t n_in = layer.n_in, n_out = layer.n_out
    cdef Blocks blocks = cut_product(n_rows, n_in, n_rows * n_in * n_out)
    cdef Block block
    cdef Py_ssize_t i, row, at
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        block = block_of(&blocks, n_rows, n_in, i)
        at = block.row * n_in + block.column
        # dx = dy @ w.T
        matmul(False, True, block.m, block.n, n_out, dy + block.row * n_out, n_out, w + block.column * n_out, n_out,
               False, dx + at, n_in, <floating*> NULL)
        for row in range(block.m):
            at = (block.row + row) * n_in + block.column
            multiply_by_derivative(<Activation> layer.input_activation, dx + at, x_kept + at, block.n)
            if batch.dropout.active and layer.input_dropout > 0:
                drop(&batch.dropout, layer.number, layer.input_dropout, first + block.row + row, block.column, block.n,
                     dx + at)


cdef inline void backward_weights(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy,
    Py_ssize_t n_rows, bint adds, const Batch* batch, double* squares, const Optimizer* optimizer, floating* packed,
    Thread thread
) noexcept nogil:
    """dw := x.T @ dy, or dw += x.T @ dy, and in the last chunk regularised and applied to w; see `affine_backward`"""
    cdef Py_ssize_t n_in = layer.n_in, n_out = layer.n_out
    cdef Blocks blocks = weight_blocks(layer, batch.n_rows)
    cdef Py_ssize_t i, at, m
    # A gradient that is applied at once is not needed afterwards: the thread writes each block to the memory of its
    # first one, which stays in cache.
    cdef floating* dw = gradients + layer.w + start(&blocks, share_start(thread, blocks.n)) * n_out
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        at, m = start(&blocks, i), length(&blocks, i)
        if adds or optimizer == NULL:
            dw = gradients + layer.w + at * n_out
        # dw = x.T @ dy, or dw += x.T @ dy
        matmul(True, False, m, n_out, n_rows, x + at, n_in, dy, n_out, adds, dw, n_out, packed)
        if squares != NULL:
            squares[i] = apply_gradient(params, dw, layer.w + at * n_out, m * n_out, batch.step.l2, optimizer)


cdef inline double apply_gradient(
    floating* params, floating* dw, Py_ssize_t at, Py_ssize_t n, double l2, const Optimizer* optimizer
) noexcept nogil:
    """dw += l2 * w, for n weights from `at` on, applied to them where an optimiser is given; returns sum(w**2)."""
    cdef double squares = 0
    cdef Py_ssize_t i = 0, run
    while i < n:
        run = min(<Py_ssize_t> RUN, n - i)
        if l2 != 0:
            squares += regularize(dw + i, params + at + i, l2, run)
        if optimizer != NULL:
            update(optimizer, params + at + i, dw + i, at + i, run)
        i += run
    return squares


cdef inline void backward_bias(
    const Layer* layer, floating* params, floating* gradients, const floating* dy, Py_ssize_t distance,
    Py_ssize_t n_rows, bint adds, const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """db := dy.sum(axis=0), or db += dy.sum(axis=0), applied to b where an optimiser is given.

    `distance` is that between the rows of dy.
    """
    cdef Share share = share_of(thread, cut(layer.n_out, layer.n_out // BIAS_COLUMNS))
    cdef Py_ssize_t at = layer.b + share.start
    sum_rows(dy + share.start, distance, n_rows, share.n, adds, gradients + at)
    if optimizer != NULL:
        update(optimizer, params + at, gradients + at, at, share.n)


cdef inline void apply_partials(
    const Layer* layer, floating* params, floating* gradients, const floating* partials, Py_ssize_t distance,
    Py_ssize_t n_partials, const Batch* batch, double* squares, const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """dw and db := the sums of partial ones, flat buffers at this distance; then as in the last `affine_backward`."""
    cdef Blocks blocks = weight_blocks(layer, batch.n_rows)
    cdef Py_ssize_t i, at, n
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        at, n = layer.w + start(&blocks, i) * layer.n_out, length(&blocks, i) * layer.n_out
        sum_rows(partials + at, distance, n_partials, n, False, gradients + at)
        squares[i] = apply_gradient(params, gradients + at, at, n, batch.step.l2, optimizer)
    backward_bias(layer, params, gradients, partials + layer.b, distance, n_partials, False, optimizer, thread)
