"""The finished trials of a search and its best network, in memory and in a folder."""

import os
import threading
from pathlib import Path
from typing import Self

import numpy as np

from fastmlp.files.access import check_writable, undisturbed
from fastmlp.network import NeuralNetwork
from fastmlp.tuning.results import ResultsFile, Trial
from fastmlp.tuning.runner import TrialRunner
from fastmlp.tuning.space import Configuration
from fastmlp.validation import as_path

TRIALS, BEST = "trials.jsonl", "best.npz"


class Ledger:
    """Finished trials by the keys of their configurations, and the network of the best candidate, see `consider`.

    They are kept in memory, and in a folder if there is one. The results file there identifies the runner's data.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, runner: TrialRunner):
        self.trials: dict[str, Trial] = {}
        self.best: str | None = None
        self.network: NeuralNetwork | None = None
        self._candidates: dict[str, int] = {}
        # never taken in the main thread: since Python 3.13, an interruption may leave `with` without releasing it
        self._lock = threading.Lock()
        self._file: ResultsFile | None = None
        self._folder = None if folder is None else as_path("folder", folder)
        self._runner = runner

    def __enter__(self) -> Self:
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
                check_writable(self._folder / BEST)
                self._file = ResultsFile(self._folder / TRIALS, self._runner.identity())
                self.trials |= self._file.trials
            return self
        except BaseException:
            self.__exit__()  # Python does not call it; a traceback that a notebook keeps would keep the file locked
            raise

    def __exit__(self, *error: object) -> None:
        undisturbed(self._close)

    def _close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def consider(self, candidates: dict[str, int]) -> None:
        """Choose the best of the trials with these keys, of those that are finished and of those still to be added.

        Of equal ones that with the lowest number wins. If the best one changes, its network is read from the folder; it
        is used if its validation loss and score are exactly the trial's, and gets the names of this search.
        """
        undisturbed(lambda: self._choose(candidates))
        if self.best is not None and self.network is None and self._folder is not None:
            path, trial = self._folder / BEST, self.trials[self.best]
            self.network = undisturbed(lambda: self._network_of(trial, path))
            if self.network is not None and self._runner.set_names(self.network):
                self.keep(self.network)

    def _choose(self, candidates: dict[str, int]) -> None:
        with self._lock:
            before, self._candidates = self.best, candidates
            done = [key for key in candidates if key in self.trials and not self.trials[key].diverged]
            self.best = max(done, key=self._rank, default=None)
            if self.best != before:
                self.network = None

    def _network_of(self, trial: Trial, path: Path) -> NeuralNetwork | None:
        """The network of a file, if it is this trial's."""
        try:
            network = NeuralNetwork.load(path)
            regularization = trial.configuration.settings.regularization
            found = network.evaluate(self._runner.X_val, self._runner.y_val, regularization)
        except (OSError, ValueError):
            return None
        last = trial.history[-1]
        return network if np.array_equal(found, (last.val_loss, last.val_score), equal_nan=True) else None

    def _rank(self, key: str) -> tuple[float, float, int]:
        return *self.trials[key].rank, -self._candidates[key]

    def add(self, configuration: Configuration, trial: Trial, network: NeuralNetwork) -> None:
        """Record a trial, and its network where it is the best; from any thread."""
        with self._lock:
            if self._folder is not None and self._file is None:
                return  # closed by an interruption
            # the trial first: a network that is lost is trained again from it
            if self._file is not None:
                self._file.add(configuration, trial)
            key, best = configuration.key, self.best
            self.trials[key] = trial
            if key in self._candidates and not trial.diverged and (not best or self._rank(key) > self._rank(best)):
                self.best = key
                self.keep(network)

    def keep(self, network: NeuralNetwork) -> None:
        """Store the network of the best trial."""
        self.network = network
        if self._folder is not None:
            network.save(self._folder / BEST)
