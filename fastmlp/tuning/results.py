"""The results file of a search, in lines of JSON: a header, and one line for each finished trial.

A line is on the disk before the next one is written: a search that is killed loses only the trials under way.
"""

import errno
import json
import math
import os
import warnings
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmlp.files.access import lock, ordinary, reading, undisturbed
from fastmlp.functions.losses import LOSSES
from fastmlp.history import Epoch, History
from fastmlp.tuning.space import Configuration

FORMAT, VERSION = "fastmlp-search", 1
# what files of earlier versions do not say
EARLIER = {"loss": "cross_entropy", "label_smoothing": 0.0, "delta": 1.0}


class ResultsFileError(ValueError):
    """A results file belongs to another search, is damaged, or is in use."""


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes
    ----------
    hyper_parameters : dict
        The combination, as in the space.
    epochs : int
        Number of epochs planned; less than its hyper-parameters say in the early rounds of a halving.
    history : fastmlp.History
        The epochs that were trained; fewer where training diverged.

    Examples
    --------
    >>> from fastmlp.history import Epoch, History
    >>> from fastmlp.tuning import Trial
    >>> trial = Trial({"learning_rate": 0.1, "epochs": 4}, 1, History([Epoch(2.3, 0.1, 2.2, 0.25, 0.1, 1.0)]))
    >>> trial.val_accuracy, trial.diverged, trial.complete
    (0.25, False, False)
    """

    hyper_parameters: dict[str, Any]
    epochs: int
    history: History

    @property
    def diverged(self) -> bool:
        """Whether the loss became infinite or NaN, or was at the end as `fastmlp.diagnosis.diverged` describes."""
        return len(self.history) < self.epochs

    @property
    def configuration(self) -> Configuration:
        """The network and the training that the hyper-parameters describe."""
        return Configuration.from_dict(self.hyper_parameters)

    @property
    def complete(self) -> bool:
        """Whether all epochs of its hyper-parameters were planned."""
        return self.epochs == self.configuration.settings.n_epochs

    @property
    def val_score(self) -> float:
        """Score of the validation rows after the last epoch, the larger the better; NaN where training diverged."""
        return math.nan if self.diverged else self.history[-1].val_score

    @property
    def val_accuracy(self) -> float:
        """Of a classifier: its `val_score`."""
        return self.val_score

    @property
    def rank(self) -> tuple[float, float]:
        """Larger for a better trial: by the score, then by the loss of the validation rows."""
        if self.diverged:
            return -math.inf, -math.inf
        loss = self.history[-1].val_loss
        return self.val_score, -loss if math.isfinite(loss) else -math.inf


class ResultsFile:
    """A results file, locked while it is open: `trials` of earlier searches by configuration keys, and `add` for more.

    A new file gets the identity, see `TrialRunner.identity`; an existing one must have the same.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self._name = os.fspath(path)
        self._file = ordinary(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, "ab")
        try:
            lock(self._file.fileno())
            with reading(path) as file:
                content = file.read()
            *lines, torn = content.split(b"\n")
            header = _line(_header(identity))
            if not lines and not header.startswith(torn):
                raise ResultsFileError(f"{self._name!r} is no file of results: its first line is not whole")
            self.trials = undisturbed(lambda: _trials(self._name, lines, identity))
            self._size = len(content) - len(torn)
            if lines and torn:
                warnings.warn(
                    f"{self._name!r}: the last line is torn, of a trial that was killed while it was written down; it "
                    "will run again",
                    stacklevel=4,
                )
            if torn:
                self._file.truncate(self._size)
            if not lines:
                self._append(header)
        except BaseException as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise ResultsFileError(f"{self._name!r} is in use by another search that is still running") from None
            raise

    def add(self, configuration: Configuration, trial: Trial) -> None:
        """Append a trial, and return when it is on the disk."""
        training, history = configuration.to_dict(), trial.history.to_dict()
        self._append(_line({"hyper_parameters": trial.hyper_parameters, "training": training, "history": history}))

    def _append(self, line: bytes) -> None:
        descriptor = self._file.fileno()
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._name)
            os.fsync(descriptor)
        except OSError:
            # so that the next line does not follow half of this one
            os.ftruncate(descriptor, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        self._file.close()


def has_only(path: Path, identity: dict[str, Any], keys: Set[str]) -> bool:
    """Whether a file has this identity, and trials of configurations with these keys only; without locking it."""
    try:
        with reading(path) as file:
            lines = file.read().split(b"\n")[:-1]
        return bool(lines) and _trials(str(path), lines, identity).keys() <= keys
    except (OSError, ResultsFileError):
        return False


def _trials(name: str, lines: Sequence[bytes], identity: dict[str, Any]) -> dict[str, Trial]:
    """The trials in a file's whole lines, by configuration keys; an error where they are not of this search."""
    trials: dict[str, Trial] = {}
    score_name = ""
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if number > 1:
                key, trial = _trial(record, score_name)
                trials[key] = trial
            elif record["format"] != FORMAT:
                raise ValueError(f"its format is {record['format']!r}")
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            fault = f"damaged in line {number}" if number > 1 else "no file of results"
            raise ResultsFileError(f"{name!r} is {fault}: {error}") from None
        if number > 1:
            continue
        header = EARLIER | record
        for field, value in _header(identity).items():
            if header.get(field) != value:
                raise ResultsFileError(
                    f"{name!r} is of another search: its {field} is {header.get(field)!r}, this one's {value!r}; "
                    "choose another folder"
                )
        score_name = LOSSES[header["loss"]].score_name
    return trials


def _trial(record: dict[str, Any], score_name: str) -> tuple[str, Trial]:
    """A trial from its line, with the key of its configuration."""
    configuration, history = Configuration.from_dict(record["training"]), record["history"]
    rows = zip(*(history[name] for name in History((), score_name).to_dict()), strict=True)
    epochs = [Epoch(*(math.nan if value is None else float(value) for value in row)) for row in rows]
    trial = Trial(dict(record["hyper_parameters"]), configuration.settings.n_epochs, History(epochs, score_name))
    _ = trial.configuration  # checks the hyper-parameters
    return configuration.key, trial


def _header(identity: dict[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, **identity}


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
