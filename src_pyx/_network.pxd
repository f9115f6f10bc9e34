"""A network, and its forward pass: one thread's share of it."""
from cython cimport floating
from libc.string cimport memcpy

from _activations cimport SOFTMAX, Activation, activate
from _batch cimport Batch, Predictions
from _dropout cimport drop
from _layers cimport Layer, affine_forward
from _losses cimport Loss, argmax, loss_and_grad_row
from _openmp cimport Thread, barrier, share_start, share_stop
from _products cimport MAX_BLOCKS, Blocks, Share, cut, length, share_of, start
from _rows cimport gather
from _softmax cimport softmax

cdef enum:
    # A batch of more rows goes through all layers in chunks of this many, so that the outputs of a layer are still in
    # cache when the next layer reads them. Prediction uses the same chunks, and so gets the same bits.
    CHUNK_ROWS = 512
    # rows in a block of the output activation and the loss, and in a block that is gathered
    LOSS_ROWS = 64
    GATHER_ROWS = 16


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
    double loss_option
    # sums over blocks: MAX_BLOCKS elements each for the losses of the rows, the squared weights of each layer and the
    # squared gradient, then MAX_BLOCKS times n_scores elements for the rows' scores
    double* sums
    size_t itemsize


cdef inline Blocks loss_blocks(Py_ssize_t n_rows) noexcept nogil:
    """The blocks of rows of the outputs and of all that follows from them, each block by one thread."""
    return cut(n_rows, n_rows // LOSS_ROWS)


cdef inline const Layer* last_layer(const Network* net) noexcept nogil:
    return &net.layers[net.n_layers - 1]


cdef inline Py_ssize_t flat_size(const Network* net) noexcept nogil:
    """Elements of a flat buffer, from the first layer's weights to the last one's biases."""
    return last_layer(net).b + last_layer(net).n_out


cdef inline double* gradient_squares(const Network* net) noexcept nogil:
    """The sums (MAX_BLOCKS,) of the squared gradient."""
    return net.sums + (1 + net.n_layers) * MAX_BLOCKS


cdef inline void forward_batch(
    const Network* net, const floating* params, floating* arena, const Batch* batch, Thread thread
) noexcept nogil:
    """Compute the outputs of the batch, and write the predictions that are asked for.

    The threads share the work on each layer, or, where there are several chunks, each takes some through all layers.
    In prediction, a thread's number of rows that may not be finite (see `affine_forward`) is added to its element of
    net.sums, and the arena has only CHUNK_ROWS rows for each thread, or as many as the batch if these are fewer.
    """
    cdef Blocks chunks = Blocks(batch.n_rows, CHUNK_ROWS, (batch.n_rows + CHUNK_ROWS - 1) // CHUNK_ROWS)
    # the team that shares the chunks, and the team that shares each of them
    cdef Thread alone = Thread(0, 1, NULL)
    cdef Thread across = thread if chunks.n > 1 else alone, within = alone if chunks.n > 1 else thread
    cdef Share share
    cdef bint predicts = batch.predictions != NULL
    cdef double* n_bad = net.sums + thread.number if predicts else NULL
    cdef Py_ssize_t i, first, at, n_rows
    for i in range(share_start(across, chunks.n), share_stop(across, chunks.n)):
        # rows of the batch from `first` on, in the rows of the arena from `at` on
        first, n_rows = start(&chunks, i), length(&chunks, i)
        at = across.number * CHUNK_ROWS if predicts else first
        forward_rows(net, params, arena, batch, first, n_rows, at, n_bad, within)
        if predicts:
            share = share_of(within, loss_blocks(n_rows))
            write_predictions(net, arena, at + share.start, share.n, batch, first + share.start)


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
        gather(&batch.rows, batch.order, first + share.start, share.n, batch.n_ordered, net.layers[0].n_in,
               x + share.start * net.layers[0].n_in)
        if batch.dropout.active and net.layers[0].input_dropout > 0:
            for k in range(share.start, share.start + share.n):
                drop(&batch.dropout, 0, net.layers[0].input_dropout, first + k, 0, net.layers[0].n_in,
                     x + k * net.layers[0].n_in)
        barrier(thread)
    for k in range(net.n_layers):
        layer = &net.layers[k]
        y = arena + layer.y + at * layer.n_out
        affine_forward(layer, params, x, arena + layer.kept + at * layer.n_out, y, batch, first, n_rows,
                       n_bad if k == 0 else NULL, thread)
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


cdef inline const floating* kept_of_inputs(
    const Network* net, const floating* arena, Py_ssize_t at, Py_ssize_t k
) noexcept nogil:
    """What is kept for the derivative of the inputs of layer k, in row `at`; NULL for the first layer."""
    if k == 0:
        return NULL
    return arena + net.layers[k - 1].kept + at * net.layers[k].n_in


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
    Loss loss, const Network* net, const floating* arena, Py_ssize_t row, const Batch* batch, Py_ssize_t i,
    double weight, double denominator, floating* dlogits, double* scores
) noexcept nogil:
    """The loss of row i of the batch, which is in this row of the arena; see `loss_and_grad_row`."""
    cdef Py_ssize_t n_out = last_layer(net).n_out
    return loss_and_grad_row(
        loss, net.loss_option, net.activation, arena + last_layer(net).y + row * n_out,
        arena + net.offsets.row_max + row, arena + net.offsets.log_sum + row,
        arena + net.offsets.outputs + row * n_out, batch.targets,
        i if batch.order == NULL else batch.order[i], n_out, weight, denominator, dlogits, scores
    )


cdef inline void write_predictions(
    const Network* net, const floating* arena, Py_ssize_t at, Py_ssize_t n_rows, const Batch* batch, Py_ssize_t first
) noexcept nogil:
    """Write the predictions for rows of the batch from `first` on, which are in the arena from `at` on."""
    cdef const Predictions* predictions = batch.predictions
    cdef Py_ssize_t n_out = last_layer(net).n_out
    cdef const floating* outputs = arena + net.offsets.outputs + at * n_out
    cdef Py_ssize_t i
    if predictions.outputs != NULL:
        memcpy(<floating*> predictions.outputs + first * n_out, outputs, n_rows * n_out * sizeof(floating))
    for i in range(n_rows):
        if predictions.classes != NULL:
            predictions.classes[first + i] = argmax(outputs + i * n_out, n_out)
        if predictions.losses != NULL:
            predictions.losses[first + i] = row_loss(net.loss, net, arena, at + i, batch, first + i, 1, 1,
                                                     <floating*> NULL, NULL)
