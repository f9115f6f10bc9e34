"""The engine under a network: it owns the buffers, binds them to the kernels once, and then makes one call a time."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels
from fastmlp._kernels import TILE_ROWS
from fastmlp.engine import threads
from fastmlp.engine.buffers import N_MOMENTS, Buffers
from fastmlp.engine.pace import Pace
from fastmlp.engine.workspace import Workspace
from fastmlp.preprocessing import Standardizer, own_copy
from fastmlp.validation import as_stored, class_labels, real_array, real_matrix, real_targets

# Whether a call is worth a team is asked of the rows that pass through the network. Next to them, the update of a
# parameter counts as so many multiplications, and in a training step, where rows go there and back, that of all the
# parameters' moments of one kind as so many rows.
UPDATE_WORK = 32
MOMENT_ROWS = 4

# Rows of a prediction that go to the kernels at a time, and are converted first where need be; then Python may look for
# a signal.
BLOCK_ROWS = 8 * TILE_ROWS

# Rows that are looked at together for numbers that are not finite.
CHECK_ROWS = 64

# Workspaces for predictions that are kept, for as many threads as predict at a time.
MAX_TILES = 4

# How long the kernels train before they let Python look for a signal, in seconds.
SPAN = 0.05

# What an engine is without a batch for `backward`, and gradients for `update`.
NO_BATCH: dict[str, object] = {"_rows": None, "has_gradients": False}


class Trained(NamedTuple):
    """What an epoch gave, see `Engine.train_epoch`."""

    loss: float
    n_correct: int
    n_batches: int
    diverged: bool


class Engine(Buffers):
    """Parameters, gradients, moments and workspaces of one network, and the calls that work on them.

    Parameters
    ----------
    sizes : tuple of int
        Sizes of the input, of each hidden layer and of the output.
    dtype : numpy.dtype
        float32 or float64, native.
    loss : {"cross_entropy", "squared_error", "half_squared_error"}
        The first is of labels, and the outputs are a softmax: probabilities of classes. The others are of targets, and
        each output is a logistic function of its score; these networks have the three calls only.
    """

    def __init__(self, sizes: tuple[int, ...], dtype: np.dtype, loss: str = "cross_entropy"):
        super().__init__(sizes, dtype)
        self.loss = loss
        self.n_threads: int | None = None
        self.has_gradients = False
        self._standardizer: Standardizer | None = None
        self._bind()

    def _bind(self) -> None:
        standardizer = self._standardizer
        self._statistics: tuple[np.ndarray, ...] = ()
        if standardizer is not None:
            self._statistics = standardizer.statistics(self.layout.dtype)
        self._updaters: dict[str, _kernels.Update] = {}
        self._batch: Workspace | None = None
        self._tiles: list[Workspace] = []
        self._rows: np.ndarray | None = None
        self._pace = Pace()

    @property
    def standardizer(self) -> Standardizer | None:
        """A copy of what each row goes through on its way in."""
        return copy.deepcopy(self._standardizer)

    @standardizer.setter
    def standardizer(self, standardizer: Standardizer | None) -> None:
        statistics: tuple[np.ndarray, ...] = ()
        if standardizer is not None:
            if not isinstance(standardizer, Standardizer):
                raise TypeError(f"standardizer must be a fitted fastmlp.Standardizer or None, got {standardizer!r}")
            standardizer = own_copy(standardizer)  # since its owner may fit it again
            statistics = standardizer.statistics(self.layout.dtype)
            n_features, n_in = len(statistics[0]), self.layout.sizes[0]
            if n_features != n_in:
                raise ValueError(f"standardizer must be fitted to rows of {n_in} features, got one for {n_features}")
        attributes = {"_standardizer": standardizer, "_statistics": statistics}
        self.exclusive.run(_kernels.put_back, self, {**attributes, **NO_BATCH, "_batch": None, "_tiles": []}, [])

    def __getstate__(self) -> dict[str, Any]:
        names = (
            "layout",
            "loss",
            "n_threads",
            "n_updates",
            "flat_params",
            "flat_gradients",
            "moments",
            "has_gradients",
            "_standardizer",
        )
        # copies, since a training may begin before they have been written down
        return self.exclusive.run(lambda: copy.deepcopy({name: getattr(self, name) for name in names}))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.flat_params = self._own(self.flat_params)
        self.flat_gradients = self._own(self.flat_gradients)
        self.moments = {name: [self._own(m) for m in moments] for name, moments in self.moments.items()}
        self._view()
        self._bind()

    def forward(self, X: npt.ArrayLike) -> np.ndarray:
        """Outputs (n_rows, n_outputs), a fresh array; keeps what `backward` needs, X itself included."""
        return self.exclusive.run(self._forward, real_matrix("X", X, self.layout.sizes[0]))

    def _forward(self, X: np.ndarray) -> np.ndarray:
        n_rows = len(X)
        self._rows = None
        batch = self._batch_workspace(n_rows)
        X = batch.stored(batch.apart(X))
        gathered = n_rows == 0 or batch.passes.forward(X, self._team_size(n_rows))
        self._rows = batch.outputs(0, n_rows) if gathered else X
        return batch.outputs(len(self.layout.sizes), n_rows).copy()

    def scores(self) -> np.ndarray:
        """What the last layer gave in the last `forward` (n_rows, n_outputs), a copy."""
        assert self._rows is not None
        assert self._batch is not None
        return self._batch.outputs(len(self.layout.sizes) - 1, len(self._rows)).copy()

    def backward(self, y: npt.ArrayLike, regularization: float) -> float:
        """Fill the gradients for the batch last given to `forward`; returns its loss."""
        # what a user's object does when it becomes an array is done before the batch is looked at
        y = real_array("y", y, "integer labels" if self.loss == "cross_entropy" else "real numbers")
        return self.exclusive.run(self._backward, y, regularization)

    def _backward(self, y: np.ndarray, regularization: float) -> float:
        if self._rows is None or self._batch is None:
            raise RuntimeError("backward needs the scores of a batch: call forward(X) first")
        n_rows = len(self._rows)
        if n_rows == 0:
            raise ValueError("X must have at least one row to train on, got an empty batch")
        if self.loss == "cross_entropy":
            wanted = class_labels("y", y, n_rows, self.layout.sizes[-1])
        else:
            wanted = real_targets("y", y, n_rows, self.layout.sizes[-1], self.layout.dtype)
        loss = self._batch.passes.backward(wanted, regularization, self._team_size(n_rows))
        self.has_gradients = True
        return loss

    def update(
        self, optimizer: str, rate: float, beta1: float, beta2: float, epsilon: float, time_step: int | None
    ) -> None:
        """One step with the gradients at hand; `time_step` None counts the network's own updates."""
        self.exclusive.run(self._update, optimizer, (rate, beta1, beta2, epsilon), time_step)

    def _update(self, optimizer: str, rates: tuple[float, float, float, float], time_step: int | None) -> None:
        if not self.has_gradients:
            raise RuntimeError("update needs gradients: call forward(X) and backward(y) first")
        t = self.n_updates + 1 if time_step is None else time_step
        n_threads = threads.team_size(self.n_threads, UPDATE_WORK * self.layout.size)
        updater = self._updater(optimizer)
        before = updater.n_steps
        try:
            updater.step(*rates, t, n_threads)
        finally:
            self.n_updates += updater.n_steps - before  # also where a signal raises as soon as the step is done

    def train_epoch(
        self,
        X: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        *,
        batch_size: int,
        regularization: float,
        optimizer: str,
        rates: tuple[float, float, float, float],
        time_step: int | None,
        advance: Callable[[int], object],
    ) -> Trained:
        """Forward, backward and update for batch after batch of X[order], all of it in the kernels.

        The arguments have been checked: X (n_rows, n_in), labels (n_rows,) and order (n,) intp; rates are the
        learning rate, beta1, beta2 and epsilon. `advance` is called with a number of batches that have been done. A
        batch whose loss is not finite ends the epoch.

        Whoever calls it is alone in the network, by `exclusive`.

        Returns
        -------
        Trained
            The sum over rows of their batch's loss, the number of rows classified right, and that of batches.
        """
        assert self.loss == "cross_entropy"
        self.forget_batch()
        batch_size = min(batch_size, len(order))
        workspace = self._batch_workspace(batch_size)
        X = workspace.apart(X)
        update = self._updater(optimizer)
        n_threads = self._team_size(batch_size + MOMENT_ROWS * N_MOMENTS[optimizer])
        loss, n_correct, n_batches = 0.0, 0, 0
        for rows, labels_of_rows, order_of_rows in _pieces(workspace, X, labels, order, batch_size):
            t, grows = (self.n_updates + 1, 1) if time_step is None else (time_step, 0)
            batches = (rows, labels_of_rows, order_of_rows, batch_size)
            run = _kernels.Training(workspace.passes, update, *batches, regularization, *rates, t, grows)
            counted = 0
            while run.n_done < len(order_of_rows) and not run.diverged:
                try:
                    n = self._pace.advance(run, SPAN, n_threads)
                finally:  # also where a signal raises
                    self.n_updates += run.n_updates - counted
                    counted = run.n_updates
                advance(n)
            loss, n_correct, n_batches = loss + run.loss, n_correct + run.n_correct, n_batches + run.n_batches
            if run.diverged:
                break
        return Trained(loss, n_correct, n_batches, run.diverged)

    def check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None:
        """Raise a ValueError that names the first number in X[order], or in X, that the network takes as not finite.

        X (n_rows, n_in) and order (n,) have been checked.
        """
        n_rows = len(X) if order is None else len(order)
        taken = np.empty((CHECK_ROWS, X.shape[1]), self.layout.dtype)
        for start in range(0, n_rows, CHECK_ROWS):
            part = slice(start, start + CHECK_ROWS)
            rows = X[part] if order is None else X[order[part]]
            block = taken[: len(rows)]
            _kernels.standardize(as_stored(rows, np.dtype(np.float64)), block.reshape(-1), *self._statistics)
            if _kernels.is_finite(block.reshape(-1)):
                continue
            row, column = (int(places[0]) for places in np.nonzero(~np.isfinite(block)))
            value, place = rows[row, column], start + row if order is None else order[start + row]
            needed = "finite"
            if np.isfinite(value):
                needed += f" in {self.layout.dtype}" + (", once it is standardised" if self._statistics else "")
            raise ValueError(f"{name} must be {needed}, got {value!s} in row {place}, column {column}")

    def predict_proba(self, X: npt.ArrayLike) -> np.ndarray:
        """Probabilities (n_rows, n_classes); leaves the batch of `forward` alone."""
        X = real_matrix("X", X, self.layout.sizes[0])
        outputs = np.empty((len(X), self.layout.sizes[-1]), self.layout.dtype)
        self._predict(X, outputs=outputs)
        return outputs

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """The most probable class of each row, intp (n_rows,)."""
        X = real_matrix("X", X, self.layout.sizes[0])
        classes = np.empty(len(X), np.intp)
        self._predict(X, classes=classes)
        return classes

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[float, float]:
        """Mean cross-entropy, and the share of rows whose most probable class is their label."""
        assert self.loss == "cross_entropy"
        X = real_matrix("X", X, self.layout.sizes[0])
        if len(X) == 0:
            raise ValueError("X must have at least one row to evaluate, got none")
        labels = class_labels("y", y, len(X), self.layout.sizes[-1])
        classes, losses = np.empty(len(X), np.intp), np.empty(len(X))
        self._predict(X, classes=classes, labels=labels, losses=losses)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(losses.mean())
        return loss, int(np.count_nonzero(classes == labels)) / len(X)

    def _predict(
        self,
        X: np.ndarray,
        outputs: np.ndarray | None = None,
        classes: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        losses: np.ndarray | None = None,
    ) -> None:
        """Fill what is given for each row of X; the losses need the labels. Rows that are not finite are refused."""
        n_rows = len(X)
        if n_rows == 0:
            return
        tiled = n_rows > TILE_ROWS
        n_threads = self._team_size(min(n_rows, BLOCK_ROWS))
        capacity = n_threads * TILE_ROWS if tiled else n_rows
        # each prediction under way has a workspace of its own: no lock, which one in a signal's handler would wait for
        tiles = self._tiles
        try:
            tile = tiles.pop()
        except IndexError:
            tile = None
        if tile is None or tile.capacity < capacity:
            tile = None  # let go of the old one before the new one is made
            tile = self._workspace(capacity)
        given = (outputs, classes, labels, losses)
        if n_rows <= BLOCK_ROWS:  # to cut out a row takes as long as to predict it
            finite = tile.passes.predict(tile.stored(X), tiled, n_threads, *given)
        else:
            finite = True
            for start in range(0, n_rows, BLOCK_ROWS):
                part = slice(start, start + BLOCK_ROWS)
                answers = (None if array is None else array[part] for array in given)
                finite &= tile.passes.predict(tile.stored(X[part]), tiled, n_threads, *answers)
        if not finite:
            self.check_finite("X", X)
        if len(tiles) < MAX_TILES:
            tiles.append(tile)

    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only views of the last forward pass: X, h1, ..., scores."""
        if self._rows is None or self._batch is None:
            return {}
        n_layers = len(self.layout.sizes) - 1
        views = {"X": self._rows.view()}
        for i in range(1, n_layers):
            views[f"h{i}"] = self._batch.outputs(i, len(self._rows))
        views["scores"] = self._batch.outputs(n_layers + 1, len(self._rows))
        for view in views.values():
            view.flags.writeable = False
        return views

    def forget_batch(self) -> None:
        """Drop the last batch and its gradients, so that nothing is applied twice by mistake."""
        _kernels.put_back(self, NO_BATCH, [])

    def _updater(self, optimizer: str) -> _kernels.Update:
        if optimizer not in self._updaters:
            self._updaters[optimizer] = _kernels.Update(
                _kernels.OPTIMIZERS.index(optimizer),
                self.flat_params,
                self.flat_gradients,
                *self.moments_of(optimizer),
            )
        return self._updaters[optimizer]

    def _batch_workspace(self, n_rows: int) -> Workspace:
        """Room for a batch, and for all smaller ones to come."""
        if self._batch is None or self._batch.capacity < n_rows:
            self._rows = self._batch = None  # let go of the old one before the new one is made
            self._batch = self._workspace(max(n_rows, 1))
        return self._batch

    def _workspace(self, capacity: int) -> Workspace:
        return Workspace(self.layout, self.flat_params, self.flat_gradients, capacity, self._statistics, self.loss)

    def _team_size(self, n_rows: int) -> int:
        return threads.team_size(self.n_threads, n_rows * self.layout.n_parameters)


def _pieces(
    workspace: Workspace, X: np.ndarray, labels: np.ndarray, order: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows that the kernels can gather, their labels and their order: all of X, or a converted batch at a time."""
    if _kernels.is_stored(X):
        yield X, labels, order
        return
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield workspace.stored(X[rows]), labels[rows], np.arange(len(rows))
