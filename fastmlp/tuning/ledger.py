"""The finished trials of a search and its best network, in memory and in a folder."""

import os
import threading
from pathlib import Path
from typing import Self

import numpy as np

from fastmlp.files.access import check_writable, undisturbed
from fastmlp.network import NeuralNetwork
from fastmlp.tuning.results import ResultsFile, Trial, val_score
from fastmlp.tuning.runner import TrialRunner
from fastmlp.tuning.space import Configuration
from fastmlp.validation import as_path

TRIALS, BEST = "trials.jsonl", "best.npz"


class Ledger:
    """Finished trials by the keys of their configurations, and the network of the best candidate.

    They are kept in memory, and in a folder if there is one, with the runner's identity and names.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, runner: TrialRunner):
        self.trials: dict[str, Trial] = {}
        self.best: str | None = None
        self.network: NeuralNetwork | None = None
        self._candidates: dict[str, int] = {}
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
            self.__exit__()  # Python does not, and a traceback kept by a notebook would keep the file's lock
            raise

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def consider(self, candidates: dict[str, int]) -> None:
        """Find the best of the trials with these keys, also among those to come; of equal ones the lower number wins.

        Its network stays in memory where it was the best before. Else it is read from the folder, and taken if its
        validation loss and score are exactly the trial's; it gets the names of this search.
        """
        with self._lock:
            before, self._candidates = self.best, candidates
            done = [key for key in candidates if key in self.trials and not self.trials[key].diverged]
            self.best = max(done, key=self._rank, default=None)
            if self.best != before:
                self.network = None
        if self.best is not None and self.network is None and self._folder is not None:
            path, trial = self._folder / BEST, self.trials[self.best]
            network, renamed = undisturbed(lambda: self._network_of(trial, path))
            self.network = network
            if network is not None and renamed:
                self.keep(network)

    def _network_of(self, trial: Trial, path: Path) -> tuple[NeuralNetwork | None, bool]:
        """The network of a file, if it is this trial's, and whether its names were changed."""
        runner, regularization = self._runner, trial.configuration.settings.regularization
        try:
            network = NeuralNetwork.load(path)
            found = network.evaluate(runner.X_val, runner.y_val, regularization)
            renamed = runner.set_names(network)
        except (OSError, ValueError):
            return None, False
        same = np.array_equal(found, (trial.history[-1].val_loss, val_score(trial.history)), equal_nan=True)
        return (network, renamed) if same else (None, False)

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
