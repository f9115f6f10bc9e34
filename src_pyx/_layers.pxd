"""One layer, forward and backward: y = activation(x @ w + b).

x (n_rows, n_in), w (n_in, n_out), b (n_out,), y (n_rows, n_out); dx, dw, db are the gradients of the loss with respect
to them, dy that with respect to x @ w + b. Each function is one thread's share; all threads of the team call it.
"""
from cython cimport floating
from libc.math cimport isfinite

from _activations cimport Activation, add_and_activate, multiply_by_derivative
from _elementwise cimport RUN, regularize
from _matmul cimport add_partials, combine_rows, matmul, partial_sums
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport TERMS, Block, Blocks, Product, cut, length, partials_size, product, result_block, start, whole

cdef enum:
    # columns of a bias that one thread sums over the rows
    BIAS_COLUMNS = 64
    # multiplications that take as long as to regularise and apply one number of a gradient
    UPDATE_WORK = 64


cdef struct Layer:
    # sizes, where w and b start in the flat buffers, where the batch's outputs start in the arena, the activation of
    # these, and that of the inputs, which are another layer's outputs
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t w
    Py_ssize_t b
    Py_ssize_t y
    Py_ssize_t activation
    Py_ssize_t input_activation


cdef inline Product outputs(Py_ssize_t n_rows, const Layer* layer, size_t itemsize) noexcept nogil:
    """The product x @ w."""
    return product(False, False, n_rows, layer.n_out, layer.n_in, itemsize)


cdef inline Product input_gradient(Py_ssize_t n_rows, const Layer* layer, size_t itemsize) noexcept nogil:
    """The product dy @ w.T."""
    return product(False, True, n_rows, layer.n_in, layer.n_out, itemsize)


cdef inline Product weight_gradient(Py_ssize_t n_rows, const Layer* layer, size_t itemsize) noexcept nogil:
    """The product x.T @ dy."""
    return product(True, False, layer.n_in, layer.n_out, n_rows, itemsize,
                   UPDATE_WORK * layer.n_in * layer.n_out)


cdef inline Py_ssize_t layer_partials(Py_ssize_t n_rows, const Layer* layer, size_t itemsize) noexcept nogil:
    """Elements of scratch that suffice for a layer and up to n_rows rows, forward or backward."""
    cdef Product forward = outputs(n_rows, layer, itemsize)
    cdef Product weights = weight_gradient(n_rows, layer, itemsize)
    cdef Product inputs = input_gradient(n_rows, layer, itemsize)
    return max(
        partials_size(&forward, itemsize), max(partials_size(&weights, itemsize), partials_size(&inputs, itemsize))
    )


cdef inline void affine_forward(
    const Layer* layer, const floating* params, const floating* x, floating* y, Py_ssize_t n_rows,
    floating* partials, double* n_bad, Thread thread
) noexcept nogil:
    """y := activation(x @ w + b); complete for every thread on return.

    Where n_bad is given, it counts this thread's rows whose first sum is not finite. Those of an x that is not finite
    are among them, since NaN and infinities spoil every sum that they are in; so nobody need look at x.
    """
    cdef Product p = outputs(n_rows, layer, sizeof(floating))
    cdef Block block
    cdef floating* out
    cdef Py_ssize_t i
    # y = x @ w
    partial_sums(&p, x, params + layer.w, partials, thread)
    for i in range(share_start(thread, p.results.n), share_stop(thread, p.results.n)):
        block = result_block(&p, i)
        out = y + block.row * p.n + block.column
        if p.axis == TERMS:
            add_partials(&p, &block, partials, out)
        else:
            matmul(&p, &block, x, params + layer.w, out, p.n)
        finish_block(layer, params, y, &block, n_bad)
    barrier(thread)


cdef inline void affine_forward_alone(
    const Layer* layer, const floating* params, const floating* x, floating* y, Py_ssize_t n_rows, double* n_bad
) noexcept nogil:
    """The same by one thread, which does it whole."""
    cdef Product p = outputs(n_rows, layer, sizeof(floating))
    cdef Block block = whole(&p)
    # y = x @ w
    matmul(&p, &block, x, params + layer.w, y, p.n)
    finish_block(layer, params, y, &block, n_bad)


cdef inline void finish_block(
    const Layer* layer, const floating* params, floating* y, const Block* block, double* n_bad
) noexcept nogil:
    """y := activation(y + b) in this block of y, after its rows that are not finite have been counted."""
    cdef const floating* b = params + layer.b + block.column
    cdef Py_ssize_t row
    if n_bad != NULL and block.column == 0:
        for row in range(block.row, block.row + block.m):
            if not isfinite(y[row * layer.n_out]):
                n_bad[0] += 1
    for row in range(block.row, block.row + block.m):
        add_and_activate(<Activation> layer.activation, y + row * layer.n_out + block.column, b, block.n)


cdef inline void affine_backward(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy, floating* dx,
    Py_ssize_t n_rows, double l2, double* squares, const Optimizer* optimizer, floating* partials, Thread thread
) noexcept nogil:
    """dw := x.T @ dy + l2 * w, db := dy.sum(axis=0), dx := (dy @ w.T) * the derivative of the inputs' activation.

    dx is NULL for the first layer, whose inputs need no gradient. OUT also squares (MAX_BLOCKS,), whose sum is
    sum(w**2). Where an optimiser is given, it is applied to w and b, and what the gradients then hold is of no use.
    Complete for every thread on return.
    """
    # The two products share their scratch, but never do both have partial sums: one sums over n_out, the other over
    # n_rows, and a product is cut along its terms only where they are the longest of the three.
    if dx != NULL:
        backward_inputs(layer, params + layer.w, x, dy, dx, n_rows, partials, thread)
        if optimizer != NULL:
            barrier(thread)  # nobody needs the old w any more
    backward_weights(layer, params, gradients, x, dy, n_rows, l2, squares, optimizer, partials, thread)
    backward_bias(layer, params, gradients, dy, n_rows, optimizer, thread)
    barrier(thread)


cdef inline void backward_inputs(
    const Layer* layer, const floating* w, const floating* x, const floating* dy, floating* dx, Py_ssize_t n_rows,
    floating* partials, Thread thread
) noexcept nogil:
    cdef Product p = input_gradient(n_rows, layer, sizeof(floating))
    cdef Block block
    cdef Py_ssize_t i, row, at
    # dx = dy @ w.T
    partial_sums(&p, dy, w, partials, thread)
    for i in range(share_start(thread, p.results.n), share_stop(thread, p.results.n)):
        block = result_block(&p, i)
        at = block.row * p.n + block.column
        if p.axis == TERMS:
            add_partials(&p, &block, partials, dx + at)
        else:
            matmul(&p, &block, dy, w, dx + at, p.n)
        for row in range(block.m):
            multiply_by_derivative(
                <Activation> layer.input_activation, dx + at + row * p.n, x + at + row * p.n, block.n
            )


cdef inline void backward_weights(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy,
    Py_ssize_t n_rows, double l2, double* squares, const Optimizer* optimizer, floating* partials, Thread thread
) noexcept nogil:
    cdef Product p = weight_gradient(n_rows, layer, sizeof(floating))
    cdef Py_ssize_t i, ld_dw = p.n, first = share_start(thread, p.results.n)
    cdef Block block = result_block(&p, first)
    cdef floating* dw = gradients + layer.w
    # A gradient that is applied at once need not outlive its block: each is put where the thread's first one belongs,
    # whose place so stays in cache.
    cdef floating* reused = dw + block.row * p.n + block.column * p.m
    cdef floating* out
    # dw = x.T @ dy
    partial_sums(&p, x, dy, partials, thread)
    for i in range(first, share_stop(thread, p.results.n)):
        block = result_block(&p, i)
        if optimizer == NULL:
            out = dw + block.row * p.n + block.column
        else:
            out, ld_dw = reused, block.n
        if p.axis == TERMS:
            add_partials(&p, &block, partials, out)
        else:
            matmul(&p, &block, x, dy, out, ld_dw)
        squares[i] = apply_block(&block, layer, params, out, ld_dw, l2, optimizer)


cdef inline double apply_block(
    const Block* block, const Layer* layer, floating* params, floating* dw, Py_ssize_t ld_dw, double l2,
    const Optimizer* optimizer
) noexcept nogil:
    """Regularise and apply one block of dw; returns its sum(w**2), as w was."""
    # whole rows follow each other without a gap
    cdef bint is_contiguous = block.n == layer.n_out
    cdef Py_ssize_t n_runs = 1 if is_contiguous else block.m
    cdef Py_ssize_t extent = block.m * block.n if is_contiguous else block.n
    cdef Py_ssize_t i, j, run, n, at
    cdef double squares = 0
    for i in range(n_runs):
        for run in range((extent + RUN - 1) // RUN):
            j = run * RUN
            n = min(<Py_ssize_t> RUN, extent - j)
            at = layer.w + (block.row + i) * layer.n_out + block.column + j
            if l2 != 0:
                squares += regularize(dw + i * ld_dw + j, params + at, l2, n)
            if optimizer != NULL:
                update(optimizer, params + at, dw + i * ld_dw + j, at, n)
    return squares


cdef inline void backward_bias(
    const Layer* layer, floating* params, floating* gradients, const floating* dy, Py_ssize_t n_rows,
    const Optimizer* optimizer, Thread thread
) noexcept nogil:
    cdef Blocks blocks = cut(layer.n_out, layer.n_out // BIAS_COLUMNS)
    cdef Py_ssize_t i, column, n, at
    cdef floating one = 1
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        column, n = start(&blocks, i), length(&blocks, i)
        at = layer.b + column
        # db = dy.sum(axis=0), every row taken once
        combine_rows(&one, 0, dy + column, layer.n_out, gradients + at, n, n_rows)
        if optimizer != NULL:
            update(optimizer, params + at, gradients + at, at, n)
