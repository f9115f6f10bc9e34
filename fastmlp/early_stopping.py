"""Early stopping: which epoch is the best, when to stop, and the rows that are held out to find out.

Prechelt, Early Stopping - But When?, 1998; the rule is that of scikit-learn's `MLPClassifier`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp.generators import random_state


class EarlyStopping:
    """The best epoch of a training so far, and whether it has gone on for too long since.

    Parameters
    ----------
    patience : int
        Number of epochs in a row, none of them below the lowest loss before it by more than `tol`, after which to stop.
    tol : float
    """

    def __init__(self, patience: int, tol: float):
        self.patience, self.tol = patience, tol
        self._best: tuple[int | None, dict[str, Any] | None] = None, None
        self._lowest, self._n_epochs, self._n_without = math.inf, 0, 0

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest loss, the first of equal ones, counted from 1; None before any loss."""
        return self._best[0]

    @property
    def best(self) -> dict[str, Any] | None:
        """The snapshot of the network after that epoch."""
        return self._best[1]

    def record(self, loss: float, snapshot: Callable[[], dict[str, Any] | None]) -> bool:
        """Record the loss of one more epoch, with what takes a snapshot where it is the best; whether to stop."""
        self._n_epochs += 1
        self._n_without = 0 if loss < self._lowest - self.tol else self._n_without + 1
        if loss < self._lowest:
            # in one step, which no signal can divide
            self._lowest, self._best = loss, (self._n_epochs, snapshot())
        return self._n_without >= self.patience


def held_out_rows(labels: np.ndarray | None, n_rows: int, fraction: float, seed: int) -> np.ndarray:
    """Draw rows (n_held_out,) for validation, sorted; of each class its share, where there are labels (n_rows,).

    Of each class, at least one row is left for training.
    """
    with random_state(seed) as generator:
        order = generator.permutation(n_rows)
    n_held_out = max(1, round(fraction * n_rows))
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
        is_first = np.append(True, np.diff(labels[order]) != 0)
        order = order[~is_first]
        n_held_out = min(n_held_out, len(order))
    if n_held_out == 0 or n_held_out == n_rows:
        raise ValueError(
            f"validation_fraction must leave rows to train and rows to validate, got {fraction:g} of {n_rows} rows"
        )
    # evenly spread over rows in the order of their classes, so that each class has its share
    taken = order[((np.arange(n_held_out) + 0.5) * len(order) / n_held_out).astype(np.intp)]
    return np.sort(taken)
