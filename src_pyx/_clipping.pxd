"""Clipping of a complete gradient by its global norm: one thread's share of it.

Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013, algorithm 1.
"""
from cython cimport floating
from libc.math cimport sqrt

from _elementwise cimport RUN, multiply, sum_of_squares
from _network cimport Network, flat_size, gradient_squares
from _openmp cimport Thread, barrier, share_start, share_stop
from _optimizers cimport Optimizer, update
from _products cimport FLAT_BLOCK, Blocks, Share, cut, length, share_of, start, sum_of_blocks


cdef inline Blocks norm_blocks(const Network* net) noexcept nogil:
    """The blocks of a flat buffer whose squares are summed apart."""
    return cut(flat_size(net), flat_size(net) // FLAT_BLOCK)


cdef inline double gradient_norm(const Network* net) noexcept nogil:
    """That of the last `clip`, before it was clipped."""
    return sqrt(sum_of_blocks(gradient_squares(net), norm_blocks(net).n))


cdef inline void clip(
    const Network* net, floating* params, floating* gradients, double max_norm, const Optimizer* optimizer,
    Thread thread
) noexcept nogil:
    """gradients *= max_norm / norm where their norm is larger, applied to params where an optimiser is given.

    Of the flat buffers all is read and written; the padding between their arrays is 0 and stays so.
    """
    cdef Blocks blocks = norm_blocks(net)
    cdef Share share = share_of(thread, blocks)
    cdef Py_ssize_t i, run, at = share.start, stop = share.start + share.n
    cdef double norm
    for i in range(share_start(thread, blocks.n), share_stop(thread, blocks.n)):
        gradient_squares(net)[i] = sum_of_squares(gradients + start(&blocks, i), length(&blocks, i))
    barrier(thread)
    norm = gradient_norm(net)
    while at < stop:
        run = min(<Py_ssize_t> RUN, stop - at)
        if norm > max_norm:
            multiply(gradients + at, max_norm / norm, run)
        if optimizer != NULL:
            update(optimizer, params + at, gradients + at, at, run)
        at += run
