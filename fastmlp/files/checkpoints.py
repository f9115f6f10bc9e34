"""A training's checkpoint: a model file, written at the start and after each epoch, from which it can go on."""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from fastmlp.diagnosis import evenly_spread
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.files import models
from fastmlp.files.access import check_ordinary, check_writable, kind_of, undisturbed
from fastmlp.history import History
from fastmlp.remedies import listed
from fastmlp.settings import Settings
from fastmlp.training import CheckpointState
from fastmlp.validation import as_path

# Rows of X, evenly spread, that identify a data set: to read all of them could take longer than to train.
DIGEST_ROWS = 1024
# What else there is where a checkpoint cannot be resumed.
ANEW = "without resume, training starts anew"


class Checkpoint:
    """The checkpoint file of one training, a `fastmlp.training.Checkpointer`.

    Parameters
    ----------
    model : callable
        Gives what is trained, a `fastmlp.files.models.Model`; its engine gets the state of the file's.
    path : path-like
        The file, under exactly this name.
    seconds : float
        Least time between two checkpoints; the last epoch's is always written.
    resume : bool
        Whether to go on from the file where there is one.

    Attributes
    ----------
    feature_names : list of str or None
        Those of the file that the training goes on from.
    """

    def __init__(self, model: Callable[[], models.Model], path: str | os.PathLike[str], seconds: float, resume: bool):
        self.model = model
        self.path = as_path("checkpoint", path).absolute()  # callbacks may change the working folder
        self.seconds = seconds
        self.resume = resume
        self.feature_names: list[str] | None = None

    def is_of(self, settings: Settings, seed: int | None, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether the file holds an earlier part of this training, of rows without weights and with validation data."""
        engine = self.model().engine
        rows = engine.architecture.checked_rows("X", X)
        targets = engine.architecture.checked_targets("y", y, len(rows))
        data = digest(Examples(rows, targets), engine)
        history = History()
        history.monitored = "val_loss" if settings.early_stopping else None
        mine = CheckpointState(settings.with_epochs(settings.n_batches(len(rows))), seed, None, history, data)

        def found() -> bool:
            with suppress(OSError, ValueError):
                self._checked(models.load(self.path), mine, has_epochs=True)
                return True
            return False

        return undisturbed(found)

    def begin(self, state: CheckpointState, examples: Examples, generator: Any, *, has_epochs: bool) -> CheckpointState:
        """Restore the state of the file's training, where there is one to resume; the training's state then.

        A training that starts anew replaces the file at once, so that a later one does not resume another training, and
        a file that cannot be written is an error before the training and not after it.
        """
        twister = generator.get_state(legacy=False)
        if twister["bit_generator"] != "MT19937":
            raise ValueError(
                f"a checkpoint needs a seed, or MT19937 for NumPy's generator, got {twister['bit_generator']}"
            )
        self._generator, self._written = generator, time.monotonic()
        engine = self.model().engine
        self._state = state._replace(data=digest(examples, engine), generator=twister)
        if self.resume and kind_of(self.path) is not None:
            try:
                model = models.load(self.path)
            except models.ModelFileError as error:
                raise models.ModelFileError(f"{error}; {ANEW}") from error
            self._state = self._checked(model, self._state, has_epochs=has_epochs)
            self.feature_names = model.feature_names
            if not self._state.over and len(self._state.history) < state.settings.n_epochs:
                check_writable(self.path)
            engine.restore(model.engine.snapshot())
            generator.set_state(self._state.generator)
        else:
            check_ordinary(self.path)
            self.write(over=False, last=True)
        return self._state

    def _checked(self, model: models.Model, mine: CheckpointState, *, has_epochs: bool) -> CheckpointState:
        """The state of the file's training, which must be an earlier part of this one."""
        place = f"the checkpoint {str(self.path)!r}"
        found = model.training
        if found is None:
            raise models.ModelFileError(f"{str(self.path)!r} is a saved network, not a checkpoint")
        theirs, ours = _facts(found, model.engine), _facts(mine, self.model().engine)
        for name, value in theirs.items():
            if value == ours[name] or (name == "epochs" and has_epochs and not mine.settings.needs_length):
                continue
            why = _explained(name, value, ours[name], has_epochs=has_epochs)
            raise ValueError(f"{name} must be {value!r}, as in {place}, got {ours[name]!r}{why}; {ANEW}")
        if found.data != mine.data:
            raise ValueError(f"X, y, weights and the standardizer must be those of {place}, got others; {ANEW}")
        names, own_names = model.feature_names, self.model().feature_names
        if names and own_names and names != own_names:
            raise ValueError(f"X must have the columns of {place}, {listed(names)}, got {listed(own_names)}; {ANEW}")
        if mine.settings.n_epochs < len(found.history):
            raise ValueError(
                f"epochs must be at least the {len(found.history)} of {place}, got {mine.settings.n_epochs}"
            )
        return found._replace(settings=mine.settings)

    def write(self, *, over: bool, last: bool, best: dict[str, Any] | None = None) -> None:
        """Write the state of the training, if `seconds` have passed since the last time or it is the last one."""
        if not last and time.monotonic() < self._written + self.seconds:
            return
        self._state = self._state._replace(over=over, generator=self._generator.get_state(legacy=False), best=best)
        models.save(self.model()._replace(training=self._state), self.path)
        self._written = time.monotonic()


def _explained(name: str, theirs: Any, ours: Any, *, has_epochs: bool) -> str:
    """Why a setting may differ from the checkpoint's: its default has changed, or another setting depends on it."""
    if (name, theirs, ours) == ("optimizer", "SGD", "Adam"):
        return " (the default is 'Adam', and was 'SGD' until version 0.2)"
    if name != "epochs":
        return ""
    if has_epochs:
        return " (the schedule depends on it)"
    return " (the default follows from the number of rows, and was 10 until version 0.2)"


def _facts(state: CheckpointState, engine: Engine) -> dict[str, Any]:
    """What a training must have in common with an earlier part of it, by the names in errors."""
    architecture = {**vars(engine.architecture), "dtype": engine.architecture.dtype.name}
    network = {f"the network's {name}": value for name, value in architecture.items()}
    # the optimizer comes before the rest, since the usual learning rate follows from it
    settings = {"seed": state.seed, "optimizer": state.settings.optimizer, **state.settings.to_dict()}
    return {**network, **settings, "the loss that early stopping follows": state.history.monitored}


def digest(examples: Examples, engine: Engine) -> str:
    """SHA-256 of the labels or targets, of evenly spread rows of X, of the standardizer and of the rows' weights."""
    X, y, weights = examples
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.asarray(evenly_spread(X, DIGEST_ROWS), np.float64)
    standardizer = engine.standardizer
    statistics = [] if standardizer is None else [standardizer.mean_, standardizer.scale_]
    sha = hashlib.sha256(f"{X.shape}".encode())
    for array in (rows, y, *statistics, *([] if weights is None else [weights])):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
