"""One batch of rows, the settings of its training step, and its predictions."""
from _dropout cimport Dropout
from _rows cimport Rows


cdef struct StepSettings:
    # the learning rate, the strength of the L2 regularisation, and the denominator of the mean loss: the number of
    # rows, or the sum of their weights; the largest global norm of a gradient that is applied, infinity for any
    double learning_rate
    double l2
    double denominator
    double clip_norm


cdef struct Predictions:
    # What to write for each row: its outputs (n_rows, n_out), of the network's type, its most probable class (n_rows,),
    # and its loss (n_rows,), which needs targets; NULL for what is not asked for.
    void* outputs
    Py_ssize_t* classes
    double* losses


cdef struct Batch:
    Py_ssize_t n_rows
    # Which rows of X and of the targets: order[:n_rows], or the first n_rows where it is NULL. The rest of
    # order[:n_ordered] are the rows of later batches.
    const Py_ssize_t* order
    Py_ssize_t n_ordered
    # X, to be gathered into x; its data is NULL where x holds the batch already
    Rows rows
    # (n_rows, n_in) of the network's type
    void* x
    # labels (n,), or targets (n, n_out) of the network's type, as the loss needs them
    const void* targets
    # (n,), of the rows' losses and scores; NULL where all are 1
    const double* weights
    StepSettings step
    Dropout dropout
    # the gradient of earlier batches, a flat buffer that is added to the gradient of this one; NULL for none
    const void* earlier
    # NULL in training
    const Predictions* predictions


cdef inline double row_weight(const Batch* batch, Py_ssize_t i) noexcept nogil:
    """The weight of row i of the batch."""
    if batch.weights == NULL:
        return 1
    return batch.weights[i if batch.order == NULL else batch.order[i]]
