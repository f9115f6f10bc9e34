"""Figures (matplotlib, extra `plots`).

Every function returns a `matplotlib.figure.Figure`: a new one that belongs to no window, so that it works without a
display, `figure.savefig(path)` writes it, and a notebook shows it where it is a cell's value. Where `ax` or `axes` are
given, it draws there and returns their figure.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.optional import require
from fastmlp.training import History
from fastmlp.validation import integer, real_array

# so that single points of several histories stay apart
_MARKERS = "osD^vPX*"
# inches of a matrix's cell
_CELL = 0.55


def plot_history(history: History, *, title: str | None = None, axes: Sequence[Any] | None = None) -> Any:
    """Loss, accuracy and learning rate by epoch, in three stacked panels.

    Parameters
    ----------
    history : History
        What `fit` returned.
    title : str, optional
        Stands above the panels.
    axes : sequence of 3 matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from fastmlp.plots import plot_history
    >>> from fastmlp.training import Epoch, History
    >>> figure = plot_history(History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)]))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Loss', 'Accuracy', 'Learning rate']
    """
    loss, accuracy, rate = panels = _panels(axes)
    _plot_epochs(loss, {"train": history.train_loss, "validation": history.val_loss})
    _plot_epochs(accuracy, {"train": history.train_accuracy, "validation": history.val_accuracy})
    _plot_epochs(rate, {"": history.learning_rate}, color="tab:green")
    for panel, label in zip(panels, ("Loss", "Accuracy", "Learning rate"), strict=True):
        panel.set_ylabel(label)
    loss.legend()
    accuracy.legend()
    rate.set_ylim(bottom=0)
    rate.set_xlabel("Epoch")
    return _titled(loss, title)


def plot_comparison(
    histories: Mapping[str, History], *, title: str | None = None, axes: Sequence[Any] | None = None
) -> Any:
    """Train accuracy, validation accuracy and train loss by epoch, in three stacked panels, a line a history.

    Parameters
    ----------
    histories : mapping of str to History
        What `fit` returned, by the name that the legend shows.
    title : str, optional
        Stands above the panels.
    axes : sequence of 3 matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no history.

    Examples
    --------
    >>> from fastmlp.plots import plot_comparison
    >>> from fastmlp.training import Epoch, History
    >>> epochs = Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)
    >>> figure = plot_comparison({"SGD": History(epochs), "Adam": History(epochs[:1])})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Train accuracy', 'Validation accuracy', 'Train loss']
    """
    if not histories:
        raise ValueError("histories must have at least one history, got none")
    panels = _panels(axes)
    for panel, column in zip(panels, ("train_accuracy", "val_accuracy", "train_loss"), strict=True):
        _plot_epochs(panel, {name: getattr(history, column) for name, history in histories.items()})
        panel.set_ylabel(column.replace("val", "validation").replace("_", " ").capitalize())
    panels[0].legend()
    panels[2].set_xlabel("Epoch")
    return _titled(panels[0], title)


def plot_weights(
    weights: npt.ArrayLike, image_shape: tuple[int, ...] = (32, 32, 3), *, title: str | None = None, ax: Any = None
) -> Any:
    """What each unit of the first layer looks for, as images: a column of the weights an image, tiled.

    Each image uses the whole range of brightness on its own; lighter is a larger weight.

    Parameters
    ----------
    weights : array_like (n_in, n_units)
        `network.params["W1"]`.
    image_shape : tuple of int
        (height, width, 3), or (height, width) for shades of grey; n_in is their product.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        If the weights are no matrix of finite numbers with as many rows as an image has.

    Examples
    --------
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.plots import plot_weights
    >>> figure = plot_weights(NeuralNetwork(64, [12], 10, seed=0).params["W1"], (8, 8))
    >>> figure.axes[0].images[0].get_array().shape  # 3 rows of 4 images, with a line of 1 between
    (26, 35, 3)
    """
    array = real_array("weights", weights)
    shape = tuple(integer(f"image_shape[{i}]", size) for i, size in enumerate(image_shape))
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
        raise ValueError(f"image_shape must be (height, width) or (height, width, 3), got {image_shape!r}")
    if array.ndim != 2 or array.shape[0] != math.prod(shape) or 0 in array.shape:
        raise ValueError(f"weights must have shape ({math.prod(shape)}, n_units) for images {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("weights must be finite, got NaN or an infinity")
    images = np.moveaxis(array.astype(np.float64), 1, 0).reshape(array.shape[1], *shape[:2], -1)
    low, high = (limit(images, axis=(1, 2, 3), keepdims=True) for limit in (np.min, np.max))
    images = (images - low) / np.where(high > low, high - low, 1)
    panel = _axes(ax, (7, 7))
    panel.imshow(_tiled(np.broadcast_to(images, (*images.shape[:3], 3))), interpolation="nearest")
    panel.set_axis_off()
    return _titled(panel, title)


def _tiled(images: np.ndarray) -> np.ndarray:
    """Images (n, height, width, 3) side by side in a matrix about as high as it is wide, with white lines between."""
    n, height, width, _ = images.shape
    n_columns = math.ceil(math.sqrt(n * height / width))
    n_rows = math.ceil(n / n_columns)
    sheet = np.ones((n_rows * (height + 1), n_columns * (width + 1), 3))
    for i, image in enumerate(images):
        row, column = (i // n_columns) * (height + 1), (i % n_columns) * (width + 1)
        sheet[row : row + height, column : column + width] = image
    return sheet[:-1, :-1]


def plot_confusion(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Any:
    """The confusion matrix: how many rows of each class were taken for each class.

    Colour is the share among the rows of the true class.

    Parameters
    ----------
    y_true, y_pred : array_like of int (n_rows,)
        Labels from 0, and what `predict` gave.
    class_names : sequence of str, optional
        The name of each class.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        If these are not labels of the same rows, or there are more classes than names.

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
    counts = np.bincount(labels[0] * n_classes + labels[1], minlength=n_classes**2).reshape(n_classes, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel = _axes(ax, (2.5 + _CELL * n_classes, 1.8 + _CELL * n_classes))
    _plot_matrix(panel, shares, [[f"{count:,}" for count in row] for row in counts], "Share of the true class", (0, 1))
    names = [str(name) for name in (range(n_classes) if class_names is None else class_names)]
    turned = {"rotation": 45, "ha": "right"} if max(map(len, names)) > 3 else {}
    panel.set_xticks(range(n_classes), names, **turned)
    panel.set_yticks(range(n_classes), names)
    panel.set_xlabel("Predicted class")
    panel.set_ylabel("True class")
    return _titled(panel, title)


def _labels(name: str, values: npt.ArrayLike) -> np.ndarray:
    array = real_array(name, values, "integer labels")
    if array.dtype.kind == "f" or array.ndim != 1 or len(array) == 0 or array.min() < 0:
        raise ValueError(f"{name} must be integer labels from 0, shape (n_rows,), got {array.dtype} {array.shape}")
    return array.astype(np.intp)


def _plot_matrix(panel: Any, values: np.ndarray, texts: Iterable[Iterable[str]], label: str, limits: Any) -> None:
    """A matrix in colours with a text in each cell, and the scale of the colours beside it."""
    image = panel.imshow(values, cmap="Blues", vmin=limits[0], vmax=limits[1], aspect="auto")
    dark = image.norm(values) > 0.5
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            panel.text(j, i, text, ha="center", va="center", color="white" if dark[i, j] else "black", fontsize=8)
    panel.figure.colorbar(image, ax=panel, label=label)


def _plot_epochs(panel: Any, columns: Mapping[str, np.ndarray], **style: Any) -> None:
    """Numbers by epoch, from 1; columns without any are left out."""
    ticker = require("matplotlib.ticker", "plots", "a figure")
    for i, (name, values) in enumerate(columns.items()):
        if len(values) and not np.isnan(values).all():
            # a single epoch is a point, not a line
            marker = {"marker": _MARKERS[i % len(_MARKERS)]} if len(values) == 1 else {}
            panel.plot(range(1, len(values) + 1), values, label=name, **marker, **style)
    panel.grid(alpha=0.3)
    panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))


def _panels(axes: Sequence[Any] | None) -> list[Any]:
    """Three axes, one above the other, with the same epochs."""
    if axes is None:
        figure = require("matplotlib.figure", "plots", "a figure").Figure(figsize=(7, 8), layout="constrained")
        return list(figure.subplots(3, 1, sharex=True))
    panels = list(np.ravel(np.asarray(axes, object)))
    if len(panels) != 3:
        raise ValueError(f"axes must be three Axes, got {len(panels)}")
    return panels


def _axes(ax: Any, size: tuple[float, float]) -> Any:
    if ax is not None:
        return ax
    return require("matplotlib.figure", "plots", "a figure").Figure(figsize=size, layout="constrained").subplots()


def _titled(panel: Any, title: str | None) -> Any:
    """The figure, with a title above the topmost panel."""
    if title:
        panel.set_title(title)
    return panel.figure
