"""Figures (matplotlib, extra `plots`).

Every function returns a `matplotlib.figure.Figure`: a new one that belongs to no window, so that it works without a
display, `figure.savefig(path)` writes it, and a notebook shows it where it is a cell's value. Where `ax` or `axes` are
given, it draws there and returns their figure. A title is matplotlib's text, where `$...$` is a formula; names, of
classes for instance, are drawn as they are.
"""

from fastmlp.plots.curves import plot_comparison, plot_history, plot_learning_curves
from fastmlp.plots.matrices import plot_confusion, plot_grid
from fastmlp.plots.weights import plot_weights

__all__ = [
    "plot_comparison",
    "plot_confusion",
    "plot_grid",
    "plot_history",
    "plot_learning_curves",
    "plot_weights",
]
