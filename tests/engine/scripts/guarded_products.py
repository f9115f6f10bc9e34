"""Passes and training steps over arrays that each end right before, or start right after, a page without access.

The rest of their pages is filled with NaN: a product that reads of it gives NaN, one that writes to it is found out
afterwards. Prints each network before it is computed, and at last a digest of all results.
"""

import ctypes
import hashlib
import mmap

import numpy as np

from fastmlp import _kernels
from fastmlp.architecture import Architecture
from fastmlp.engine import parameters, threads, workspace
from fastmlp.functions.optimizers import OPTIMIZERS, checked_optimizer

PROT_NONE = 0
# of each byte of a NaN
FILLER = 255
N_EDGES = 70
# a seed, and a number of updates
DROPOUT = 7, 3
# sizes and rows; of 2, 3 and 7 vectors, and where operands are packed, products cut, rows in chunks, or each thread has
# rows of its own; and where products are packed that are too small for BLAS
LARGE = [
    *[((517, 523, 67), 45), ((131, 70, 33), 519), ((96, 32, 112), 48), ((33, 47, 19), 600)],
    *[((520, 3), 1), ((512, 2), 2)],
]

protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Guarded:
    """Arrays in the way of `aligned_offsets` and `aligned_empty`, with a page without access before and after each."""

    def __init__(self, at_end):
        self.at_end = at_end
        # of the buffers that are next: first and last byte of the pages of each array, and those of itself
        self.places = []
        self.buffers = []

    def offsets(self, extents, itemsize):
        self.places, first = [], mmap.PAGESIZE
        for extent in extents:
            size = extent * itemsize
            last = first + max(1, -(-size // mmap.PAGESIZE)) * mmap.PAGESIZE
            start = last - size if self.at_end else first
            self.places.append((first, last, start, start + size))
            first = last + mmap.PAGESIZE
        return [start // itemsize for *_, start, _ in self.places], first // itemsize

    def empty(self, n, dtype):
        buffer = np.frombuffer(mmap.mmap(-1, n * dtype.itemsize), np.uint8)
        for first, last, start, stop in self.places:
            buffer[first:start] = buffer[stop:last] = FILLER
            for page in (first - mmap.PAGESIZE, last):
                if protect(buffer.ctypes.data + page, mmap.PAGESIZE, PROT_NONE):
                    raise OSError(ctypes.get_errno(), "mprotect")
        self.buffers.append((buffer, self.places))
        return buffer.view(dtype)

    def copy(self, array):
        """An array of its own."""
        (start,), total = self.offsets([array.size], array.itemsize)
        own = self.empty(total, array.dtype)[start : start + array.size].reshape(array.shape)
        own[...] = array
        return own

    def check(self):
        for buffer, places in self.buffers:
            for first, last, start, stop in places:
                assert (buffer[first:start] == FILLER).all(), "written before an array"
                assert (buffer[stop:last] == FILLER).all(), "written after an array"


def results(sizes, n_rows, dtype, at_end):
    """What the passes and steps of a network give."""
    memory, random = Guarded(at_end), np.random.RandomState(0)
    parameters.aligned_offsets = workspace.aligned_offsets = memory.offsets
    workspace.aligned_empty = memory.empty
    architecture = Architecture.of(sizes, np.dtype(dtype), dropout=[0.1, *[0.3] * (len(sizes) - 2)])
    layout = parameters.Layout(architecture)
    flat = [memory.empty(layout.size, layout.dtype) for _ in range(4)]
    params, _, *moments = [layout.views(buffer) for buffer in flat]
    for name, array in params.items():
        array[...] = random.uniform(-0.1, 0.1, array.shape)
        for moment in moments:
            moment[name][...] = 0
    X = memory.copy(random.uniform(-1, 1, (n_rows, sizes[0])).astype(dtype))
    y, order = [memory.copy(array.astype(np.intp)) for array in (np.arange(n_rows) % sizes[-1], np.arange(n_rows))]
    weights = memory.copy(np.ones(n_rows))
    passes = workspace.Workspace(architecture, layout, *flat[:2], n_rows, ()).passes

    # small products are not cut
    n_threads = min(2, threads.available_threads()) if max(*sizes, n_rows) > N_EDGES else 1
    losses, gradients = [], []
    for dropout in (None, DROPOUT):  # the rows of X where they are, and those of which units are dropped
        passes.forward(X, dropout, n_threads)
        losses.append(passes.backward(y, weights, 0.1, n_rows, None, n_threads))
        gradients += [array.copy() for array in layout.views(flat[1]).values()]
    predicted = [memory.copy(np.zeros((n_rows, sizes[-1]), dtype)), *(memory.copy(np.zeros(n_rows, t)) for t in "pd")]
    assert passes.predict(X, n_threads, *predicted[:2], y, predicted[2])
    adam, scores = checked_optimizer("Adam", 0.9, 0.999, 1e-8), np.zeros(architecture.n_scores)
    update, steps = _kernels.Update(OPTIMIZERS["Adam"].code, *flat), np.array([[0.01, 0.1, n_rows, np.inf]])
    run = _kernels.EpochRun(passes, update, DROPOUT, X, y, weights, order, n_rows, steps, scores, adam.options, 1, 1)
    assert run.advance(0.0, n_threads) == 1
    memory.check()
    arrays = [*gradients, *predicted, *params.values(), *moments[0].values(), *moments[1].values()]
    found = [np.array([*losses, run.loss, *scores]), *arrays]
    assert all(np.isfinite(array).all() for array in found), "read outside of an array"
    return [array.tobytes() for array in found]


# each number of rows, inputs and outputs, in another order
edges = [((n * 29 % N_EDGES + 1, n * 41 % N_EDGES + 1, n * 53 % N_EDGES + 1), n) for n in range(1, N_EDGES + 1)]
digest = hashlib.sha256()
for dtype in ("float32", "float64"):
    for sizes, n_rows in [*edges, *LARGE]:
        print(f"{n_rows} rows, sizes {sizes}, {dtype}", flush=True)
        first = results(sizes, n_rows, dtype, at_end=True)
        assert results(sizes, n_rows, dtype, at_end=False) == first, "other results at another place"
        digest.update(b"".join(first))
print(digest.hexdigest())
