"""What a search has so far: every finished trial and the best network, in memory and in a folder."""

import os
import threading
from pathlib import Path
from typing import Self

import numpy as np

from fastmlp.files.access import check_writable, undisturbed
from fastmlp.network import NeuralNetwork
from fastmlp.tuning.results import ResultsFile, Trial
from fastmlp.tuning.space import Plan, plan
from fastmlp.tuning.trainer import Trainer
from fastmlp.validation import as_path

TRIALS, BEST = "trials.jsonl", "best.npz"


class Ledger:
    """Finished trials by the keys of their plans, and the network of the best of those that are considered.

    Parameters
    ----------
    folder : path-like or None
        Where they are kept, besides in memory.
    trainer : Trainer
        Its identity is what the file of the trials must say of itself; its names are those that a network gets.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, trainer: Trainer):
        self.trials: dict[str, Trial] = {}
        self.best: str | None = None
        self.network: NeuralNetwork | None = None
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()
        self._file: ResultsFile | None = None
        self._folder = None if folder is None else as_path("folder", folder)
        self._trainer = trainer

    def __enter__(self) -> Self:
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
                check_writable(self._folder / BEST)
                self._file = ResultsFile(self._folder / TRIALS, self._trainer.identity())
                self.trials |= self._file.trials
            return self
        except BaseException:
            self.__exit__()  # Python does not, and a traceback's frames, which a notebook keeps, would keep the lock
            raise

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def consider(self, places: dict[str, int]) -> None:
        """Look for the best among trials with these keys, those to come included; of equals, that of the lower place.

        Its network is the one at hand where it was the best before, else the folder's, if that does on the validation
        rows, to the last bit, what the trial did: it may be that of another trial. The names may be another search's.
        """
        with self._lock:
            best, network = self.best, self.network
            self._places, self.best, self.network = places, None, None
            for key in places:
                if key in self.trials:
                    self._challenge(key)
            if self.best == best:
                self.network = network
        if self.best is not None and self.network is None and self._folder is not None:
            path, trial = self._folder / BEST, self.trials[self.best]
            network, renamed = undisturbed(lambda: self._network_of(trial, path))
            self.network = network
            if network is not None and renamed:
                self.keep(network)

    def _network_of(self, trial: Trial, path: Path) -> tuple[NeuralNetwork | None, bool]:
        """A file's network, if it is this trial's, and whether it has been given other names."""
        last, trainer = trial.history[-1], self._trainer
        regularization = plan(trial.hyper_parameters).settings.regularization
        try:
            network = NeuralNetwork.load(path)
            found = network.evaluate(trainer.X_val, trainer.y_val, regularization)
            renamed = trainer.give_names(network)
        except (OSError, ValueError):
            return None, False
        same = np.array_equal(found, (last.val_loss, last.val_accuracy), equal_nan=True)
        return (network, renamed) if same else (None, False)

    def _challenge(self, key: str) -> bool:
        """Whether a trial has just become the best one."""
        if key not in self._places or self.trials[key].diverged:
            return False
        if self.best is not None and self._rank(key) <= self._rank(self.best):
            return False
        self.best, self.network = key, None
        return True

    def _rank(self, key: str) -> tuple[float, float, int]:
        return *self.trials[key].rank, -self._places[key]

    def add(self, one: Plan, trial: Trial, network: NeuralNetwork) -> None:
        """Write a trial down, from any thread; its network too, where it is the best."""
        with self._lock:
            if self._folder is not None and self._file is None:
                return  # somebody who was in a hurry has closed it
            # the trial comes first: a network that did not get as far can be had again from it
            if self._file is not None:
                self._file.add(one, trial)
            self.trials[one.key] = trial
            if self._challenge(one.key):
                self.keep(network)

    def keep(self, network: NeuralNetwork) -> None:
        """The network of the best trial."""
        self.network = network
        if self._folder is not None:
            network.save(self._folder / BEST)
