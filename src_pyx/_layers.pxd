"""One affine layer, forward and backward: y = x @ w + b, followed by a ReLU or by nothing.

x (n_rows, n_in), w (n_in, n_out), b (n_out,), y (n_rows, n_out); dx, dw, db, dy are the gradients of the loss with
respect to them. Each function is one member's share; all members of the team call it.
"""
from cython cimport floating
from libc.math cimport isfinite

from _elementwise cimport RUN, add, add_relu, regularize, relu_grad
from _matmul cimport combine_rows, matmul
from _openmp cimport Member, barrier, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport (
    COLUMNS, Blocks, Product, Rectangle, cut, length, partial_sums, partials_room, product, result, result_block, start,
)

cdef enum:
    # columns of a bias that one member sums over the rows
    BIAS_COLUMNS = 64
    # to regularise and apply one number of a gradient takes as long as so many multiplications of its product
    UPDATE_WORK = 64


cdef struct Layer:
    # sizes, where w and b start in the flat buffers, where the batch's outputs start in the arena
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t w
    Py_ssize_t b
    Py_ssize_t y


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
        partials_room(&forward, itemsize), max(partials_room(&weights, itemsize), partials_room(&inputs, itemsize))
    )


cdef inline void affine_forward(
    const Layer* layer, const floating* params, const floating* x, floating* y, Py_ssize_t n_rows, bint with_relu,
    floating* partials, double* n_bad, Member me
) noexcept nogil:
    """y := relu(x @ w + b), or x @ w + b; complete for every member on return.

    Where n_bad is given, it counts this member's rows whose first sum is not finite. Those of an x that is not finite
    are among them, since NaN and infinities spoil every sum that they are in; so nobody need look at x.
    """
    cdef Product p = outputs(n_rows, layer, sizeof(floating))
    cdef Rectangle r
    cdef Py_ssize_t i
    # y = x @ w
    partial_sums(&p, x, params + layer.w, partials, me)
    for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
        r = result(&p, i)
        result_block(&p, i, x, params + layer.w, partials, y + r.row * p.n + r.column, p.n)
        count_bad(layer, y, &r, n_bad)
        add_bias(layer, params, y, &r, with_relu)
    barrier(me)


cdef inline void affine_forward_alone(
    const Layer* layer, const floating* params, const floating* x, floating* y, Py_ssize_t n_rows, bint with_relu,
    double* n_bad
) noexcept nogil:
    """The same by one member, who does it whole."""
    cdef Rectangle whole = Rectangle(0, n_rows, 0, layer.n_out)
    # y = x @ w
    matmul(False, False, n_rows, layer.n_out, layer.n_in, x, layer.n_in, params + layer.w, layer.n_out,
           y, layer.n_out)
    count_bad(layer, y, &whole, n_bad)
    add_bias(layer, params, y, &whole, with_relu)


cdef inline void count_bad(
    const Layer* layer, const floating* y, const Rectangle* r, double* n_bad
) noexcept nogil:
    cdef Py_ssize_t row
    if n_bad != NULL and r.column == 0:
        for row in range(r.row, r.row + r.n_rows):
            if not isfinite(y[row * layer.n_out]):
                n_bad[0] += 1


cdef inline void add_bias(
    const Layer* layer, const floating* params, floating* y, const Rectangle* r, bint with_relu
) noexcept nogil:
    cdef const floating* b = params + layer.b + r.column
    cdef Py_ssize_t row
    for row in range(r.row, r.row + r.n_rows):
        if with_relu:
            add_relu(y + row * layer.n_out + r.column, b, r.n_columns)
        else:
            add(y + row * layer.n_out + r.column, b, r.n_columns)


cdef inline void affine_backward(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy, floating* dx,
    Py_ssize_t n_rows, double regularization, double* squares, const Optimizer* optimizer, floating* partials,
    Member me
) noexcept nogil:
    """dw := x.T @ dy + regularization * w, db := dy.sum(axis=0), dx := where(x > 0, dy @ w.T, 0).

    dx is NULL for the first layer, whose x is no ReLU's output and needs no gradient. OUT also squares (MAX_BLOCKS,),
    whose sum is sum(w**2). Where an optimiser is given, it is applied to w and b, and what the gradients then hold is
    of no use. Complete for every member on return.
    """
    # The two products share their scratch, but never do both have partial sums: one sums over n_out, the other over
    # n_rows, and a product is cut along its terms only where they are the longest of the three.
    if dx != NULL:
        backward_inputs(layer, params + layer.w, x, dy, dx, n_rows, partials, me)
        if optimizer != NULL:
            barrier(me)  # nobody needs the old w any more
    backward_weights(layer, params, gradients, x, dy, n_rows, regularization, squares, optimizer, partials, me)
    backward_bias(layer, params, gradients, dy, n_rows, optimizer, me)
    barrier(me)


cdef inline void backward_inputs(
    const Layer* layer, const floating* w, const floating* x, const floating* dy, floating* dx, Py_ssize_t n_rows,
    floating* partials, Member me
) noexcept nogil:
    cdef Product p = input_gradient(n_rows, layer, sizeof(floating))
    cdef Rectangle r
    cdef Py_ssize_t i, row, at
    # dx = dy @ w.T
    partial_sums(&p, dy, w, partials, me)
    for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
        r = result(&p, i)
        result_block(&p, i, dy, w, partials, dx + r.row * p.n + r.column, p.n)
        for row in range(r.row, r.row + r.n_rows):
            at = row * p.n + r.column
            relu_grad(dx + at, x + at, r.n_columns)


cdef inline void backward_weights(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy,
    Py_ssize_t n_rows, double regularization, double* squares, const Optimizer* optimizer, floating* partials,
    Member me
) noexcept nogil:
    cdef Product p = weight_gradient(n_rows, layer, sizeof(floating))
    cdef Rectangle r
    cdef Py_ssize_t i, ld_dw = p.n, first = share_start(me, p.results.n)
    cdef floating* dw = gradients + layer.w
    cdef floating* block
    # dw = x.T @ dy
    partial_sums(&p, x, dy, partials, me)
    for i in range(first, share_stop(me, p.results.n)):
        r = result(&p, i)
        if optimizer == NULL:
            block = dw + r.row * p.n + r.column
        else:
            # A gradient that is applied at once need not outlive its block: each is put where the member's first one
            # has its room, which so stays in cache.
            block = dw + start(&p.results, first) * (p.m if p.axis == COLUMNS else p.n)
            ld_dw = r.n_columns
        result_block(&p, i, x, dy, partials, block, ld_dw)
        squares[i] = apply_block(&r, layer, params, block, ld_dw, regularization, optimizer)


cdef inline double apply_block(
    const Rectangle* r, const Layer* layer, floating* params, floating* dw, Py_ssize_t ld_dw, double regularization,
    const Optimizer* optimizer
) noexcept nogil:
    """Regularise and apply one block of dw; returns its sum(w**2), as w was."""
    # whole rows follow each other without a gap
    cdef bint whole = r.n_columns == layer.n_out
    cdef Py_ssize_t n_runs = 1 if whole else r.n_rows
    cdef Py_ssize_t extent = r.n_rows * r.n_columns if whole else r.n_columns
    cdef Py_ssize_t i, j, run, n, at
    cdef double squares = 0
    for i in range(n_runs):
        for run in range((extent + RUN - 1) // RUN):
            j = run * RUN
            n = min(<Py_ssize_t> RUN, extent - j)
            at = layer.w + (r.row + i) * layer.n_out + r.column + j
            if regularization != 0:
                squares += regularize(dw + i * ld_dw + j, params + at, regularization, n)
            if optimizer != NULL:
                update(optimizer, params + at, dw + i * ld_dw + j, at, n)
    return squares


cdef inline void backward_bias(
    const Layer* layer, floating* params, floating* gradients, const floating* dy, Py_ssize_t n_rows,
    const Optimizer* optimizer, Member me
) noexcept nogil:
    cdef Blocks blocks = cut(layer.n_out, layer.n_out // BIAS_COLUMNS)
    cdef Py_ssize_t i, column, n, at
    cdef floating one = 1
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        column, n = start(&blocks, i), length(&blocks, i)
        at = layer.b + column
        # db = dy.sum(axis=0), every row taken once
        combine_rows(&one, 0, dy + column, layer.n_out, gradients + at, n, n_rows)
        if optimizer != NULL:
            update(optimizer, params + at, gradients + at, at, n)
