"""Matrices: the confusion matrix, and the heat map of a search."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastmlp.functions.class_scores import confusion_matrix
from fastmlp.plots.panels import CELL, LARGEST, check_trials, name_cells, plot_matrix, single_panel, titled
from fastmlp.tuning import Trial
from fastmlp.tuning.space import format_value, varying
from fastmlp.validation import real_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_confusion(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> "Figure":
    """The confusion matrix: the number of rows by true and predicted class.

    The colour is the share among the rows of the true class.

    Parameters
    ----------
    y_true, y_pred : array_like of int (n_rows,)
        Labels from 0, and the predicted ones.
    class_names : sequence of str, optional
        The name of each class.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        If they are not labels of the same rows, or there are more classes than names.

    Examples
    --------
    >>> from fastmlp.plots import plot_confusion
    >>> figure = plot_confusion([0, 0, 1, 1], [0, 1, 1, 1], class_names=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '0', '2']
    """
    labels = [_labels(name, values) for name, values in (("y_true", y_true), ("y_pred", y_pred))]
    if labels[0].shape != labels[1].shape:
        raise ValueError(
            f"y_pred must have one label for each of y_true, got {len(labels[1])} for {len(labels[0])} rows"
        )
    n_classes = int(max(array.max() for array in labels)) + 1
    if class_names is not None and len(class_names) < n_classes:
        raise ValueError(f"class_names must have {n_classes} names, got {len(class_names)}")
    n_classes = n_classes if class_names is None else len(class_names)
    counts = confusion_matrix(labels[0], labels[1], n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(CELL * n_classes, LARGEST)
    panel = single_panel(ax, 2.5 + side, 1.8 + side)
    plot_matrix(panel, shares, [[f"{count:,}" for count in row] for row in counts], "Share of the true class", (0, 1))
    names = [str(name) for name in (range(n_classes) if class_names is None else class_names)]
    turned = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 3 else {}
    name_cells(panel.xaxis, "Predicted class", names, **turned)
    name_cells(panel.yaxis, "True class", names)
    return titled(panel, title)


def _labels(name: str, values: npt.ArrayLike) -> np.ndarray:
    array = real_array(name, values, "integer labels")
    if array.dtype.kind == "f" or array.ndim != 1 or len(array) == 0 or array.min() < 0:
        raise ValueError(f"{name} must be integer labels from 0, shape (n_rows,), got {array.dtype} {array.shape}")
    return array.astype(np.intp)


def plot_grid(
    trials: Sequence[Trial], x: str | None = None, y: str | None = None, *, title: str | None = None, ax: Any = None
) -> "Figure":
    """A heat map of a search: the best validation accuracy for each pair of values of two hyper-parameters.

    Parameters
    ----------
    trials : sequence of fastmlp.tuning.Trial
        From `fastmlp.tuning.search`.
    x, y : str, optional
        The hyper-parameters; by default those that have the most values.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError
        If `trials` is no sequence of Trial, such as a `Search`, whose `trials` these are.
    ValueError
        If the trials do not differ in these hyper-parameters.

    Examples
    --------
    >>> from fastmlp.plots import plot_grid
    >>> from fastmlp.history import Epoch, History
    >>> from fastmlp.tuning import Trial
    >>> history = History([Epoch(2.3, 0.1, 2.2, 0.25, 0.05, 1.0)])
    >>> grid = [{"learning_rate": rate, "hidden_size": size} for rate in (0.1, 0.2) for size in (8, 16, 32)]
    >>> figure = plot_grid([Trial(combination, 1, history) for combination in grid])
    >>> figure.axes[0].get_xlabel(), [text.get_text() for text in figure.axes[0].texts[:2]]
    ('hidden_size', ['0.2500', '0.2500'])
    """
    check_trials(trials)
    names = varying(trials)
    if len(names) < 2 or not {x, y} <= {None, *names} or (x is not None and x == y):
        raise ValueError(f"x and y must be two of the hyper-parameters that differ, {names}, got {x!r} and {y!r}")
    values = {name: _values(trials, name) for name in names}
    names.sort(key=lambda name: len(values[name]), reverse=True)
    x = x or next(name for name in names if name != y)
    y = y or next(name for name in names if name != x)
    best = np.full((len(values[y]), len(values[x])), np.nan)
    for trial in trials:
        cell = values[y].index(trial.hyper_parameters[y]), values[x].index(trial.hyper_parameters[x])
        best[cell] = np.fmax(best[cell], trial.val_score)
    tried = best[~np.isnan(best)]
    limits = (tried.min(), tried.max()) if len(tried) else (0, 1)
    panel = single_panel(ax, 3 + 1.3 * CELL * len(values[x]), 1.8 + CELL * len(values[y]))
    texts = [["\N{EN DASH}" if math.isnan(value) else f"{value:.4f}" for value in row] for row in best]
    plot_matrix(panel, best, texts, f"Validation {trials[0].history.score_name}", limits)
    for axis, name in ((panel.xaxis, x), (panel.yaxis, y)):
        name_cells(axis, name, list(map(format_value, values[name])))
    return titled(panel, title)


def _values(trials: Sequence[Trial], name: str) -> list[Any]:
    """The different values of a hyper-parameter, in numerical order or in that of the trials."""
    found: list[Any] = []
    for trial in trials:
        if trial.hyper_parameters[name] not in found:
            found.append(trial.hyper_parameters[name])
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found
