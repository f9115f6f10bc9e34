"""Predictions of numbers: against the truth, and how far off they are."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastmlp.plots.panels import single_panel, titled
from fastmlp.validation import real_array, real_targets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More points than these are drawn fainter; in a file of vectors, such as SVG or PDF, they are one picture.
MANY = 1000
# The fewest and the most bars of a histogram.
BARS = 8, 40
# Parts of the horizontal axis at most: numbers of many digits stand apart.
FEW = 5
EXACT = {"color": "tab:orange", "linestyle": "--", "linewidth": 1.5}


def plot_predictions(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, title: str | None = None, ax: Any = None
) -> "Figure":
    """Predicted against true numbers, a point for each row, with the line on which predictions are exact.

    Parameters
    ----------
    y_true, y_pred : array_like (n_rows,) or (n_rows, 1)
        Numbers, and the predicted ones, as `predict` of a regression gives them.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers for the same rows.
    fastmlp.optional.MissingLibraryError
        Without matplotlib, extra `plots`.

    Examples
    --------
    >>> from fastmlp.plots import plot_predictions
    >>> figure = plot_predictions([1.0, 2.0, 3.0], [1.1, 1.9, 3.4])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('True', 'Predicted')
    """
    truth, predicted = _numbers(y_true, y_pred)
    panel = single_panel(ax, 5, 4.5)
    many = len(truth) > MANY
    panel.scatter(truth, predicted, s=12 if many else 20, alpha=0.25 if many else 0.7, linewidths=0, rasterized=many)
    panel.axline((truth[0], truth[0]), slope=1, **EXACT)
    panel.set(xlabel="True", ylabel="Predicted")
    panel.locator_params("x", nbins=FEW)
    panel.grid(alpha=0.3)
    return titled(panel, title)


def plot_residuals(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, title: str | None = None, ax: Any = None
) -> "Figure":
    """How many predictions are how far off: a histogram of the predicted minus the true numbers.

    Parameters
    ----------
    y_true, y_pred : array_like (n_rows,) or (n_rows, 1)
        Numbers, and the predicted ones, as `predict` of a regression gives them.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers for the same rows.
    fastmlp.optional.MissingLibraryError
        Without matplotlib, extra `plots`.

    Examples
    --------
    >>> from fastmlp.plots import plot_residuals
    >>> figure = plot_residuals([1.0, 2.0, 3.0], [1.1, 1.9, 3.4])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('Predicted \N{MINUS SIGN} true', 'Rows')
    """
    truth, predicted = _numbers(y_true, y_pred)
    panel = single_panel(ax, 5, 4.5)
    residuals = predicted - truth
    # with 0, since large numbers that hardly differ have no range to divide
    low, high = min(residuals.min(), 0.0), max(residuals.max(), 0.0)
    panel.hist(residuals, bins=int(np.clip(2 * np.sqrt(len(truth)), *BARS)), range=(low, high), rwidth=0.92)
    panel.axvline(0, **EXACT)
    panel.set(xlabel="Predicted \N{MINUS SIGN} true", ylabel="Rows")
    panel.locator_params("x", nbins=FEW)
    panel.grid(alpha=0.3, axis="y")
    panel.set_axisbelow(True)
    panel.yaxis.get_major_locator().set_params(integer=True)
    return titled(panel, title)


def _numbers(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as finite numbers (n_rows,)."""
    truth = real_array("y_true", y_true, "numbers")
    if truth.ndim == 0 or not truth.size:
        raise ValueError(f"y_true must have shape (n_rows,), got {truth.shape}")
    both = (("y_true", truth), ("y_pred", y_pred))
    first, second = (real_targets(name, values, len(truth), 1, np.dtype(np.float64)) for name, values in both)
    return first.ravel(), second.ravel()
