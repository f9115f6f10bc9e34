"""The rows of an estimator's training: which ones, in which order, and how they are standardised."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.sparsefuncs import mean_variance_axis

from fastmlp.engine.batches import Examples
from fastmlp.estimators.targets import Labels, Numbers
from fastmlp.frames import column_labels, has_times
from fastmlp.preprocessing import Standardizer
from fastmlp.sample_weights import checked_weights
from fastmlp.sparse_rows import SparseRows
from fastmlp.training_data import TrainingData
from fastmlp.validation import MIN_WEIGHT, real_array

# What scikit-learn and NumPy say of values that are no finite numbers.
_OF_VALUES = re.compile("could not convert|contains (NaN|infinity)|NAType|sequence|too large")


@contextmanager
def naming_values(**arguments: Any) -> Iterator[None]:
    """A context whose errors say what in these arguments is no number, and where, which scikit-learn's do not."""
    for name, values in arguments.items():
        if column_labels(values) is not None and has_times(values):  # which scikit-learn may take for numbers
            real_array(name, values)
    try:
        yield
    except (TypeError, ValueError) as error:
        for name, values in arguments.items() if _OF_VALUES.search(str(error)) else ():
            try:
                real_array(name, values)
            except (TypeError, ValueError) as better:
                raise better from error
        raise


def as_floats(X: Any) -> Any:
    """Validated rows as floats: scikit-learn does not convert those of a sparse frame of booleans."""
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def engine_rows(X: Any) -> Any:
    """Validated rows as the engine takes them."""
    return SparseRows(X) if issparse(X) else X


def examples_of(
    X: Any, targets: np.ndarray, sample_weight: Any, class_weights: np.ndarray | None, name: str = "sample_weight"
) -> Examples:
    """Validated rows and targets with the weights of rows, which errors call by this name, times those of classes."""
    if isinstance(sample_weight, Real):  # as scikit-learn takes it
        sample_weight = np.full(X.shape[0], sample_weight)
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight)
        if sample_weight.dtype == object:
            sample_weight = sample_weight.astype(np.float64)
        # so small beside others that they do not count, as those of rows long ago
        sample_weight = np.where((sample_weight > 0) & (sample_weight < MIN_WEIGHT), 0, sample_weight)
    return Examples(engine_rows(X), targets, checked_weights(targets, sample_weight, class_weights, name))


def check_given_together(X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
    """Raise where one is given without another that it needs."""
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    for name in ("X_val", "y_val"):
        if given[name] is None and (other := next((one for one in given if given[one] is not None), None)):
            raise ValueError(f"{name} must be given together with {other}, got None")


def held_out(
    examples: Examples, encoding: Labels | Numbers, fraction: float, generator: np.random.RandomState
) -> tuple[np.ndarray, Examples]:
    """The rows to train on, and others to validate with; each of two classes has its share, as in scikit-learn."""
    is_stratified = encoding.loss == "binary_cross_entropy" and encoding.n_outputs == 1
    rows, others = train_test_split(
        np.arange(len(examples.X)),
        random_state=generator,
        test_size=fraction,
        stratify=examples.y > 0.5 if is_stratified else None,
    )
    if len(others) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    if examples.weights is not None:
        for part, purpose in ((rows, "to train on"), (others, "to validate with")):
            if not examples.weights[part].any():
                raise ValueError(f"sample_weight must be above zero for some of the rows {purpose}, got zeros")
    return rows, examples.taken(others)


def fitted_standardizer(data: TrainingData) -> Standardizer:
    """Fitted to the rows to train on that weigh more than 0."""
    examples = data.examples if data.rows is None else data.examples.taken(data.rows)
    if examples.weights is not None and not examples.weights.all():
        examples = examples.taken(np.flatnonzero(examples.weights))
    if not isinstance(examples.X, SparseRows):
        return Standardizer().fit(examples.X)
    mean, variance = mean_variance_axis(examples.X.matrix, axis=0)
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
