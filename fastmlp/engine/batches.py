"""Batches, settings and results of training, as they pass between the engine and its callers."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastmlp import _kernels
from fastmlp.functions.optimizers import Optimizer


class Batch(NamedTuple):
    """Rows for one gradient, see `Engine.compute_gradients`.

    Attributes
    ----------
    X, y : array_like
        Rows, and their labels or targets.
    regularization : float
        Strength of the L2 regularisation in this gradient.
    denominator : float or None
        What the sum of the rows' losses is divided by, where it is not their number; a batch for which it is 0 adds
        nothing.
    accumulate : bool
        Whether to add to the current gradient instead of replacing it.
    """

    X: Any
    y: Any
    regularization: float = 0.0
    denominator: float | None = None
    accumulate: bool = False


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
    """

    batch_size: int
    optimizer: Optimizer
    learning_rate: float | np.ndarray
    regularization: float = 0.0
    time_step: int | None = None


class EpochResult(NamedTuple):
    """The mean loss of a row, regularisation included, the score of all rows, and what has been done."""

    loss: float
    score: float
    n_batches: int
    diverged: bool


class EpochPart(NamedTuple):
    """Arguments of an EpochRun; a row of `steps` is a StepSettings of _batch.pxd."""

    X: np.ndarray
    y: np.ndarray
    order: np.ndarray
    batch_size: int
    steps: np.ndarray


def epoch_parts(
    stored: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    y: np.ndarray,
    order: np.ndarray,
    batch_size: int,
    settings: EpochSettings,
) -> Iterator[EpochPart]:
    """Yield the whole epoch if the kernels can gather rows of X, otherwise one batch at a time, its rows `stored`."""
    starts = range(0, len(order), batch_size)
    steps = np.empty((len(starts), 3))
    steps[:, 0], steps[:, 1], steps[:, 2] = settings.learning_rate, settings.regularization, batch_size
    steps[-1, 2] = len(order) - starts[-1]
    if _kernels.is_stored(X):
        yield EpochPart(X, y, order, batch_size, steps)
        return
    for i, start in enumerate(starts):
        rows = order[start : start + batch_size]
        yield EpochPart(stored(X[rows]), y[rows], np.arange(len(rows), dtype=np.intp), batch_size, steps[i : i + 1])
