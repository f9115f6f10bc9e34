"""The file of a search: a line of JSON each, the first for what is searched, one for every finished trial.

A trial's line is on the disk before the next one is written, so that a search that is killed loses only what it was at.
"""

import errno
import fcntl
import json
import math
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastmlp.training import Epoch, History
from fastmlp.tuning.space import plan
from fastmlp.validation import integer

FORMAT, VERSION = "fastmlp-search", 1


class ResultsFileError(ValueError):
    """A file of results is that of another search, or damaged, or in use."""


@dataclass(frozen=True)
class Trial:
    """One network that was trained.

    Attributes
    ----------
    hyper_parameters : dict
        The combination, as the space has it.
    epochs : int
        How many it was to be trained for; fewer than its hyper-parameters say in the early rounds of a halving.
    history : History
        Of the epochs that it was trained for: fewer, where training diverged.
    """

    hyper_parameters: dict[str, Any]
    epochs: int
    history: History
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", plan({**self.hyper_parameters, "epochs": self.epochs}).key)

    @property
    def diverged(self) -> bool:
        """Whether training ended early because the loss was not finite."""
        return len(self.history) < self.epochs

    @property
    def val_accuracy(self) -> float:
        """Accuracy on the validation rows after the last epoch; NaN where training diverged."""
        return math.nan if self.diverged else self.history[-1].val_accuracy

    @property
    def rank(self) -> tuple[float, float]:
        """Larger for a better trial: by accuracy, then by loss, on the validation rows."""
        return (-1.0, 0.0) if self.diverged else (self.history[-1].val_accuracy, -self.history[-1].val_loss)

    def to_record(self) -> dict[str, Any]:
        """What a line of the file says."""
        return {
            "hyper_parameters": self.hyper_parameters,
            "epochs": self.epochs,
            "history": self.history.to_dict(),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Trial":
        """From what a line of the file says."""
        columns = [record["history"][name] for name in Epoch._fields]
        rows = [
            Epoch(*(math.nan if value is None else float(value) for value in row)) for row in zip(*columns, strict=True)
        ]
        return cls(dict(record["hyper_parameters"]), integer("epochs", record["epochs"]), History(rows))


class ResultsFile:
    """The trials that a file has, and the place for more.

    Parameters
    ----------
    path : Path
        A file that is there is read and continued; no other process may be at it.
    identity : dict
        What is searched, other than the combinations: a file says the same or is refused.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self._name = os.fspath(path)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._lock()
            header = {"format": FORMAT, "version": VERSION, **identity}
            self.trials = self._read(path.read_bytes(), header)
            if self._size == 0:
                self._append(header)
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultsFileError(f"{self._name!r} is in use by another search that is still running") from None

    def _read(self, content: bytes, header: dict[str, Any]) -> list[Trial]:
        *lines, torn = content.split(b"\n")
        if not lines and not _line(header).startswith(torn):
            raise ResultsFileError(f"{self._name!r} is no file of results: its first line is not whole")
        if lines:
            self._check(lines[0], header)
        trials = [self._trial(number, line) for number, line in enumerate(lines[1:], 2)]
        self._size = len(content) - len(torn)
        if torn:
            if lines:
                warnings.warn(
                    f"{self._name!r}: the last line is torn, of a trial that was killed while it was written down; it "
                    "will run again",
                    stacklevel=5,
                )
            os.ftruncate(self._file, self._size)
        return trials

    def _check(self, line: bytes, header: dict[str, Any]) -> None:
        try:
            found = json.loads(line)
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsFileError(f"{self._name!r} is no file of results: {error}") from None
        for name, value in header.items():
            if found.get(name) != value:
                raise ResultsFileError(
                    f"{self._name!r} is of another search: its {name} is {found.get(name)!r}, this one's {value!r}; "
                    "choose another folder"
                )

    def _trial(self, number: int, line: bytes) -> Trial:
        try:
            return Trial.from_record(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultsFileError(f"{self._name!r} is damaged in line {number}: {error}") from None

    def add(self, trial: Trial) -> None:
        """Write a trial down, and return when it is on the disk."""
        self._append(trial.to_record())
        self.trials.append(trial)

    def _append(self, record: dict[str, Any]) -> None:
        line = _line(record)
        try:
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._name)
            os.fsync(self._file)
        except OSError:
            # or what other trials write would follow half a line
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
