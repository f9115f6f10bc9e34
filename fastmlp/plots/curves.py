"""Learning curves: of one history, of several, and of the trials of a search."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastmlp.history import History
from fastmlp.plots.panels import (
    add_legend,
    ax_by_either_name,
    check_trials,
    plot_batches,
    plot_epochs,
    single_panel,
    three_panels,
    titled,
)
from fastmlp.tuning import Trial
from fastmlp.tuning.space import format_value, varying
from fastmlp.validation import integer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_history(
    history: History, *, title: str | None = None, ax: Any = None, axes: Sequence[Any] | None = None
) -> "Figure":
    """Loss, accuracy and learning rate by epoch, in three stacked panels, with the best epoch of early stopping.

    Parameters
    ----------
    history : History
        What `fit` returned; `history.plot()` is the same.
    title : str, optional
    ax : matplotlib.axes.Axes or sequence of 3, optional
        One, of a grid such as `figure.subplots` makes, is the place of the panels; three are the panels.
    axes : sequence of 3 matplotlib.axes.Axes, optional
        Deprecated name of `ax`.

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError
        If `history` is no History, or `ax` are no Axes.
    ValueError
        If `ax` is not one of a grid, or has data or panels in it, or is neither one nor three.
    fastmlp.optional.MissingLibraryError
        Without matplotlib, extra `plots`.

    Examples
    --------
    >>> from fastmlp.plots import plot_history
    >>> from fastmlp.history import Epoch, History
    >>> figure = plot_history(History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)]))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Loss', 'Accuracy', 'Learning rate']
    """
    if not isinstance(history, History):
        raise TypeError(f"history must be a History, such as net.history, got {reprlib.repr(history)}")
    loss, score, rate = three_panels(
        ax_by_either_name(ax, axes), ("Loss", history.score_name.capitalize(), "Learning rate")
    )
    plot_epochs(loss, [("train", history.train_loss), ("validation", history.val_loss)])
    plot_epochs(score, [("train", history.train_score), ("validation", history.val_score)])
    plot_batches(rate, history.rates, color="tab:green")
    if history.best_epoch is not None:
        for panel in (loss, score):
            panel.axvline(history.best_epoch, color="0.5", linestyle="--", linewidth=1, label="best epoch")
    add_legend(loss)
    add_legend(score)
    rate.set_ylim(bottom=0)
    return titled(loss, title)


def plot_comparison(
    histories: Mapping[str, History],
    *,
    title: str | None = None,
    ax: Any = None,
    axes: Sequence[Any] | None = None,
) -> "Figure":
    """Train accuracy, validation accuracy and train loss by epoch, in three stacked panels, with a line per history.

    Parameters
    ----------
    histories : mapping of str to History
        By the name in the legend.
    title : str, optional
    ax : matplotlib.axes.Axes or sequence of 3, optional
        One, of a grid such as `figure.subplots` makes, is the place of the panels; three are the panels.
    axes : sequence of 3 matplotlib.axes.Axes, optional
        Deprecated name of `ax`.

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError
        If `histories` is no mapping of History, or `ax` are no Axes.
    ValueError
        If there is no history, or `ax` is not one of a grid, or has data or panels in it, or is neither one nor three.
    fastmlp.optional.MissingLibraryError
        Without matplotlib, extra `plots`.

    Examples
    --------
    >>> from fastmlp.plots import plot_comparison
    >>> from fastmlp.history import Epoch, History
    >>> epochs = Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)
    >>> figure = plot_comparison({"SGD": History(epochs), "Adam": History(epochs[:1])})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Train accuracy', 'Validation accuracy', 'Train loss']
    """
    if not isinstance(histories, Mapping) or not all(isinstance(one, History) for one in histories.values()):
        needed = "a mapping of names to History, such as {'Adam': net.history}"
        raise TypeError(f"histories must be {needed}, got {reprlib.repr(histories)}")
    if not histories:
        raise ValueError("histories must have at least one history, got none")
    name = next(iter(histories.values())).score_name
    panels = three_panels(ax_by_either_name(ax, axes), (f"Train {name}", f"Validation {name}", "Train loss"))
    for panel, column in zip(panels, ("train_score", "val_score", "train_loss"), strict=True):
        plot_epochs(panel, [(key, getattr(history, column)) for key, history in histories.items()])
    add_legend(panels[0])
    return titled(panels[0], title)


def plot_learning_curves(
    trials: Sequence[Trial], *, n_best: int = 5, title: str | None = None, ax: Any = None
) -> "Figure":
    """Validation accuracy by epoch, with a line per trial of a search; the best ones in colour, and in the legend.

    Parameters
    ----------
    trials : sequence of fastmlp.tuning.Trial
        From `fastmlp.tuning.search`.
    n_best : int
        Number of trials in colour.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError
        If `trials` is no sequence of Trial, such as a `Search`, whose `trials` these are, or `ax` is no Axes.
    ValueError
        If there is no trial.

    Examples
    --------
    >>> from fastmlp.plots import plot_learning_curves
    >>> from fastmlp.history import Epoch, History
    >>> from fastmlp.tuning import Trial
    >>> history = History([Epoch(2.3, 0.1, 2.2, 0.25, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.05, 1.0)])
    >>> figure = plot_learning_curves([Trial({"learning_rate": rate, "epochs": 2}, 2, history) for rate in (0.1, 0.2)])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0.4000: learning_rate 0.1', '0.4000: learning_rate 0.2']
    """
    check_trials(trials)
    if not trials:
        raise ValueError("trials must have at least one trial, got none")
    n_best = integer("n_best", n_best)
    names = varying(trials)
    best_first = sorted(trials, key=lambda trial: trial.rank, reverse=True)
    panel = single_panel(ax, 7, 5)
    curves = [trial.history.val_score for trial in best_first]
    plot_epochs(panel, [("", curve) for curve in curves[n_best:]], color="0.7", linewidth=0.8)
    # the rounds of a halving
    rounds = len({trial.epochs for trial in trials}) > 1 and "epochs" not in names
    labels = []
    for trial in best_first[:n_best]:
        plural = "s" * (trial.epochs > 1)
        varied = [f"{name} {format_value(trial.hyper_parameters[name])}" for name in names]
        labels.append(f"{trial.val_score:.4f}: {', '.join(varied + [f'{trial.epochs} epoch{plural}'] * rounds)}")
    plot_epochs(panel, zip(labels, curves, strict=False))
    add_legend(panel, fontsize=8)
    panel.set_xlabel("Epoch")
    panel.set_ylabel(f"Validation {trials[0].history.score_name}")
    return titled(panel, title)
