"""Numbers by epoch: a history, several side by side, the trials of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastmlp.plots.panels import add_legend, axes_of_size, plot_epochs, three_panels, titled
from fastmlp.training import History
from fastmlp.tuning import Trial
from fastmlp.tuning.space import format_value, varying
from fastmlp.validation import integer


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
    loss, accuracy, rate = panels = three_panels(axes)
    plot_epochs(loss, [("train", history.train_loss), ("validation", history.val_loss)])
    plot_epochs(accuracy, [("train", history.train_accuracy), ("validation", history.val_accuracy)])
    plot_epochs(rate, [("", history.learning_rate)], color="tab:green")
    for panel, label in zip(panels, ("Loss", "Accuracy", "Learning rate"), strict=True):
        panel.set_ylabel(label)
    add_legend(loss)
    add_legend(accuracy)
    rate.set_ylim(bottom=0)
    rate.set_xlabel("Epoch")
    return titled(loss, title)


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
    panels = three_panels(axes)
    for panel, column in zip(panels, ("train_accuracy", "val_accuracy", "train_loss"), strict=True):
        plot_epochs(panel, [(name, getattr(history, column)) for name, history in histories.items()])
        panel.set_ylabel(column.replace("val", "validation").replace("_", " ").capitalize())
    add_legend(panels[0])
    panels[2].set_xlabel("Epoch")
    return titled(panels[0], title)


def plot_learning_curves(trials: Sequence[Trial], *, n_best: int = 5, title: str | None = None, ax: Any = None) -> Any:
    """Validation accuracy by epoch, a line for each trial of a search; the best ones in colour, with their names.

    Parameters
    ----------
    trials : sequence of fastmlp.tuning.Trial
        Of a search, see `fastmlp.tuning.search`.
    n_best : int
        How many have a colour.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no trial.

    Examples
    --------
    >>> from fastmlp.plots import plot_learning_curves
    >>> from fastmlp.training import Epoch, History
    >>> from fastmlp.tuning import Trial
    >>> history = History([Epoch(2.3, 0.1, 2.2, 0.25, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.05, 1.0)])
    >>> figure = plot_learning_curves([Trial({"learning_rate": rate, "epochs": 2}, 2, history) for rate in (0.1, 0.2)])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0.4000: learning_rate 0.1', '0.4000: learning_rate 0.2']
    """
    if not trials:
        raise ValueError("trials must have at least one trial, got none")
    n_best = integer("n_best", n_best)
    names = varying(trials)
    best_first = sorted(trials, key=lambda trial: trial.rank, reverse=True)
    panel = axes_of_size(ax, (7, 5))
    plot_epochs(panel, [("", trial.history.val_accuracy) for trial in best_first[n_best:]], color="0.7", linewidth=0.8)
    # the rounds of a halving
    rounds = len({trial.epochs for trial in trials}) > 1 and "epochs" not in names
    named = []
    for trial in best_first[:n_best]:
        varied = [f"{name} {format_value(trial.hyper_parameters[name])}" for name in names]
        if rounds:
            varied.append(f"{trial.epochs} epochs")
        named.append((f"{trial.val_accuracy:.4f}: {', '.join(varied)}", trial.history.val_accuracy))
    plot_epochs(panel, named)
    add_legend(panel, fontsize=8)
    panel.set_xlabel("Epoch")
    panel.set_ylabel("Validation accuracy")
    return titled(panel, title)
