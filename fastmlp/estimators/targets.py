"""Targets of the estimators, and what they are for the engine: labels become integers or 0 and 1, numbers a matrix."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from fastmlp.functions.losses import LOSSES

# The network's loss for each choice of a regression; scikit-learn's squared error is half of it.
LOSS_OF = {"squared_error": "half_squared_error", **{name: name for name in ("poisson", "absolute_error", "huber")}}


class Numbers(NamedTuple):
    """Targets of a regression: the network's loss, and the number of outputs."""

    loss: str
    n_outputs: int

    def encoded(self, y: np.ndarray, name: str, dtype: np.dtype) -> np.ndarray:
        """The targets (n_rows, n_outputs) as float64, which a network of this dtype can learn."""
        return LOSSES[self.loss].check(name, y, len(y), self.n_outputs, dtype)


class Labels(NamedTuple):
    """Labels of classes: one a row, or several, as columns of 0 and 1.

    Attributes
    ----------
    classes : ndarray (n_classes,)
        Different ones, in the order of the network's outputs; of several labels a row, the numbers of their columns.
    loss : str
        The network's: "cross_entropy", or "binary_cross_entropy" for two classes, by one output, and several labels.
    is_multilabel : bool
    smoothing : float
        The share of each label that is spread over all classes; with "cross_entropy", the loss does it.
    """

    classes: np.ndarray
    loss: str
    is_multilabel: bool
    smoothing: float

    @classmethod
    def of(cls, y: np.ndarray, smoothing: float = 0.0) -> Self:
        """Those of `checked_labels`."""
        if y.ndim == 2:
            return cls(np.arange(y.shape[1]), "binary_cross_entropy", True, smoothing)
        classes = np.unique(y)
        # texts of a frame become an array of texts, as in scikit-learn
        return cls.of_classes(np.array(classes.tolist()) if classes.dtype == object else classes, smoothing)

    @classmethod
    def of_classes(cls, classes: np.ndarray, smoothing: float) -> Self:
        """Those of these classes, sorted, one a row."""
        return cls(classes, "cross_entropy" if len(classes) > 2 else "binary_cross_entropy", False, smoothing)

    @property
    def n_outputs(self) -> int:
        """Of the network."""
        return 1 if self.loss == "binary_cross_entropy" and not self.is_multilabel else len(self.classes)

    def encoded(self, y: np.ndarray, name: str, dtype: np.dtype) -> np.ndarray:
        """Integers (n_rows,), or 0 and 1 (n_rows, n_outputs)."""
        if self.is_multilabel:
            if y.ndim != 2 or y.shape[1] != self.n_outputs:
                raise ValueError(f"{name} must have {self.n_outputs} columns of labels, as before, got {y.shape}")
            return self._smoothed(zeros_and_ones(y, name))
        if y.ndim != 1:
            raise ValueError(f"{name} must have one label a row, as before, got shape {y.shape}")
        codes = self.codes(y, name)
        return codes if self.loss == "cross_entropy" else self._smoothed(codes[:, np.newaxis])

    def _smoothed(self, y: np.ndarray) -> np.ndarray:
        """0 and 1 (n_rows, n_outputs), moved towards 1/2."""
        return (1 - self.smoothing) * y + self.smoothing / 2

    def codes(self, y: np.ndarray, name: str) -> np.ndarray:
        """The number (n_rows,) of each row's class."""
        order = np.argsort(self.classes)
        codes = order.take(np.searchsorted(self.classes, y, sorter=order), mode="clip")
        if not np.all(self.classes[codes] == y):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has {self.classes}. '{name}' has "
                f"{np.unique(y)}."
            )
        return codes

    def by_code(self, class_weight: Mapping[Any, Any]) -> dict[int, Any]:
        """The weights of classes by their numbers, from those by labels; what is said of other labels is left out."""
        codes = {label: code for code, label in enumerate(self.classes.tolist())}
        unknown, unnamed = class_weight.keys() - codes.keys(), codes.keys() - class_weight.keys()
        if unknown and unnamed:  # a label that is misspelt, and not one that these rows happen to lack
            raise ValueError(
                f"class_weight must be a mapping from labels, {self.classes.tolist()}, got {sorted(map(repr, unknown))}"
            )
        return {codes[label]: weight for label, weight in class_weight.items() if label in codes}

    def check_same(self, y: np.ndarray) -> None:
        """Raise where the classes of labels y are others than these."""
        if y.ndim == 2 or self.is_multilabel:
            return  # `encoded` looks at the shape
        found = Labels.of(y).classes
        if not np.array_equal(found, np.sort(self.classes)):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes}, `y` has {found}"
            )

    def decoded(self, codes: np.ndarray) -> np.ndarray:
        """The labels for what the network predicts."""
        # of a single class, the only one
        return codes if self.is_multilabel else self.classes.take(codes, mode="clip")


def zeros_and_ones(y: np.ndarray, name: str) -> np.ndarray:
    """Columns of several labels a row; any other number beside 0 stands for 1, as in scikit-learn."""
    values = np.unique(y)
    if len(values[values != 0]) > 1 or (0 not in values and values.tolist() != [1]):
        raise ValueError(f"{name} must be columns of 0 and 1 for several labels a row, got {values.tolist()}")
    return (y != 0).astype(np.float64)


def checked_labels(y: Any) -> np.ndarray:
    """Validated labels as a dense array, (n_rows,) or (n_rows, n_labels)."""
    if issparse(y):
        if y.shape[1] == 1:
            raise TypeError("y must be dense where rows have one label, got a sparse matrix: pass y.toarray().ravel()")
        y = y.toarray()
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype == object and not any(isinstance(label, str) for label in y.flat):
        y = np.array(y.tolist())  # of numbers, which scikit-learn takes for unknown labels as objects
    check_classification_targets(y)
    if y.ndim == 2 and type_of_target(y) != "multilabel-indicator":
        raise ValueError(
            f"y must be one label a row, or columns of 0 and 1 for several labels, got {y.shape[1]} columns of classes"
        )
    return y
