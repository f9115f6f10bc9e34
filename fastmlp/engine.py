"""The engine under a network: it owns the buffers, binds them to the kernels once, and then makes one call a time."""

import copy
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels, threads
from fastmlp.parameters import Layout, aligned_empty, aligned_offsets
from fastmlp.validation import class_labels, real_array, real_matrix

# How many buffers of the parameters' layout each optimiser keeps.
N_MOMENTS = {"SGD": 0, "Momentum": 1, "Adam": 2}


class Workspace:
    """Room for a batch of up to `capacity` rows, bound to the kernels."""

    def __init__(self, layout: Layout, params: np.ndarray, gradients: np.ndarray, capacity: int):
        sizes, itemsize = layout.sizes, layout.dtype.itemsize
        n_layers = len(sizes) - 1
        self.capacity = capacity
        self._sizes = sizes
        layers = np.zeros((n_layers, 5), np.intp)
        layers[:, 0], layers[:, 1] = sizes[:-1], sizes[1:]
        layers[:, 2] = list(layout.offsets.values())[0::2]
        layers[:, 3] = list(layout.offsets.values())[1::2]
        deltas = capacity * max(sizes[1:])
        partials = _kernels.partials_needed(layers, capacity, itemsize)
        offsets, total = aligned_offsets(
            [*(capacity * n for n in sizes[1:]), capacity * sizes[-1], capacity, capacity, deltas, deltas, partials],
            itemsize,
        )
        layers[:, 4] = offsets[:n_layers]
        room = np.array(offsets[n_layers:], np.intp)
        self._starts = offsets[: n_layers + 1]
        self._arena = aligned_empty(total, layout.dtype)
        self._written = (self._arena, params, gradients)
        self._packed: np.ndarray | None = None
        sums = np.zeros(_kernels.MAX_BLOCKS * (n_layers + 1))
        self.passes = _kernels.Propagation(layers, room, params, gradients, self._arena, sums)

    def packed(self, X: np.ndarray) -> np.ndarray:
        """The rows of X as the kernels want them: X itself, or a converted copy in the workspace.

        A view into the network's own buffers is copied too, since the passes and updates write there.
        """
        fits = X.dtype == self._arena.dtype and X.flags.c_contiguous and X.flags.aligned
        if fits and (X.base is None or not any(np.may_share_memory(X, buffer) for buffer in self._written)):
            return X
        if self._packed is None:
            n_in = self._sizes[0]
            self._packed = aligned_empty(self.capacity * n_in, self._arena.dtype).reshape(self.capacity, n_in)
        rows = self._packed[: len(X)]
        np.copyto(rows, X, casting="unsafe")
        return rows

    def outputs(self, layer: int, n_rows: int) -> np.ndarray:
        """What a layer, counted from 0, gave for the batch; one past the last layer, its softmax."""
        n_out = self._sizes[min(layer + 1, len(self._sizes) - 1)]
        start = self._starts[layer]
        return self._arena[start : start + n_rows * n_out].reshape(n_rows, n_out)


class Exclusive:
    """Lets one thread in at a time, as often as it likes, and refuses the others.

    It remembers the thread, so that one that was interrupted on its way in or out is not locked out of its own net.
    """

    def __init__(self) -> None:
        self._owner: dict[str, int] = {}
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner.setdefault("thread", me) != me:  # atomic, unlike a test and an assignment
            raise RuntimeError("this network is at work in another thread; give each thread a network of its own")
        self._depth += 1

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner.clear()


class Engine:
    """Parameters, gradients, moments and workspaces of one network, and the calls that work on them.

    Parameters
    ----------
    sizes : tuple of int
        Sizes of the input, of each hidden layer and of the output.
    dtype : numpy.dtype
        float32 or float64, native.
    """

    def __init__(self, sizes: tuple[int, ...], dtype: np.dtype):
        self.layout = Layout(sizes, dtype)
        self.n_threads: int | None = None
        self.n_updates = 0
        self.flat_params = self.layout.zeros()
        self.flat_gradients = self.layout.zeros()
        self.moments: dict[str, list[np.ndarray]] = {}
        self.has_gradients = False
        self._bind()

    def _bind(self) -> None:
        self.params = self.layout.views(self.flat_params)
        self.gradients = self.layout.views(self.flat_gradients)
        self._updaters: dict[str, _kernels.Update] = {}
        self._batch: Workspace | None = None
        self._rows: np.ndarray | None = None
        self.renew_locks()
        _engines.add(self)

    def renew_locks(self) -> None:
        """Start with nobody inside, and without the workspace that somebody may have left half written."""
        self.exclusive = Exclusive()
        self._tile_lock = threading.Lock()
        self._tile: Workspace | None = None

    def __getstate__(self) -> dict[str, Any]:
        names = ("layout", "n_threads", "n_updates", "flat_params", "flat_gradients", "moments", "has_gradients")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # a copied array starts where it likes
        self.flat_params = self._own(self.flat_params)
        self.flat_gradients = self._own(self.flat_gradients)
        self.moments = {name: [self._own(m) for m in moments] for name, moments in self.moments.items()}
        self._bind()

    def _own(self, buffer: np.ndarray) -> np.ndarray:
        copy = aligned_empty(self.layout.size, self.layout.dtype)
        copy[...] = buffer
        return copy

    def forward(self, X: npt.ArrayLike) -> np.ndarray:
        """Probabilities (n_rows, n_classes), a fresh array; keeps what `backward` needs, X itself included."""
        X = real_matrix("X", X, self.layout.sizes[0])
        with self.exclusive:
            n_rows = len(X)
            if self._batch is None or self._batch.capacity < n_rows:
                self._rows = self._batch = None  # let go of the old one before the new one is made
                self._batch = self._workspace(max(n_rows, 1))
            self._rows = self._batch.packed(X)
            if n_rows:
                self._batch.passes.forward(self._rows, self._team_size(n_rows))
            return self._batch.outputs(len(self.layout.sizes) - 1, n_rows).copy()

    def backward(self, y: npt.ArrayLike, regularization: float) -> float:
        """Fill the gradients for the batch last given to `forward`; returns its loss."""
        # what a user's object does when it becomes an array is done before the batch is looked at
        y = real_array("y", y, "integer labels")
        with self.exclusive:
            if self._rows is None or self._batch is None:
                raise RuntimeError("backward needs the scores of a batch: call forward(X) first")
            n_rows = len(self._rows)
            if n_rows == 0:
                raise ValueError("X must have at least one row to train on, got an empty batch")
            labels = class_labels("y", y, n_rows, self.layout.sizes[-1])
            loss = self._batch.passes.backward(self._rows, labels, regularization, self._team_size(n_rows))
            self.has_gradients = True
        return loss

    def update(
        self, optimizer: str, rate: float, beta1: float, beta2: float, epsilon: float, time_step: int | None
    ) -> None:
        """One step with the gradients at hand; `time_step` None counts the network's own updates."""
        with self.exclusive:
            if not self.has_gradients:
                raise RuntimeError("update needs gradients: call forward(X) and backward(y) first")
            t = self.n_updates + 1 if time_step is None else time_step
            n_threads = threads.team_size(self.n_threads, self.layout.size, threads.SERIAL_PARAMETERS)
            self._updater(optimizer).step(rate, beta1, beta2, epsilon, 1 - beta1**t, 1 - beta2**t, n_threads)
            self.n_updates += 1

    def predict_proba(self, X: npt.ArrayLike) -> np.ndarray:
        """Probabilities (n_rows, n_classes), computed tile by tile; leaves the batch of `forward` alone."""
        X = real_matrix("X", X, self.layout.sizes[0])
        probabilities = np.empty((len(X), self.layout.sizes[-1]), self.layout.dtype)
        with self._tile_lock:
            for rows, tile in self._tiles(X):
                probabilities[rows] = tile.outputs(len(self.layout.sizes) - 1, rows.stop - rows.start)
        return probabilities

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[float, float]:
        """Mean cross-entropy, and the share of rows whose most probable class is their label."""
        X = real_matrix("X", X, self.layout.sizes[0])
        if len(X) == 0:
            raise ValueError("X must have at least one row to evaluate, got none")
        labels = class_labels("y", y, len(X), self.layout.sizes[-1])
        loss, n_correct = 0.0, 0
        with self._tile_lock:
            for rows, tile in self._tiles(X):
                loss += tile.passes.loss(labels[rows])
                scores = tile.outputs(len(self.layout.sizes) - 1, rows.stop - rows.start)
                n_correct += int(np.count_nonzero(scores.argmax(axis=1) == labels[rows]))
        return loss / len(X), n_correct / len(X)

    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only views of the last forward pass: X, h1, ..., scores."""
        if self._rows is None or self._batch is None:
            return {}
        n_layers = len(self.layout.sizes) - 1
        views = {"X": self._rows.view()}
        for i in range(n_layers - 1):
            views[f"h{i + 1}"] = self._batch.outputs(i, len(self._rows))
        views["scores"] = self._batch.outputs(n_layers, len(self._rows))
        for view in views.values():
            view.flags.writeable = False
        return views

    def forget_batch(self) -> None:
        """Drop the last batch and its gradients, so that nothing is applied twice by mistake."""
        self._rows = None
        self.has_gradients = False

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that training changes."""
        return copy.deepcopy({name: getattr(self, name) for name in ("flat_params", "moments", "n_updates")})

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of this engine, in place."""
        self.flat_params[...] = snapshot["flat_params"]
        self.n_updates = snapshot["n_updates"]
        for name, moments in self.moments.items():
            for i, moment in enumerate(moments):
                moment[...] = snapshot["moments"][name][i] if name in snapshot["moments"] else 0

    def moments_of(self, optimizer: str) -> list[np.ndarray]:
        """The optimiser's flat buffers, zeros when it is new to this network."""
        if optimizer not in self.moments:
            self.moments[optimizer] = [self.layout.zeros() for _ in range(N_MOMENTS[optimizer])]
        return self.moments[optimizer]

    def _updater(self, optimizer: str) -> _kernels.Update:
        if optimizer not in self._updaters:
            self._updaters[optimizer] = _kernels.Update(
                _kernels.OPTIMIZERS.index(optimizer),
                self.flat_params,
                self.flat_gradients,
                *self.moments_of(optimizer),
            )
        return self._updaters[optimizer]

    def _workspace(self, capacity: int) -> Workspace:
        return Workspace(self.layout, self.flat_params, self.flat_gradients, capacity)

    def _team_size(self, n_rows: int) -> int:
        return threads.team_size(self.n_threads, n_rows * self.layout.n_parameters)

    def _tiles(self, X: np.ndarray) -> Iterator[tuple[slice, Workspace]]:
        """Take X forward a tile of rows at a time, the same tiles as in `forward`."""
        if self._tile is None:
            self._tile = self._workspace(_kernels.TILE_ROWS)
        for start in range(0, len(X), _kernels.TILE_ROWS):
            rows = slice(start, min(start + _kernels.TILE_ROWS, len(X)))
            self._tile.passes.forward(self._tile.packed(X[rows]), self._team_size(rows.stop - rows.start))
            yield rows, self._tile


# A child forked while another thread was at work in a network inherits that network's locks, but not the thread.
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for engine in _engines:
        engine.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
