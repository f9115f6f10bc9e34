"""scikit-learn's rules of when a training is over, how its learning rate changes, and which epoch it ends with."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from fastmlp.early_stopping import BestEpochs
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.estimators.objective import ReportedLoss, evaluated
from fastmlp.history import Epoch
from fastmlp.schedules import RatesOfEpochs
from fastmlp.settings import Settings

# "adaptive" divides the rate by ADAPTIVE_FACTOR, and stops where it is no higher than LOWEST_RATE.
ADAPTIVE_FACTOR, LOWEST_RATE = 5.0, 1e-6


@dataclass(kw_only=True)
class Rules:
    """The parameters of an estimator that decide when a training is over; the values are the user's."""

    learning_rate_init: float
    learning_rate: str
    power_t: float
    tol: float
    n_iter_no_change: float
    validates: bool  # whether there are validation rows
    by_score: bool  # of the validation rows; else by the loss of the training rows
    verbose: bool


class Convergence(BestEpochs):
    """The progress of an estimator's trainings; it goes on from one call of `partial_fit` or a warm start to the next.

    Attributes
    ----------
    loss_curve, validation_loss_curve, validation_scores : list of float
        By epoch.
    best_loss, best_score : float
        Infinite where there is none.
    n_iter : int
        Number of epochs of the last training.
    n_rows_seen : int
        Number of rows in all epochs.
    n_without : int
        Number of epochs in a row without an improvement.
    validation_score : float
        The score of the epoch that is recorded next: accuracy or R2.
    is_over : bool
        Whether the last training has converged.
    rate : float
        The learning rate of the next epoch, where it follows one of scikit-learn's schedules.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss_curve: list[float] = []
        self.validation_loss_curve: list[float] = []
        self.validation_scores: list[float] = []
        self.best_loss, self.best_score, self.validation_score = math.inf, -math.inf, math.nan
        self.n_iter = self.n_rows_seen = self.n_without = 0
        self.rate: float | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_n_without" in state:  # its name in earlier pickles
            state["n_without"] = state.pop("_n_without")
        vars(self).update(state)

    def begin(self, rules: Rules, loss: ReportedLoss, n_rows: int, *, keeps_rate: bool) -> None:
        """Start a training whose epochs have n_rows rows."""
        self.forget()
        self._rules, self._loss, self._n_rows = rules, loss, n_rows
        self.n_iter, self.is_over = 0, False
        if self.rate is None or not keeps_rate:
            self.rate = float(rules.learning_rate_init)

    def evaluate(self, engine: Engine, examples: Examples) -> tuple[float, float]:
        """Loss and score of validation rows for the history; the estimator's own score is kept for `record`."""
        loss, score, self.validation_score = evaluated(engine, examples)
        return loss, score

    def rates(self) -> RatesOfEpochs:
        """Yield the learning rate of epoch after epoch."""
        while True:
            assert self.rate is not None
            yield self.rate

    def record(self, number: int, epoch: Epoch, snapshot: Callable[[], dict[str, Any]]) -> bool:
        """Record an epoch, with what takes a snapshot where it is the best; returns whether to stop after it."""
        rules = self._rules
        self.n_iter += 1
        self.n_rows_seen += self._n_rows
        loss = self._loss.factor * epoch.train_loss + self._loss.constant
        self.loss_curve.append(loss)
        self._say(f"Iteration {self.n_iter}, loss = {loss:.8f}")
        if rules.validates:
            self._say(f"Validation score: {self.validation_score:f}")
            self.validation_loss_curve.append(self._loss.factor * epoch.val_loss + self._loss.validation_constant)
            self.validation_scores.append(self.validation_score)
        improves = self._compare(number, snapshot)
        self.n_without = 0 if improves else self.n_without + 1
        if rules.learning_rate == "invscaling":
            self.rate = rules.learning_rate_init / (self.n_rows_seen + 1) ** rules.power_t
        self.is_over = self.n_without > rules.n_iter_no_change and self._has_converged()
        return self.is_over

    def _compare(self, number: int, snapshot: Callable[[], dict[str, Any]]) -> bool:
        """Compare the last epoch with the best one; returns whether it is better by the tolerance."""
        tol = self._rules.tol
        if self._rules.by_score:
            score = self.validation_scores[-1]
            improves = not score < self.best_score + tol
            if score > self.best_score:
                self.keep(number, snapshot())
                self.best_score = score
            return improves
        loss = self.loss_curve[-1]
        improves = not loss > self.best_loss - tol
        self.best_loss = min(loss, self.best_loss)
        return improves

    def _has_converged(self) -> bool:
        """Whether to stop after epochs that were no better; with "adaptive", the rate is lowered first."""
        assert self.rate is not None
        what = "Validation score" if self._rules.by_score else "Training loss"
        text = (
            f"{what} did not improve more than tol={self._rules.tol:f} for {self._rules.n_iter_no_change} "
            "consecutive epochs."
        )
        if self._rules.learning_rate != "adaptive":
            self._say(f"{text} Stopping.")
            return True
        if self.rate <= LOWEST_RATE:
            self._say(f"{text} Learning rate too small. Stopping.")
            return True
        self.rate /= ADAPTIVE_FACTOR
        self.n_without = 0
        self._say(f"{text} Setting learning rate to {self.rate:f}")
        return False

    def record_divergence(self) -> None:
        """Record an epoch that has diverged: its losses are NaN."""
        self.n_iter += 1
        self.loss_curve.append(math.nan)
        if self._rules.validates:
            self.validation_loss_curve.append(math.nan)
            self.validation_scores.append(math.nan)

    def _say(self, text: str) -> None:
        if self._rules.verbose:
            print(text)


@dataclass(kw_only=True)
class FitSettings(Settings):
    """The settings of an estimator's training: losses as scikit-learn's networks have them, and its schedules."""

    per_row: ClassVar[bool] = True
    epsilon_hat: ClassVar[bool] = True
    convergence: Convergence

    def _check_of_all_rows(self) -> None:
        """Settings of batches are ignored with L-BFGS, as scikit-learn does."""

    def rates(self, n_batches: int) -> RatesOfEpochs:
        """The learning rates of epoch after epoch."""
        return super().rates(n_batches) if self.schedule is not None else self.convergence.rates()
