"""A training's checkpoint: a model file, written at the start and after each epoch, from which it can go on."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp.engine import Engine
from fastmlp.files import models
from fastmlp.files.access import check_ordinary, check_writable, kind_of, undisturbed
from fastmlp.history import History
from fastmlp.training import CheckpointState, Settings
from fastmlp.validation import as_path

# Rows of X, spread over all of it, that tell one data set from another: to read all could take longer than to train.
DIGEST_ROWS = 1024


class Checkpoint:
    """The file of one training, a `fastmlp.training.Checkpointer`.

    Parameters
    ----------
    model : callable
        Gives what is trained, a `fastmlp.files.models.Model`; its engine is put back to where the file's was.
    path : path-like
        The file, under exactly this name.
    seconds : float
        Least time between two checkpoints; the last epoch's is always written.
    resume : bool
        Whether to go on from the file where there is one.
    """

    def __init__(self, model: Callable[[], models.Model], path: str | os.PathLike[str], seconds: float, resume: bool):
        self.model = model
        self.path = as_path("checkpoint", path).absolute()  # callbacks may change the working folder
        self.seconds = seconds
        self.resume = resume

    def is_of(self, settings: Settings, seed: int | None, X: np.ndarray, y: np.ndarray) -> bool:
        """Whether the file is of an earlier part of this training."""
        engine = self.model().engine
        rows = engine.architecture.checked_rows("X", X)
        targets = engine.architecture.checked_targets("y", y, len(rows))
        mine = CheckpointState(settings, seed, digest(rows, targets, engine), {}, History(), False)

        def found() -> bool:
            try:
                self._checked(self._load(), mine)
            except (OSError, ValueError):
                return False
            return True

        return undisturbed(found)

    def begin(
        self, settings: Settings, seed: int | None, X: np.ndarray, y: np.ndarray, generator: Any
    ) -> tuple[History, bool]:
        """Go back to where the file's training was; gives its epochs, and whether it is over.

        One that starts anew takes the file's place at once, so that no later one goes on from another training; and
        what cannot be written is found before it begins.
        """
        state = generator.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(
                f"a checkpoint needs a seed, or MT19937 for NumPy's generator, got {state['bit_generator']}"
            )
        self._generator, self._written = generator, time.monotonic()
        engine = self.model().engine
        history = History(score_name=engine.architecture.loss_row.score_name)
        self._state = CheckpointState(settings, seed, digest(X, y, engine), state, history, False)
        if self.resume and kind_of(self.path) is not None:
            model = self._load()
            self._state = self._checked(model, self._state)
            if not self._state.over and len(self._state.history) < settings.epochs:
                check_writable(self.path)
            engine.restore(model.engine.snapshot())
            generator.set_state(self._state.generator)
        else:
            check_ordinary(self.path)
            self.write(over=False, last=True)
        return self._state.history, self._state.over

    def _load(self) -> models.Model:
        try:
            return models.load(self.path)
        except models.ModelFileError as error:
            raise models.ModelFileError(f"{error}; without resume, training starts anew") from error

    def _checked(self, model: models.Model, mine: CheckpointState) -> CheckpointState:
        """The state of the file's training, which must be an earlier part of this one."""
        place = f"the checkpoint {str(self.path)!r}"
        found = model.training
        if found is None:
            raise models.ModelFileError(f"{str(self.path)!r} is no checkpoint: it is a network that was saved")
        theirs, ours = (
            {
                "the network's sizes": made.engine.architecture.sizes,
                "dtype": made.engine.architecture.dtype.name,
                "the network's activations": made.engine.architecture.activations,
                "loss": made.engine.architecture.loss,
                "seed": state.seed,
                "optimizer": state.settings.optimizer,  # first, since the usual rate follows from it
                **dataclasses.asdict(state.settings),
            }
            for state, made in ((found, model), (mine, self.model()))
        )
        for name, value in theirs.items():
            if value != ours[name] and name != "epochs":
                raise ValueError(
                    f"{name} must be {value!r}, as in {place}, got {ours[name]!r}; without resume, training starts anew"
                )
        if found.data != mine.data:
            raise ValueError(
                f"X, y and the standardizer must be those of {place}, got others; without resume, training starts anew"
            )
        if mine.settings.epochs < len(found.history):
            raise ValueError(f"epochs must be at least the {len(found.history)} of {place}, got {mine.settings.epochs}")
        return found._replace(settings=mine.settings)

    def write(self, *, over: bool, last: bool) -> None:
        """Write down where the training is now, the last time in any case."""
        if not last and time.monotonic() < self._written + self.seconds:
            return
        self._state = self._state._replace(over=over, generator=self._generator.get_state(legacy=False))
        models.save(self.model()._replace(training=self._state), self.path)
        self._written = time.monotonic()


def digest(X: np.ndarray, y: np.ndarray, engine: Engine) -> str:
    """SHA-256 of the labels, of rows of X spread over all of it, and of what these go through."""
    rows = X[np.linspace(0, len(X) - 1, min(len(X), DIGEST_ROWS)).astype(np.intp)]
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.asarray(rows, np.float64)
    standardizer = engine.standardizer
    statistics = [] if standardizer is None else [standardizer.mean_, standardizer.scale_]
    sha = hashlib.sha256(f"{X.shape}".encode())
    for array in (rows, y, *statistics):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
