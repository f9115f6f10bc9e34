"""The rows of an estimator's training: which ones, in which order, and how they are standardised."""

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.sparsefuncs import mean_variance_axis

from fastmlp.engine.batches import Examples
from fastmlp.estimators.targets import Labels, Numbers
from fastmlp.preprocessing import Standardizer
from fastmlp.sample_weights import checked_weights
from fastmlp.sparse_rows import SparseRows


def as_rows(X: Any) -> Any:
    """Validated rows as the engine takes them."""
    return SparseRows(X) if issparse(X) else X


def examples_of(
    suffix: str,
    X: Any,
    y: np.ndarray,
    coding: Labels | Numbers,
    sample_weight: Any,
    of_classes: np.ndarray | None,
) -> Examples:
    """Rows, targets and weights, checked; errors name the arguments with this suffix."""
    targets = coding.encoded(y, f"y{suffix}", X.dtype)
    weights = checked_weights(targets, sample_weight, of_classes, f"sample_weight{suffix}")
    return Examples(as_rows(X), targets, weights)


def check_given_together(X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
    """Raise where one is given without another that it needs."""
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    for name in ("X_val", "y_val"):
        if given[name] is None and (other := next((one for one in given if given[one] is not None), None)):
            raise ValueError(f"{name} must be given together with {other}, got None")


def held_out(
    examples: Examples, coding: Labels | Numbers, fraction: float, generator: np.random.RandomState
) -> tuple[np.ndarray, Examples]:
    """The rows to train on, and others to validate with; each of two classes has its share, as in scikit-learn."""
    has_shares = coding.loss == "binary_cross_entropy" and coding.n_outputs == 1
    rows, others = train_test_split(
        np.arange(len(examples.X)),
        random_state=generator,
        test_size=fraction,
        stratify=examples.y > 0.5 if has_shares else None,
    )
    if len(others) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return rows, examples.taken(others)


def fitted_standardizer(examples: Examples) -> Standardizer:
    """Fitted to the rows that weigh more than 0."""
    X, _, weights = examples
    if weights is not None and not weights.all():
        X, _, _ = examples.taken(np.flatnonzero(weights))
    if not isinstance(X, SparseRows):
        return Standardizer().fit(X)
    mean, variance = mean_variance_axis(X.matrix, axis=0)
    scale = np.sqrt(variance)
    return Standardizer.of_statistics(mean, np.where(scale > 0, scale, 1.0))


class Order:
    """The order of the rows in each epoch: the last one, shuffled, or all in turn."""

    def __init__(self, generator: np.random.RandomState, *, shuffles: bool):
        self._generator, self._shuffles = generator, shuffles
        self._order: np.ndarray | None = None

    def permutation(self, n: int) -> np.ndarray:
        """The order (n,) for the next epoch."""
        if self._order is None:
            self._order = np.arange(n, dtype=np.intp)
        if self._shuffles:
            self._generator.shuffle(self._order)
        return self._order
