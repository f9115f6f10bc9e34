"""What a search has so far: every finished trial and the best network, in memory and in a folder."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from fastmlp.network import NeuralNetwork
from fastmlp.persistence import ModelFileError
from fastmlp.tuning.results import ResultsFile, Trial
from fastmlp.tuning.space import Plan, plan

TRIALS, BEST = "trials.jsonl", "best.npz"


class Ledger:
    """Finished trials by their key; the best one among them, and its network where it is known.

    Parameters
    ----------
    folder : path-like or None
        Where they are kept, besides in memory.
    identity : dict
        What the file of the trials must say of itself.
    plans : iterable of Plan
        The trainings that may become the best one; of equally good ones the first is better.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, identity: dict[str, Any], plans: Iterable[Plan]):
        self.trials: dict[str, Trial] = {}
        self.best: Trial | None = None
        self.network: NeuralNetwork | None = None
        self._places = {one.key: place for place, one in enumerate(plans)}
        self._lock = threading.Lock()
        self._file: ResultsFile | None = None
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = ResultsFile(self._folder / TRIALS, identity)
            for trial in self._file.trials:
                self._enter(trial, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def _enter(self, trial: Trial, network: NeuralNetwork | None) -> None:
        self.trials[trial.key] = trial
        if self._is_best(trial):
            self.best, self.network = trial, network

    def _is_best(self, trial: Trial) -> bool:
        if trial.diverged or trial.key not in self._places:
            return False
        return self.best is None or self._rank(trial) > self._rank(self.best)

    def _rank(self, trial: Trial) -> tuple[float, float, int]:
        return *trial.rank, -self._places[trial.key]

    def add(self, trial: Trial, network: NeuralNetwork) -> None:
        """Write a trial down, from any thread; its network too, where it is the best."""
        with self._lock:
            if self._folder is not None and self._file is None:
                return  # somebody who was in a hurry has closed it
            if self._is_best(trial):
                self.keep(network)
            # the network comes first: what is written down is never without it
            if self._file is not None:
                self._file.add(trial)
            self._enter(trial, network)

    def keep(self, network: NeuralNetwork) -> None:
        """The network of the best trial."""
        self.network = network
        if self._folder is not None:
            network.save(self._folder / BEST)

    def restore(self, X_val: np.ndarray, y_val: np.ndarray) -> None:
        """Load the network of the best trial that the folder has, if it is there.

        It may be that of a trial that was killed before it was written down, so it has to do on the validation rows
        what the best trial did, to the last bit.
        """
        if self._folder is None or self.best is None:
            return
        last = self.best.history[-1]
        try:
            network = NeuralNetwork.load(self._folder / BEST)
            found = network.evaluate(X_val, y_val, plan(self.best.hyper_parameters).settings.regularization)
        except (OSError, ModelFileError, ValueError):
            return
        if found == (last.val_loss, last.val_accuracy):
            self.network = network
