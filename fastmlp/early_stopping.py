"""Early stopping: which epoch is the best, when to stop, and the rows that are held out to find out.

Prechelt, Early Stopping - But When?, 1998.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastmlp.generators import random_state
from fastmlp.history import Epoch


class Best(NamedTuple):
    """An epoch, counted from 1, and a snapshot of the network after it."""

    epoch: int
    snapshot: dict[str, Any]


class BestEpochs:
    """Snapshots of the network after its best epoch so far, and after the one before that was the best then.

    Two, since Ctrl-C may come after an epoch has been compared, and before it is in the history.
    """

    def __init__(self) -> None:
        self._last_two: tuple[Best, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_last_two": ()}  # those of a training that goes on, which a copy does not

    def keep(self, number: int, snapshot: dict[str, Any]) -> None:
        """Keep this epoch, counted from 1."""
        self._last_two = (*self._last_two[-1:], Best(number, snapshot))

    def forget(self) -> None:
        """Forget the snapshots."""
        self._last_two = ()

    def best_of(self, n_epochs: int) -> Best | None:
        """The best of these epochs, all that have been recorded or all but the last; None where none has been kept."""
        return next((best for best in reversed(self._last_two) if best.epoch <= n_epochs), None)


class EarlyStopping(BestEpochs):
    """The best epoch of a training so far, the first one with the lowest loss, and whether to go on.

    Parameters
    ----------
    patience : int
        Number of epochs in a row, none of them below the lowest loss before it by more than `tol`, after which to stop.
    tol : float
    monitored : {"val_loss", "train_loss"}
        The loss.
    """

    def __init__(self, patience: int, tol: float, monitored: str):
        super().__init__()
        self.patience, self.tol, self.monitored = patience, tol, monitored
        self._lowest, self._n_without = math.inf, 0

    def record(self, number: int, epoch: Epoch, snapshot: Callable[[], dict[str, Any]]) -> bool:
        """Record an epoch, with what takes a snapshot where it is the best; returns whether to stop after it."""
        loss = getattr(epoch, self.monitored)
        self._n_without = 0 if loss < self._lowest - self.tol else self._n_without + 1
        if loss < self._lowest:
            self.keep(number, snapshot())
            self._lowest = loss
        return self._n_without >= self.patience


def n_held_out(labels: np.ndarray | None, n_rows: int, fraction: float, weights: np.ndarray | None = None) -> int:
    """The number of rows that `held_out_rows` draws.

    Raises
    ------
    ValueError
        If no row would be left to train on, or none to validate with.
    """
    counts, kind = np.ones(n_rows, bool), "rows"
    if weights is not None:
        counts, kind = weights > 0, "rows that weigh more than 0"
    n_counted = int(counts.sum())
    n_left = 1 if labels is None else len(np.unique(labels[counts]))
    n = min(max(1, round(fraction * n_counted)), n_counted - n_left)
    if n < 1:
        raise ValueError(
            f"validation_fraction must leave rows to train and rows to validate, got {fraction:g} of {n_counted} {kind}"
        )
    return n


def held_out_rows(
    labels: np.ndarray | None, n_rows: int, fraction: float, seed: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Draw rows (n_held_out,) for validation, sorted; of each class its share, where there are labels (n_rows,).

    Of each class, at least one row is left for training. Rows whose weight is 0 are as good as none: they do not count.
    """
    n = n_held_out(labels, n_rows, fraction, weights)
    with random_state(seed) as generator:
        order = generator.permutation(n_rows)
    if weights is not None:
        order = order[weights[order] > 0]
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
        is_first = np.append(True, np.diff(labels[order]) != 0)
        order = order[~is_first]
    # evenly spread over rows in the order of their classes, so that each class has its share
    return np.sort(order[((np.arange(n) + 0.5) * len(order) / n).astype(np.intp)])
