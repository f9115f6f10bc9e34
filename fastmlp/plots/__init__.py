"""Figures (matplotlib, extra `plots`).

Every function draws into `ax`, where given, or into a new figure, and returns the `matplotlib.figure.Figure`. New
figures belong to no window: they need no display, `figure.savefig(path)` writes them, and a notebook shows one that is
the value of a cell. In titles, `$...$` is a formula, as usual in matplotlib; names are drawn as they are.
"""

from fastmlp.plots.curves import plot_comparison, plot_history, plot_learning_curves
from fastmlp.plots.matrices import plot_confusion, plot_grid
from fastmlp.plots.predictions import plot_predictions, plot_residuals
from fastmlp.plots.weights import plot_weights

__all__ = [
    "plot_comparison",
    "plot_confusion",
    "plot_grid",
    "plot_history",
    "plot_learning_curves",
    "plot_predictions",
    "plot_residuals",
    "plot_weights",
]
