"""One batch of rows, and the settings of its step."""
from _rows cimport Rows


cdef struct StepSettings:
    # The learning rate, the strength of the L2 regularisation, and the denominator of the mean loss: the rows' number,
    # or the sum of their weights. A batch for which that is 0 is skipped.
    double learning_rate
    double l2
    double denominator


cdef struct Batch:
    Py_ssize_t n_rows
    # which rows of X and of the targets: order[:n_rows], or the first n_rows where it is NULL
    const Py_ssize_t* order
    # X, to be gathered into x; NULL where x is there already
    const Rows* rows
    # (n_rows, n_in) of the network's type
    void* x
    # labels (n,), or targets (n, n_out) of the network's type, as the loss wants them
    const void* targets
    StepSettings step
    # the gradient of earlier batches, a flat buffer that is added to that of this one; NULL for none
    const void* earlier
