"""The loop over epochs: order of the rows, schedule, callbacks and history, for the engine and for the reference."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastmlp.optional import require
from fastmlp.validation import MIN_EPSILON, class_labels, integer, number, one_of, random_state, real_matrix

# Learning rates that most nets survive, where the user names none.
LEARNING_RATES = {"SGD": 0.05, "Momentum": 0.01, "Adam": 0.001}


class Network(Protocol):
    """What the loop asks of a network."""

    input_size: int
    output_size: int
    history: Any

    @property
    def params(self) -> Mapping[str, np.ndarray]: ...
    def forward(self, X: Any) -> np.ndarray: ...
    def backward(self, y: Any, reg: float = 0.0) -> float: ...
    def update(self, lr: float, b1: float, b2: float, eps: float, opt: str, t: int | None) -> None: ...
    def evaluate(self, X: Any, y: Any, reg: float = 0.0) -> tuple[float, float]: ...
    def snapshot(self) -> dict[str, Any]: ...
    def restore(self, snapshot: dict[str, Any]) -> None: ...
    def forget_batch(self) -> None: ...


class Epoch(NamedTuple):
    """The record of one epoch; see `History` for what each number means."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


class History:
    """What happened in each epoch, as arrays (n_epochs,).

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

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> X, y = np.eye(3), np.arange(3)
    >>> history = NeuralNetwork(3, [8], 3, seed=0).fit(X, y, epochs=50, learning_rate=0.5, seed=0)
    >>> len(history), bool(history.train_loss[-1] < history.train_loss[0])
    (50, True)
    """

    def __init__(self, epochs: Iterable[Epoch] = ()):
        self.epochs = list(epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self.epochs[index]

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
        """Lists of numbers for JSON, which has no NaN: None stands for it."""
        return {
            name: [None if math.isnan(value) else value for value in self._column(name).tolist()]
            for name in Epoch._fields
        }

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
    epoch, batch : int
        Where it was found, counted from 1; batch 0 is the end of the epoch.
    learning_rate : float
        The rate of that epoch.
    history : History
        The epochs before, after the last of which the net's parameters were put back.
    """

    def __init__(self, epoch: int, batch: int, learning_rate: float, history: History):
        place = f"epoch {epoch}, batch {batch}" if batch else f"the end of epoch {epoch}"
        super().__init__(
            f"training diverged at {place}, learning rate {learning_rate:g}: the loss is not finite. The parameters "
            f"are as after epoch {len(history)}; try a lower learning rate, and look for NaN or huge values in X"
        )
        self.epoch, self.batch, self.learning_rate, self.history = epoch, batch, learning_rate, history

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.epoch, self.batch, self.learning_rate, self.history)


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


def fit(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    settings: Settings,
    *,
    seed: int | None = None,
    X_val: npt.ArrayLike | None = None,
    y_val: npt.ArrayLike | None = None,
    progress: bool | None = None,
    callbacks: Iterable[Callback] = (),
) -> History:
    """Train a network; its `history` is filled epoch by epoch, so that an interruption loses nothing of it."""
    rows = real_matrix("X", X, network.input_size)
    n_rows, batch_size = len(rows), settings.batch_size
    if n_rows == 0:
        raise ValueError("X must have at least one row to train on, got none")
    if settings.drop_last and batch_size > n_rows:
        raise ValueError(f"batch_size must be at most the {n_rows} rows of X when drop_last=True, got {batch_size}")
    labels = class_labels("y", y, n_rows, network.output_size)
    validate = checked_validation(network, X_val, y_val)
    generator = random_state(seed)
    callbacks = tuple(callbacks)
    for i, callback in enumerate(callbacks):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be callable, got {callback!r}")

    history = network.history = History()
    rate: float = settings.learning_rate  # type: ignore[assignment]  # settled when the settings were checked
    n_batches = n_rows // batch_size if settings.drop_last else -(-n_rows // batch_size)
    try:
        with progress_bar(progress, settings.epochs * n_batches) as advance:
            for epoch in range(1, settings.epochs + 1):
                before = network.snapshot()
                start = time.perf_counter()
                order = generator.permutation(n_rows)[: n_batches * batch_size]
                try:
                    loss, accuracy = train_epoch(network, rows, labels, order, settings, rate, epoch, advance)
                except NonFiniteError as error:
                    network.restore(before)
                    raise DivergenceError(epoch, error.batch, rate, history) from None
                seconds = time.perf_counter() - start
                history.epochs.append(Epoch(loss, accuracy, *validate(settings.regularization), rate, seconds))
                rate *= settings.learning_rate_decay
                # all of them are called, also after one that asks to stop
                answers = [callback(network, history) for callback in callbacks]
                if any(answers):
                    break
    finally:
        network.forget_batch()
    return history


class NonFiniteError(Exception):
    """Raised inside an epoch; `batch` counts from 1, 0 is the end."""

    def __init__(self, batch: int):
        self.batch = batch


def train_epoch(
    network: Network,
    X: np.ndarray,
    y: np.ndarray,
    order: np.ndarray,
    settings: Settings,
    rate: float,
    epoch: int,
    advance: Callable[[], object],
) -> tuple[float, float]:
    """One pass over the rows of X in the given order; returns the mean loss and the accuracy of a row."""
    time_step = epoch if settings.time_step == "epoch" else None
    rates = (rate, settings.beta1, settings.beta2, settings.epsilon, settings.optimizer, time_step)
    loss, n_correct = 0.0, 0
    for batch, start in enumerate(range(0, len(order), settings.batch_size), 1):
        rows = order[start : start + settings.batch_size]
        labels = y[rows]
        scores = network.forward(X[rows])
        n_correct += int(np.count_nonzero(scores.argmax(axis=1) == labels))
        batch_loss = network.backward(labels, settings.regularization)
        if not math.isfinite(batch_loss):
            raise NonFiniteError(batch)
        network.update(*rates)
        loss += batch_loss * len(rows)
        advance()
    if not all(np.isfinite(array).all() for array in network.params.values()):
        raise NonFiniteError(0)
    return loss / len(order), n_correct / len(order)


def checked_validation(
    network: Network, X_val: npt.ArrayLike | None, y_val: npt.ArrayLike | None
) -> Callable[[float], tuple[float, float]]:
    """A function of the regularisation that gives the validation loss and accuracy, NaN where there are no data."""
    if X_val is None and y_val is None:
        return lambda regularization: (math.nan, math.nan)
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{missing} must be given together with {given}, got None")
    rows = real_matrix("X_val", X_val, network.input_size)
    if len(rows) == 0:
        raise ValueError("X_val must have at least one row, got none")
    labels = class_labels("y_val", y_val, len(rows), network.output_size)
    return lambda regularization: network.evaluate(rows, labels, regularization)


@contextmanager
def progress_bar(progress: bool | None, total: int) -> Iterator[Callable[[], object]]:
    """A bar over all batches, or nothing; gives the function that advances it by one."""
    if not progress:
        yield lambda: None
        return
    tqdm = require("tqdm.auto", "progress", "progress=True").tqdm
    with tqdm(total=total, unit="batch") as bar:
        yield bar.update
