"""The loop over epochs: order of the rows, learning rates, callbacks and history, for the engine and the reference."""

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.diagnosis import MIN_EPOCHS, observe, offer_standardizer
from fastmlp.early_stopping import EarlyStopping, held_out_rows
from fastmlp.engine.batches import EpochResult, EpochSettings, Examples
from fastmlp.functions.optimizers import LBFGS
from fastmlp.generators import drawn_seed, random_state
from fastmlp.history import DivergenceError, Epoch, History
from fastmlp.lbfgs import Minimizable, NotFiniteError, minimize
from fastmlp.progress import Advance, progress_bar
from fastmlp.sample_weights import checked_weights, class_weights, classes_of, has_classes
from fastmlp.schedules import Rates
from fastmlp.settings import Settings
from fastmlp.validation import checked_seed, real_array

__all__ = ["Callback", "DivergenceError", "Epoch", "History", "Settings", "fit"]

Callback = Callable[[Any, History], bool | None]


class CheckpointState(NamedTuple):
    """The state of a training, without the network.

    Attributes
    ----------
    split_seed : int or None
        Of the rows that are held out; None where there are none.
    data : str
        A digest of X, y, the standardizer and the weights.
    generator : dict
        Of the generator that shuffles, as `numpy.random.RandomState.get_state(legacy=False)` gives it.
    over : bool
        Whether a callback, or early stopping, has ended the training.
    best : dict or None
        The snapshot of the network after the history's best epoch, where early stopping has one that is not the last.
    """

    settings: Settings
    seed: int | None
    split_seed: int | None
    history: History
    data: str = ""
    generator: dict[str, Any] | None = None
    over: bool = False
    best: dict[str, Any] | None = None


class Checkpointer(Protocol):
    """A checkpoint, as the loop uses it."""

    def begin(self, state: CheckpointState, examples: Examples, generator: Any, *, has_epochs: bool) -> CheckpointState:
        """Restore network and generator where there is an earlier part of this training; returns its state.

        `has_epochs` says whether the user has chosen the number of epochs.
        """
        ...

    def write(self, *, over: bool, last: bool, best: dict[str, Any] | None) -> None:
        """Write the state of the training now; the last one is always written."""
        ...


class Trainable(Minimizable, Protocol):
    """What the loop trains: an engine, or the reference. All arguments have been checked."""

    @property
    def architecture(self) -> Architecture: ...
    def train_epoch(
        self, examples: Examples, order: np.ndarray, settings: EpochSettings, advance: Advance = ...
    ) -> EpochResult: ...
    def begin_fit(self, y: np.ndarray, weights: np.ndarray | None, *, flat: bool, standardize: bool) -> None: ...
    def is_finite(self) -> bool: ...
    def evaluate(self, examples: Examples, regularization: float) -> tuple[float, float]: ...
    def check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None: ...
    def back_up(self) -> None: ...
    def roll_back(self) -> None: ...
    def snapshot(self) -> dict[str, Any]: ...
    def restore(self, snapshot: dict[str, Any]) -> None: ...
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
    offers_standardizer: bool = False,
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
    offers_standardizer : bool
        Warn where the rows are far from standard.
    """
    architecture = trained.architecture
    rows = architecture.checked_rows("X", X)
    n_rows = len(rows)
    if n_rows == 0:
        raise ValueError("X must have at least one row to train on, got none")
    if settings.takes_all_rows:
        check_takes_all_rows(architecture, checkpointer)
    y = real_array("y", y, architecture.loss_row.content)
    targets = architecture.checked_targets("y", y, n_rows)
    of_classes = class_weights(architecture, targets, class_weight)
    examples = Examples(rows, targets, checked_weights(targets, sample_weight, of_classes))
    validation = checked_validation(trained, X_val, y_val, sample_weight_val, of_classes)
    fraction, labels = settings.validation_fraction, classes_of(targets) if has_classes(architecture) else None
    if fraction is not None:
        if validation is not None:
            raise ValueError(f"validation_fraction must be None where X_val and y_val are given, got {fraction:g}")
        n_rows -= len(held_out_rows(labels, n_rows, fraction, 0))
    n_batches = settings.n_batches(n_rows)
    has_epochs, settings = settings.epochs is not None, settings.with_epochs(n_batches)
    next(settings.rates(n_batches))  # a function that gives no rate is refused here
    callbacks = checked_callbacks(callbacks)
    bar = progress_bar(progress, settings.n_epochs * n_batches)
    seed = checked_seed(seed)
    if offers_standardizer and (offer := offer_standardizer(rows)):
        warnings.warn(offer, stacklevel=4)  # of the public `fit`, which has a wrapper
    with random_state(seed) as generator:
        split_seed = None if fraction is None else drawn_seed(generator)
        state = CheckpointState(settings, seed, split_seed, History(score_name=architecture.loss_row.score_name))
        if checkpointer is not None:
            state = checkpointer.begin(state, examples, generator, has_epochs=has_epochs)
        taken = np.arange(n_rows, dtype=np.intp)
        if fraction is not None and state.split_seed is not None:
            held_out = held_out_rows(labels, len(rows), fraction, state.split_seed)
            trained.check_finite("X", rows, held_out)
            taken = np.delete(np.arange(len(rows), dtype=np.intp), held_out)
            validation = examples.taken(held_out)
        trained.back_up()
        weights = None if examples.weights is None else examples.weights[taken]
        trained.begin_fit(targets[taken], weights, flat=y.ndim == 1, standardize=settings.standardize_targets)
        training = _Training(
            trained=trained,
            network=network,
            settings=settings,
            examples=examples,
            rows=taken,
            validation=validation,
            n_batches=n_batches,
            generator=generator,
            callbacks=callbacks,
            evaluate=evaluate or trained.evaluate,
            check=check,
            checkpointer=checkpointer,
            history=state.history,
            over=state.over,
            stopping=_resumed_stopping(settings, state, trained),
        )
        with bar(len(state.history) * n_batches) as advance:
            training.run(advance)
    return state.history


def _resumed_stopping(settings: Settings, state: CheckpointState, trained: Trainable) -> EarlyStopping | None:
    """Early stopping as it was after the epochs of the history; None without it."""
    if settings.patience is None:
        return None
    stopping = EarlyStopping(settings.patience, settings.tol)
    # where the state has none, the last epoch was the best
    best = trained.snapshot() if state.best is None and state.history else state.best
    for epoch in state.history:
        stopping.record(epoch.monitored_loss, lambda: best)
    return stopping


@dataclass(kw_only=True)
class _Training:
    """A training that is under way.

    Attributes
    ----------
    rows : ndarray of intp
        Those of the examples to train on.
    """

    trained: Trainable
    network: Any
    settings: Settings
    examples: Examples
    rows: np.ndarray
    validation: Examples | None
    n_batches: int
    generator: Any
    callbacks: tuple[Callback, ...]
    evaluate: Callable[[Examples, float], tuple[float, float]]
    check: Callable[[], object]
    checkpointer: Checkpointer | None
    history: History
    over: bool
    stopping: EarlyStopping | None

    def run(self, advance: Advance) -> None:
        """Train to the end; whatever that is, the network then has the parameters of the best epoch, if that counts."""
        self.network.history = self.history
        try:
            try:
                if self.settings.takes_all_rows:
                    self._iterations(advance)
                else:
                    self._epochs(advance)
            finally:
                self._keep_best()
            if len(self.history) >= MIN_EPOCHS:
                self._observe()
        finally:
            self._keep_best()  # Ctrl-C may have come while it was done above
            self.network.history = self.history  # a callback may have trained the network on its own
            self.trained.forget_batch()

    def _epochs(self, advance: Advance) -> None:
        """Train epoch after epoch; a method of its own, since a signal at a loop's end may skip a `finally`."""
        history, settings, n_before = self.history, self.settings, len(self.history)
        schedule, loss = settings.rates(self.n_batches), None
        for past in history:
            schedule.send(loss)
            loss = past.monitored_loss
        while not self.over and len(history) < settings.n_epochs:
            epoch, rates = len(history) + 1, schedule.send(loss)
            if epoch > n_before + 1:  # the first one goes back to before `begin_fit`
                self.trained.back_up()
            start = time.perf_counter()
            order = self.rows[self.generator.permutation(len(self.rows))[: self.n_batches * settings.batch_size]]
            epoch_settings = settings.of_epoch(rates, epoch if settings.time_step == "epoch" else None)
            found = self.trained.train_epoch(self.examples, order, epoch_settings, advance)
            batch = diverging_batch(self.trained, found)
            if batch is not None:
                self.trained.roll_back()
                self.trained.check_finite("X", self.examples.X, order[: batch * settings.batch_size or None])
                raise DivergenceError(batch, rate_of(rates, batch), epoch, self.history)
            self._finish(found, rates, time.perf_counter() - start)
            loss = history[-1].monitored_loss

    def _iterations(self, advance: Advance) -> None:
        """Train on all rows at once; one iteration is an epoch."""
        rate = self.settings.rate

        def finish(found: EpochResult, seconds: float) -> bool:
            advance(1)
            self._finish(found, rate, seconds)
            return self.over

        try:
            minimize(self.trained, self.examples, self.settings.regularization, self.settings.n_epochs, finish)
        except NotFiniteError:
            self.trained.roll_back()
            self.trained.check_finite("X", self.examples.X)
            raise DivergenceError(1, None, 1, self.history) from None

    def _finish(self, found: EpochResult, rates: Rates, seconds: float) -> None:
        """Validate, record, call back and write the checkpoint after an epoch; `over` says whether it was the last."""
        history, val_loss, val_score = self.history, math.nan, math.nan
        if self.validation is not None:
            val_loss, val_score = self.evaluate(self.validation, self.settings.regularization)
        history.append(Epoch(found.loss, found.score, val_loss, val_score, rate_of(rates), seconds), rates)
        stops = False
        if self.stopping is not None:
            stops = self.stopping.record(history[-1].monitored_loss, self.trained.snapshot)
            history.best_epoch = self.stopping.best_epoch
        # all of them are called, also after one that asks to stop
        returned = [callback(self.network, history) for callback in self.callbacks]
        # other values, such as a score, do not stop it
        self.over = stops or any(isinstance(value, bool | np.bool_) and bool(value) for value in returned)
        self.check()
        if self.checkpointer is not None:
            best = None if self.stopping is None or history.best_epoch == len(history) else self.stopping.best
            last = self.over or len(history) == self.settings.n_epochs
            self.checkpointer.write(over=self.over, last=last, best=best)

    def _keep_best(self) -> None:
        if self.stopping is not None and self.stopping.best is not None:
            self.trained.restore(self.stopping.best)
            self.history.best_epoch = self.stopping.best_epoch

    def _observe(self) -> None:
        X, y = self.examples.X, self.examples.y
        if self.trained.architecture.loss_row.decides:  # a constant prediction gets the commonest row right
            y = np.unique(y > 0.5, axis=0, return_inverse=True)[1].ravel()
        self.history.facts = observe(self.trained.layer_inputs, X, y, self.settings.batch_size)


def rate_of(rates: Rates, batch: int = 0) -> float:
    """The learning rate of a batch, counted from 1; 0 for the last one."""
    return rates if isinstance(rates, float) else float(rates[batch - 1])


def checked_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """The callbacks as a tuple; an error names the first one that cannot be called."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for i, callback in enumerate(callbacks):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be callable, got {callback!r}")
    return callbacks


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
