"""The loop over epochs: order of the rows, learning rates, callbacks and history, for the engine and the reference."""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.diagnosis import MIN_EPOCHS, observe, offer_standardizer
from fastmlp.early_stopping import Best, EarlyStopping
from fastmlp.engine import threads
from fastmlp.engine.batches import EpochResult, EpochSettings, Examples
from fastmlp.functions.optimizers import LBFGS
from fastmlp.generators import drawn_seed, random_state
from fastmlp.history import DivergenceError, Epoch, History
from fastmlp.lbfgs import Minimizable, NotFiniteError, minimize
from fastmlp.progress import Advance, Progress, progress_bar
from fastmlp.schedules import Rates
from fastmlp.settings import Settings
from fastmlp.training_data import TrainingData, checked_data
from fastmlp.validation import checked_seed

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

# with what users of version 0.2 find here; the package itself imports it from where it is defined
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
        The snapshot of the network after the history's best epoch, where early stopping has one; None also where that
        is the network as it is now.
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


class Stopping(Protocol):
    """When a training is over, and which epoch's parameters it ends with."""

    def record(self, number: int, epoch: Epoch, snapshot: Callable[[], dict[str, Any]]) -> bool:
        """Record an epoch, counted from 1, with what takes a snapshot of the network now; returns whether to stop."""
        ...

    def best_of(self, n_epochs: int) -> Best | None:
        """The epoch to go back to at the end, of these epochs; None where the last one's parameters stay."""
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
    begin: Callable[[], object] = lambda: None,
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
    begin : callable
        Called once all arguments are checked, before the first epoch.
    evaluate : callable, optional
        The user's own function for validation data; by default that of `trained`.
    check : callable
        Called after an epoch's callbacks; raises where they have made it impossible to go on.
    offers_standardizer : bool
        Warn where the rows are far from standard.
    """
    data = checked_data(
        trained,
        X,
        y,
        sample_weight=sample_weight,
        class_weight=class_weight,
        X_val=X_val,
        y_val=y_val,
        sample_weight_val=sample_weight_val,
        fraction=settings.validation_fraction,
    )
    if settings.takes_all_rows:
        check_takes_all_rows(trained.architecture, checkpointer)
    n_batches = settings.n_batches(data.n_train)
    has_epochs, settings = settings.epochs is not None, settings.with_epochs(n_batches)
    next(settings.rates(n_batches))  # a function that gives no rate is refused here
    callbacks = checked_callbacks(callbacks)
    bar = progress_bar(progress, settings.n_epochs * n_batches)
    seed = checked_seed(seed)
    if offers_standardizer and (offer := offer_standardizer(data.examples.X)):
        warnings.warn(offer, stacklevel=4)  # of the public `fit`, which has a wrapper
    with random_state(seed) as generator:
        history = History(score_name=trained.architecture.loss_row.score_name)
        history.monitored = data.monitored if settings.early_stopping else None
        state = CheckpointState(settings, seed, None, history)
        split = data
        if data.fraction is not None:
            state = state._replace(split_seed=drawn_seed(generator))
            split = data.split(trained, state.split_seed)  # whose rows are checked before a file is replaced
        if checkpointer is not None:
            drawn, state = state.split_seed, checkpointer.begin(state, data.examples, generator, has_epochs=has_epochs)
            if state.split_seed != drawn:
                split = data.split(trained, state.split_seed)
        begin()
        trained.back_up()
        trained.begin_fit(*split.targets, flat=data.flat, standardize=settings.standardize_targets)
        training = Training(
            trained=trained,
            network=network,
            settings=settings,
            data=split,
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
        with bar(len(state.history) * n_batches) as shown:
            training.run(shown)
    return state.history


def _resumed_stopping(settings: Settings, state: CheckpointState, trained: Trainable) -> EarlyStopping | None:
    """Early stopping as it was after the epochs of the history; None without it."""
    if settings.patience is None:
        return None
    stopping = EarlyStopping(settings.patience, settings.tol, str(state.history.monitored))
    if state.history:
        # where the state has none, the last epoch was the best
        best = trained.snapshot() if state.best is None else state.best
        for number, epoch in enumerate(state.history, 1):
            stopping.record(number, epoch, lambda: best)
    return stopping


@dataclass(kw_only=True)
class Training:
    """A training that is under way.

    Attributes
    ----------
    generator : object
        Its `permutation(n)` gives the order (n,) of the rows of each epoch.
    lbfgs_options : mapping
        See `fastmlp.lbfgs.minimize`; `ended` is what that returns.
    """

    trained: Trainable
    network: Any
    settings: Settings
    data: TrainingData
    n_batches: int
    generator: Any
    callbacks: tuple[Callback, ...]
    evaluate: Callable[[Examples, float], tuple[float, float]]
    check: Callable[[], object]
    checkpointer: Checkpointer | None
    history: History
    over: bool
    stopping: Stopping | None
    lbfgs_options: Mapping[str, float] = field(default_factory=dict)
    ended: "OptimizeResult | None" = None

    def run(self, progress: Progress) -> None:
        """Train to the end; whatever that is, the network then has the parameters of the best epoch, if that counts."""
        self.network.history = self.history
        try:
            try:
                train = self._iterations if self.settings.takes_all_rows else self._epochs
                with threads.training():
                    train(progress)
            finally:
                self._keep_best()
            if len(self.history) >= MIN_EPOCHS:
                self._observe()
        finally:
            self._keep_best()  # Ctrl-C may have come while it was done above
            self.network.history = self.history  # a callback may have trained the network on its own
            self.trained.forget_batch()

    def _epochs(self, progress: Progress) -> None:
        """Train epoch after epoch; a method of its own, since a signal at a loop's end may skip a `finally`."""
        history, settings, n_before = self.history, self.settings, len(self.history)
        schedule, loss = settings.rates(self.n_batches), None
        last_rates: Rates | None = None
        for past in history:
            schedule.send(loss)
            loss = getattr(past, self.data.monitored)
        while not self.over and len(history) < settings.n_epochs:
            epoch, rates = len(history) + 1, schedule.send(loss)
            if epoch > n_before + 1:  # the first one goes back to before `begin_fit`
                self.trained.back_up()
            start = time.perf_counter()
            order = self._order()[: self.n_batches * settings.batch_size]
            # an array may be one that the schedule has changed
            if not (isinstance(rates, float) and rates == last_rates) or settings.time_step == "epoch":
                epoch_settings = settings.of_epoch(rates, epoch if settings.time_step == "epoch" else None)
                last_rates = rates
            found = self.trained.train_epoch(self.data.examples, order, epoch_settings, progress.advance)
            batch = diverging_batch(self.trained, found)
            if batch is not None:
                self.trained.roll_back()
                self.trained.check_finite("X", self.data.examples.X, order[: batch * settings.batch_size or None])
                raise DivergenceError(batch, rate_of(rates, batch), epoch, self.history)
            self._finish(found, rates, time.perf_counter() - start, progress)
            loss = getattr(history[-1], self.data.monitored)

    def _order(self) -> np.ndarray:
        """The rows to train on, shuffled."""
        rows = self.data.rows
        if rows is not None:
            return rows[self.generator.permutation(len(rows))]
        # on Windows, RandomState's integers have 32 bits
        return self.generator.permutation(len(self.data.examples.X)).astype(np.intp, copy=False)

    def _iterations(self, progress: Progress) -> None:
        """Train on all rows at once; one iteration is an epoch."""
        rate = self.settings.rate

        def finish(found: EpochResult, seconds: float) -> bool:
            progress.advance(1)
            self._finish(found, rate, seconds, progress)
            return self.over

        try:
            epoch_settings = self.settings.of_epoch(rate, None)
            n_epochs, options = self.settings.n_epochs, self.lbfgs_options
            self.ended = minimize(self.trained, self.data.examples, epoch_settings, n_epochs, finish, options)
        except NotFiniteError:
            self.trained.roll_back()
            self.trained.check_finite("X", self.data.examples.X)
            raise DivergenceError(1, None, 1, self.history) from None

    def _finish(self, found: EpochResult, rates: Rates, seconds: float, progress: Progress) -> None:
        """Validate, record, call back and write the checkpoint after an epoch; `over` says whether it was the last."""
        history, val_loss, val_score = self.history, math.nan, math.nan
        if self.data.validation is not None:
            val_loss, val_score = self.evaluate(self.data.validation, self.settings.regularization)
        epoch = Epoch(found.loss, found.score, val_loss, val_score, rate_of(rates), seconds)
        stops = False
        if self.stopping is not None:
            # before it is in the history, where Ctrl-C may find it
            stops = self.stopping.record(len(history) + 1, epoch, self.trained.snapshot)
        history.append(epoch, rates)
        if progress.describe is not None:
            progress.describe(f"epoch {len(history)}/{self.settings.n_epochs}, {history.latest}")
        # all of them are called, also after one that asks to stop
        returned = [callback(self.network, history) for callback in self.callbacks]
        # other values, such as a score, do not stop it
        self.over = stops or any(isinstance(value, bool | np.bool_) and bool(value) for value in returned)
        self.check()
        if self.checkpointer is not None:
            best = None if self.stopping is None else self.stopping.best_of(len(history))
            last = self.over or len(history) == self.settings.n_epochs
            # the network itself is the last epoch's, unless a callback has changed it since
            is_network = best is not None and best.epoch == len(history) and not self.callbacks
            kept = None if best is None or is_network else best.snapshot
            self.checkpointer.write(over=self.over, last=last, best=kept)

    def _keep_best(self) -> None:
        best = None if self.stopping is None else self.stopping.best_of(len(self.history))
        if best is not None:
            self.trained.restore(best.snapshot)

    def _observe(self) -> None:
        X, y, weights = self.data.examples
        if self.trained.architecture.loss_row.decides:  # a constant prediction gets the commonest row right
            y = np.unique(y > 0.5, axis=0, return_inverse=True)[1].ravel()
        self.history.facts = observe(self.trained.layer_inputs, X, y, weights, self.settings.batch_size)


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
