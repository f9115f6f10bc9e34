"""Weights of rows, from those that a user gives for rows and for classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.preprocessing import Standardizer
from fastmlp.sums import weighted_mean
from fastmlp.validation import MAX_WEIGHT, integer, number, row_weights


def checked_weights(
    targets: np.ndarray,
    sample_weight: npt.ArrayLike | None,
    of_classes: np.ndarray | None = None,
    name: str = "sample_weight",
) -> np.ndarray | None:
    """The weights (n_rows,) of rows with these checked targets: their own, times that of their class; None for 1 each.

    Raises
    ------
    TypeError, ValueError
        If a weight is negative or not finite, or all of them are 0.
    """
    weights = None if sample_weight is None else row_weights(name, sample_weight, len(targets))
    if of_classes is not None:
        by_class = of_classes[classes_of(targets)]
        if weights is None:
            rows = "y" if name == "sample_weight" else "y_val"
            return row_weights(f"class_weight of the rows of {rows}", by_class, len(targets))
        return row_weights(f"{name} times class_weight", weights * by_class, len(targets))
    return weights


def class_weights(architecture: Architecture, targets: np.ndarray, class_weight: Any) -> np.ndarray | None:
    """The weight (n_classes,) of each class, for an argument `class_weight`; None for None.

    "balanced" gives a class n_rows / (n_classes * its number of rows), of the classes that have rows (King and Zeng,
    Logistic Regression in Rare Events Data, 2001). A mapping gives weights by label; other classes weigh 1.

    Raises
    ------
    TypeError, ValueError
        If it is neither, a label or a weight is invalid, or the network's loss is not one of classes.
    """
    if class_weight is None:
        return None
    row = architecture.loss_row
    n_classes = architecture.n_outputs if row.of_classes else 2
    if not has_classes(architecture):
        raise ValueError(
            f"class_weight must be None for loss={row.name!r} with {architecture.n_outputs} outputs, which has no "
            f"classes, got {class_weight!r}"
        )
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(classes_of(targets), minlength=n_classes)
        present = counts > 0
        return np.where(present, len(targets) / (present.sum() * np.maximum(counts, 1)), 1.0)
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be 'balanced' or a mapping from labels to weights, got {class_weight!r}")
    weights = np.ones(n_classes)
    for label, weight in class_weight.items():
        # as y itself, which may be of bools or of whole floats
        is_whole = isinstance(label, bool | np.bool_) or (isinstance(label, float) and label.is_integer())
        at = integer("a label of class_weight", int(label) if is_whole else label, 0, n_classes - 1)
        weights[at] = number(f"class_weight[{label!r}]", weight, 0, MAX_WEIGHT)
    return weights


def measured_units(targets: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n_outputs,) of targets (n_rows, n_outputs), each row as often as it weighs."""
    if weights is None:
        measured = Standardizer().fit(targets)
        return measured.mean_, measured.scale_
    mean = weighted_mean(targets, weights)
    scale = np.sqrt(weighted_mean(np.square(targets - mean), weights))
    return mean, np.where(scale > 0, scale, 1.0)


def has_classes(architecture: Architecture) -> bool:
    """Whether each row is of one class."""
    row = architecture.loss_row
    return row.of_classes or (row.is_classifier and architecture.n_outputs == 1)


def classes_of(targets: np.ndarray) -> np.ndarray:
    """The class of each row: its label, or, of one output that decides between two classes, 0 or 1."""
    return targets if targets.ndim == 1 else (targets[:, 0] > 0.5).astype(np.intp)
