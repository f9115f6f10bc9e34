"""The results file of a search, in lines of JSON: a header, and one line for each finished trial.

A line is on the disk before the next one is written: a search that is killed loses only the trials under way.
"""

import errno
import json
import math
import os
import warnings
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmlp.files.access import lock, ordinary, reading, undisturbed
from fastmlp.training import Epoch, History
from fastmlp.tuning.space import Configuration

FORMAT, VERSION = "fastmlp-search", 1


class ResultsFileError(ValueError):
    """A results file belongs to another search, is damaged, or is in use."""


def val_score(history: History) -> float:
    """The validation score after the last epoch: accuracy, by which trials are ranked."""
    return history[-1].val_score


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
    >>> from fastmlp.training import Epoch, History
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
        return self.epochs == self.configuration.settings.epochs

    @property
    def val_score(self) -> float:
        """Score of the validation rows after the last epoch, the larger the better; NaN where training diverged."""
        return math.nan if self.diverged else val_score(self.history)

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
            header = _header(identity)
            with reading(path) as file:
                content = file.read()
            self.trials = self._read(content, header)
            if self._size == 0:
                self._append(header)
        except BlockingIOError:
            self.close()
            raise ResultsFileError(f"{self._name!r} is in use by another search that is still running") from None
        except BaseException:
            self.close()
            raise

    def _read(self, content: bytes, header: dict[str, Any]) -> dict[str, Trial]:
        *lines, torn = content.split(b"\n")
        if not lines and not _line(header).startswith(torn):
            raise ResultsFileError(f"{self._name!r} is no file of results: its first line is not whole")
        if lines:
            undisturbed(lambda: self._check(lines[0], header))
        trials = undisturbed(lambda: dict(self._trial(number, line) for number, line in enumerate(lines[1:], 2)))
        self._size = len(content) - len(torn)
        if torn:
            if lines:
                warnings.warn(
                    f"{self._name!r}: the last line is torn, of a trial that was killed while it was written down; it "
                    "will run again",
                    stacklevel=5,
                )
            self._file.truncate(self._size)
        return trials

    def _check(self, line: bytes, header: dict[str, Any]) -> None:
        try:
            found = json.loads(line)
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']!r}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ResultsFileError(f"{self._name!r} is no file of results: {error}") from None
        for name, value in header.items():
            if found.get(name) != value:
                raise ResultsFileError(
                    f"{self._name!r} is of another search: its {name} is {found.get(name)!r}, this one's {value!r}; "
                    "choose another folder"
                )

    def _trial(self, number: int, line: bytes) -> tuple[str, Trial]:
        try:
            record = json.loads(line)
            configuration, history = Configuration.from_dict(record["training"]), record["history"]
            rows = zip(*(history[name] for name in History().to_dict()), strict=True)
            epochs = [Epoch(*(math.nan if value is None else float(value) for value in row)) for row in rows]
            trial = Trial(dict(record["hyper_parameters"]), configuration.settings.epochs, History(epochs))
            _ = trial.configuration  # checks the hyper-parameters
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ResultsFileError(f"{self._name!r} is damaged in line {number}: {error}") from None
        return configuration.key, trial

    def add(self, configuration: Configuration, trial: Trial) -> None:
        """Append a trial, and return when it is on the disk."""
        self._append(
            {
                "hyper_parameters": trial.hyper_parameters,
                "training": configuration.to_dict(),
                "history": trial.history.to_dict(),
            }
        )

    def _append(self, record: dict[str, Any]) -> None:
        line = _line(record)
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
            first, *records = map(json.loads, file.read().split(b"\n")[:-1])
        found = {Configuration.from_dict(record["training"]).key for record in records}
        return first == _header(identity) and found <= keys
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return False


def _header(identity: dict[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, **identity}


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
