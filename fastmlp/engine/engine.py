"""The engine of a network: it owns the buffers, binds them to the kernels once, and makes one kernel call per pass."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels
from fastmlp._kernels import CHUNK_ROWS
from fastmlp.architecture import Architecture
from fastmlp.engine import threads
from fastmlp.engine.batches import (
    Batch,
    EpochResult,
    EpochSettings,
    Examples,
    epoch_parts,
    epoch_steps,
    l2_and_denominator,
)
from fastmlp.engine.buffers import SCALARS, Buffers
from fastmlp.engine.pace import Pace
from fastmlp.engine.parameters import l2_penalty
from fastmlp.engine.workspace import Workspace
from fastmlp.functions.optimizers import Optimizer
from fastmlp.preprocessing import Standardizer, own_copy
from fastmlp.sample_weights import measured_units
from fastmlp.sparse_rows import SparseRows
from fastmlp.sums import sum_rows, weighted_mean
from fastmlp.validation import as_stored, number, real_array, row_weights

# A call gets a team of threads where it has enough multiplications: rows times parameters. The update of one parameter
# counts as UPDATE_WORK of them; in a training step, that of one moment of all parameters counts as MOMENT_ROWS rows.
UPDATE_WORK = 32
MOMENT_ROWS = 4

# Rows of a prediction in one kernel call, converted first where need be; between calls Python can handle signals.
BLOCK_ROWS = 8 * CHUNK_ROWS

# Rows checked at a time for numbers that are not finite.
CHECK_ROWS = 64

# Workspaces kept for predictions: one for each thread that predicts at the same time.
MAX_SPARE = 4

# Seconds that the kernels train before they return, so that Python can handle signals.
SPAN = 0.05

# Attributes of an engine that has neither a batch for `backward` nor gradients for `apply`.
NO_BATCH: dict[str, object] = {"_rows": None, "has_gradients": False}


class Engine(Buffers):
    """Parameters, gradients, moments and workspaces of one network, and the calls that work on them.

    Methods that take checked arguments must be called through `exclusive.run`, which keeps other threads out.
    """

    def __init__(self, architecture: Architecture):
        super().__init__(architecture)
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
        self._spare: list[Workspace] = []
        self._rows: np.ndarray | None = None
        self._last_steps: tuple[tuple[EpochSettings, int] | None, np.ndarray] = (None, np.empty((0, 4)))
        self._earlier: np.ndarray | None = None  # gradients of the batches before, where they accumulate
        self._paces = {call: Pace() for call in ("forward", "backward", "update", "epoch")}

    @property
    def standardizer(self) -> Standardizer | None:
        """A copy of the standardizer that rows of X pass first; None for none."""
        return copy.deepcopy(self._standardizer)

    @standardizer.setter
    def standardizer(self, standardizer: Standardizer | None) -> None:
        statistics: tuple[np.ndarray, ...] = ()
        if standardizer is not None:
            if not isinstance(standardizer, Standardizer):
                raise TypeError(f"standardizer must be a fitted fastmlp.Standardizer or None, got {standardizer!r}")
            standardizer = own_copy(standardizer)  # since its owner may fit it again
            statistics = standardizer.statistics(self.layout.dtype)
            n_features, n_in = len(statistics[0]), self.architecture.n_inputs
            if n_features != n_in:
                raise ValueError(f"standardizer must be fitted to rows of {n_in} features, got one for {n_features}")
        attributes = {"_standardizer": standardizer, "_statistics": statistics}
        self.exclusive.run(_kernels.assign_all, self, {**attributes, **NO_BATCH, "_batch": None, "_spare": []}, [])

    def __getstate__(self) -> dict[str, Any]:
        names = (
            *("n_threads", "flat_params", "flat_gradients", "moments", "has_gradients", "_standardizer"),
            *SCALARS,
        )
        # copies, since a training may begin before they are written
        state = self.exclusive.run(lambda: copy.deepcopy({name: getattr(self, name) for name in names}))
        return {"architecture": self.architecture.to_dict(), **state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        Buffers.__init__(self, _architecture_of(state))
        # into buffers of its own, which start on a cache line, as pickled arrays do not
        self.flat_params[...], self.flat_gradients[...] = state.pop("flat_params"), state.pop("flat_gradients")
        for name, moments in state.pop("moments").items():
            for own, moment in zip(self.moments_of(name), moments, strict=True):
                own[...] = moment
        self.__dict__.update(state)
        self._bind()

    def forward(self, X: npt.ArrayLike, training: bool = False) -> np.ndarray:
        """Outputs (n_rows, n_outputs), a new array; keeps what `backward` needs, which may be X itself."""
        return self.exclusive.run(self._forward, self.architecture.checked_rows("X", X), training)

    def _forward(self, X: np.ndarray, training: bool) -> np.ndarray:
        n_rows = len(X)
        self._rows = None
        batch = self._batch_workspace(n_rows)
        X = batch.stored(batch.apart(X))
        gathered = n_rows == 0 or self._paces["forward"].run(
            batch.passes,
            self._team_size(n_rows),
            n_rows,
            batch.passes.forward,
            X,
            self._dropout() if training else None,
        )
        self._rows = batch.outputs(0, n_rows) if gathered else X
        return self._with_units(batch.outputs(self.architecture.n_layers + 1, n_rows).copy())

    def holds(self, X: np.ndarray) -> bool:
        """Whether the batch for `backward` are the rows of this array, which has memory of its own, in place."""
        return self._rows is not None and self._rows.base is X

    def scores(self) -> np.ndarray:
        """Sums of the last layer in the last `forward`, before its activation (n_rows, n_outputs), a copy."""
        assert self._rows is not None
        assert self._batch is not None
        return self._batch.outputs(self.architecture.n_layers, len(self._rows)).copy()

    def backward(self, y: npt.ArrayLike, regularization: float, sample_weight: npt.ArrayLike | None = None) -> float:
        """Fill the gradients for the batch last given to `forward`; returns its loss."""
        # converted first: the object's own code may run then, and call forward
        y = real_array("y", y, self.architecture.loss_row.content)
        if sample_weight is not None:
            sample_weight = real_array("sample_weight", sample_weight, "weights")
        return self.exclusive.run(self._backward, y, regularization, sample_weight)

    def _backward(
        self,
        y: np.ndarray,
        regularization: float,
        sample_weight: np.ndarray | None = None,
        denominator: float | None = None,
        accumulate: bool = False,
    ) -> float:
        if self._rows is None or self._batch is None:
            raise RuntimeError("backward needs the scores of a batch: call forward(X) first")
        n_rows = len(self._rows)
        if n_rows == 0:
            raise ValueError("X must have at least one row to train on, got an empty batch")
        targets = self._without_units(self.architecture.checked_targets("y", y, n_rows))
        if sample_weight is None:
            weights = None
        else:  # of a part of a larger batch, which has a denominator, all may be 0
            weights = row_weights("sample_weight", sample_weight, n_rows, may_be_zero=denominator is not None)
        earlier = None
        if accumulate and self.has_gradients:
            if self._earlier is None:
                self._earlier = self.layout.zeros()
            earlier = self._earlier
            earlier[...] = self.flat_gradients
        passes = self._batch.passes
        if denominator is None:
            denominator = n_rows if weights is None else float(sum_rows(weights))
        arguments = targets, weights, regularization, denominator, earlier
        loss = self._paces["backward"].run(passes, self._team_size(n_rows), n_rows, passes.backward, *arguments)
        self.has_gradients = True
        return loss

    def compute_gradients(self, batch: Batch) -> float:
        """Fill the gradients for a batch, or add to them; returns its loss.

        The first half of a step: the caller may then change or share the complete gradient, `flat_gradients`, before
        `apply`. Without such a change, the parameters get the bits that `train_epoch` gives them.
        """
        checked = batch._replace(
            X=self.architecture.checked_rows("X", batch.X),
            y=real_array("y", batch.y, self.architecture.loss_row.content),
            regularization=number("regularization", batch.regularization, 0),
            denominator=None if batch.denominator is None else number("denominator", batch.denominator, 0),
            sample_weight=None if batch.sample_weight is None else real_array("sample_weight", batch.sample_weight),
        )
        return self.exclusive.run(self._compute_gradients, checked)

    def _compute_gradients(self, batch: Batch) -> float:
        if batch.denominator == 0:
            if not (batch.accumulate and self.has_gradients):
                self.flat_gradients.fill(0)
            self.has_gradients = True
            return 0.0
        self._forward(batch.X, True)
        return self._backward(batch.y, batch.regularization, batch.sample_weight, batch.denominator, batch.accumulate)

    def clip_gradients(self, max_norm: float) -> float:
        """Scale the gradients down to a global norm of `max_norm` where it is larger; returns what it was.

        Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013, algorithm 1.
        """
        return self.exclusive.run(self._clip_gradients, number("max_norm", max_norm, 0))

    def _clip_gradients(self, max_norm: float) -> float:
        if not self.has_gradients:
            raise RuntimeError("there are no gradients to clip: call compute_gradients first")
        n_threads = threads.team_size(self.n_threads, self.layout.size)
        return self._batch_workspace(0).passes.clip(max_norm, n_threads)

    def apply(self, optimizer: Optimizer, learning_rate: float, time_step: int | None = None) -> None:
        """Apply the current gradients; `time_step` None uses the number of updates."""
        self.exclusive.run(self._apply, optimizer, learning_rate, time_step)

    def _apply(self, optimizer: Optimizer, learning_rate: float, time_step: int | None) -> None:
        if not self.has_gradients:
            raise RuntimeError("update needs gradients: call forward(X) and backward(y) first")
        t = self.n_updates + 1 if time_step is None else time_step
        n_threads = threads.team_size(self.n_threads, UPDATE_WORK * self.layout.size)
        updater = self._updater(optimizer)
        before = updater.n_steps
        try:
            self._paces["update"].run(updater, n_threads, 1, updater.step, optimizer.options, learning_rate, t)
        finally:
            self.n_updates += updater.n_steps - before  # also where a signal raises as soon as the step is done

    def train_epoch(
        self,
        examples: Examples,
        order: np.ndarray,
        settings: EpochSettings,
        advance: Callable[[int], object] = lambda n_batches: None,
    ) -> EpochResult:
        """Forward, backward and update for batch after batch of examples[order], all of it in the kernels.

        A batch whose loss is not finite ends the epoch; one whose rows all weigh 0 is skipped.

        Parameters
        ----------
        examples : Examples
        order : ndarray
            The rows to train on, intp (n,); the loss and the score are NaN where they all weigh 0.
        advance : callable
            Called with a number of batches that have been done.
        """
        self.forget_batch()
        total = len(order) if examples.weights is None else float(sum_rows(examples.weights[order]))
        if total == 0:
            return EpochResult(math.nan, math.nan, 0, False)
        total = total / self.architecture.n_losses if settings.per_row else total
        batch_size, optimizer, time_step = min(settings.batch_size, len(order)), settings.optimizer, settings.time_step
        workspace = self._batch_workspace(batch_size)
        X, y, weights = examples
        examples = Examples(workspace.apart(X), self._without_units(y), weights)
        update = self._updater(optimizer)
        n_threads = self._team_size(batch_size + MOMENT_ROWS * optimizer.row.n_moments)
        scores, pace = np.zeros(self.architecture.n_scores), self._paces["epoch"]
        loss, n_batches, diverged = 0.0, 0, False
        steps = self._steps(settings, weights, order, batch_size)
        for part in epoch_parts(workspace.stored, examples, order, batch_size, steps):
            t, increment = (self.n_updates + 1, 1) if time_step is None else (time_step, 0)
            dropout = self._dropout()
            run = _kernels.EpochRun(workspace.passes, update, dropout, *part, scores, optimizer.options, t, increment)
            n_updates = self.n_updates
            while run.n_done < len(part.order) and not run.diverged:
                size, n_done, start = pace.team_size(n_threads), run.n_done, time.monotonic()
                try:
                    n_advanced = run.advance(SPAN, size)
                finally:  # also where a signal raises
                    self.n_updates = n_updates + run.n_updates
                if n_threads > 1:
                    now = time.monotonic()
                    pace.record(size, run.n_done - n_done, now - start, run.slept, now)
                advance(n_advanced)
            loss, n_batches, diverged = loss + run.loss, n_batches + run.n_batches, run.diverged
            if diverged:
                break
        score = self.architecture.loss_row.summed_score(scores, examples.y, order, weights)
        return EpochResult(loss / total, score, n_batches, diverged)

    def _steps(
        self, settings: EpochSettings, weights: np.ndarray | None, order: np.ndarray, batch_size: int
    ) -> np.ndarray:
        """The settings of each step; the last array where they are the same, since an epoch of a few rows is short."""
        key, steps = self._last_steps
        if weights is None and isinstance(settings.learning_rate, float) and key == (settings, len(order)):
            return steps
        steps = epoch_steps(settings, weights, order, batch_size, self.architecture.n_losses)
        is_constant = weights is None and isinstance(settings.learning_rate, float)
        self._last_steps = ((settings, len(order)) if is_constant else None, steps)
        return steps

    def parameters(self) -> np.ndarray:
        """All parameters in one vector, float64, a copy."""
        return self.flat_params.astype(np.float64)

    def set_parameters(self, x: np.ndarray, *, is_update: bool = False) -> None:
        """Assign what `parameters` gave; it may count as an update."""
        with np.errstate(over="ignore"):
            np.copyto(self.flat_params, x, "same_kind")
        self.n_updates += is_update

    def full_gradient(self, examples: Examples, settings: EpochSettings) -> tuple[float, float, np.ndarray]:
        """Loss and score of all examples, and the gradient as a vector of `parameters`, by blocks of rows."""
        X, y, weights = examples
        row, total = self.architecture.loss_row, len(X) if weights is None else float(sum_rows(weights))
        regularization, denominator = map(float, l2_and_denominator(settings, total, self.architecture.n_losses))
        targets, loss, gradient = self._without_units(y), 0.0, np.zeros(self.layout.size)
        scores = np.zeros(self.architecture.n_scores)
        for part in _blocks(X):
            of_rows = None if weights is None else weights[part]
            if of_rows is not None and not of_rows.any():
                continue
            self._forward(X[part], False)
            scores += row.sums(self.outputs()["scores"], targets[part], of_rows)
            loss += self._backward(y[part], regularization, of_rows, denominator)
            gradient += self.flat_gradients
            regularization = 0.0  # it is in the first block's
        return loss, row.summed_score(scores, targets, np.arange(len(X)), weights), gradient

    def check_finite(self, name: str, X: Any, order: np.ndarray | None = None) -> None:
        """Raise a ValueError that names the first number in X (in X[order]) that is not finite in the network's dtype.

        X (n_rows, n_in) and order (n,) have been checked.
        """
        n_rows = len(X) if order is None else len(order)
        taken = np.empty((CHECK_ROWS, X.shape[1]), self.layout.dtype)
        for start in range(0, n_rows, CHECK_ROWS):
            part = slice(start, start + CHECK_ROWS)
            rows = X[part] if order is None else X[order[part]]
            block = taken[: len(rows)]
            _kernels.standardize(as_stored(rows, np.dtype(np.float64)), block.reshape(-1), *self._statistics)
            is_finite = np.isfinite(block)
            if is_finite.all():
                continue
            row, column = (int(places[0]) for places in np.nonzero(~is_finite))
            value, place = rows[row, column], start + row if order is None else order[start + row]
            needed = "finite"
            if np.isfinite(value):
                needed += f" in {self.layout.dtype}" + (", once it is standardised" if self._statistics else "")
            raise ValueError(f"{name} must be {needed}, got {value!s} in row {place}, column {column}")

    def _checked_rows(self, X: npt.ArrayLike | SparseRows) -> np.ndarray | SparseRows:
        """Rows to predict; sparse ones have been checked."""
        return X if isinstance(X, SparseRows) else self.architecture.checked_rows("X", X)

    def predict_outputs(self, X: npt.ArrayLike | SparseRows) -> np.ndarray:
        """Outputs (n_rows, n_outputs), as `forward` gives them; the batch for `backward` stays."""
        rows = self._checked_rows(X)
        outputs = np.empty((len(rows), self.architecture.n_outputs), self.layout.dtype)
        self._predict(rows, outputs=outputs)
        return self._with_units(outputs)

    def predict(self, X: npt.ArrayLike | SparseRows) -> np.ndarray:
        """The most probable class of each row, intp (n_rows,), or its outputs, or 0 and 1, shaped as the targets."""
        row = self.architecture.loss_row
        if not row.of_classes:
            outputs = self.predict_outputs(X)
            if row.decides:
                outputs = (outputs > 0.5).astype(np.intp)
            return outputs[:, 0] if self.flat_targets and outputs.shape[1] == 1 else outputs
        rows = self._checked_rows(X)
        classes = np.empty(len(rows), np.intp)
        self._predict(rows, classes=classes)
        return classes

    def evaluate(self, examples: Examples, regularization: float) -> tuple[float, float]:
        """The weighted mean loss, regularisation included, and the score."""
        X, y, weights = examples
        row, losses, y = self.architecture.loss_row, np.empty(len(X)), self._without_units(y)
        if row.of_classes:
            predicted = np.empty(len(X), np.intp)
            self._predict(X, classes=predicted, y=y, losses=losses)
        else:
            predicted = np.empty((len(X), self.architecture.n_outputs), self.layout.dtype)
            self._predict(X, outputs=predicted, y=y, losses=losses)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(weighted_mean(losses, weights))
        return loss + l2_penalty(self.params, regularization), row.score(predicted, y, weights)

    def _predict(
        self,
        X: np.ndarray | SparseRows,
        outputs: np.ndarray | None = None,
        classes: np.ndarray | None = None,
        y: np.ndarray | None = None,
        losses: np.ndarray | None = None,
    ) -> None:
        """Fill what is given for each row of X; the losses need y. Rows that are not finite are refused."""
        n_rows = len(X)
        if n_rows == 0:
            return
        most = min(n_rows, _block_rows(X))
        n_threads = self._team_size(most)
        capacity = n_threads * CHUNK_ROWS if most > CHUNK_ROWS else most
        # each prediction has its own workspace, without a lock, for which one in a signal handler would wait for ever
        spare = self._spare
        try:
            workspace = spare.pop()
        except IndexError:
            workspace = None
        if workspace is None or workspace.capacity < capacity:
            workspace = None  # free the old one before allocating the new one
            workspace = self._workspace(capacity, predicts_only=True)
        given = (outputs, classes, y, losses)
        if n_rows == most and isinstance(X, np.ndarray):  # slicing takes as long as predicting one row
            finite = workspace.passes.predict(workspace.stored(X), n_threads, *given)
        else:
            finite = True
            for part in _blocks(X):
                parts = (None if array is None else array[part] for array in given)
                finite &= workspace.passes.predict(workspace.stored(X[part]), n_threads, *parts)
        if not finite:
            self.check_finite("X", X)
        if len(spare) < MAX_SPARE:
            spare.append(workspace)

    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only views of the last forward pass: X, h1, ..., scores."""
        if self._rows is None or self._batch is None:
            return {}
        n_layers = self.architecture.n_layers
        views = {"X": self._rows.view()}
        for i in range(1, n_layers):
            views[f"h{i}"] = self._batch.outputs(i, len(self._rows))
        views["scores"] = self._batch.outputs(n_layers + 1, len(self._rows))
        for view in views.values():
            view.flags.writeable = False
        return views

    def forget_batch(self) -> None:
        """Drop the last batch and its gradients, so that nothing is applied twice by mistake."""
        _kernels.assign_all(self, NO_BATCH, [])

    def begin_fit(self, y: np.ndarray, weights: np.ndarray | None, *, flat: bool, standardize: bool) -> None:
        """Set the shape of predictions, and in a first training their units, by the targets (n_rows, n_outputs)."""
        self.flat_targets = flat
        if self.n_updates == 0:  # later, other units would change what the network predicts
            self.target_units = None
            if standardize and self.architecture.loss_row.standardizes:
                self.target_units = measured_units(y, weights)

    def _without_units(self, y: np.ndarray) -> np.ndarray:
        """Checked targets as the kernels take them: (y - mean) / scale; labels stay what they are."""
        if self.architecture.loss_row.of_classes:
            return y
        if self.target_units is not None:
            mean, scale = self.target_units
            y = (y - mean) / scale
        return np.ascontiguousarray(y, self.layout.dtype)

    def _with_units(self, outputs: np.ndarray) -> np.ndarray:
        """The kernels' outputs in the units of the targets."""
        if self.target_units is None:
            return outputs
        mean, scale = self.target_units
        with np.errstate(over="ignore"):
            return (outputs * scale + mean).astype(self.layout.dtype)

    def _dropout(self) -> tuple[int, int] | None:
        """What tells which units the next step drops; None for none."""
        return (self.dropout_seed, self.n_updates) if self.architecture.drops else None

    def layer_inputs(self, X: np.ndarray) -> list[np.ndarray]:
        """The input of each layer for these rows."""
        self.forward(X)
        return list(self.outputs().values())[:-1]

    def _updater(self, optimizer: Optimizer) -> _kernels.Update:
        name = optimizer.name
        if name not in self._updaters:
            self._updaters[name] = _kernels.Update(
                optimizer.row.code, self.flat_params, self.flat_gradients, *self.moments_of(name)
            )
        return self._updaters[name]

    def _batch_workspace(self, n_rows: int) -> Workspace:
        """Memory for a batch, and for all smaller ones to come."""
        if self._batch is None or self._batch.capacity < n_rows:
            self._rows = self._batch = None  # free the old one before allocating the new one
            self._batch = self._workspace(max(n_rows, 1))
        return self._batch

    def _workspace(self, capacity: int, *, predicts_only: bool = False) -> Workspace:
        buffers = self.flat_params, self.flat_gradients
        return Workspace(
            self.architecture, self.layout, *buffers, capacity, self._statistics, predicts_only=predicts_only
        )

    def _team_size(self, n_rows: int) -> int:
        return threads.team_size(self.n_threads, n_rows * self.layout.n_parameters)


def _block_rows(X: np.ndarray | SparseRows) -> int:
    return X.block_rows if isinstance(X, SparseRows) else BLOCK_ROWS


def _blocks(X: np.ndarray | SparseRows) -> Iterator[slice]:
    """The rows that one call of the kernels takes, block by block."""
    size = _block_rows(X)
    for start in range(0, len(X), size):
        yield slice(start, start + size)


def _architecture_of(state: dict[str, Any]) -> Architecture:
    """That of a pickled engine, taken out of its state; earlier versions have the layout's sizes and dtype."""
    if "architecture" in state:
        return Architecture.from_dict(state.pop("architecture"))
    layout, loss = state.pop("layout"), state.pop("loss", "cross_entropy")
    output = "softmax" if loss == "cross_entropy" else "logistic"
    return Architecture.of(layout.sizes, layout.dtype, loss=loss, output=output)
