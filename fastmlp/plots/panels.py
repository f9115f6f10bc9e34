"""Parts of the figures: axes, lines by epoch, matrices in colours."""

import math
import reprlib
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastmlp.optional import require
from fastmlp.tuning import Trial

# distinguish the single points of several histories
MARKERS = "osD^vPX*"
# for texts that are names: a $ does not start a formula
LITERAL = {"parse_math": False}
# inches of a matrix's cell, and of the largest matrix; in one with more rows, cells are too small for texts
CELL, LARGEST = 0.55, 14.0
MAX_TEXTS = 40


def new_figure(width: float, height: float) -> Any:
    """A figure of this size in inches, which belongs to no window."""
    require("matplotlib.figure", "plots", "a figure")
    from fastmlp.plots.figures import NotebookFigure

    return NotebookFigure(figsize=(width, height), layout="constrained")


def three_panels(ax: Any, labels: Sequence[str]) -> list[Any]:
    """Three panels, one above the other, with a common x axis and these labels.

    They are the given ones, or lie within a given one, or in a new figure.
    """
    if ax is None:
        panels = _stacked(figure := new_figure(7, 8), figure.add_gridspec(3, 1))
    elif _is_axes(ax):
        if (place := ax.get_subplotspec()) is None or ax.has_data() or not ax.axison:
            why = "is not one of a grid, such as figure.subplots makes"
            if place is not None:
                why = "has data in it" if ax.has_data() else "has panels in it"
            raise ValueError(f"ax must be free Axes of a grid, or three Axes, got one that {why}")
        ax.set_axis_off()
        panels = _stacked(ax.figure, place.subgridspec(3, 1))
    else:
        panels = list(np.ravel(np.asarray(ax, object)))
        if not all(map(_is_axes, panels)):
            raise TypeError(f"ax must be an Axes or three, got {ax!r}")
        if len(panels) != 3:
            raise ValueError(f"ax must be an Axes or three, got {len(panels)}")
    for panel, label in zip(panels, labels, strict=True):
        panel.set_ylabel(label)
    panels[2].set_xlabel("Epoch")
    return panels


def _stacked(figure: Any, grid: Any) -> list[Any]:
    """New Axes in the rows of a grid, with a common x axis."""
    panels: list[Any] = []
    for place in grid:
        panels.append(figure.add_subplot(place, sharex=panels[0] if panels else None))
        panels[-1].label_outer()
    return panels


def single_panel(ax: Any, width: float, height: float) -> Any:
    """The given axes, or those of a new figure of this size in inches."""
    if ax is None:
        return new_figure(width, height).subplots()
    if not _is_axes(ax):
        raise TypeError(f"ax must be an Axes, got {ax!r}")
    return ax


def _is_axes(ax: Any) -> bool:
    return isinstance(ax, require("matplotlib.axes", "plots", "a figure").Axes)


def ax_by_either_name(ax: Any, axes: Any) -> Any:
    """The argument `ax` of a figure function, or what came by its old name, `axes`."""
    if axes is None:
        return ax
    if ax is not None:
        raise TypeError("axes is the old name of ax, got both")
    warnings.warn("axes is now ax", DeprecationWarning, stacklevel=3)
    return axes


def check_trials(trials: Any) -> None:
    """Raise a TypeError unless these are trials of a search."""
    if not isinstance(trials, Sequence) or not all(isinstance(trial, Trial) for trial in trials):
        needed = "a sequence of fastmlp.tuning.Trial, such as the trials of a Search"
        raise TypeError(f"trials must be {needed}, got {reprlib.repr(trials)}")


def titled(panel: Any, title: str | None) -> Any:
    """The figure of a panel, which gets the title."""
    if title:
        panel.set_title(title)
    return panel.figure


def add_legend(panel: Any, **style: Any) -> None:
    """Add a legend, if lines have labels."""
    if panel.get_legend_handles_labels()[0]:
        for text in panel.legend(**style).get_texts():
            text.set(**LITERAL)


def plot_epochs(panel: Any, columns: Iterable[tuple[str, np.ndarray]], **style: Any) -> None:
    """Plot numbers by epoch, from 1; columns that are empty or NaN are left out."""
    for i, (name, values) in enumerate(columns):
        if len(values) and not np.isnan(values).all():
            plot_line(panel, range(1, len(values) + 1), values, MARKERS[i % len(MARKERS)], label=name, **style)
    mark_epochs(panel)


def plot_batches(panel: Any, values: Sequence[float | np.ndarray], **style: Any) -> None:
    """Plot the numbers of each epoch: one at its end, or that of each batch."""
    parts = [np.atleast_1d(part) for part in values]
    at = [epoch + np.arange(1, len(part) + 1) / len(part) for epoch, part in enumerate(parts)]
    if parts:
        plot_line(panel, np.concatenate(at), np.concatenate(parts), MARKERS[0], **style)
    mark_epochs(panel)


def plot_line(panel: Any, x: Sequence[float] | np.ndarray, values: np.ndarray, marker: str, **style: Any) -> None:
    """Plot a line; a single number is a point."""
    panel.plot(x, values, **({"marker": marker} if len(values) == 1 else {}), **style)


def mark_epochs(panel: Any) -> None:
    """A grid, with whole epochs on the x axis."""
    ticker = require("matplotlib.ticker", "plots", "a figure")
    panel.grid(alpha=0.3)
    panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))


def plot_matrix(
    panel: Any, values: np.ndarray, texts: Iterable[Iterable[str]], label: str, limits: tuple[float, float]
) -> None:
    """Draw a matrix in colours, with a text in each cell and a colour bar."""
    image = panel.imshow(values, cmap="Blues", vmin=limits[0], vmax=limits[1], aspect="auto")
    dark = image.norm(values) > 0.5
    for i, row in enumerate(texts if len(values) <= MAX_TEXTS else ()):
        for j, text in enumerate(row):
            panel.text(j, i, text, ha="center", va="center", color="white" if dark[i, j] else "black", fontsize=8)
    panel.figure.colorbar(image, ax=panel, label=label)


def name_cells(axis: Any, label: str, names: Sequence[str], **style: Any) -> None:
    """Label an axis of a matrix and its cells; of many, only some."""
    shown = slice(None, None, math.ceil(len(names) / MAX_TEXTS))
    axis.set_label_text(label, **LITERAL)
    axis.set_ticks(range(len(names))[shown], names[shown], **style, **LITERAL)
