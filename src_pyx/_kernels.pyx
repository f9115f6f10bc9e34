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
from cpython.pythread cimport (
    PyThread_acquire_lock, PyThread_allocate_lock, PyThread_release_lock, PyThread_type_lock, WAIT_LOCK,
)
from cython cimport floating
from cython.parallel cimport parallel, threadid

cimport _blas as blas
cimport _openmp as openmp
from _layers cimport layer_partials
from _network cimport (
    TILE_ROWS as _TILE_ROWS, Layer, Network, Room, backward_member, forward_member, loss_of_rows, mean_loss,
)
from _openmp cimport Member, share_start, share_stop
from _optimizers cimport adam, momentum, sgd
from _products cimport MAX_BLOCKS as _MAX_BLOCKS, Blocks, cut, start

cdef extern from *:
    """
    #if defined(__clang__)
    #define FASTMLP_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FASTMLP_COMPILER "gcc " __VERSION__
    #else
    #define FASTMLP_COMPILER "unknown"
    #endif
    #if defined(__AVX512F__)
    #define FASTMLP_SIMD "AVX-512"
    #elif defined(__AVX2__)
    #define FASTMLP_SIMD "AVX2"
    #elif defined(__SSE2__)
    #define FASTMLP_SIMD "SSE2"
    #elif defined(__ARM_NEON)
    #define FASTMLP_SIMD "NEON"
    #else
    #define FASTMLP_SIMD "none"
    #endif
    #ifndef FASTMLP_BUILD
    #define FASTMLP_BUILD "release"
    #endif
    #ifndef FASTMLP_FLAGS
    #define FASTMLP_FLAGS "unknown"
    #endif
    """
    const char* COMPILER "FASTMLP_COMPILER"
    const char* SIMD "FASTMLP_SIMD"
    const char* BUILD "FASTMLP_BUILD"
    const char* FLAGS "FASTMLP_FLAGS"

cdef enum:
    # parameters that one member updates
    _UPDATE_SIZE = 8192

TILE_ROWS = _TILE_ROWS
MAX_BLOCKS = _MAX_BLOCKS
OPTIMIZERS = ("SGD", "Momentum", "Adam")

cdef PyThread_type_lock turn = PyThread_allocate_lock()


cdef enum Optimizer:
    SGD
    MOMENTUM
    ADAM


cdef void begin() noexcept:
    if blas.get_threads != NULL:
        blas.hold()
    else:
        with nogil:
            PyThread_acquire_lock(turn, WAIT_LOCK)


cdef void end() noexcept:
    if blas.get_threads != NULL:
        blas.release()
    else:
        PyThread_release_lock(turn)


cdef inline Member member(int n_threads) noexcept nogil:
    """Who the caller is, inside a parallel region that may have got fewer members than it asked for."""
    return Member(threadid(), min(n_threads, openmp.members()))


cdef void forward_team(
    const Network* net, const floating* params, floating* arena, const floating* x, Py_ssize_t n_rows, int n_threads
) noexcept nogil:
    if n_threads == 1:
        forward_member(net, params, arena, x, n_rows, Member(0, 1))
    else:
        with parallel(num_threads=openmp.team_size(n_threads)):
            forward_member(net, params, arena, x, n_rows, member(n_threads))


cdef void backward_team(
    const Network* net, const floating* params, floating* gradients, floating* arena, const floating* x,
    const Py_ssize_t* labels, Py_ssize_t n_rows, double regularization, int n_threads,
) noexcept nogil:
    if n_threads == 1:
        backward_member(net, params, gradients, arena, x, labels, n_rows, regularization, Member(0, 1))
    else:
        with parallel(num_threads=openmp.team_size(n_threads)):
            backward_member(net, params, gradients, arena, x, labels, n_rows, regularization, member(n_threads))


@cython.final
cdef class Propagation:
    """Forward and backward passes over one network's flat buffers and one arena.

    Parameters
    ----------
    layers : (n_layers, 5) intp array; a row is a `Layer`
    room : (6,) intp array; a `Room`
    params, gradients : the flat buffers, both float32 or both float64
    arena : room for one batch, of the same dtype, laid out as `layers` and `room` say
    sums : (MAX_BLOCKS * (n_layers + 1),) float64
    """

    cdef Network net
    cdef bint single
    cdef void* params
    cdef void* gradients
    cdef void* arena
    cdef tuple buffers  # keeps what the pointers point to alive

    def __init__(self, const Py_ssize_t[:, ::1] layers, const Py_ssize_t[::1] room, params, gradients, arena,
                 double[::1] sums):
        self.net.layers = <const Layer*> &layers[0, 0]
        self.net.n_layers = <int> layers.shape[0]
        self.net.room = <const Room*> &room[0]
        self.net.sums = &sums[0]
        self.params, self.gradients, self.arena = address(params), address(gradients), address(arena)
        self.single = params.itemsize == sizeof(float)
        self.buffers = (layers.base, room.base, sums.base, params, gradients, arena)

    def forward(self, x, int n_threads):
        """Take the rows of x (n_rows, n_in), C-contiguous and of the network's dtype, through all layers."""
        cdef const float[:, ::1] x32
        cdef const double[:, ::1] x64
        begin()
        try:
            if self.single:
                x32 = x
                with nogil:
                    forward_team(&self.net, <const float*> self.params, <float*> self.arena, &x32[0, 0],
                                 x32.shape[0], n_threads)
            else:
                x64 = x
                with nogil:
                    forward_team(&self.net, <const double*> self.params, <double*> self.arena, &x64[0, 0],
                                 x64.shape[0], n_threads)
        finally:
            end()

    def backward(self, x, const Py_ssize_t[::1] labels, double regularization, int n_threads):
        """Fill the gradients for the batch of the last `forward`; returns the loss, regularisation included."""
        cdef const float[:, ::1] x32
        cdef const double[:, ::1] x64
        begin()
        try:
            if self.single:
                x32 = x
                with nogil:
                    backward_team(&self.net, <const float*> self.params, <float*> self.gradients, <float*> self.arena,
                                  &x32[0, 0], &labels[0], labels.shape[0], regularization, n_threads)
            else:
                x64 = x
                with nogil:
                    backward_team(&self.net, <const double*> self.params, <double*> self.gradients,
                                  <double*> self.arena, &x64[0, 0], &labels[0], labels.shape[0], regularization,
                                  n_threads)
        finally:
            end()
        return mean_loss(&self.net, labels.shape[0], regularization, sizeof(float) if self.single else sizeof(double))

    def loss(self, const Py_ssize_t[::1] labels):
        """The sum of the cross-entropies of the batch of the last `forward`."""
        if self.single:
            return loss_of_rows(&self.net, <const float*> self.arena, &labels[0], 0, labels.shape[0])
        return loss_of_rows(&self.net, <const double*> self.arena, &labels[0], 0, labels.shape[0])


cdef struct Rates:
    double rate
    double beta1
    double beta2
    double epsilon
    double correction1
    double correction2


cdef void update_member(
    Optimizer optimizer, floating* w, const floating* dw, floating* m, floating* v, Py_ssize_t n, const Rates* rates,
    Member me,
) noexcept nogil:
    cdef Blocks blocks = cut(n, n // _UPDATE_SIZE)
    cdef Py_ssize_t at = start(&blocks, share_start(me, blocks.n))
    cdef Py_ssize_t extent = min(n, start(&blocks, share_stop(me, blocks.n))) - at
    if optimizer == SGD:
        sgd(w + at, dw + at, rates.rate, extent)
    elif optimizer == MOMENTUM:
        momentum(w + at, dw + at, m + at, rates.rate, rates.beta1, extent)
    else:
        adam(w + at, dw + at, m + at, v + at, rates.rate, rates.beta1, rates.beta2, rates.epsilon,
             rates.correction1, rates.correction2, extent)


cdef void update_team(
    Optimizer optimizer, floating* w, const floating* dw, floating* m, floating* v, Py_ssize_t n, const Rates* rates,
    int n_threads,
) noexcept nogil:
    if n_threads == 1:
        update_member(optimizer, w, dw, m, v, n, rates, Member(0, 1))
    else:
        with parallel(num_threads=openmp.team_size(n_threads)):
            update_member(optimizer, w, dw, m, v, n, rates, member(n_threads))


@cython.final
cdef class Update:
    """One optimiser over the flat buffers of one network.

    Parameters
    ----------
    optimizer : index into OPTIMIZERS
    params, gradients : the flat buffers
    moments : as many buffers of the same kind as the optimiser keeps: none, one or two
    """

    cdef Optimizer optimizer
    cdef bint single
    cdef Py_ssize_t n
    cdef void* params
    cdef void* gradients
    cdef void* m
    cdef void* v
    cdef tuple buffers

    def __init__(self, int optimizer, params, gradients, *moments):
        self.optimizer = <Optimizer> optimizer
        self.params, self.gradients = address(params), address(gradients)
        self.m = address(moments[0]) if len(moments) > 0 else NULL
        self.v = address(moments[1]) if len(moments) > 1 else NULL
        self.n = len(params)
        self.single = params.itemsize == sizeof(float)
        self.buffers = (params, gradients, moments)

    def step(self, double rate, double beta1, double beta2, double epsilon, double correction1, double correction2,
             int n_threads):
        """Apply the gradients; the corrections are 1 - beta1**t and 1 - beta2**t, used by Adam alone."""
        cdef Rates rates = Rates(rate, beta1, beta2, epsilon, correction1, correction2)
        begin()
        try:
            with nogil:
                if self.single:
                    update_team(self.optimizer, <float*> self.params, <const float*> self.gradients, <float*> self.m,
                                <float*> self.v, self.n, &rates, n_threads)
                else:
                    update_team(self.optimizer, <double*> self.params, <const double*> self.gradients,
                                <double*> self.m, <double*> self.v, self.n, &rates, n_threads)
        finally:
            end()


cdef void* address(buffer) except NULL:
    """Where a writable, contiguous, one-dimensional float32 or float64 buffer starts."""
    cdef float[::1] single
    cdef double[::1] double_
    if buffer.itemsize == sizeof(float):
        single = buffer
        return &single[0]
    double_ = buffer
    return &double_[0]


def partials_needed(const Py_ssize_t[:, ::1] layers, Py_ssize_t n_rows, size_t itemsize):
    """Elements of scratch that batches of 1 to n_rows rows need; not the same as what n_rows rows need."""
    cdef Py_ssize_t n, k, needed = 0
    for n in range(1, n_rows + 1):
        for k in range(layers.shape[0]):
            needed = max(needed, layer_partials(n, layers[k, 0], layers[k, 1], itemsize))
    return needed


def first_outside(const Py_ssize_t[::1] labels, Py_ssize_t n_classes):
    """Index of the first label that is not in [0, n_classes), or -1."""
    cdef Py_ssize_t i
    for i in range(labels.shape[0]):
        if labels[i] < 0 or labels[i] >= n_classes:
            return i
    return -1


def bind_blas(size_t get_threads, size_t set_threads):
    """Take the addresses of BLAS's own functions that read and set its number of threads; 0, 0 for none."""
    blas.get_threads = <int (*)() noexcept nogil> get_threads
    blas.set_threads = <void (*)(int) noexcept nogil> set_threads


def after_fork_in_child():
    """Drop what threads that the child has not got were holding; returns whether its parent had started a team."""
    global turn
    blas.forget()
    turn = PyThread_allocate_lock()
    return openmp.team_started


def max_threads():
    """OpenMP's number of threads for the calling thread: OMP_NUM_THREADS, or what was set since."""
    return openmp.max_threads()


def build_info():
    """How this module was compiled."""
    return {
        "compiler": COMPILER.decode(),
        "simd": SIMD.decode(),
        "openmp": openmp.openmp_version(),
        "build": BUILD.decode(),
        "flags": FLAGS.decode(),
    }
