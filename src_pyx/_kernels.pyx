"""The driver: whole passes and updates over buffers that were bound once.

Design:
a) Python decides and allocates, kernels compute. `fastmlp.engine` has checked every argument before it comes here;
   nothing below allocates, raises or touches a Python object once the GIL is released, and every output is an argument.
b) Float and double come from one source, the fused type `floating`; a bound object remembers which one it holds.
c) A call is one parallel region. Its members walk through the same steps together, each computing its share of the
   blocks of a step (_products.pxd), and wait for each other where a step reads what others wrote.
d) While a call runs, SciPy's BLAS is held to one thread (_blas_limit.h) wherever that can be done. Where it cannot,
   BLAS keeps its threads, the team has one member, and calls take turns, since products of several threads at once are
   not safe in every OpenBLAS (OpenBLAS#4741, #5836).
"""
cimport cython
from cpython.buffer cimport PyBUF_RECORDS_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.pythread cimport (
    PyThread_acquire_lock, PyThread_allocate_lock, PyThread_get_thread_ident, PyThread_release_lock, PyThread_type_lock,
    WAIT_LOCK,
)
from cpython.time cimport monotonic
from libc.string cimport strerror

cimport _blas as blas
cimport _build as build
cimport _openmp as openmp
from _arrays cimport address, can_gather, check_length, kind_of
from _elementwise cimport all_finite
from _float_mode cimport FloatMode, flush_denormals, restore
from _jobs cimport BACKWARD, FORWARD, PREDICT, TRAIN, UPDATE, Job, calls_blas, run_team, size_of
from _layers cimport Layer, layer_partials
from _losses cimport CROSS_ENTROPY, Loss
from _network cimport TILE_ROWS as _TILE_ROWS, Answers, Room, Wanted, mean_loss
from _optimizers cimport Method, Optimizer, set_rates, set_time_step
from _products cimport MAX_BLOCKS as _MAX_BLOCKS
from _rows cimport FLOAT32, FLOAT64, Kind, Rows, gather
from _training cimport Epoch

TILE_ROWS = _TILE_ROWS
MAX_BLOCKS = _MAX_BLOCKS
OPTIMIZERS = ("SGD", "Momentum", "Adam")  # in the order of Method
LOSSES = ("cross_entropy", "squared_error", "half_squared_error")  # in the order of Loss

# what intp is called in buffers
cdef const char* INTP = b"q" if sizeof(Py_ssize_t) > sizeof(long) else b"l"

cdef PyThread_type_lock turn = PyThread_allocate_lock()

# How many forks this process comes from, and the thread of the last one, which alone is in it.
cdef Py_ssize_t n_forks = 0
cdef long forker = 0


@cython.final
cdef class Exclusive:
    """Lets one thread in at a time, as often as it likes, and refuses the others."""

    cdef long owner
    cdef Py_ssize_t depth, forks

    def run(self, function, *arguments):
        """What the function gives, with all other threads kept out while it runs.

        Not a context manager: a signal's exception between its methods may skip the second one, and keep all other
        threads out for ever. Here none is raised between the call and what follows it.
        """
        cdef long me = PyThread_get_thread_ident()
        # A child forked while another thread was inside has it still inside, though that thread does not exist; one of
        # the child's own may have its number.
        if self.forks != n_forks and self.owner != forker:
            self.depth = 0
        if self.depth > 0 and self.owner != me:
            raise RuntimeError("this network is at work in another thread; give each thread a network of its own")
        self.owner, self.forks = me, n_forks
        self.depth += 1
        try:
            return function(*arguments)
        finally:
            self.depth -= 1


def put_back(owner, dict attributes, list copies):
    """Copy the second array of each pair into the first one, and set attributes, with no look for a signal between."""
    for target, source in copies:
        target[...] = source
    for name, value in attributes.items():
        setattr(owner, name, value)


cdef int run(Job* job, int n_threads) except -1:
    """Do a job, with the GIL released and BLAS held to one thread or to one caller at a time.

    Memory for BLAS and threads are tried first, since neither OpenBLAS nor libgomp comes back where there are none.
    """
    cdef int error, n_users = n_threads if calls_blas(job) else 0
    if not blas.provide(n_users):
        raise MemoryError(f"BLAS needs {blas.BUFFER >> 20} MiB for each of {n_users} threads, which are not to be had")
    error = openmp.try_team(n_threads)
    if error != 0:
        raise RuntimeError(
            f"{n_threads} threads are needed, and cannot be started: {strerror(error).decode()}; lower n_threads, or "
            "raise the limits of processes and memory"
        )
    blas.users += n_users
    if blas.get_threads != NULL:
        blas.hold()
    else:
        with nogil:
            PyThread_acquire_lock(turn, WAIT_LOCK)
    with nogil:
        run_team(job, n_threads)
    if blas.get_threads != NULL:
        blas.release()
    else:
        PyThread_release_lock(turn)
    blas.users -= n_users
    return 0


@cython.final
cdef class Source:
    """The rows of an array X (n_rows, n_in), held for as long as this object lives."""

    cdef Py_buffer view
    cdef Rows rows

    def __cinit__(self, X):
        PyObject_GetBuffer(X, &self.view, PyBUF_RECORDS_RO)
        if self.view.ndim != 2 or not can_gather(&self.view):
            raise TypeError("X must be an aligned matrix of uint8, float32 or float64")
        self.rows.kind = kind_of(&self.view)
        self.rows.data = <const char*> self.view.buf
        self.rows.row_stride, self.rows.stride = self.view.strides[0], self.view.strides[1]

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


def is_stored(array):
    """Whether the kernels can gather the rows of an array."""
    cdef Py_buffer view
    cdef bint result
    PyObject_GetBuffer(array, &view, PyBUF_RECORDS_RO)
    result = can_gather(&view)
    PyBuffer_Release(&view)
    return result


cdef Rows standardized(Source source, const void** statistics) noexcept:
    cdef Rows rows = source.rows
    rows.mean, rows.mean_rest, rows.inverse_scale = statistics[0], statistics[1], statistics[2]
    return rows


def standardize(X, out, *statistics):
    """out (n_rows * n_in,) := the rows of X, as a batch of a network with these statistics, or with none, has them."""
    cdef Source source = Source(X)
    cdef const void* places[3]
    cdef Rows rows
    cdef FloatMode before
    cdef Py_ssize_t n_rows = source.view.shape[0], n_in = source.view.shape[1]
    places[0] = places[1] = places[2] = NULL
    for i, statistic in enumerate(statistics):
        places[i] = address(statistic)
    rows = standardized(source, places)
    before = flush_denormals()
    if out.itemsize == sizeof(float):
        gather(&rows, 0, n_rows, n_in, <float*> address(out))
    else:
        gather(&rows, 0, n_rows, n_in, <double*> address(out))
    restore(before)


@cython.final
cdef class Propagation:
    """Forward and backward passes over one network's flat buffers and one arena.

    Parameters
    ----------
    layers : (n_layers, 5) intp array; a row is a `Layer`
    room : (7,) intp array; a `Room`
    params, gradients : the flat buffers, both float32 or both float64
    arena : room for one batch, of the same dtype, laid out as `layers` and `room` say
    sums : (MAX_BLOCKS * (n_layers + 2),) float64
    statistics : mean, mean_rest and inverse_scale of `Rows`, each (n_in,) of the same dtype, or nothing
    loss : index into LOSSES
    """

    cdef Job job
    cdef Rows rows
    cdef const void* statistics[3]
    cdef tuple buffers  # keeps what the pointers point to alive

    def __init__(self, const Py_ssize_t[:, ::1] layers, const Py_ssize_t[::1] room, params, gradients, arena,
                 double[::1] sums, tuple statistics, int loss):
        self.job.single = params.itemsize == sizeof(float)
        self.job.net.layers = <const Layer*> &layers[0, 0]
        self.job.net.n_layers = <int> layers.shape[0]
        self.job.net.room = <const Room*> &room[0]
        self.job.net.sums = &sums[0]
        self.job.net.loss = <Loss> loss
        self.job.params, self.job.gradients = address(params), address(gradients)
        self.job.arena = address(arena)
        for i, statistic in enumerate(statistics):
            check_length("statistic", len(statistic), layers[0, 0])
            self.statistics[i] = address(statistic, b"f" if self.job.single else b"d")
        self.buffers = (layers.base, room.base, sums.base, params, gradients, arena, statistics)

    cdef bint take(self, Source source) except -1:
        """Work on these rows, in place where they are as the kernels want them; returns whether they are gathered."""
        cdef Kind own = FLOAT32 if self.job.single else FLOAT64
        cdef Py_ssize_t stride = source.rows.stride, row_stride = source.rows.row_stride
        check_length("row", source.view.shape[1], self.job.net.layers[0].n_in)
        self.job.n_rows = source.view.shape[0]
        if (self.statistics[0] == NULL and source.rows.kind == own and stride == source.view.itemsize
                and (row_stride == stride * source.view.shape[1] or self.job.n_rows == 1)):
            self.job.rows = NULL
            self.job.x = source.view.buf
            return False
        self.rows = standardized(source, self.statistics)
        self.job.rows = &self.rows
        self.job.x = <char*> self.job.arena + self.job.net.room.x * size_of(&self.job)
        return True

    def forward(self, X, int n_threads):
        """Take the rows of X (n_rows, n_in) through all layers.

        Returns whether they were gathered into the arena; if not, `backward` will read X again.
        """
        cdef Source source = Source(X)
        cdef bint gathered = self.take(source)
        self.job.task = FORWARD
        run(&self.job, n_threads)
        return gathered

    def backward(self, wanted, double regularization, int n_threads):
        """Fill the gradients for the batch of the last `forward`; returns the loss, regularisation included.

        What is wanted are its labels (n_rows,), intp, or, where the loss is of targets, these, (n_rows, n_out) of the
        network's dtype.
        """
        check_length("y", len(wanted), self.job.n_rows)
        self.job.task = BACKWARD
        self.job.wanted = Wanted(NULL, NULL, NULL)
        if self.job.net.loss == CROSS_ENTROPY:
            self.job.wanted.labels = <const Py_ssize_t*> address(wanted, INTP)
        else:
            self.job.wanted.targets = address(wanted, b"f" if self.job.single else b"d")
        self.job.regularization = regularization
        run(&self.job, n_threads)
        return mean_loss(&self.job.net, len(wanted), regularization, size_of(&self.job))

    def predict(self, X, bint tiled, int n_threads, outputs, classes, labels, losses):
        """Take the rows of X forward, as `forward` does, and fill what is given, for each row: its outputs
        (n_rows, n_out), its class (n_rows,), intp, its cross-entropy (n_rows,), float64, which needs the labels
        (n_rows,), intp. Returns whether all rows are sure to be finite.

        `tiled` is whether X is, or is a part of, a matrix of more than TILE_ROWS rows; the arena has TILE_ROWS for
        each thread then, and otherwise as many as X.
        """
        cdef Answers answers = Answers(NULL, NULL, NULL, NULL)
        cdef Source source = Source(X)
        cdef int i, n_members
        self.take(source)
        for answer in (outputs, classes, labels, losses):
            if answer is not None:
                check_length("answer", len(answer), self.job.n_rows)
        if outputs is not None:
            answers.outputs = address(outputs)
        if classes is not None:
            answers.classes = <Py_ssize_t*> address(classes, INTP)
        if losses is not None:
            answers.labels, answers.losses = <Py_ssize_t*> address(labels, INTP), <double*> address(losses, b"d")
        self.job.task, self.job.tiled, self.job.answers = PREDICT, tiled, answers
        n_members = min(n_threads, MAX_BLOCKS)
        for i in range(n_members):
            self.job.net.sums[i] = 0
        run(&self.job, n_members)
        for i in range(n_members):
            if self.job.net.sums[i] != 0:
                return False
        return True


@cython.final
cdef class Update:
    """One optimiser over the flat buffers of one network.

    Parameters
    ----------
    optimizer : index into OPTIMIZERS
    params, gradients : the flat buffers
    moments : as many buffers of the same kind as the optimiser keeps: none, one or two

    Attributes
    ----------
    n_steps : how often it has been applied by `step`
    """

    cdef Job job
    cdef Optimizer optimizer
    cdef readonly Py_ssize_t n_steps
    cdef tuple buffers

    def __init__(self, int optimizer, params, gradients, *moments):
        self.optimizer.method = <Method> optimizer
        self.optimizer.m = address(moments[0]) if len(moments) > 0 else NULL
        self.optimizer.v = address(moments[1]) if len(moments) > 1 else NULL
        self.job.task = UPDATE
        self.job.single = params.itemsize == sizeof(float)
        self.job.params, self.job.gradients = address(params), address(gradients)
        self.job.n_rows = len(params)
        self.job.optimizer = &self.optimizer
        self.buffers = (params, gradients, moments)

    def step(self, double rate, double beta1, double beta2, double epsilon, Py_ssize_t time_step, int n_threads):
        """Apply the gradients; the time step is used by Adam alone."""
        set_rates(&self.optimizer, rate, beta1, beta2, epsilon)
        set_time_step(&self.optimizer, time_step)
        run(&self.job, n_threads)
        self.n_steps += 1


@cython.final
cdef class Training:
    """One epoch of training, done a span of time at a time.

    Parameters
    ----------
    passes, update : Propagation, Update; of the same network
    X : (n_rows, n_in) array for which `is_stored`
    labels : (n_rows,) intp array
    order : (n,) intp array, the rows to train on
    batch_size : int, at most the rows of the arena
    regularization, rate, beta1, beta2, epsilon : float
    time_step : int; Adam's, of the first batch
    time_grows : int; by how much it does from one batch to the next

    Attributes
    ----------
    n_done, n_batches, n_updates : how many rows and batches it has seen, and how many of these were applied
    loss, n_correct : sum over these rows of their batch's loss, and how many of them were classified right
    diverged : whether the last batch's loss was not finite
    slept : seconds that the members of the last `advance` have slept while they waited for each other
    """

    cdef Epoch epoch
    cdef Propagation passes
    cdef Update update
    cdef Optimizer optimizer  # a copy, since a progress bar may be the user's, and call update
    cdef Source source
    cdef tuple buffers

    def __init__(self, Propagation passes, Update update, X, const Py_ssize_t[::1] labels,
                 const Py_ssize_t[::1] order, Py_ssize_t batch_size, double regularization, double rate, double beta1,
                 double beta2, double epsilon, Py_ssize_t time_step, Py_ssize_t time_grows):
        self.passes, self.update, self.source = passes, update, Source(X)
        check_length("row", self.source.view.shape[1], passes.job.net.layers[0].n_in)
        check_length("labels", labels.shape[0], self.source.view.shape[0])
        if first_outside(labels.base, passes.job.net.layers[passes.job.net.n_layers - 1].n_out) >= 0:
            raise RuntimeError("labels: they are those of another network; it was changed during the call")
        self.buffers = (labels.base, order.base)
        self.optimizer = update.optimizer
        set_rates(&self.optimizer, rate, beta1, beta2, epsilon)
        self.epoch.rows = standardized(self.source, passes.statistics)
        self.epoch.rows.order = &order[0]
        self.epoch.labels = &labels[0]
        self.epoch.n_rows = order.shape[0]
        self.epoch.batch_size = batch_size
        self.epoch.regularization = regularization
        self.epoch.time_step, self.epoch.time_grows = time_step, time_grows

    @property
    def n_done(self):
        return self.epoch.n_done

    @property
    def n_batches(self):
        return self.epoch.n_batches

    @property
    def n_updates(self):
        return self.epoch.n_updates

    @property
    def loss(self):
        return self.epoch.loss

    @property
    def n_correct(self):
        return self.epoch.n_correct

    @property
    def diverged(self):
        return self.epoch.diverged

    @property
    def slept(self):
        return self.passes.job.slept

    def advance(self, double seconds, int n_threads):
        """Train until this time or the epoch is over, or the loss is not finite; returns how many batches it was."""
        cdef Py_ssize_t before = self.epoch.n_batches
        cdef Job* job = &self.passes.job
        job.task = TRAIN
        job.epoch = &self.epoch
        job.optimizer = &self.optimizer
        job.deadline = monotonic() + seconds
        run(job, n_threads)
        return self.epoch.n_batches - before


def is_finite(buffer):
    """Whether all of a flat buffer's numbers are."""
    if buffer.itemsize == sizeof(float):
        return all_finite(<const float*> address(buffer), len(buffer))
    return all_finite(<const double*> address(buffer), len(buffer))


def partials_needed(const Py_ssize_t[:, ::1] layers, Py_ssize_t n_rows, size_t itemsize):
    """Elements of scratch that suffice for batches of up to n_rows rows."""
    cdef const Layer* layer = <const Layer*> &layers[0, 0]
    cdef Py_ssize_t k, needed = 0
    for k in range(layers.shape[0]):
        needed = max(needed, layer_partials(n_rows, layer + k, itemsize))
    return needed


def first_outside(labels, Py_ssize_t n_classes):
    """Index of the first label, intp, that is not in [0, n_classes), or -1."""
    cdef const Py_ssize_t* values = <const Py_ssize_t*> address(labels, INTP)
    cdef Py_ssize_t i
    for i in range(len(labels)):
        if values[i] < 0 or values[i] >= n_classes:
            return i
    return -1


def bind_blas(size_t get_threads, size_t set_threads, size_t allocate, size_t deallocate):
    """Take the addresses of BLAS's own functions: for its number of threads and for its buffers, 0 for one it lacks."""
    blas.get_threads = <int (*)() noexcept nogil> get_threads
    blas.set_threads = <void (*)(int) noexcept nogil> set_threads
    if allocate != 0 and deallocate != 0:
        blas.allocate = <void* (*)(int) noexcept nogil> allocate
        blas.deallocate = <void (*)(void*) noexcept nogil> deallocate


def after_fork_in_child():
    """Drop what threads that the child has not got were holding."""
    global forker, n_forks, turn
    n_forks += 1
    forker = PyThread_get_thread_ident()
    blas.forget()
    blas.users = 0
    turn = PyThread_allocate_lock()


def max_threads():
    """OpenMP's number of threads for the calling thread: OMP_NUM_THREADS, or what was set since."""
    return openmp.max_threads()


def bound_processors():
    """How many processors OpenMP has bound its threads to (OMP_PROC_BIND, OMP_PLACES); 0 where it does not bind."""
    return openmp.bound_processors()


def supported_levels():
    """The builds of this module that belong to this one and run on this processor, the best one last."""
    return ["plain", "x86_64_v3"] if build.supports_x86_64_v3() else ["plain"]


def build_info():
    """How this module was compiled."""
    return {
        "compiler": build.COMPILER.decode(),
        "simd": build.SIMD.decode(),
        "openmp": openmp.openmp_version(),
        "build": build.BUILD.decode(),
        "flags": build.FLAGS.decode(),
    }
