"""The Python interface of the kernels: passes, updates and epochs over buffers that are bound once.

Design:
a) Python checks and allocates, kernels compute. `fastmlp.engine` has checked every argument before the call; once the
   GIL is released, nothing allocates, raises or touches a Python object, and every output is an argument.
b) Float and double come from one source, the fused type `floating`; a bound object stores which of them it holds.
c) A call is one parallel region. All its threads go through the same steps, each computes its share of the blocks of a
   step (_products.pxd), and they wait for each other where a step reads what other threads wrote.
d) Products are computed by tiles, or else by SciPy's BLAS, limited to one thread during a call (_blas_limit.h).
"""
cimport cython
from cpython.buffer cimport PyBUF_RECORDS_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.time cimport monotonic
from libc.math cimport INFINITY
from libc.string cimport strerror

cimport _blas as blas
cimport _openmp as openmp
cimport _tiles as tiles
from _activations cimport Activation
from _arrays cimport address, can_gather, check_length, checked_address
from _batch cimport Batch, Predictions, StepSettings
from _clipping cimport gradient_norm
from _dropout cimport Dropout
from _epoch cimport EpochProgress
from _float_mode cimport flush_denormals, restore
from _layers cimport Layer
from _losses cimport Loss, takes_labels
from _matmul cimport is_tiled
from _network cimport CHUNK_ROWS as _CHUNK_ROWS, ArenaOffsets, Network, flat_size
from _optimizers cimport Method, Optimizer, set_options, set_step
from _products cimport MAX_BLOCKS as _MAX_BLOCKS, sum_of_blocks
from _rows cimport FEATURES_AHEAD, Rows, gather
from _team cimport BACKWARD, CLIP, FORWARD, TRAIN, UPDATE, Job, calls_blas, run_thread
from _training cimport is_narrow, mean_loss, n_scores

CHUNK_ROWS = _CHUNK_ROWS
MAX_BLOCKS = _MAX_BLOCKS

cdef extern from "_build.h":
    const char* COMPILER "FASTMLP_COMPILER"
    const char* SIMD "FASTMLP_SIMD"
    const char* BUILD "FASTMLP_BUILD"
    const char* FLAGS "FASTMLP_FLAGS"

# what maps memory for BLAS, a function of the numbers of threads at work and to come; None where it maps its own
cdef object provide_buffers = None
# the format of intp in buffers
cdef const char* INTP = b"q" if sizeof(Py_ssize_t) > sizeof(long) else b"l"


cdef int run(Job* job, int n_threads) except -1:
    """Run a job with the GIL released, and BLAS, if it may be called, limited to one thread.

    First checks that there are memory for BLAS and threads for the team: without memory OpenBLAS would try again
    forever (fastmlp.engine.blas), and without threads libgomp would end the process.
    """
    cdef int error, n_users = n_threads if calls_blas(job) else 0
    cdef openmp.Barrier barrier  # on the stack, since Python does not align its objects to 64 bytes
    if n_users > 0 and provide_buffers is not None:
        provide_buffers(blas.users, n_users)
    error = openmp.try_team(n_threads)
    if error != 0:
        raise RuntimeError(
            f"{n_threads} threads are needed, and cannot be started: {strerror(error).decode()}; lower n_threads, or "
            "raise the limits of processes and memory"
        )
    blas.hold(n_users)
    openmp.init(&barrier)
    job.n_threads, job.barrier = n_threads, &barrier
    with nogil:
        openmp.run_team(n_threads, run_thread, job)
    job.slept = barrier.slept
    openmp.destroy(&barrier)
    blas.release(n_users)
    return 0


@cython.final
cdef class RowsView:
    """The rows of an array X (n_rows, n_in), whose memory lives as long as this object, and how to standardise them.

    The statistics are mean, mean_rest and inverse_scale of `Rows`, or nothing.
    """

    cdef Py_buffer view
    cdef Rows rows

    def __cinit__(self, X, tuple statistics):
        PyObject_GetBuffer(X, &self.view, PyBUF_RECORDS_RO)
        if self.view.ndim != 2 or self.view.shape[1] == 0 or not can_gather(&self.view):
            raise TypeError("X must be an aligned matrix of uint8, float32 or float64, with columns")
        self.rows.n_ahead = 1 + FEATURES_AHEAD // self.view.shape[1]
        self.rows.data, self.rows.type = <const char*> self.view.buf, self.view.format[0]
        self.rows.row_stride, self.rows.stride = self.view.strides[0], self.view.strides[1]
        if statistics:
            self.rows.mean, self.rows.mean_rest = address(statistics[0]), address(statistics[1])
            self.rows.inverse_scale = address(statistics[2])

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef double* row_weights(weights, Py_ssize_t n_rows) except? NULL:
    """The address of the weights of n_rows rows; NULL for None."""
    return NULL if weights is None else <double*> checked_address("sample_weight", weights, n_rows, b"d")


cdef Dropout as_dropout(dropout) except *:
    """A seed and a number of updates as a Dropout; None drops no unit."""
    if dropout is None:
        return Dropout(False, 0, 0)
    seed, n_updates = dropout
    return Dropout(True, seed, n_updates)


def is_stored(array):
    """Whether the kernels can gather the rows of an array without a conversion."""
    cdef Py_buffer view
    cdef bint result
    PyObject_GetBuffer(array, &view, PyBUF_RECORDS_RO)
    result = can_gather(&view)
    PyBuffer_Release(&view)
    return result


def standardize(X, out, *statistics):
    """out (n_rows * n_in,) := the rows of X, standardised with these statistics or cast only, as networks do it."""
    cdef RowsView view = RowsView(X, statistics)
    cdef Py_ssize_t n_rows = view.view.shape[0], n_in = view.view.shape[1]
    cdef void* x = checked_address("out", out, n_rows * n_in)
    for statistic in statistics:
        checked_address("statistic", statistic, n_in, b"f" if out.itemsize == sizeof(float) else b"d")
    cdef unsigned long before = flush_denormals()
    if out.itemsize == sizeof(float):
        gather(&view.rows, NULL, 0, n_rows, n_rows, n_in, <float*> x)
    else:
        gather(&view.rows, NULL, 0, n_rows, n_rows, n_in, <double*> x)
    restore(before)


@cython.final
cdef class Propagation:
    """Forward and backward passes over one network's flat buffers and one arena.

    Parameters
    ----------
    layers : (n_layers, 11) intp array; a row is a `Layer`
    offsets : (9,) intp array; the `ArenaOffsets`
    activation, loss, loss_option : the output `Activation`, the `Loss`, and the option of `loss_and_grad_row`
    params, gradients : the flat buffers, both float32 or both float64
    arena : memory for one batch, of the same dtype, laid out as `layers` and `offsets` say
    sums : (MAX_BLOCKS * (2 + n_layers + n_scores),) float64; see `n_scores`
    statistics : mean, mean_rest and inverse_scale of `Rows`, each (n_in,) of the same dtype, or nothing
    """

    cdef Job job
    cdef const char* type  # of the buffers' elements, as buffers name it
    cdef Predictions predictions
    cdef tuple statistics, buffers  # keep the memory behind the pointers alive

    def __init__(self, const Py_ssize_t[:, ::1] layers, const Py_ssize_t[::1] offsets, int activation, int loss,
                 double loss_option, params, gradients, arena, double[::1] sums, tuple statistics):
        self.type = b"f" if params.itemsize == sizeof(float) else b"d"
        self.job.net = Network(
            <const Layer*> &layers[0, 0], <int> layers.shape[0], <const ArenaOffsets*> &offsets[0],
            <Activation> activation, <Loss> loss, loss_option, &sums[0], params.itemsize,
        )
        self.job.params, self.job.gradients = address(params), address(gradients)
        self.job.arena = address(arena)
        for statistic in statistics:
            checked_address("statistic", statistic, layers[0, 0], self.type)
        self.statistics = statistics
        self.buffers = (layers.base, offsets.base, sums.base, params, gradients, arena)

    @property
    def slept(self):
        """Seconds that the threads of the last call slept while they waited for each other."""
        return self.job.slept

    cdef const void* targets(self, y, Py_ssize_t n_rows) except NULL:
        """The address of the labels or targets of n_rows rows."""
        return checked_address("y", y, n_rows, INTP if takes_labels(self.job.net.loss) else self.type)

    cdef char* gathered(self) noexcept:
        """The place in the arena for rows that are gathered."""
        return <char*> self.job.arena + self.job.net.offsets.x * self.job.net.itemsize

    cdef bint take(self, RowsView X, dropout) except -1:
        """Make these rows the batch, in place where they stay as they are; returns whether they are gathered."""
        cdef Batch* batch = &self.job.batch
        cdef const Layer* first = self.job.net.layers
        cdef Py_ssize_t n_rows = X.view.shape[0], n_in = X.view.shape[1]
        cdef bint in_place = (
            X.rows.mean == NULL and X.rows.type == self.type[0] and X.rows.stride == X.view.itemsize
            and (X.rows.row_stride == n_in * X.view.itemsize or n_rows == 1)
            and (dropout is None or first.input_dropout == 0)
        )
        check_length("row", n_in, first.n_in)
        batch.dropout = as_dropout(dropout)
        batch.n_rows, batch.n_ordered, batch.predictions, batch.weights = n_rows, n_rows, NULL, NULL
        batch.rows, batch.x = X.rows, self.gathered()
        if in_place:
            batch.rows.data, batch.x = NULL, X.view.buf
        return not in_place

    def forward(self, X, dropout, int n_threads):
        """Take the rows of X (n_rows, n_in) through all layers.

        `dropout` is None, or the network's seed and the number of updates so far, to drop units. Returns whether the
        rows were gathered into the arena; if not, `backward` will read X again.
        """
        cdef RowsView view = RowsView(X, self.statistics)
        cdef bint gathered = self.take(view, dropout)
        self.job.task = FORWARD
        run(&self.job, n_threads)
        return gathered

    def backward(self, y, weights, double l2, double denominator, earlier, int n_threads):
        """Compute the gradients of the batch of the last `forward`, plus those of earlier ones, a flat buffer or None.

        y are its labels (n_rows,), intp, or, for a loss of targets, its targets (n_rows, n_out) of the network's dtype;
        weights (n_rows,), float64, or None where all are 1. Returns the loss: the weighted sum over all rows divided by
        the denominator, plus the regularisation.
        """
        self.job.batch.targets = self.targets(y, self.job.batch.n_rows)
        self.job.batch.weights = row_weights(weights, self.job.batch.n_rows)
        self.job.batch.earlier = NULL if earlier is None else address(earlier, self.type)
        self.job.batch.step = StepSettings(0, l2, denominator, INFINITY)
        self.job.task = BACKWARD
        run(&self.job, n_threads)
        return mean_loss(&self.job.net, &self.job.batch)

    def clip(self, double max_norm, int n_threads):
        """Scale the gradients down to this global norm where theirs is larger; returns what it was."""
        self.job.batch.step.clip_norm = max_norm
        self.job.task = CLIP
        run(&self.job, n_threads)
        return gradient_norm(&self.job.net)

    def predict(self, X, int n_threads, outputs, classes, y, losses):
        """Take the rows of X (n_rows, n_in) through all layers, and fill those arrays that are not None.

        These are the outputs (n_rows, n_out), the classes (n_rows,), intp, and the losses (n_rows,), float64, which
        need y as in `backward`. Returns False where a row may not be finite.
        """
        cdef RowsView view = RowsView(X, self.statistics)
        cdef Py_ssize_t n_rows = view.view.shape[0]
        cdef int i, n_members = min(n_threads, _MAX_BLOCKS)
        cdef Predictions* wanted = &self.predictions
        self.take(view, None)
        wanted.outputs = NULL if outputs is None else checked_address("prediction", outputs, n_rows, self.type)
        wanted.classes = NULL if classes is None else <Py_ssize_t*> checked_address("prediction", classes, n_rows, INTP)
        wanted.losses = NULL if losses is None else <double*> checked_address("prediction", losses, n_rows, b"d")
        if losses is not None:
            self.job.batch.targets = self.targets(y, n_rows)
        self.job.batch.predictions = wanted
        self.job.task = FORWARD
        for i in range(n_members):
            self.job.net.sums[i] = 0
        run(&self.job, n_members)
        return sum_of_blocks(self.job.net.sums, n_members) == 0


@cython.final
cdef class Update:
    """One optimiser over the flat buffers of one network.

    Parameters
    ----------
    optimizer : int; a `Method`
    params, gradients : the flat buffers
    moments : the optimiser's buffers of the same kind: none, one or two

    Attributes
    ----------
    n_steps : the number of calls of `step` that have been completed
    slept : seconds that the threads of the last `step` slept while they waited for each other
    """

    cdef Job job
    cdef Optimizer optimizer
    cdef readonly Py_ssize_t n_steps
    cdef readonly double slept
    cdef tuple buffers

    def __init__(self, int optimizer, params, gradients, *moments):
        self.optimizer.method = <Method> optimizer
        self.optimizer.m = address(moments[0]) if len(moments) > 0 else NULL
        self.optimizer.v = address(moments[1]) if len(moments) > 1 else NULL
        self.job.task = UPDATE
        self.job.net.itemsize = params.itemsize
        self.job.params, self.job.gradients = address(params), address(gradients)
        self.job.n_parameters = len(params)
        self.job.optimizer = &self.optimizer
        self.buffers = (params, gradients, moments)

    def step(self, tuple options, double learning_rate, Py_ssize_t time_step, int n_threads):
        """Apply the gradients; the time step is used by Adam alone."""
        set_options(&self.optimizer, options)
        set_step(&self.optimizer, learning_rate, time_step)
        run(&self.job, n_threads)
        self.slept = self.job.slept
        self.n_steps += 1


@cython.final
cdef class EpochRun:
    """One epoch of training, in calls of `advance` that each take a span of time.

    Parameters
    ----------
    passes, update : Propagation, Update; of the same network
    dropout : as in `Propagation.forward`, for the first batch
    X : (n_rows, n_in) array for which `is_stored`
    y, weights : as in `Propagation.backward`, for all rows of X
    order : (n,) intp array, the rows to train on
    batch_size : int, at most the rows of the arena
    steps : (n_batches, 4) float64 array; a row is a `StepSettings`
    scores : (n_scores,) float64 array; the rows' scores are added to it, see `loss_and_grad_row`
    options : tuple of float; see `set_options`
    time_step : int; Adam's, of the first update
    time_increment : int; its increment from one update to the next

    Attributes
    ----------
    n_done, n_batches, n_updates : the number of rows and batches done, and of the batches applied
    loss : the sum over these rows, by their weights, of their batch's loss
    diverged : whether the last batch's loss was not finite
    slept : seconds that the threads of the last `advance` slept while they waited for each other
    """

    cdef EpochProgress epoch
    cdef Propagation passes
    cdef Optimizer optimizer  # a copy, since a progress bar may be the user's, and call update
    cdef tuple buffers
    cdef readonly Py_ssize_t n_done, n_batches, n_updates
    cdef readonly double loss, slept
    cdef readonly bint diverged

    def __init__(self, Propagation passes, Update update, dropout, X, y, weights, const Py_ssize_t[::1] order,
                 Py_ssize_t batch_size, const double[:, ::1] steps, double[::1] scores, tuple options,
                 Py_ssize_t time_step, Py_ssize_t time_increment):
        cdef RowsView view = RowsView(X, passes.statistics)
        self.passes = passes
        check_length("row", view.view.shape[1], passes.job.net.layers[0].n_in)
        check_length("steps", steps.shape[0], (order.shape[0] + batch_size - 1) // batch_size)
        check_length("scores", scores.shape[0], n_scores(&passes.job.net))
        self.buffers = (update, view, y, weights, order.base, steps.base, scores.base)
        self.optimizer = update.optimizer
        set_options(&self.optimizer, options)
        self.epoch.batch.rows, self.epoch.batch.x = view.rows, passes.gathered()
        self.epoch.batch.targets = passes.targets(y, view.view.shape[0])
        self.epoch.batch.dropout = as_dropout(dropout)
        self.epoch.batch.weights = row_weights(weights, view.view.shape[0])
        self.epoch.order, self.epoch.n_rows, self.epoch.batch_size = &order[0], order.shape[0], batch_size
        self.epoch.steps, self.epoch.scores = <const StepSettings*> &steps[0, 0], &scores[0]
        self.epoch.time_step, self.epoch.time_increment = time_step, time_increment

    def advance(self, double seconds, int n_threads):
        """Train until this time or the epoch is over, or the loss is not finite; returns the number of batches."""
        cdef Py_ssize_t before = self.n_batches
        cdef Job* job = &self.passes.job
        job.task, job.epoch, job.optimizer = TRAIN, &self.epoch, &self.optimizer
        job.batch.n_rows = self.epoch.batch_size
        job.deadline = monotonic() + seconds
        run(job, n_threads)
        self.n_done, self.n_batches, self.n_updates = self.epoch.n_done, self.epoch.n_batches, self.epoch.n_updates
        self.loss, self.diverged, self.slept = self.epoch.loss, self.epoch.diverged, job.slept
        return self.n_batches - before


def scratch_needed(const Py_ssize_t[:, ::1] layers, Py_ssize_t n_rows, size_t itemsize):
    """Elements of scratch for batches of up to n_rows rows: for packing, and for the gradients of blocks of rows.

    They suffice for as many threads as there may be; those of absent threads are not touched.
    """
    cdef const Layer* layer = <const Layer*> &layers[0, 0]
    cdef Network net
    cdef Py_ssize_t k
    net.layers, net.n_layers = layer, <int> layers.shape[0]
    packs = any([layer[k].n_in * itemsize >= tiles.FAR_BYTES for k in range(net.n_layers)])
    size = flat_size(&net) if is_narrow(&net, n_rows) else 0
    return _MAX_BLOCKS * tiles.PACKED_SIZE * packs, _MAX_BLOCKS * size


def product_is_tiled(bint transposed, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k):
    """Whether tiles compute the product (m, k) @ (k, n), of which the second operand may be transposed."""
    return is_tiled(transposed, m, n, k)


def first_outside(labels, Py_ssize_t n_classes):
    """The index of the first label, intp, outside [0, n_classes), or -1."""
    cdef const Py_ssize_t* values = <const Py_ssize_t*> address(labels, INTP)
    cdef Py_ssize_t i
    for i in range(len(labels)):
        if values[i] < 0 or values[i] >= n_classes:
            return i
    return -1


def use_blas(size_t sgemm, size_t dgemm, size_t get_threads, size_t set_threads, provide):
    """Leave products to BLAS; to be called before any buffer is bound.

    The arguments are the addresses of its functions, and `WorkBuffers.provide` or None.
    """
    global provide_buffers
    provide_buffers = provide
    tiles.uses_tiles = False
    blas.sgemm, blas.dgemm = <void*> sgemm, <void*> dgemm
    blas.get_threads = <int (*)() noexcept nogil> get_threads
    blas.set_threads = <void (*)(int) noexcept nogil> set_threads


def after_fork_in_child():
    """Release what was held by threads that the child does not have."""
    blas.release(blas.users)


def max_threads():
    """OpenMP's number of threads for the calling thread: OMP_NUM_THREADS, or what was set since."""
    return openmp.max_threads()


def bound_processors():
    """How many processors OpenMP has bound its threads to (OMP_PROC_BIND, OMP_PLACES); 0 where it does not bind."""
    return openmp.bound_processors()


def build_info():
    """How this module was compiled."""
    return {
        "compiler": COMPILER.decode(),
        "simd": SIMD.decode(),
        "has_fma": tiles.HAS_FMA,
        "openmp": openmp.openmp_version(),
        "build": BUILD.decode(),
        "flags": FLAGS.decode(),
    }
