"""The settings of a training, checked."""

import copy
import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from fastmlp.engine.batches import EpochSettings
from fastmlp.functions.optimizers import LBFGS, OPTIMIZERS, Optimizer, checked_options
from fastmlp.schedules import Constant, Exponential, Rates, RatesOfEpochs, Schedule, checked_schedule, from_json
from fastmlp.validation import boolean, integer, number, one_of

# Where `epochs` is not given, there are as many as make this number of updates, within these limits; but where an epoch
# is one batch, so many that a table of a hundred rows is learnt.
USUAL_UPDATES = 2000
FEWEST_EPOCHS, MOST_EPOCHS = 10, 200
EPOCHS_OF_ONE_BATCH = 400
# Epochs without a better loss after which training stops early.
USUAL_PATIENCE = 10


@dataclass(kw_only=True)
class Settings:
    """The settings of one training; `fastmlp.NeuralNetwork.fit` says what they mean."""

    # of all trainings with these settings, see `EpochSettings` and `Optimizer`
    per_row: ClassVar[bool] = False
    epsilon_hat: ClassVar[bool] = False

    epochs: int | None = None
    batch_size: int = 200
    learning_rate: float | None = None
    learning_rate_decay: float = 1.0
    schedule: Any = None  # what fit takes; once checked, a Schedule or None
    regularization: float = 0.0
    clip_norm: float | None = None
    optimizer: str = "Adam"
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    rho: float = 0.9
    time_step: str = "update"
    drop_last: bool = False
    standardize_targets: bool = True
    early_stopping: bool = False
    patience: int | None = None
    tol: float = 1e-4
    validation_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None:
            self.epochs = integer("epochs", self.epochs)
        self.batch_size = integer("batch_size", self.batch_size)
        self.optimizer = one_of("optimizer", self.optimizer, (*OPTIMIZERS, LBFGS))
        if self.takes_all_rows:
            self._check_of_all_rows()
        if self.learning_rate is None:
            self.learning_rate = 1.0 if self.takes_all_rows else OPTIMIZERS[self.optimizer].learning_rate
        self.learning_rate = number("learning_rate", self.learning_rate, 0)
        self.learning_rate_decay = number("learning_rate_decay", self.learning_rate_decay, 0)
        if self.schedule is not None:
            self.schedule = checked_schedule(self.schedule)
            if self.learning_rate_decay != 1:
                raise ValueError(
                    "learning_rate_decay must be left out with a schedule, since it is another name of "
                    f"fastmlp.schedules.Exponential(factor), got {self.learning_rate_decay!r}"
                )
        self.regularization = number("regularization", self.regularization, 0)
        if self.clip_norm is not None:
            self.clip_norm = number("clip_norm", self.clip_norm, 0)
            if self.clip_norm == 0:
                raise ValueError("clip_norm must be above 0, or no parameter would change, got 0.0")
        options = checked_options(self.beta1, self.beta2, self.epsilon, self.weight_decay, self.rho)
        self.beta1, self.beta2, self.epsilon, self.weight_decay, self.rho = options
        self.time_step = one_of("time_step", self.time_step, ("update", "epoch"))
        self.drop_last = boolean("drop_last", self.drop_last)
        self.standardize_targets = boolean("standardize_targets", self.standardize_targets)
        self._check_early_stopping()

    def _check_early_stopping(self) -> None:
        self.early_stopping = boolean("early_stopping", self.early_stopping)
        if self.patience is not None:
            self.patience = integer("patience", self.patience)
            self.early_stopping = True
        elif self.early_stopping:
            self.patience = USUAL_PATIENCE
        self.tol = number("tol", self.tol, 0)
        if self.validation_fraction is not None:
            self.validation_fraction = number("validation_fraction", self.validation_fraction, 0, 1, open_high=True)
            if self.validation_fraction == 0:
                raise ValueError("validation_fraction must be above 0, or None for no validation rows, got 0.0")

    @property
    def takes_all_rows(self) -> bool:
        """Whether each update follows the gradient of all rows, so that there are no batches."""
        return self.optimizer == LBFGS

    def _check_of_all_rows(self) -> None:
        """Raise where a setting is given that makes no sense without batches."""
        usual: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        for name, value in vars(self).items():
            is_usual = value is usual[name] or np.array_equal(value, usual[name])
            if not is_usual and name not in ("epochs", "regularization", "optimizer", "standardize_targets"):
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

    def with_epochs(self, n_batches: int) -> Self:
        """The same settings, with the usual number of epochs of so many batches where none is given."""
        if self.epochs is not None:
            return self
        settings = copy.copy(self)
        settings.epochs = min(max(-(-USUAL_UPDATES // n_batches), FEWEST_EPOCHS), MOST_EPOCHS)
        if n_batches == 1 and not self.takes_all_rows:
            settings.epochs = EPOCHS_OF_ONE_BATCH
        return settings

    @property
    def n_epochs(self) -> int:
        """The number of epochs, of settings that have one."""
        assert self.epochs is not None
        return self.epochs

    @property
    def rate(self) -> float:
        """The learning rate that a schedule starts from."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def needs_length(self) -> bool:
        """Whether the learning rates depend on the number of epochs."""
        return isinstance(self.schedule, Schedule) and self.schedule.needs_length

    def rates(self, n_batches: int) -> RatesOfEpochs:
        """The learning rates of epoch after epoch of so many batches, see `Schedule.rates`."""
        decay = self.learning_rate_decay
        schedule: Schedule = self.schedule
        if schedule is None:
            schedule = Constant() if decay == 1 else Exponential(decay)
        return schedule.rates(self.rate, n_batches, self.n_epochs)

    def of_epoch(self, rates: Rates, time_step: int | None) -> EpochSettings:
        """The settings of one epoch."""
        optimizer = Optimizer(self.optimizer, *(getattr(self, name) for name in Optimizer._fields[1:]))
        clip_norm = math.inf if self.clip_norm is None else self.clip_norm
        return EpochSettings(self.batch_size, optimizer, rates, self.regularization, time_step, clip_norm, self.per_row)

    def to_dict(self) -> dict[str, Any]:
        """All of them by name, for JSON."""
        return {**vars(self), "schedule": None if self.schedule is None else self.schedule.to_json()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """The settings that `to_dict` gave, or that of an earlier version, which had fewer of them."""
        schedule = settings.get("schedule")
        return cls(**settings | {"schedule": None if schedule is None else from_json(schedule)})
