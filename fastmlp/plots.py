"""Figures of a training (matplotlib, extra `plots`)."""

from typing import Any

import numpy as np

from fastmlp.optional import require
from fastmlp.training import History


def plot_history(history: History, *, title: str | None = None) -> Any:
    """Loss, accuracy and learning rate by epoch, in three stacked panels.

    Parameters
    ----------
    history : History
        What `fit` returned.
    title : str, optional
        Stands above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        It belongs to no window: `figure.savefig(path)` writes it, and a notebook shows it where it is a cell's value.

    Examples
    --------
    >>> from fastmlp.plots import plot_history
    >>> from fastmlp.training import Epoch, History
    >>> figure = plot_history(History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)]))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Loss', 'Accuracy', 'Learning rate']
    """
    figure_module = require("matplotlib.figure", "plots", "a figure")
    ticker = require("matplotlib.ticker", "plots", "a figure")
    figure = figure_module.Figure(figsize=(7, 8), layout="constrained")
    loss, accuracy, rate = figure.subplots(3, 1, sharex=True)
    epochs = range(1, len(history) + 1)
    # a single epoch is a point, not a line
    style = {"marker": "o"} if len(history) == 1 else {}
    loss.plot(epochs, history.train_loss, label="train", **style)
    accuracy.plot(epochs, history.train_accuracy, label="train", **style)
    if not np.isnan(history.val_loss).all():
        loss.plot(epochs, history.val_loss, label="validation", **style)
        accuracy.plot(epochs, history.val_accuracy, label="validation", **style)
    rate.plot(epochs, history.learning_rate, color="tab:green", **style)
    for axes, label in ((loss, "Loss"), (accuracy, "Accuracy"), (rate, "Learning rate")):
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    loss.legend()
    accuracy.legend()
    rate.set_ylim(bottom=0)
    rate.set_xlabel("Epoch")
    if title:
        figure.suptitle(title)
    return figure
