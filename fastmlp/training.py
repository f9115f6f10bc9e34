"""The loop over epochs: order of the rows, learning rates, callbacks and history, for the engine and the reference."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.diagnosis import MIN_EPOCHS, observe
from fastmlp.engine.batches import EpochResult, EpochSettings, Examples
from fastmlp.functions.optimizers import LBFGS, OPTIMIZERS, Optimizer, checked_options
from fastmlp.generators import random_state
from fastmlp.history import DivergenceError, Epoch, History
from fastmlp.lbfgs import Minimizable, NotFiniteError, minimize
from fastmlp.progress import Advance, progress_bar
from fastmlp.sample_weights import checked_weights, class_weights
from fastmlp.validation import boolean, checked_seed, integer, number, one_of, real_array

__all__ = ["Callback", "DivergenceError", "Epoch", "History", "Settings", "fit"]

Callback = Callable[[Any, History], bool | None]


@dataclass(kw_only=True)
class Settings:
    """The settings of one training, checked; `fastmlp.NeuralNetwork.fit` says what they mean."""

    epochs: int = 10
    batch_size: int = 200
    learning_rate: float | None = None
    learning_rate_decay: float = 1.0
    regularization: float = 0.0
    optimizer: str = "SGD"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    rho: float = 0.9
    time_step: str = "update"
    drop_last: bool = False
    standardize_targets: bool = True

    def __post_init__(self) -> None:
        self.epochs = integer("epochs", self.epochs)
        self.batch_size = integer("batch_size", self.batch_size)
        self.optimizer = one_of("optimizer", self.optimizer, (*OPTIMIZERS, LBFGS))
        if self.learning_rate is None:
            self.learning_rate = 1.0 if self.takes_all_rows else OPTIMIZERS[self.optimizer].learning_rate
        self.learning_rate = number("learning_rate", self.learning_rate, 0)
        self.learning_rate_decay = number("learning_rate_decay", self.learning_rate_decay, 0)
        self.regularization = number("regularization", self.regularization, 0)
        options = checked_options(self.beta1, self.beta2, self.epsilon, self.weight_decay, self.rho)
        self.beta1, self.beta2, self.epsilon, self.weight_decay, self.rho = options
        self.time_step = one_of("time_step", self.time_step, ("update", "epoch"))
        self.drop_last = boolean("drop_last", self.drop_last)
        self.standardize_targets = boolean("standardize_targets", self.standardize_targets)
        if self.takes_all_rows:
            self._check_of_all_rows()

    @property
    def takes_all_rows(self) -> bool:
        """Whether each update follows the gradient of all rows, so that there are no batches."""
        return self.optimizer == LBFGS

    def _check_of_all_rows(self) -> None:
        """Raise where a setting is given that makes no sense without batches."""
        usual = {field.name: field.default for field in dataclasses.fields(self)} | {"learning_rate": 1.0}
        for name, value in vars(self).items():
            if name not in ("epochs", "regularization", "optimizer", "standardize_targets") and value != usual[name]:
                raise ValueError(
                    f"{name} must be left out with optimizer={LBFGS!r}, which takes all rows, got {value!r}"
                )

    def n_batches(self, n_rows: int) -> int:
        """Number of batches in an epoch over n_rows rows."""
        if self.takes_all_rows:
            return 1
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

    def of_epoch(self, learning_rate: float, time_step: int | None) -> EpochSettings:
        """The settings of one epoch."""
        optimizer = Optimizer(self.optimizer, *(getattr(self, name) for name in Optimizer._fields[1:]))
        return EpochSettings(self.batch_size, optimizer, learning_rate, self.regularization, time_step)


class CheckpointState(NamedTuple):
    """The state of a training, without the network.

    Attributes
    ----------
    data : str
        A digest of X, y, the standardizer and the weights.
    generator : dict
        Of the generator that shuffles, as `numpy.random.RandomState.get_state(legacy=False)` gives it.
    over : bool
        Whether a callback has ended the training.
    """

    settings: Settings
    seed: int | None
    data: str
    generator: dict[str, Any]
    history: History
    over: bool


class Checkpointer(Protocol):
    """A checkpoint, as the loop uses it."""

    def begin(self, settings: Settings, seed: int | None, examples: Examples, generator: Any) -> tuple[History, bool]:
        """Restore network and generator where there is an earlier part; returns its epochs, and whether it is over."""
        ...

    def write(self, *, over: bool, last: bool) -> None:
        """Write the state of the training now; the last one is always written."""
        ...


class Trainable(Minimizable, Protocol):
    """What the loop trains: an engine, or the reference. All arguments have been checked."""

    @property
    def architecture(self) -> Architecture: ...
    def train_epoch(
        self, examples: Examples, order: np.ndarray, settings: EpochSettings, advance: Advance = ...
    ) -> EpochResult: ...
    def begin_fit(self, examples: Examples, *, flat: bool, standardize: bool) -> None: ...
    def is_finite(self) -> bool: ...
    def evaluate(self, examples: Examples, regularization: float) -> tuple[float, float]: ...
    def check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None: ...
    def back_up(self) -> None: ...
    def roll_back(self) -> None: ...
    def forget_batch(self) -> None: ...
    def layer_inputs(self, X: np.ndarray) -> list[np.ndarray] | None: ...


def fit(
    trained: Trainable,
    network: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    settings: Settings,
    *,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: Any = None,
    seed: int | None = None,
    X_val: npt.ArrayLike | None = None,
    y_val: npt.ArrayLike | None = None,
    sample_weight_val: npt.ArrayLike | None = None,
    progress: bool | Advance | None = None,
    callbacks: Iterable[Callback] = (),
    checkpointer: Checkpointer | None = None,
    evaluate: Callable[[Examples, float], tuple[float, float]] | None = None,
    check: Callable[[], object] = lambda: None,
) -> History:
    """Train; the network's `history` is filled epoch by epoch, so that an interruption loses nothing of it.

    Parameters
    ----------
    trained : Trainable
        An engine, or the reference's adapter.
    network : object
        Its `history` is set, and callbacks are called with it.
    evaluate : callable, optional
        The user's own function for validation data; by default that of `trained`.
    check : callable
        Called after an epoch's callbacks; raises where they have made it impossible to go on.
    """
    architecture = trained.architecture
    rows = architecture.checked_rows("X", X)
    n_rows = len(rows)
    if n_rows == 0:
        raise ValueError("X must have at least one row to train on, got none")
    n_batches = settings.n_batches(n_rows)
    if settings.takes_all_rows:
        check_takes_all_rows(architecture, checkpointer)
    y = real_array("y", y, architecture.loss_row.content)
    targets = architecture.checked_targets("y", y, n_rows)
    of_classes = class_weights(architecture, targets, class_weight)
    examples = Examples(rows, targets, checked_weights(targets, sample_weight, of_classes))
    validation = checked_validation(trained, X_val, y_val, sample_weight_val, of_classes)
    evaluate = evaluate or trained.evaluate
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for i, callback in enumerate(callbacks):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be callable, got {callback!r}")
    bar = progress_bar(progress, settings.epochs * n_batches)
    seed = checked_seed(seed)
    with random_state(seed) as generator:
        history, over = History(score_name=architecture.loss_row.score_name), False
        if checkpointer is not None:
            history, over = checkpointer.begin(settings, seed, examples, generator)
        records, n_before = history.epochs, len(history)
        trained.back_up()
        trained.begin_fit(examples, flat=y.ndim == 1, standardize=settings.standardize_targets)
        network.history = history
        with bar(len(history) * n_batches) as advance:

            def finish(found: EpochResult, rate: float, seconds: float) -> bool:
                """Validate, record and call back after an epoch; whether that ends the training."""
                nonlocal over
                val_loss = val_score = math.nan
                if validation is not None:
                    val_loss, val_score = evaluate(validation, settings.regularization)
                records.append(Epoch(found.loss, found.score, val_loss, val_score, rate, seconds))
                # all of them are called, also after one that asks to stop
                returned = [callback(network, history) for callback in callbacks]
                # other values, such as a score, do not stop it
                over = any(isinstance(value, bool | np.bool_) and bool(value) for value in returned)
                check()
                if checkpointer is not None:
                    checkpointer.write(over=over, last=over or len(records) == settings.epochs)
                return over

            def iterations() -> None:
                """Train on all rows at once; one iteration is an epoch."""

                def finish_iteration(found: EpochResult, seconds: float) -> bool:
                    advance(1)
                    return finish(found, settings.rate, seconds)

                try:
                    minimize(trained, examples, settings.regularization, settings.epochs, finish_iteration)
                except NotFiniteError:
                    trained.roll_back()
                    trained.check_finite("X", rows)
                    raise DivergenceError(1, None, 1, history) from None

            def epochs() -> None:
                """Train to the end; a function of its own, since a signal at a loop's end may skip a `finally`."""
                while not over and len(records) < settings.epochs:
                    epoch = len(records) + 1
                    rate = records[-1].learning_rate * settings.learning_rate_decay if records else settings.rate
                    epoch_settings = settings.of_epoch(rate, epoch if settings.time_step == "epoch" else None)
                    if epoch > n_before + 1:  # the first one goes back to before `begin_fit`
                        trained.back_up()
                    start = time.perf_counter()
                    # on Windows, RandomState's integers have 32 bits
                    order = generator.permutation(n_rows)[: n_batches * settings.batch_size].astype(np.intp, copy=False)
                    found = trained.train_epoch(examples, order, epoch_settings, advance)
                    batch = diverging_batch(trained, found)
                    if batch is not None:
                        trained.roll_back()
                        trained.check_finite("X", rows, order[: batch * settings.batch_size or None])
                        raise DivergenceError(batch, rate, epoch, history)
                    finish(found, rate, time.perf_counter() - start)

            try:
                if settings.takes_all_rows:
                    iterations()
                else:
                    epochs()
                if len(history) >= MIN_EPOCHS:
                    y = targets
                    if architecture.loss_row.decides:  # a constant prediction gets the commonest row right
                        y = np.unique(targets > 0.5, axis=0, return_inverse=True)[1].ravel()
                    history.facts = observe(trained.layer_inputs, rows, y, settings.batch_size)
            finally:
                network.history = history  # a callback may have trained the network on its own
                trained.forget_batch()
    return history


def check_takes_all_rows(architecture: Architecture, checkpointer: Checkpointer | None) -> None:
    """Raise where a network or a training cannot do without batches."""
    if architecture.drops:
        raise ValueError(
            f"dropout must be 0 with optimizer={LBFGS!r}, whose steps need one loss, got a network with some"
        )
    if checkpointer is not None:
        raise ValueError(f"checkpoint must be None with optimizer={LBFGS!r}, which cannot be resumed")


def train_once(
    trained: Trainable, examples: Examples, order: np.ndarray, settings: Settings, t: int | None
) -> tuple[float, float]:
    """Loss and score of one epoch by itself; a DivergenceError where it diverges."""
    try:
        found = trained.train_epoch(examples, order, settings.of_epoch(settings.rate, t))
        batch = diverging_batch(trained, found)
        if batch is not None:
            trained.check_finite("X", examples.X, order[: batch * settings.batch_size or None])
            raise DivergenceError(batch, settings.rate)
    finally:
        trained.forget_batch()
    return found.loss, found.score


def diverging_batch(trained: Trainable, found: EpochResult) -> int | None:
    """The batch, counted from 1, at which an epoch has diverged, or 0 for its end; None where it has not."""
    if found.diverged:
        return found.n_batches
    return None if trained.is_finite() else 0


def checked_validation(
    trained: Trainable,
    X_val: npt.ArrayLike | None,
    y_val: npt.ArrayLike | None,
    sample_weight_val: npt.ArrayLike | None,
    of_classes: np.ndarray | None,
) -> Examples | None:
    """The validation data, its rows weighing what those of their class do in training; None without such data."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("X_val and y_val must be given together with sample_weight_val, got None")
        return None
    if X_val is None or y_val is None:
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{missing} must be given together with {given}, got None")
    rows = trained.architecture.checked_rows("X_val", X_val)
    if len(rows) == 0:
        raise ValueError("X_val must have at least one row, got none")
    targets = trained.architecture.checked_targets("y_val", y_val, len(rows))
    trained.check_finite("X_val", rows)
    return Examples(rows, targets, checked_weights(targets, sample_weight_val, of_classes, "sample_weight_val"))
