"""The file of a search: a line of JSON each, the first for what is searched, one for every finished trial.

A trial's line is on the disk before the next one is written, so that a search that is killed loses only what it was at.
"""

import errno
import json
import math
import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmlp.files.access import lock, ordinary, reading, undisturbed
from fastmlp.training import Epoch, History
from fastmlp.tuning.space import Plan, plan
from fastmlp.validation import integer

FORMAT, VERSION = "fastmlp-search", 1


class ResultsFileError(ValueError):
    """A file of results is that of another search, or damaged, or in use.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from fastmlp.tuning import ResultsFileError, search
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "trials.jsonl").write_text("a letter")
    ...     try:
    ...         search({"hidden_size": 8}, [[0], [1]], [0, 1], [[0], [1]], [0, 1], folder=folder)
    ...     except ResultsFileError as error:
    ...         print(str(error).rpartition("' ")[2])
    is no file of results: its first line is not whole
    """


@dataclass(frozen=True)
class Trial:
    """One network that was trained.

    Attributes
    ----------
    hyper_parameters : dict
        The combination, as the space has it.
    epochs : int
        How many it was to be trained for; fewer than its hyper-parameters say in the early rounds of a halving.
    history : fastmlp.History
        Of the epochs that it was trained for: fewer, where training diverged.

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
        """Whether training ended early because the loss was not finite, or ended where `diagnosis.diverged` says so."""
        return len(self.history) < self.epochs

    @property
    def complete(self) -> bool:
        """Whether it was to be trained for all the epochs that its hyper-parameters say."""
        return self.epochs == plan(self.hyper_parameters).settings.epochs

    @property
    def val_accuracy(self) -> float:
        """Accuracy on the validation rows after the last epoch; NaN where training diverged."""
        return math.nan if self.diverged else self.history[-1].val_accuracy

    @property
    def rank(self) -> tuple[float, float]:
        """Larger for a better trial: by accuracy, then by loss, on the validation rows."""
        if self.diverged:
            return -1.0, -math.inf
        loss = self.history[-1].val_loss
        return self.history[-1].val_accuracy, -loss if math.isfinite(loss) else -math.inf


class ResultsFile:
    """The trials that a file had when it was opened, by the keys of their plans, and the place for more.

    Parameters
    ----------
    path : Path
        A file that is there is read and continued; no other process may be at it.
    identity : dict
        What is searched, other than the combinations: a file says the same or is refused.
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
                    stacklevel=6,
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
            training, history = dict(record["training"]), record["history"]
            rows = zip(*(history[name] for name in Epoch._fields), strict=True)
            epochs = [Epoch(*(math.nan if value is None else float(value) for value in row)) for row in rows]
            hyper_parameters = dict(record["hyper_parameters"])
            plan(hyper_parameters)  # refuses what makes no sense
            trial = Trial(hyper_parameters, integer("epochs", training["epochs"]), History(epochs))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ResultsFileError(f"{self._name!r} is damaged in line {number}: {error}") from None
        return json.dumps(training), trial

    def add(self, one: Plan, trial: Trial) -> None:
        """Write a trial down, and return when it is on the disk."""
        self._append(
            {
                "hyper_parameters": trial.hyper_parameters,
                "training": one.record(),
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
            # or what other trials write would follow half a line
            os.ftruncate(descriptor, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def has_only(path: Path, identity: dict[str, Any], keys: Collection[str]) -> bool:
    """Whether a file is of what is searched, and all its trials are of these plans; it is looked at, not locked."""
    try:
        with reading(path) as file:
            first, *records = map(json.loads, file.read().split(b"\n")[:-1])
        return first == _header(identity) and all(json.dumps(record["training"]) in keys for record in records)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _header(identity: dict[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, **identity}


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
