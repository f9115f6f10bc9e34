"""A training's checkpoint: a model file, written after each epoch, from which the training can go on."""

import dataclasses
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp import persistence
from fastmlp.engine import Engine
from fastmlp.files import check_writable
from fastmlp.training import History, Settings, TrainingState
from fastmlp.validation import boolean, number

# Rows of X, spread over all of it, that tell one data set from another: to read all could take longer than to train.
DIGEST_ROWS = 1024


class Checkpoint:
    """The file of one training, a `fastmlp.training.Keeper`.

    Parameters
    ----------
    model : fastmlp.persistence.Model
        What is trained: the engine is put back to where the file's was, and written as it is then.
    path : path-like
        The file, under exactly this name.
    seconds : float
        At least so many from one writing to the next; the last epoch is always written.
    resume : bool
        Whether to go on from the file where there is one.
    """

    def __init__(self, model: persistence.Model, path: str | os.PathLike[str], seconds: float, resume: bool):
        self.model = model
        self.path = path
        self.seconds = number("checkpoint_seconds", seconds, 0)
        self.resume = boolean("resume", resume)
        check_writable(path)

    def begin(
        self, settings: Settings, seed: int | None, X: np.ndarray, y: np.ndarray, generator: Any
    ) -> tuple[History, bool]:
        """Go back to where the file's training was; gives its epochs, and whether it is over."""
        state = generator.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(
                f"a checkpoint needs a seed, or MT19937 for NumPy's generator, got {state['bit_generator']}"
            )
        self._generator, self._written = generator, time.monotonic()
        self._state = TrainingState(settings, seed, digest(X, y, self.model.engine), state, History(), False)
        if self.resume and Path(self.path).exists():
            model = persistence.load(self.path)
            self._state = self._checked(model)
            self.model.engine.restore(model.engine.snapshot())
            generator.set_state(self._state.generator)
        return self._state.history, self._state.over

    def _checked(self, model: persistence.Model) -> TrainingState:
        """The state of the file's training, which must be an earlier part of this one."""
        found = model.training
        if found is None:
            raise persistence.ModelFileError(
                f"{os.fspath(self.path)!r} is no checkpoint: it is a network that was saved"
            )
        layouts = [engine.layout for engine in (model.engine, self.model.engine)]
        theirs, ours = (
            {
                "the network's sizes": layout.sizes,
                "dtype": layout.dtype.name,
                "seed": state.seed,
                "optimizer": state.settings.optimizer,  # first, since the usual rate follows from it
                **dataclasses.asdict(state.settings),
                "the digest of X, y and the standardizer": state.data,
            }
            for state, layout in zip((found, self._state), layouts, strict=True)
        )
        for name, value in theirs.items():
            if value != ours[name] and name != "epochs":
                raise ValueError(
                    f"{name} must be {value!r}, as in the checkpoint {os.fspath(self.path)!r}, got {ours[name]!r}; "
                    "resume=False starts anew"
                )
        if self._state.settings.epochs < len(found.history):
            raise ValueError(
                f"epochs must be at least the {len(found.history)} of the checkpoint {os.fspath(self.path)!r}, got "
                f"{self._state.settings.epochs}"
            )
        return found._replace(settings=self._state.settings)

    def keep(self, *, over: bool, last: bool) -> None:
        """Write down where the training is now, the last time in any case."""
        if not last and time.monotonic() < self._written + self.seconds:
            return
        self._state = self._state._replace(over=over, generator=self._generator.get_state(legacy=False))
        persistence.save(self.model._replace(training=self._state), self.path)
        self._written = time.monotonic()


def digest(X: np.ndarray, y: np.ndarray, engine: Engine) -> str:
    """SHA-256 of the labels, of rows of X spread over all of it, and of what these go through."""
    rows = X[np.linspace(0, len(X) - 1, min(len(X), DIGEST_ROWS)).astype(np.intp)]
    standardizer = engine.standardizer
    statistics = [] if standardizer is None else [standardizer.mean_, standardizer.scale_]
    sha = hashlib.sha256(f"{X.shape}".encode())
    for array in (np.asarray(rows, np.float64), y, *statistics):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
