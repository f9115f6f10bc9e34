"""The data of a training: what `fit` is given, checked, and rows that are held out to validate with."""

from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.early_stopping import held_out_rows, n_held_out
from fastmlp.engine.batches import Examples
from fastmlp.sample_weights import checked_weights, class_weights, classes_of, has_classes
from fastmlp.validation import real_array


class Checks(Protocol):
    """What data are checked by: an engine, or the reference."""

    @property
    def architecture(self) -> Architecture: ...
    def check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None: ...


class TrainingData(NamedTuple):
    """The data of a training, checked.

    Attributes
    ----------
    labels : ndarray (n_rows,) or None
        The class of each row, where each has one.
    fraction : float or None
        The share of the rows that is to be held out to validate with, see `split`.
    rows : ndarray of intp or None
        Those to train on; None for all.
    """

    examples: Examples
    flat: bool
    labels: np.ndarray | None
    fraction: float | None
    validation: Examples | None
    rows: np.ndarray | None = None

    @property
    def n_train(self) -> int:
        """Number of rows to train on."""
        if self.rows is not None:
            return len(self.rows)
        X, _, weights = self.examples
        return len(X) - (0 if self.fraction is None else n_held_out(self.labels, len(X), self.fraction, weights))

    @property
    def monitored(self) -> str:
        """The loss by which epochs are compared."""
        return "train_loss" if self.validation is None and self.fraction is None else "val_loss"

    @property
    def targets(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Targets of the rows to train on, and their weights."""
        _, y, weights = self.examples
        if self.rows is None:
            return y, weights
        return y[self.rows], None if weights is None else weights[self.rows]

    def split(self, checks: Checks, seed: int | None) -> Self:
        """The same with the rows that this seed holds out to validate with; they must be finite."""
        assert self.fraction is not None
        assert seed is not None
        X, _, weights = self.examples
        held_out = held_out_rows(self.labels, len(X), self.fraction, seed, weights)
        checks.check_finite("X", X, held_out)
        rows = np.delete(np.arange(len(X), dtype=np.intp), held_out)
        return self._replace(rows=rows, validation=self.examples.taken(held_out))


def checked_data(
    checks: Checks,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None,
    class_weight: Any,
    X_val: npt.ArrayLike | None,
    y_val: npt.ArrayLike | None,
    sample_weight_val: npt.ArrayLike | None,
    fraction: float | None,
) -> TrainingData:
    """The data that `fit` is given, see there.

    Raises
    ------
    TypeError, ValueError
        If any of them make no sense.
    """
    architecture = checks.architecture
    rows = architecture.checked_rows("X", X)
    if len(rows) == 0:
        raise ValueError("X must have at least one row to train on, got none")
    y = real_array("y", y, architecture.loss_row.content)
    targets = architecture.checked_targets("y", y, len(rows))
    of_classes = class_weights(architecture, targets, class_weight)
    examples = Examples(rows, targets, checked_weights(targets, sample_weight, of_classes))
    validation = checked_validation(checks, X_val, y_val, sample_weight_val, of_classes)
    if fraction is not None and validation is not None:
        raise ValueError(f"validation_fraction must be None where X_val and y_val are given, got {fraction:g}")
    labels = classes_of(targets) if has_classes(architecture) else None
    return TrainingData(examples, y.ndim == 1, labels, fraction, validation)


def checked_validation(
    checks: Checks,
    X_val: npt.ArrayLike | None,
    y_val: npt.ArrayLike | None,
    sample_weight_val: npt.ArrayLike | None,
    of_classes: np.ndarray | None,
) -> Examples | None:
    """The validation data, its rows weighing what those of their class do in training; None without such data."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("X_val and y_val must be given together with sample_weight_val, got None")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{missing} must be given together with {given}, got None")
    rows = checks.architecture.checked_rows("X_val", X_val)
    if len(rows) == 0:
        raise ValueError("X_val must have at least one row, got none")
    targets = checks.architecture.checked_targets("y_val", y_val, len(rows))
    checks.check_finite("X_val", rows)
    return Examples(rows, targets, checked_weights(targets, sample_weight_val, of_classes, "sample_weight_val"))
