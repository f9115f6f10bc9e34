"""Learning-rate schedules: the rate of each batch, epoch after epoch.

`fit(..., schedule=...)` takes a name of `SCHEDULES`, for a schedule with its usual parameters, one that is made here,
such as `Cosine(warmup=0.1)`, or any function `(epoch, step) -> rate`. In the equations, `rate` is the learning rate of
`fit`; epochs and steps count from 0, and a step is a batch. Powers and cosines may differ in their last digits between
machines.
"""

import dataclasses
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fastmlp.validation import integer, number, one_of

# The rate of all batches of an epoch, or of each (n_batches,).
Rates = float | np.ndarray
RatesOfEpochs = Generator[Rates, float | None, None]


@dataclass(frozen=True)
class Schedule(ABC):
    """A learning-rate schedule."""

    # Whether the rates depend on the number of epochs, which must then not change when a training is resumed.
    needs_length: ClassVar[bool] = False

    @abstractmethod
    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rates of epoch after epoch, without end; each epoch's loss is sent before the next ones."""

    def to_json(self) -> Any:
        """The name, with the parameters where they are not the usual ones."""
        name = next((name for name, made in SCHEDULES.items() if made is type(self)), _FUNCTION)
        if name == _FUNCTION or self == type(self)():
            return name
        return {"name": name, **dataclasses.asdict(self)}

    def _assign(self, **checked: Any) -> None:
        """Assign parameters that have been checked."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate for all.

    Examples
    --------
    >>> from fastmlp.schedules import Constant
    >>> next(Constant().rates(0.1, n_batches=3, n_epochs=5))
    0.1
    """

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield `rate`."""
        while True:
            yield learning_rate


@dataclass(frozen=True)
class Exponential(Schedule):
    """A factor on the rate after each epoch, the assignment's decay: rate * factor**epoch.

    Parameters
    ----------
    factor : float
        At least 0.

    Examples
    --------
    >>> from fastmlp.schedules import Exponential
    >>> rates = Exponential(0.5).rates(0.1, n_batches=3, n_epochs=5)
    >>> next(rates), rates.send(0.7)
    (0.1, 0.05)
    """

    factor: float = 0.95

    def __post_init__(self) -> None:
        self._assign(factor=number("factor", self.factor, 0))

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield `rate`, multiplied by the factor each time."""
        rate = learning_rate
        while True:
            yield rate
            rate *= self.factor


@dataclass(frozen=True)
class Step(Schedule):
    """A factor on the rate after every so many epochs: rate * factor**(epoch // every).

    Parameters
    ----------
    every : int
        Number of epochs.
    factor : float
        At least 0.

    Examples
    --------
    >>> from itertools import islice
    >>> from fastmlp.schedules import Step
    >>> list(islice(Step(every=2, factor=0.5).rates(0.4, n_batches=3, n_epochs=5), 5))
    [0.4, 0.4, 0.2, 0.2, 0.1]
    """

    every: int = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._assign(every=integer("every", self.every), factor=number("factor", self.factor, 0))

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield `rate * factor**(epoch // every)`."""
        rate = learning_rate
        for epoch in itertools.count(1):
            yield rate
            if epoch % self.every == 0:
                rate *= self.factor


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the rate down to a share of it, over all batches, after a linear warm-up.

    Of n steps, the first w = int(warmup * n) have rate * (step + 1) / w (Goyal et al., Accurate, Large Minibatch SGD,
    2017, 2.2); the others have rate * (end + (1 - end) * (1 + cos(pi * (step - w) / (n - w))) / 2) (Loshchilov and
    Hutter, SGDR, 2017, equation 5, without restarts).

    Parameters
    ----------
    warmup : float
        Share of all batches, in [0, 1).
    end : float
        Share of the rate that is left at the end, in [0, 1].

    Examples
    --------
    >>> from fastmlp.schedules import Cosine
    >>> next(Cosine(warmup=0.5, end=0.1).rates(1.0, n_batches=8, n_epochs=1)).round(3)
    array([0.25 , 0.5  , 0.75 , 1.   , 1.   , 0.868, 0.55 , 0.232])
    """

    needs_length: ClassVar[bool] = True
    warmup: float = 0.05
    end: float = 0.0

    def __post_init__(self) -> None:
        self._assign(warmup=number("warmup", self.warmup, 0, 1, open_high=True), end=number("end", self.end, 0, 1))

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rates (n_batches,) of each epoch."""
        n_steps = n_batches * n_epochs
        n_warm = int(self.warmup * n_steps)
        for step in _steps(n_batches):
            angle = np.pi * np.clip((step - n_warm) / (n_steps - n_warm), 0, 1)
            share = self.end + (1 - self.end) * (1 + np.cos(angle)) / 2
            yield learning_rate * np.where(step < n_warm, (step + 1) / max(n_warm, 1), share)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the rate and down to almost nothing, each by half a cosine (Smith and Topin, Super-Convergence, 2018).

    Of n steps, those up to a = warmup * n - 1 go from rate * start to the rate, and the others on to rate * end. As
    PyTorch's `OneCycleLR` without a cycle of the momentum, whose `max_lr` is the rate.

    Parameters
    ----------
    warmup : float
        Share of all batches on the way up, in [0, 1].
    start, end : float
        Shares of the rate at the first and at the last step, in [0, 1].

    Examples
    --------
    >>> from fastmlp.schedules import OneCycle
    >>> next(OneCycle(warmup=0.5, start=0.1, end=0.0).rates(1.0, n_batches=6, n_epochs=1)).round(3)
    array([0.1 , 0.55, 1.  , 0.75, 0.25, 0.  ])
    """

    needs_length: ClassVar[bool] = True
    warmup: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25e4

    def __post_init__(self) -> None:
        self._assign(**{name: number(name, value, 0, 1) for name, value in vars(self).items()})

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rates (n_batches,) of each epoch."""
        last = n_batches * n_epochs - 1
        top = self.warmup * (last + 1) - 1
        for step in _steps(n_batches):
            rising = (step <= top) & (top > 0)
            begin, length = np.where(rising, 0.0, max(top, 0.0)), np.where(rising, top, last - max(top, 0.0))
            first, final = np.where(rising, self.start, 1.0), np.where(rising, 1.0, self.end)
            part = np.clip((step - begin) / np.where(length > 0, length, 1.0), 0, 1)
            yield learning_rate * (final + (first - final) * (1 + np.cos(np.pi * part)) / 2)


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """Divided by a power of the number of steps: rate / (step + 1)**power (Robbins and Monro, 1951, for power 1).

    Parameters
    ----------
    power : float
        At least 0.

    Examples
    --------
    >>> from fastmlp.schedules import InverseScaling
    >>> next(InverseScaling(0.5).rates(1.0, n_batches=4, n_epochs=5)).round(3)
    array([1.   , 0.707, 0.577, 0.5  ])
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        self._assign(power=number("power", self.power, 0))

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rates (n_batches,) of each epoch."""
        for step in _steps(n_batches):
            with np.errstate(over="ignore"):
                rates = learning_rate / (step + 1.0) ** self.power
            yield rates  # outside, or it would hold for the caller, too


@dataclass(frozen=True)
class Plateau(Schedule):
    """A factor on the rate each time the loss stops falling: the validation loss, or else that of the training.

    It has stopped after more than `patience` epochs in a row that are not below the best loss by the share
    `threshold` of it. As PyTorch's `ReduceLROnPlateau`, which leaves out changes of the rate by less than 1e-8.

    Parameters
    ----------
    factor : float
        In [0, 1).
    patience : int
        Number of epochs without a better loss that the rate stays.
    threshold : float
        In [0, 1).
    minimum : float
        Lowest rate, unless it starts below.

    Examples
    --------
    >>> from fastmlp.schedules import Plateau
    >>> rates = Plateau(factor=0.5, patience=1).rates(0.1, n_batches=3, n_epochs=5)
    >>> [next(rates), *(rates.send(loss) for loss in (2.0, 1.9, 1.9, 1.9))]
    [0.1, 0.1, 0.1, 0.1, 0.05]
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    minimum: float = 0.0

    def __post_init__(self) -> None:
        self._assign(
            factor=number("factor", self.factor, 0, 1, open_high=True),
            patience=integer("patience", self.patience, 0),
            threshold=number("threshold", self.threshold, 0, 1, open_high=True),
            minimum=number("minimum", self.minimum, 0),
        )

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rate of each epoch."""
        rate, best, n_without = learning_rate, math.inf, 0
        while True:
            loss = yield rate
            assert loss is not None
            # of a loss below 0, too, the threshold is a step downwards
            if loss < best - self.threshold * abs(best) if math.isfinite(best) else loss < best:
                best, n_without = loss, 0
            else:
                n_without += 1
            if n_without > self.patience:
                rate, n_without = min(rate, max(rate * self.factor, self.minimum)), 0


@dataclass(frozen=True)
class OfFunction(Schedule):
    """A function's rates, called for each batch as `function(epoch, step)`; both count from 0.

    The function must give the same rates when it is called again, as a resumed training does.

    Examples
    --------
    >>> from fastmlp.schedules import OfFunction
    >>> next(OfFunction(lambda epoch, step: 0.1 / (1 + step)).rates(1.0, n_batches=2, n_epochs=5))
    array([0.1 , 0.05])
    """

    function: Callable[[int, int], float]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {self.function!r}")

    def rates(self, learning_rate: float, n_batches: int, n_epochs: int) -> RatesOfEpochs:
        """Yield the rates (n_batches,) of each epoch; the learning rate does not matter."""
        for epoch in itertools.count():
            steps = range(epoch * n_batches, (epoch + 1) * n_batches)
            yield np.array(
                [number(f"schedule({epoch}, {step})", self.function(epoch, step), 0) for step in steps], np.float64
            )


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "exponential": Exponential,
    "step": Step,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "inverse_scaling": InverseScaling,
    "plateau": Plateau,
}
# What stands for a function in files, which cannot hold it.
_FUNCTION = "function"


def checked_schedule(schedule: Any) -> Schedule:
    """The schedule that an argument `schedule` names, or is.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if callable(schedule) and not isinstance(schedule, type):
        return OfFunction(schedule)
    if not isinstance(schedule, str):
        names = ", ".join(map(repr, SCHEDULES))
        raise TypeError(
            f"schedule must be one of {names}, one of fastmlp.schedules, such as Cosine(warmup=0.1), or a function of "
            f"epoch and step, got {schedule!r}"
        )
    return SCHEDULES[one_of("schedule", schedule, SCHEDULES)]()


def from_json(value: Any) -> Schedule:
    """What `Schedule.to_json` gave, as a schedule."""
    if value == _FUNCTION:
        return OfFunction(_left_out)
    if isinstance(value, Mapping):
        parameters = dict(value)
        return SCHEDULES[parameters.pop("name")](**parameters)
    return checked_schedule(value)


def _left_out(epoch: int, step: int) -> float:
    raise RuntimeError("a file does not hold the function that gave the learning rates")


def _steps(n_batches: int) -> Generator[np.ndarray, None, None]:
    """The numbers of the steps of epoch after epoch, counted from 0."""
    for epoch in itertools.count():
        yield np.arange(epoch * n_batches, (epoch + 1) * n_batches, dtype=np.float64)
