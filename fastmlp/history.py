"""The record of a training's epochs, and the error of a training that has diverged."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, overload

import numpy as np

from fastmlp.curves import curves_html
from fastmlp.diagnosis import Facts, diagnose, state_of_fit
from fastmlp.schedules import Rates

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Epoch(NamedTuple):
    """The record of one epoch; see `History` for what each number means."""

    train_loss: float
    train_score: float
    val_loss: float
    val_score: float
    learning_rate: float
    seconds: float

    @property
    def train_accuracy(self) -> float:
        """Of a classifier: its `train_score`."""
        return self.train_score

    @property
    def val_accuracy(self) -> float:
        """Of a classifier: its `val_score`."""
        return self.val_score


class History:
    """What happened in each epoch, as arrays (n_epochs,); for NumPy, a row of these numbers for each epoch.

    `history[-1]` is the record of the last epoch, with the same numbers by the same names, and `history[5:]` is the
    history of the epochs from the sixth on, without facts and a best epoch. A notebook shows a history as curves.

    Attributes
    ----------
    train_loss : ndarray
        Mean loss of a row over the epoch's batches, as the net was when it saw them, regularisation included.
    train_score : ndarray
        Score of the rows as the network saw them: accuracy, the share of the rows that are classified correctly, or R2
        in a regression.
    val_loss, val_score : ndarray
        The same of the validation data at the epoch's end; NaN where there are none.
    train_accuracy, val_accuracy : ndarray
        Other names for `train_score` and `val_score`, where these are accuracies.
    learning_rate : ndarray
        The rate of the epoch's last batch.
    seconds : ndarray
        Time that training took, validation not included.
    score_name : str
        What the scores are: "accuracy", or "R2" in a regression.
    rates : list of float or ndarray (n_batches,)
        The learning rates of each epoch as they were used: one number where all batches had the same.
    monitored : {"val_loss", "train_loss"} or None
        The loss that early stopping follows; None without it.
    best_epoch : int or None
        With early stopping, the epoch whose parameters are kept, counted from 1: the first one with the lowest
        monitored loss. None without it.
    facts : fastmlp.diagnosis.Facts or None
        Further input of `diagnose`; set when training ends after at least five epochs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> X, y = np.eye(3), np.arange(3)
    >>> history = NeuralNetwork(3, [8], 3, seed=0).fit(X, y, epochs=50, learning_rate=0.5, seed=0)
    >>> len(history), bool(history.train_loss[-1] < history.train_loss[0])
    (50, True)
    """

    facts: Facts | None = None
    monitored: str | None = None
    score_name = "accuracy"  # of histories pickled by earlier versions

    def __init__(self, epochs: Iterable[Epoch] = (), score_name: str = "accuracy", rates: Iterable[Rates] = ()):
        self.epochs = list(epochs)
        self.score_name = score_name
        self._rates = dict(enumerate(rates))  # by the epoch's index, where batches have rates of their own

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_rates": {}, **state})  # histories pickled by earlier versions have none

    @property
    def rates(self) -> list[Rates]:
        """See the class."""
        return [self._rates.get(i, epoch.learning_rate) for i, epoch in enumerate(self.epochs)]

    @property
    def best_epoch(self) -> int | None:
        """See the class."""
        if self.monitored is None:
            return None
        losses = self._column(self.monitored)
        finite = np.where(np.isfinite(losses), losses, np.inf)
        return int(finite.argmin()) + 1 if np.isfinite(losses).any() else None

    @property
    def kept_epoch(self) -> int:
        """The epoch after which the parameters are those of the network, counted from 1: the best one, or the last."""
        return self.best_epoch or len(self)

    def append(self, epoch: Epoch, rates: Rates) -> None:
        """Add the record of an epoch, and the learning rates of its batches."""
        if isinstance(rates, np.ndarray):
            self._rates[len(self.epochs)] = rates
        self.epochs.append(epoch)  # last, so that Ctrl-C leaves all of it or nothing

    def __len__(self) -> int:
        return len(self.epochs)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> "History": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "Epoch | History":
        try:
            if isinstance(index, slice):
                return History(self.epochs[index], self.score_name, self.rates[index])
            return self.epochs[index]
        except TypeError:
            raise TypeError(
                f"a History is indexed by the numbers of epochs, got {index!r}; {self._columns()}"
            ) from None

    if not TYPE_CHECKING:  # or every attribute would be one

        def __getattr__(self, name: str) -> None:
            raise AttributeError(f"a History has no {name!r}; {self._columns()}", name=name, obj=self)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def _column(self, name: str) -> np.ndarray:
        return np.array([getattr(epoch, name) for epoch in self.epochs], np.float64)

    def _accuracy(self, part: str) -> np.ndarray:
        if self.score_name != "accuracy":
            raise AttributeError(part)  # Python asks __getattr__ then
        return self._column(f"{part}_score")

    train_loss = property(lambda self: self._column("train_loss"))
    train_score = property(lambda self: self._column("train_score"))
    train_accuracy = property(lambda self: self._accuracy("train"))
    val_loss = property(lambda self: self._column("val_loss"))
    val_score = property(lambda self: self._column("val_score"))
    val_accuracy = property(lambda self: self._accuracy("val"))
    learning_rate = property(lambda self: self._column("learning_rate"))
    seconds = property(lambda self: self._column("seconds"))

    def _names(self) -> list[str]:
        """The columns' names; those of scores say accuracy where they are."""
        ending = "accuracy" if self.score_name == "accuracy" else "score"
        return [name.replace("score", ending) for name in Epoch._fields]

    def _columns(self) -> str:
        names = ", ".join(f"history.{name}" for name in self._names())
        return f"its columns are arrays, {names}, and history.to_dict() has them all as lists"

    def to_dict(self) -> dict[str, list[float | None]]:
        """Lists of numbers for JSON, which has neither NaN nor infinities: None stands for them."""
        return {
            name: [value if math.isfinite(value) else None for value in getattr(self, name).tolist()]
            for name in self._names()
        }

    def diagnose(self) -> list[str]:
        """What a training says about its settings, in a sentence each; nothing where nothing stands out.

        These are rules of thumb; `fastmlp.diagnosis` has their thresholds. First, what keeps a network from learning.
        `fit` looks for it in a sample of the rows as it ends, unless it is interrupted or diverges:

        * A hidden layer gives 0 for every row, and train accuracy ends at chance: its ReLUs are dead. A new network
          needs a lower learning rate, another seed or `init="he"`.
        * Train accuracy never left chance, or a layer is dead, and the root mean square of the largest column, as it
          enters the network, is above 10 or below 0.1: X is not scaled. A new network needs a `standardizer`.

        A score is at chance if luck explains it, or if it is within a tenth of the way from always predicting the
        commonest class to 1. Otherwise the curves are judged:

        * The loss is noisy: its steps upwards add up to more than a quarter of its range. The learning rate is too
          high. (Curves of more than 100 epochs are averaged over neighbouring epochs first.)
        * The loss falls in a straight line, without a step upwards: the second half of the epochs brings 70 % or more
          of what the first half did. The learning rate is too low.
        * Train accuracy ends 0.1 or more above validation accuracy: the network overfits.
        * Both accuracies end 0.02 or more below their best, while the loss, which is not noisy, went on falling: the
          regularisation term dominates.
        * None of these, no gap (0.05 or less), and a train accuracy below 0.9 that gained no more than 0.01 in the
          last quarter of the epochs: the network underfits, perhaps for too little capacity.
        * None of these, and train accuracy never left chance: the network underfits.

        In a regression the same holds of R2, where chance is 0, that of a constant prediction, and which may be low
        with any capacity: the last rule but one is left out.

        Returns
        -------
        list of str
            Empty also for fewer than five epochs. What needs validation data is left out where there are none.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork, load_digits
        >>> X, y = load_digits()
        >>> net = NeuralNetwork(64, [32], 10, seed=0)
        >>> for sentence in net.fit(X / 16, y, epochs=10, learning_rate=3, optimizer="SGD", seed=0).diagnose():
        ...     print(sentence[:22])
        The loss is noisy: its
        """
        end = self.kept_epoch  # what came after it says nothing of the network
        columns = (self.train_loss[:end], self.train_score[:end], self.val_score[:end])
        return diagnose(*columns, self.rates[:end], self.facts, self.score_name)

    @property
    def state_of_fit(self) -> str:
        """Whether the network "overfits", "underfits" or "neither over- nor underfits", by the rules of `diagnose`.

        Where the loss is noisy, say, `diagnose` speaks of that alone; this is the state in any case.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork, load_digits
        >>> X, y = load_digits()
        >>> net = NeuralNetwork(64, [32], 10, seed=0)
        >>> net.fit(X / 16, y, epochs=40, seed=0).state_of_fit
        'neither over- nor underfits'
        """
        end = self.kept_epoch  # what came after it says nothing of the network
        return state_of_fit(self.train_score[:end], self.val_score[:end], self.facts, self.score_name)

    def __repr__(self) -> str:
        return f"History({self._summary()})"

    def _summary(self) -> str:
        if not self.epochs:
            return "0 epochs"
        best = "" if self.best_epoch is None else f", best epoch {self.best_epoch}"
        return f"{len(self)} epoch{'s' * (len(self) > 1)}, train {self.latest}{best}"

    @property
    def latest(self) -> str:
        """Loss and score of the last epoch, as a progress bar shows them; empty before the first one.

        Examples
        --------
        >>> from fastmlp.history import Epoch, History
        >>> History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0)]).latest
        'loss 2.3, accuracy 0.1000, validation 0.2000'
        """
        if not self.epochs:
            return ""
        last = self.epochs[-1]
        text = f"loss {last.train_loss:.4g}, {self.score_name} {_short(last.train_score)}"
        return text if math.isnan(last.val_score) else f"{text}, validation {_short(last.val_score)}"

    def plot(self, *, title: str | None = None, ax: Any = None) -> "Figure":
        """Draw the curves of loss, score and learning rate: `fastmlp.plots.plot_history` of this history.

        Parameters
        ----------
        title : str, optional
        ax : matplotlib.axes.Axes or sequence of 3, optional
            One, of a grid such as `figure.subplots` makes, is the place of the panels; three are the panels.

        Returns
        -------
        matplotlib.figure.Figure
            A new one, or that of `ax`.

        Raises
        ------
        TypeError, ValueError
            If `ax` is neither three Axes nor one of a grid, without data or panels in it.
        fastmlp.optional.MissingLibraryError
            Without matplotlib, extra `plots`.

        Examples
        --------
        >>> from fastmlp.history import Epoch, History
        >>> history = History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)])
        >>> [panel.get_ylabel() for panel in history.plot().axes]
        ['Loss', 'Accuracy', 'Learning rate']
        """
        from fastmlp.plots import plot_history  # which imports this module

        return plot_history(self, title=title, ax=ax)

    def _repr_html_(self) -> str | None:
        """The curves, in a notebook; None before the first epoch, where the text is all there is."""
        if not self.epochs:
            return None
        losses, scores = (self.train_loss, self.val_loss), (self.train_score, self.val_score)
        return curves_html(self._summary(), {"loss": losses, self.score_name: scores}, self.best_epoch)

    @property
    def kept(self) -> str:
        """What early stopping has kept, in a sentence; empty without it.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [8], 3, seed=0)
        >>> history = net.fit(np.eye(3), [0, 1, 2], epochs=50, patience=5, tol=0.01, seed=0)
        >>> history.kept[:37]
        'The parameters are those after epoch '
        """
        if self.best_epoch is None:
            return ""
        name = "train" if self.monitored == "train_loss" else "validation"
        lowest = getattr(self.epochs[self.best_epoch - 1], str(self.monitored))
        return (
            f"The parameters are those after epoch {self.best_epoch} of {len(self)}, which has the lowest {name} loss, "
            f"{lowest:.4g}."
        )


def _short(score: float) -> str:
    """A score with four decimals; R2 has no lower limit, and a very low one has four digits."""
    return f"{score:.4f}" if abs(score) < 100 else f"{score:.4g}"


class DivergenceError(ArithmeticError):
    """The loss or a parameter is no longer finite.

    Attributes
    ----------
    batch : int
        Where it was found, counted from 1; 0 is the end of the epoch.
    learning_rate : float or None
        The rate of that batch; None for L-BFGS, which has none.
    epoch : int or None
        Counted from 1, in `fit`.
    history : History or None
        The finished epochs. `fit` has restored the parameters of the last one, or of the best one in early stopping.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import DivergenceError, NeuralNetwork
    >>> try:
    ...     NeuralNetwork(3, [8], 3, seed=0).fit(1e200 * np.eye(3), np.arange(3), learning_rate=1e200, seed=0)
    ... except DivergenceError as error:
    ...     print(error.epoch, len(error.history))
    1 0
    """

    def __init__(
        self, batch: int, learning_rate: float | None, epoch: int | None = None, history: History | None = None
    ):
        if epoch is None:
            place = f"batch {batch}" if batch else "the end of the epoch"
        else:
            place = f"epoch {epoch}, batch {batch}" if batch else f"the end of epoch {epoch}"
        after = "" if history is None else f". The parameters are as after epoch {history.kept_epoch}"
        rate, lower = "", ""
        if learning_rate is not None:
            rate, lower = f", learning rate {learning_rate:g}", "try a lower learning rate, and "
        super().__init__(
            f"training diverged at {place}{rate}: the loss is not finite{after}; {lower}look for huge values in X"
        )
        self.batch, self.learning_rate, self.epoch, self.history = batch, learning_rate, epoch, history

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.batch, self.learning_rate, self.epoch, self.history)
