"""Batches, settings and results of training, as they pass between the engine and its callers."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from fastmlp import _kernels
from fastmlp.functions.optimizers import Optimizer
from fastmlp.sparse_rows import SparseRows
from fastmlp.sums import sum_rows


class Examples(NamedTuple):
    """Rows to train or to evaluate on, checked.

    Attributes
    ----------
    X : ndarray or SparseRows
        Rows of any type and layout.
    y : ndarray
        Their labels or targets, see `Architecture.checked_targets`.
    weights : ndarray (n_rows,) or None
        How often each row counts, float64; None where all count once.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    def taken(self, rows: np.ndarray) -> Self:
        """These rows of them, copies."""
        X = self.X.taken(rows) if isinstance(self.X, SparseRows) else self.X[rows]
        return type(self)(X, self.y[rows], None if self.weights is None else self.weights[rows])


class Batch(NamedTuple):
    """Rows for one gradient, see `Engine.compute_gradients`.

    Attributes
    ----------
    X, y : array_like
        Rows, and their labels or targets.
    regularization : float
        Strength of the L2 regularisation in this gradient.
    denominator : float or None
        What the weighted sum of the rows' losses is divided by, where it is not the sum of their weights; a batch for
        which it is 0 adds nothing.
    accumulate : bool
        Whether to add to the current gradient instead of replacing it.
    sample_weight : array_like (n_rows,) or None
        Weights of the rows; None where all are 1.
    """

    X: Any
    y: Any
    regularization: float = 0.0
    denominator: float | None = None
    accumulate: bool = False
    sample_weight: Any = None


class EpochSettings(NamedTuple):
    """How one epoch trains.

    Attributes
    ----------
    batch_size : int
        Rows of one update.
    learning_rate : float or ndarray (n_batches,)
        Of all batches, or of each.
    regularization : float
        Strength of the L2 regularisation.
    time_step : int or None
        Of Adam's bias correction, for all batches; None counts the network's own updates.
    clip_norm : float
        Each batch's gradient, regularisation included, is scaled down to this global norm where its own is larger, see
        `Engine.clip_gradients`; positive, and infinite where nothing is clipped.
    per_row : bool
        The convention of scikit-learn's networks: a batch's loss is (losses, added up over rows and outputs, and the
        regularisation's term) / rows, where rows count by their weights. Else losses are averaged over rows and
        outputs, and the regularisation's term is added to the mean.
    """

    batch_size: int
    optimizer: Optimizer
    learning_rate: float | np.ndarray
    regularization: float = 0.0
    time_step: int | None = None
    clip_norm: float = math.inf
    per_row: bool = False


class EpochResult(NamedTuple):
    """The weighted mean loss of a row, regularisation included, the score of all rows, and what has been done."""

    loss: float
    score: float
    n_batches: int
    diverged: bool


class EpochPart(NamedTuple):
    """Arguments of an EpochRun; a row of `steps` is a StepSettings of _batch.pxd."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    order: np.ndarray
    batch_size: int
    steps: np.ndarray


def epoch_steps(
    settings: EpochSettings, weights: np.ndarray | None, order: np.ndarray, batch_size: int, n_losses: int
) -> np.ndarray:
    """The settings (n_batches, 4) of each step, see `EpochPart`."""
    of_batches = denominators(weights, order, batch_size)
    steps = np.empty((len(of_batches), 4))
    steps[:, 0], steps[:, 3] = settings.learning_rate, settings.clip_norm
    steps[:, 1], steps[:, 2] = l2_and_denominator(settings, of_batches, n_losses)
    return steps


def epoch_parts(
    stored: Callable[[np.ndarray], np.ndarray],
    examples: Examples,
    order: np.ndarray,
    batch_size: int,
    steps: np.ndarray,
) -> Iterator[EpochPart]:
    """Yield the whole epoch if the kernels can gather rows of X, otherwise one batch at a time, its rows `stored`."""
    X, y, weights = examples
    if isinstance(X, np.ndarray) and _kernels.is_stored(X):
        yield EpochPart(X, y, weights, order, batch_size, steps)
        return
    for i, start in enumerate(range(0, len(order), batch_size)):
        rows = order[start : start + batch_size]
        of_rows = None if weights is None else weights[rows]
        yield EpochPart(
            stored(X[rows]), y[rows], of_rows, np.arange(len(rows), dtype=np.intp), batch_size, steps[i : i + 1]
        )


def l2_and_denominator(
    settings: EpochSettings, weight: float | np.ndarray, n_losses: int
) -> tuple[float | np.ndarray, float | np.ndarray]:
    """The strength of the regularisation, and the denominator of the loss, of batches whose rows have this weight.

    The loss of a row is the mean of `n_losses`, one for each output, or 1.
    """
    if not settings.per_row:
        return settings.regularization, weight
    # a batch whose rows all weigh 0 is skipped
    return settings.regularization / np.where(weight > 0, weight, 1.0), weight / n_losses


def denominators(weights: np.ndarray | None, order: np.ndarray, batch_size: int) -> np.ndarray:
    """Of the mean losses of all batches: the sums (n_batches,) of their rows' weights."""
    n_whole, n_last = divmod(len(order), batch_size)
    if weights is None:
        return np.array([batch_size] * n_whole + [n_last] * (n_last > 0))
    taken = weights[order]
    whole, last = taken[: len(order) - n_last].reshape(n_whole, batch_size), taken[len(order) - n_last :]
    return np.append(sum_rows(whole.T), [sum_rows(last)] if n_last else [])
