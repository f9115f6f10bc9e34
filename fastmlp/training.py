"""The loop over epochs: order of the rows, schedule, callbacks and history, for the engine and for the reference."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from fastmlp.diagnosis import MIN_EPOCHS, Facts, diagnose, observe
from fastmlp.progress import Advance, progress_bar
from fastmlp.validation import (
    MIN_EPSILON,
    boolean,
    checked_seed,
    class_labels,
    integer,
    number,
    one_of,
    random_state,
    real_matrix,
)

# Learning rates that most nets survive, where the user names none.
LEARNING_RATES = {"SGD": 0.05, "Momentum": 0.01, "Adam": 0.001}


class Epoch(NamedTuple):
    """The record of one epoch; see `History` for what each number means."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


_COLUMNS = (
    f"its columns are arrays, {', '.join(f'history.{name}' for name in Epoch._fields)}, and history.to_dict() has them "
    "all as lists"
)


class History:
    """What happened in each epoch, as arrays (n_epochs,); for NumPy, a row of these numbers for each epoch.

    `history[-1]` is the record of the last epoch, with the same numbers by the same names, and `history[5:]` is the
    history of the epochs from the sixth on, without facts.

    Attributes
    ----------
    train_loss : ndarray
        Mean loss of a row over the epoch's batches, as the net was when it saw them, regularisation included.
    train_accuracy : ndarray
        Share of the rows classified right when the net saw them.
    val_loss, val_accuracy : ndarray
        The same of the validation data at the epoch's end; NaN where there are none.
    learning_rate : ndarray
        The rate used in the epoch.
    seconds : ndarray
        Time that training took, validation not included.
    facts : fastmlp.diagnosis.Facts or None
        What `diagnose` knows besides; of a training that has ended, by itself, after five epochs or more.

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

    def __init__(self, epochs: Iterable[Epoch] = ()):
        self.epochs = list(epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> "History": ...
    def __getitem__(self, index: SupportsIndex | slice) -> "Epoch | History":
        try:
            return History(self.epochs[index]) if isinstance(index, slice) else self.epochs[index]
        except TypeError:
            raise TypeError(f"a History is indexed by the numbers of epochs, got {index!r}; {_COLUMNS}") from None

    if not TYPE_CHECKING:  # or every attribute would be one

        def __getattr__(self, name: str) -> None:
            raise AttributeError(f"a History has no {name!r}; {_COLUMNS}", name=name, obj=self)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def _column(self, name: str) -> np.ndarray:
        return np.array([getattr(epoch, name) for epoch in self.epochs], np.float64)

    train_loss = property(lambda self: self._column("train_loss"))
    train_accuracy = property(lambda self: self._column("train_accuracy"))
    val_loss = property(lambda self: self._column("val_loss"))
    val_accuracy = property(lambda self: self._column("val_accuracy"))
    learning_rate = property(lambda self: self._column("learning_rate"))
    seconds = property(lambda self: self._column("seconds"))

    def to_dict(self) -> dict[str, list[float | None]]:
        """Lists of numbers for JSON, which has neither NaN nor infinities: None stands for them."""
        return {
            name: [value if math.isfinite(value) else None for value in self._column(name).tolist()]
            for name in Epoch._fields
        }

    def diagnose(self) -> list[str]:
        """What a training says about its settings, in a sentence each; nothing where nothing stands out.

        These are rules of thumb; `fastmlp.diagnosis` has their thresholds. First, what keeps a network from learning.
        `fit` looks for it in a sample of the rows as it ends, unless it is interrupted or diverges:

        * A hidden layer gives 0 for every row, and train accuracy ends at chance: its ReLUs are dead. A new network
          needs a lower learning rate, another seed or `init="he"`.
        * Train accuracy never left chance, or a layer is dead, and the root mean square of the largest column, as it
          enters the network, is above 10 or below 0.1: X is not scaled. A new network needs a `standardizer`.

        At chance is what is no more than luck, or a tenth of the way from the commonest class's share to 1. Where it is
        neither of these, the curves speak:

        * The loss is noisy: its steps upwards add up to more than a quarter of its range. The learning rate is too
          high.
        * The loss falls in a straight line, without a step upwards: the second half of the epochs brings 70 % or more
          of what the first half did. The learning rate is too low.
        * Train accuracy ends 0.1 or more above validation accuracy: the network overfits.
        * Both accuracies end 0.02 or more below their best, while the loss, which is not noisy, went on falling: the
          regularisation term dominates.
        * None of these, no gap (0.05 or less), and a train accuracy below 0.9 that gained no more than 0.01 in the
          last quarter of the epochs: the network has too little capacity.

        Returns
        -------
        list of str
            Empty also for fewer than five epochs. What needs validation data is left out where there are none.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork, load_digits
        >>> X, y = load_digits()
        >>> net = NeuralNetwork(64, [32], 10, seed=0)
        >>> for sentence in net.fit(X / 16, y, epochs=10, learning_rate=3, seed=0).diagnose():
        ...     print(sentence[:22])
        The loss is noisy: its
        """
        return diagnose(self.train_loss, self.train_accuracy, self.val_accuracy, self.learning_rate, self.facts)

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(0 epochs)"
        last = self.epochs[-1]
        text = f"History({len(self)} epochs, train loss {last.train_loss:.4g}, accuracy {last.train_accuracy:.4f}"
        return text + ("" if math.isnan(last.val_accuracy) else f", validation {last.val_accuracy:.4f}") + ")"


class DivergenceError(ArithmeticError):
    """The loss or a parameter is no longer finite.

    Attributes
    ----------
    batch : int
        Where it was found, counted from 1; 0 is the end of the epoch.
    learning_rate : float
        The rate of that epoch.
    epoch : int or None
        Counted from 1, in `fit`.
    history : History or None
        The epochs before, after the last of which `fit` has put back the net's parameters.

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

    def __init__(self, batch: int, learning_rate: float, epoch: int | None = None, history: History | None = None):
        if epoch is None:
            place = f"batch {batch}" if batch else "the end of the epoch"
        else:
            place = f"epoch {epoch}, batch {batch}" if batch else f"the end of epoch {epoch}"
        after = "" if history is None else f". The parameters are as after epoch {len(history)}"
        super().__init__(
            f"training diverged at {place}, learning rate {learning_rate:g}: the loss is not finite{after}; try a "
            "lower learning rate, and look for huge values in X"
        )
        self.batch, self.learning_rate, self.epoch, self.history = batch, learning_rate, epoch, history

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.batch, self.learning_rate, self.epoch, self.history)


Callback = Callable[[Any, History], bool | None]


@dataclass(kw_only=True)
class Settings:
    """The hyper-parameters of one training, checked; `fastmlp.NeuralNetwork.fit` says what they mean."""

    epochs: int = 10
    batch_size: int = 200
    learning_rate: float | None = None
    learning_rate_decay: float = 1.0
    regularization: float = 0.0
    optimizer: str = "SGD"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    time_step: str = "update"
    drop_last: bool = False

    def __post_init__(self) -> None:
        self.epochs = integer("epochs", self.epochs)
        self.batch_size = integer("batch_size", self.batch_size)
        self.optimizer = one_of("optimizer", self.optimizer, LEARNING_RATES)
        if self.learning_rate is None:
            self.learning_rate = LEARNING_RATES[self.optimizer]
        self.learning_rate = number("learning_rate", self.learning_rate, 0)
        self.learning_rate_decay = number("learning_rate_decay", self.learning_rate_decay, 0)
        self.regularization = number("regularization", self.regularization, 0)
        self.beta1 = number("beta1", self.beta1, 0, 1, open_high=True)
        self.beta2 = number("beta2", self.beta2, 0, 1, open_high=True)
        self.epsilon = number("epsilon", self.epsilon, MIN_EPSILON)
        self.time_step = one_of("time_step", self.time_step, ("update", "epoch"))
        self.drop_last = boolean("drop_last", self.drop_last)

    def n_batches(self, n_rows: int) -> int:
        """How many batches so many rows make."""
        if self.drop_last and self.batch_size > n_rows:
            raise ValueError(
                f"batch_size must be at most the {n_rows} rows of X when drop_last=True, got {self.batch_size}"
            )
        return n_rows // self.batch_size if self.drop_last else -(-n_rows // self.batch_size)

    @property
    def rate(self) -> float:
        """The learning rate of the first epoch."""
        assert self.learning_rate is not None
        return self.learning_rate


class TrainingState(NamedTuple):
    """How far a training is, the network itself apart.

    Attributes
    ----------
    data : str
        A digest of what it is trained on.
    generator : dict
        Of the generator that shuffles, as `numpy.random.RandomState.get_state(legacy=False)` gives it.
    over : bool
        Whether a callback has ended it.
    """

    settings: Settings
    seed: int | None
    data: str
    generator: dict[str, Any]
    history: History
    over: bool


class Keeper(Protocol):
    """What the loop asks of a checkpoint."""

    def begin(
        self, settings: Settings, seed: int | None, X: np.ndarray, y: np.ndarray, generator: Any
    ) -> tuple[History, bool]:
        """Put network and generator where an earlier part of the training was; gives its epochs, and if it is over."""
        ...

    def keep(self, *, over: bool, last: bool) -> None:
        """Write down where the training is now, the last time in any case."""
        ...


class Network(Protocol):
    """What the loop asks of a network."""

    history: Any

    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...

    def _run_epoch(
        self,
        X: np.ndarray,
        y: np.ndarray,
        order: np.ndarray,
        settings: Settings,
        rate: float,
        time_step: int | None,
        advance: Advance,
    ) -> tuple[float, float]:
        """Train on the batches of X[order]; gives the mean loss and the accuracy of a row, or a DivergenceError."""
        ...

    def evaluate(self, X: Any, y: Any, reg: float = 0.0) -> tuple[float, float]: ...
    def _check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None: ...
    def _back_up(self) -> None: ...
    def _roll_back(self) -> None: ...
    def _forget_batch(self) -> None: ...
    def _layer_inputs(self, X: np.ndarray) -> list[np.ndarray] | None: ...


def fit(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    settings: Settings,
    *,
    seed: int | None = None,
    X_val: npt.ArrayLike | None = None,
    y_val: npt.ArrayLike | None = None,
    progress: bool | Advance | None = None,
    callbacks: Iterable[Callback] = (),
    keeper: Keeper | None = None,
) -> History:
    """Train a network; its `history` is filled epoch by epoch, so that an interruption loses nothing of it."""
    rows = real_matrix("X", X, network.input_size)
    n_rows = len(rows)
    if n_rows == 0:
        raise ValueError("X must have at least one row to train on, got none")
    n_batches = settings.n_batches(n_rows)
    labels = class_labels("y", y, n_rows, network.output_size)
    validate = checked_validation(network, X_val, y_val)
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for i, callback in enumerate(callbacks):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be callable, got {callback!r}")
    bar = progress_bar(progress, settings.epochs * n_batches)
    seed = checked_seed(seed)
    with random_state(seed) as generator:
        history, over = History(), False
        if keeper is not None:
            history, over = keeper.begin(settings, seed, rows, labels, generator)
        network.history = history
        with bar(len(history) * n_batches) as advance:

            def epochs() -> None:
                """Train until it is over, in a frame of its own: a signal at a loop's end may skip a `finally`."""
                nonlocal over
                while not over and len(history) < settings.epochs:
                    found = train_epoch(network, history, rows, labels, settings, generator, advance)
                    history.epochs.append(found._replace(**validate(settings.regularization)))
                    # all of them are called, also after one that asks to stop
                    answers = [callback(network, history) for callback in callbacks]
                    # what else one may return, as a score, is not meant for us
                    over = any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)
                    if keeper is not None:
                        keeper.keep(over=over, last=over or len(history) == settings.epochs)

            try:
                epochs()
                if len(history) >= MIN_EPOCHS:
                    history.facts = observe(network._layer_inputs, rows, labels, settings.batch_size)
            finally:
                network.history = history  # a callback may have trained the network on its own
                network._forget_batch()
    return history


def train_epoch(
    network: Network,
    history: History,
    rows: np.ndarray,
    labels: np.ndarray,
    settings: Settings,
    generator: Any,
    advance: Advance,
) -> Epoch:
    """One epoch after those of the history; one that diverges is undone."""
    epoch = len(history) + 1
    rate = history[-1].learning_rate * settings.learning_rate_decay if len(history) else settings.rate
    network._back_up()
    start = time.perf_counter()
    order = generator.permutation(len(rows))[: settings.n_batches(len(rows)) * settings.batch_size]
    time_step = epoch if settings.time_step == "epoch" else None
    try:
        loss, accuracy = network._run_epoch(rows, labels, order, settings, rate, time_step, advance)
    except DivergenceError as error:
        network._roll_back()
        network._check_finite("X", rows, order[: error.batch * settings.batch_size or None])
        raise DivergenceError(error.batch, rate, epoch, history) from None
    return Epoch(loss, accuracy, math.nan, math.nan, rate, time.perf_counter() - start)


def checked_validation(
    network: Network, X_val: npt.ArrayLike | None, y_val: npt.ArrayLike | None
) -> Callable[[float], dict[str, float]]:
    """A function of the regularisation that gives what an `Epoch` says of the validation data, where there are any."""
    if X_val is None and y_val is None:
        return lambda regularization: {}
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{missing} must be given together with {given}, got None")
    rows = real_matrix("X_val", X_val, network.input_size)
    if len(rows) == 0:
        raise ValueError("X_val must have at least one row, got none")
    labels = class_labels("y_val", y_val, len(rows), network.output_size)
    network._check_finite("X_val", rows)

    def validate(regularization: float) -> dict[str, float]:
        return dict(zip(("val_loss", "val_accuracy"), network.evaluate(rows, labels, regularization), strict=True))

    return validate
