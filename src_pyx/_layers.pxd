"""One affine layer, forward and backward: y = x @ w + b, followed by a ReLU or by nothing.

x (n_rows, n_in), w (n_in, n_out), b (n_out,), y (n_rows, n_out); dx, dw, db, dy are the gradients of the loss with
respect to them. Each function is one member's share; all members of the team call it.
"""
from cython cimport floating

from _elementwise cimport add, regularize, relu, relu_grad
from _openmp cimport Member, barrier, share_start, share_stop
from _products cimport (
    COLUMNS, Blocks, Product, Rectangle, cut, length, multiply, n_partials, product, result, start,
)

cdef enum:
    # columns of a bias that one member sums over the rows
    BIAS_COLUMNS = 64


cdef inline Product weight_gradient(
    Py_ssize_t n_rows, Py_ssize_t n_in, Py_ssize_t n_out, size_t itemsize
) noexcept nogil:
    """The product x.T @ dy."""
    return product(True, False, n_in, n_out, n_rows, itemsize)


cdef inline void affine_forward(
    const floating* x, const floating* w, const floating* b, floating* y,
    Py_ssize_t n_rows, Py_ssize_t n_in, Py_ssize_t n_out, bint with_relu, floating* partials, Member me,
) noexcept nogil:
    """y := relu(x @ w + b), or x @ w + b. IN x, w, b; OUT y, complete for every member on return."""
    cdef Product p = product(False, False, n_rows, n_out, n_in, sizeof(floating))
    cdef Rectangle r
    cdef Py_ssize_t i, row
    cdef floating* at
    # y = x @ w
    multiply(&p, x, w, y, partials, me)
    for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
        r = result(&p, i)
        for row in range(r.row, r.row + r.n_rows):
            at = y + row * n_out + r.column
            add(at, b + r.column, r.n_columns)
            if with_relu:
                relu(at, r.n_columns)
    barrier(me.n_members)


cdef inline void affine_backward(
    const floating* x, const floating* w, const floating* dy, floating* dw, floating* db, floating* dx,
    Py_ssize_t n_rows, Py_ssize_t n_in, Py_ssize_t n_out, double regularization, double* squares,
    floating* partials, Member me,
) noexcept nogil:
    """dw := x.T @ dy + regularization * w, db := dy.sum(axis=0), dx := where(x > 0, dy @ w.T, 0).

    IN x, w, dy; OUT dw, db, dx (NULL for the first layer, whose x is no ReLU's output and needs no gradient), and
    squares (MAX_BLOCKS,), whose sum is sum(w**2). Complete for every member on return.
    """
    cdef Product p = weight_gradient(n_rows, n_in, n_out, sizeof(floating))
    # The two products share their scratch, but never do both have partial sums: one sums over n_out, the other over
    # n_rows, and a product is cut along its terms only where they are the longest of the three.
    if dx != NULL:
        affine_backward_input(x, w, dy, dx, n_rows, n_in, n_out, partials, me)
    # dw = x.T @ dy
    multiply(&p, x, dy, dw, partials, me)
    if regularization != 0:
        regularize_results(&p, w, dw, regularization, squares, me)
    affine_backward_bias(dy, db, n_rows, n_out, me)
    barrier(me.n_members)


cdef inline void affine_backward_input(
    const floating* x, const floating* w, const floating* dy, floating* dx,
    Py_ssize_t n_rows, Py_ssize_t n_in, Py_ssize_t n_out, floating* partials, Member me,
) noexcept nogil:
    cdef Product p = product(False, True, n_rows, n_in, n_out, sizeof(floating))
    cdef Rectangle r
    cdef Py_ssize_t i, row, at
    # dx = dy @ w.T
    multiply(&p, dy, w, dx, partials, me)
    for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
        r = result(&p, i)
        for row in range(r.row, r.row + r.n_rows):
            at = row * n_in + r.column
            relu_grad(dx + at, x + at, r.n_columns)


cdef inline void regularize_results(
    const Product* p, const floating* w, floating* dw, double regularization, double* squares, Member me
) noexcept nogil:
    """dw += regularization * w and squares[i] := sum(w**2), over this member's result blocks."""
    cdef Rectangle r
    cdef Py_ssize_t i, row, at
    for i in range(share_start(me, p.results.n), share_stop(me, p.results.n)):
        r = result(p, i)
        squares[i] = 0
        if p.axis == COLUMNS:
            for row in range(r.n_rows):
                at = row * p.n + r.column
                squares[i] += regularize(dw + at, w + at, regularization, r.n_columns)
        else:
            at = r.row * p.n
            squares[i] = regularize(dw + at, w + at, regularization, r.n_rows * p.n)


cdef inline void affine_backward_bias(
    const floating* dy, floating* db, Py_ssize_t n_rows, Py_ssize_t n_out, Member me
) noexcept nogil:
    cdef Blocks blocks = cut(n_out, n_out // BIAS_COLUMNS)
    cdef Py_ssize_t i, j, row, at, extent
    for i in range(share_start(me, blocks.n), share_stop(me, blocks.n)):
        at, extent = start(&blocks, i), length(&blocks, i)
        # db = dy.sum(axis=0)
        for j in range(at, at + extent):
            db[j] = 0
        for row in range(n_rows):
            add(db + at, dy + row * n_out + at, extent)


cdef inline Py_ssize_t layer_partials(
    Py_ssize_t n_rows, Py_ssize_t n_in, Py_ssize_t n_out, size_t itemsize
) noexcept nogil:
    """How many elements of scratch a layer needs for n_rows rows, forward or backward."""
    cdef Product forward = product(False, False, n_rows, n_out, n_in, itemsize)
    cdef Product weights = weight_gradient(n_rows, n_in, n_out, itemsize)
    cdef Product inputs = product(False, True, n_rows, n_in, n_out, itemsize)
    return max(n_partials(&forward), max(n_partials(&weights), n_partials(&inputs)))
