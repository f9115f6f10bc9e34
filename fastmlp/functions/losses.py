"""The table of losses, and their functions in NumPy; a row is as in `fastmlp.functions.activations`.

In the functions of targets, X or outputs and y are (n_rows, n_out). Rows have weights (n_rows,) in a mean, or 1 each.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp import remedies
from fastmlp.functions import scores
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS, exponential, logistic, softmax
from fastmlp.remedies import LABELS, YES_OR_NO
from fastmlp.validation import MIN_EPSILON, class_labels, in_range, real_array, real_targets


def cross_entropy(
    X: np.ndarray, y: np.ndarray, label_smoothing: float = 0.0, sample_weight: np.ndarray | None = None
) -> float:
    """Mean of -log(softmax(X)[i, y[i]]) over the rows of scores X (n_rows, n_classes), labels y (n_rows,).

    With label smoothing, the label has 1 - label_smoothing, and all classes share the rest (Szegedy et al., Rethinking
    the Inception Architecture for Computer Vision, 2016, section 7).
    """
    shifted = X - np.max(X, axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    expected = (1 - label_smoothing) * shifted[np.arange(len(y)), y] + label_smoothing * shifted.mean(axis=1)
    return _mean(log_sums - expected, sample_weight)


def softmax_grad(
    X: np.ndarray, y: np.ndarray, label_smoothing: float = 0.0, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Gradient of `cross_entropy(X, y)` with respect to the scores: (softmax(X) - one_hot(y)) / n_rows."""
    grad = softmax(X) - label_smoothing / X.shape[1]
    grad[np.arange(len(y)), y] -= 1 - label_smoothing
    return _of_mean(grad, sample_weight)


def binary_cross_entropy(X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Mean of -(y log(p) + (1 - y) log(1 - p)) with p = logistic(X), over rows and outputs."""
    return _mean(np.maximum(X, 0) - X * y + np.log1p(np.exp(-np.abs(X))), sample_weight)


def binary_cross_entropy_grad(X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `binary_cross_entropy` with respect to X."""
    return _of_mean((logistic(X) - y) / X.shape[1], sample_weight)


def poisson(X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Mean of exp(X) - y X over rows and outputs: the negative log-likelihood of counts y, without log(y!)."""
    return _mean(exponential(X) - y * X, sample_weight)


def poisson_grad(X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `poisson` with respect to X."""
    return _of_mean((exponential(X) - y) / X.shape[1], sample_weight)


def absolute_error(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Mean of abs(outputs - y) over rows and outputs."""
    return _mean(np.abs(outputs - y), sample_weight)


def absolute_error_grad(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `absolute_error` with respect to the outputs."""
    return _of_mean(np.sign(outputs - y) / y.shape[1], sample_weight)


def huber(outputs: np.ndarray, y: np.ndarray, delta: float, sample_weight: np.ndarray | None = None) -> float:
    """Mean over rows and outputs of d**2 / 2 where d = abs(outputs - y) <= delta, else delta (d - delta / 2).

    Huber, Robust Estimation of a Location Parameter, 1964.
    """
    size = np.abs(outputs - y)
    return _mean(np.where(size > delta, delta * (size - delta / 2), size**2 / 2), sample_weight)


def huber_grad(outputs: np.ndarray, y: np.ndarray, delta: float, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `huber` with respect to the outputs."""
    return _of_mean(np.clip(outputs - y, -delta, delta) / y.shape[1], sample_weight)


def squared_error(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Mean of (outputs - y)**2 over rows and outputs."""
    return _mean(np.square(outputs - y), sample_weight)


def squared_error_grad(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `squared_error` with respect to the outputs."""
    return _of_mean(2 * (outputs - y) / y.shape[1], sample_weight)


def half_squared_error(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Half of `squared_error`."""
    return 0.5 * squared_error(outputs, y, sample_weight)


def half_squared_error_grad(outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `half_squared_error` with respect to the outputs."""
    return _of_mean((outputs - y) / y.shape[1], sample_weight)


def _mean(losses: np.ndarray, sample_weight: np.ndarray | None) -> float:
    """The mean of losses (n_rows,) or (n_rows, n_out), rows with these weights."""
    if sample_weight is None:
        return float(np.mean(losses))
    return float(np.average(losses.reshape(len(losses), -1).mean(axis=1), weights=sample_weight))


def _of_mean(gradients: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
    """The gradients of the mean over rows, from those of each row's loss (n_rows, n_out)."""
    if sample_weight is None:
        return gradients / len(gradients)
    return gradients * (sample_weight / np.sum(sample_weight))[:, np.newaxis]


class Loss(NamedTuple):
    """A loss, and the score that goes with it.

    Attributes
    ----------
    activations : tuple of str
        The output activations that it can be used with, the default first.
    value, gradient : callable
        The mean loss of outputs and y, and its gradient with respect to the outputs. Where the loss is `fused` with the
        output activation, both take the sums before that instead, which is stable for large sums. The loss's option
        comes third, if it has one; weights of the rows may be given as `sample_weight`.
    of_classes : bool
        Whether y are class labels (n_rows,); else y are numbers (n_rows, n_outputs).
    score_name : str
        What is reported beside the loss; larger is better, 1 is perfect.
    score : callable
        The score of predictions, y and weights or None.
    summed_score : callable
        The score for y[order] from the kernels' sums over these rows, see `n_scores` of _losses.pxd, and all weights.
    check : callable
        Checks the argument of this name and converts it as the kernels need it, for n_rows, n_outputs and a dtype.
    content : str
        What y must be, for error messages.
    sums : callable
        The sums for these outputs, y and weights, (1,) or (n_outputs,), from which `summed_score` computes the score.
    counts_rows : bool
        Whether the score is computed from the number of correct rows; else from a sum for each output.
    standardizes : bool
        Whether the targets are standardised in a first `fit`.
    decides : bool
        Whether predictions are 0 or 1, as an output is below or above 0.5.
    option : str
        The name of its option, an argument of `NeuralNetwork` and the third one of `value` and `gradient`; or "".
    option_range : tuple of float
        The least value of the option, and what it must be below.
    option_default : float
    """

    name: str
    code: int
    activations: tuple[str, ...]
    fused: bool
    value: Callable[..., float]
    gradient: Callable[..., np.ndarray]
    of_classes: bool
    score_name: str
    score: Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]
    summed_score: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], float]
    check: Callable[..., np.ndarray]
    content: str
    sums: Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
    counts_rows: bool
    standardizes: bool = False
    decides: bool = False
    option: str = ""
    option_range: tuple[float, float] = (0.0, math.inf)
    option_default: float = 0.0

    @property
    def is_classifier(self) -> bool:
        """Whether the outputs are probabilities."""
        return self.of_classes or self.decides


def _labels(name: str, y: npt.ArrayLike, n_rows: int, n_outputs: int, dtype: np.dtype) -> np.ndarray:
    array = real_array(name, y, LABELS)
    try:
        return class_labels(name, array, n_rows, n_outputs)
    except ValueError as error:
        raise _with_remedy(error, name, array, n_rows, n_outputs) from None


def _with_remedy(error: ValueError, name: str, y: np.ndarray, n_rows: int, n_classes: int) -> ValueError:
    """The error with what labels of classes look like, where that is what is wrong about them."""
    if y.size == n_rows == len(y):
        return ValueError(f"{error}{remedies.of_labels(name, y.ravel(), n_classes)}")
    return ValueError(f"{error}{remedies.of_one_hot(name, y, n_classes)}")


def _counts(name: str, y: np.ndarray, n_rows: int, n_outputs: int, dtype: np.dtype) -> np.ndarray:
    return in_range(name, real_targets(name, y, n_rows, n_outputs, dtype), 0, math.inf, "counts, at least 0")


def _shares(name: str, y: npt.ArrayLike, n_rows: int, n_outputs: int, dtype: np.dtype) -> np.ndarray:
    array = real_array(name, y, YES_OR_NO)
    try:
        return in_range(name, real_targets(name, array, n_rows, n_outputs, dtype), 0, 1, "0 or 1, or between them")
    except ValueError as error:
        raise (_with_remedy(error, name, array, n_rows, 2) if n_outputs == 1 else error) from None


_CLASSES: dict[str, Any] = {
    "of_classes": True,
    "score_name": "accuracy",
    "score": scores.accuracy,
    "summed_score": scores.summed_accuracy,
    "check": _labels,
    "content": LABELS,
    "sums": scores.n_correct,
    "counts_rows": True,
}

_TARGETS: dict[str, Any] = {
    "of_classes": False,
    "score_name": "R2",
    "score": scores.r2,
    "summed_score": scores.summed_r2,
    "check": real_targets,
    "content": "real numbers",
    "sums": scores.squared_errors,
    "counts_rows": False,
    "standardizes": True,
}

_ABSOLUTE = _TARGETS | {
    "score_name": "D2",
    "score": scores.d2_absolute_error,
    "summed_score": scores.summed_d2_absolute_error,
    "sums": scores.absolute_errors,
}

_COUNTS = _TARGETS | {
    "score_name": "D2",
    "score": scores.d2_poisson,
    "summed_score": scores.summed_d2_poisson,
    "sums": scores.poisson_losses,
    "check": _counts,
    "standardizes": False,
}

_BINARY = _CLASSES | {
    "of_classes": False,
    "score": scores.subset_accuracy,
    "sums": scores.n_all_correct,
    "check": _shares,
    "content": YES_OR_NO,
    "decides": True,
}

LOSSES = {
    row.name: row
    for row in (
        Loss(
            *("cross_entropy", 0, ("softmax",), True, cross_entropy, softmax_grad),
            **_CLASSES,
            option="label_smoothing",
            option_range=(0.0, 1.0),
        ),
        Loss("squared_error", 1, HIDDEN_ACTIVATIONS, False, squared_error, squared_error_grad, **_TARGETS),
        Loss(
            "half_squared_error", 2, HIDDEN_ACTIVATIONS, False, half_squared_error, half_squared_error_grad, **_TARGETS
        ),
        Loss("absolute_error", 3, HIDDEN_ACTIVATIONS, False, absolute_error, absolute_error_grad, **_ABSOLUTE),
        Loss(
            *("huber", 4, HIDDEN_ACTIVATIONS, False, huber, huber_grad),
            **_TARGETS,
            option="delta",
            option_range=(MIN_EPSILON, math.inf),
            option_default=1.0,
        ),
        Loss("poisson", 5, ("exponential",), True, poisson, poisson_grad, **_COUNTS),
        Loss(
            "binary_cross_entropy", 6, ("logistic",), True, binary_cross_entropy, binary_cross_entropy_grad, **_BINARY
        ),
    )
}
