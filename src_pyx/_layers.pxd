"""One layer, forward and backward: y = activation(x @ w + b).

x (n_rows, n_in), w (n_in, n_out), b (n_out,), y (n_rows, n_out); dx, dw, db are the gradients of the loss with respect
to them, and dy with respect to x @ w + b. Each function computes one thread's share; all threads of the team call it.
"""
from cython cimport floating
from libc.math cimport isfinite
from libc.string cimport memset

from _activations cimport Activation, add_and_activate, multiply_by_derivative
from _elementwise cimport RUN, add_rows, regularize
from _matmul cimport matmul
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport Block, Blocks, Product, block_of, cut, length, product, start
from _tiles cimport PACKED_SIZE, are_far, multiply, uses_tiles

cdef enum:
    # columns in a block of a bias gradient
    BIAS_COLUMNS = 64
    # multiplications that take as long as regularising and applying one element of a gradient
    UPDATE_WORK = 64


cdef struct Layer:
    # sizes; where w and b start in the flat buffers, and y in the arena; the activation of y, and that of x, which is
    # the previous layer's y
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t w
    Py_ssize_t b
    Py_ssize_t y
    Py_ssize_t activation
    Py_ssize_t input_activation


cdef inline Product outputs(Py_ssize_t n_rows, const Layer* layer, bint one_block) noexcept nogil:
    """The product x @ w."""
    cdef Py_ssize_t work = 0 if one_block else n_rows * layer.n_in * layer.n_out
    return product(False, False, n_rows, layer.n_out, layer.n_in, work)


cdef inline Product input_gradient(Py_ssize_t n_rows, const Layer* layer) noexcept nogil:
    """The product dy @ w.T."""
    cdef Py_ssize_t work = n_rows * layer.n_in * layer.n_out
    return product(False, True, n_rows, layer.n_in, layer.n_out, work)


cdef inline Product weight_gradient(Py_ssize_t n_rows, const Layer* layer) noexcept nogil:
    """The product x.T @ dy."""
    cdef Py_ssize_t work = (n_rows + UPDATE_WORK) * layer.n_in * layer.n_out
    return product(True, False, layer.n_in, layer.n_out, n_rows, work)


cdef inline bint packs_inputs(const Layer* layer, size_t itemsize) noexcept nogil:
    """Whether the gradient of the weights needs scratch, by tiles."""
    return uses_tiles and are_far(layer.n_in, itemsize)


cdef inline void affine_forward(
    const Layer* layer, const floating* params, const floating* x, floating* y, Py_ssize_t n_rows, bint one_block,
    double* n_bad, Thread thread
) noexcept nogil:
    """y := activation(x @ w + b), in one block or cut into several; complete for every thread on return.

    Where n_bad is given, it counts this thread's rows in which the first element of x @ w is not finite. These include
    all rows of x that are not finite, since NaN and infinities spoil every sum that they are in, so that x itself need
    not be searched.
    """
    cdef Product p = outputs(n_rows, layer, one_block)
    cdef Block block
    cdef floating* out
    cdef floating* no_scratch = NULL
    cdef Py_ssize_t i, row
    for i in range(share_start(thread, p.blocks.n), share_stop(thread, p.blocks.n)):
        block = block_of(&p, i)
        out = y + block.row * p.n + block.column
        # y = x @ w
        matmul(&p, &block, x, params + layer.w, out, p.n, no_scratch)
        for row in range(block.m):
            if n_bad != NULL and block.column == 0 and not isfinite(out[row * p.n]):
                n_bad[0] += 1
            add_and_activate(
                <Activation> layer.activation, out + row * p.n, params + layer.b + block.column, block.n
            )
    barrier(thread)


cdef inline void affine_backward(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy, floating* dx,
    Py_ssize_t n_rows, double l2, double* squares, const Optimizer* optimizer, floating* packed, Thread thread
) noexcept nogil:
    """dw := x.T @ dy + l2 * w, db := dy.sum(axis=0), dx := (dy @ w.T) * the derivative of the inputs' activation.

    dx is NULL for the first layer, whose x needs no gradient. Also fills squares (MAX_BLOCKS,), whose sum is
    sum(w**2). Where an optimiser is given, it is applied to w and b, and the gradients then hold scratch values.
    `packed` is the scratch of all threads, PACKED_SIZE elements each, if the layer `packs_inputs`. Complete for every
    thread on return.
    """
    if dx != NULL:
        backward_inputs(layer, params + layer.w, x, dy, dx, n_rows, thread)
        if optimizer != NULL:
            barrier(thread)  # before w is updated, all threads have read it
    backward_weights(layer, params, gradients, x, dy, n_rows, l2, squares, optimizer, packed, thread)
    backward_bias(layer, params, gradients, dy, n_rows, optimizer, thread)
    barrier(thread)


cdef inline void add_gradients(
    const Layer* layer, const floating* w, floating* gradients, const floating* x, const floating* dy, floating* dx,
    Py_ssize_t n_rows, floating* packed
) noexcept nogil:
    """dw += x.T @ dy, db += dy.sum(axis=0), dx as in `affine_backward`; by one thread, and by tiles."""
    cdef Py_ssize_t n_in = layer.n_in, n_out = layer.n_out
    if dx != NULL:
        backward_inputs(layer, w, x, dy, dx, n_rows, Thread(0, 1, NULL))
    # dw += x.T @ dy
    multiply(n_in, n_out, n_rows, x, 1, n_in, dy, n_out, 1, True, gradients + layer.w, n_out, packed)
    # db += dy.sum(axis=0)
    add_rows(gradients + layer.b, dy, n_out, n_rows, n_out)


cdef inline void apply_gradients(
    const Layer* layer, floating* params, floating* gradients, Py_ssize_t n_rows, double l2, double* squares,
    const Optimizer* optimizer, Thread thread
) noexcept nogil:
    """dw += l2 * w; applied, as in `affine_backward`."""
    cdef Product p = weight_gradient(n_rows, layer)
    cdef Block block
    cdef Py_ssize_t i
    for i in range(share_start(thread, p.blocks.n), share_stop(thread, p.blocks.n)):
        block = block_of(&p, i)
        squares[i] = apply_block(
            &block, layer, params, gradients + layer.w + block.row * p.n + block.column, p.n, l2, optimizer
        )
    if optimizer != NULL and thread.number == 0:
        update(optimizer, params + layer.b, gradients + layer.b, layer.b, layer.n_out)


cdef inline void backward_inputs(
    const Layer* layer, const floating* w, const floating* x, const floating* dy, floating* dx, Py_ssize_t n_rows,
    Thread thread
) noexcept nogil:
    """dx := (dy @ w.T) * the derivative of the activation of x"""
    cdef Product p = input_gradient(n_rows, layer)
    cdef Block block
    cdef floating* no_scratch = NULL
    cdef Py_ssize_t i, row, at
    for i in range(share_start(thread, p.blocks.n), share_stop(thread, p.blocks.n)):
        block = block_of(&p, i)
        at = block.row * p.n + block.column
        # dx = dy @ w.T
        matmul(&p, &block, dy, w, dx + at, p.n, no_scratch)
        for row in range(block.m):
            multiply_by_derivative(
                <Activation> layer.input_activation, dx + at + row * p.n, x + at + row * p.n, block.n
            )


cdef inline void backward_weights(
    const Layer* layer, floating* params, floating* gradients, const floating* x, const floating* dy,
    Py_ssize_t n_rows, double l2, double* squares, const Optimizer* optimizer, floating* packed, Thread thread
) noexcept nogil:
    """dw := x.T @ dy + l2 * w, applied to w where an optimiser is given"""
    cdef Product p = weight_gradient(n_rows, layer)
    cdef Py_ssize_t i, ld_dw = p.n, first = share_start(thread, p.blocks.n)
    cdef Block block = block_of(&p, first)
    cdef floating* dw = gradients + layer.w
    # A gradient that is applied at once is not needed afterwards: the thread writes each block to the memory of its
    # first one, which stays in cache.
    cdef floating* reused = dw + block.row * p.n + block.column * p.m
    cdef floating* out
    packed += thread.number * PACKED_SIZE
    for i in range(first, share_stop(thread, p.blocks.n)):
        block = block_of(&p, i)
        if optimizer == NULL:
            out = dw + block.row * p.n + block.column
        else:
            out, ld_dw = reused, block.n
        # dw = x.T @ dy
        matmul(&p, &block, x, dy, out, ld_dw, packed)
        squares[i] = apply_block(&block, layer, params, out, ld_dw, l2, optimizer)


cdef inline double apply_block(
    const Block* block, const Layer* layer, floating* params, floating* dw, Py_ssize_t ld_dw, double l2,
    const Optimizer* optimizer
) noexcept nogil:
    """dw += l2 * w in one block, applied to w where an optimiser is given; returns sum(w**2) of w before."""
    # whole rows have no gaps between them
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
    """db := dy.sum(axis=0), applied to b where an optimiser is given"""
    cdef Blocks blocks = cut(layer.n_out, layer.n_out // BIAS_COLUMNS)
    cdef Py_ssize_t i, column, n, at
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        column, n = start(&blocks, i), length(&blocks, i)
        at = layer.b + column
        # db = dy.sum(axis=0)
        memset(gradients + at, 0, n * sizeof(floating))
        add_rows(gradients + at, dy + column, layer.n_out, n_rows, n)
        if optimizer != NULL:
            update(optimizer, params + at, gradients + at, at, n)
