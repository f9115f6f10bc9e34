"""The systems that are compared, each as its users write it; a process imports only the one that it runs."""

import importlib
import importlib.util
from collections.abc import Mapping

import numpy as np

from benchmarks.cases import Case


class System:
    """One way to train and to predict, in a process of its own.

    Parameters
    ----------
    case : Case
    X : ndarray (n_rows, n_in), y : ndarray (n_rows,)
        The data; blocks name rows of them.
    weights : mapping
        The initial ones, named as `fastmlp.NeuralNetwork.params`.
    threads : int
        How many it may use.
    """

    # of the data, where that is not the case's
    dtype: str | None = None
    # numbers of threads to try before anything is measured
    thread_choices: tuple[int, ...] = ()

    def __init__(self, case: Case, X: np.ndarray, y: np.ndarray, weights: Mapping[str, np.ndarray], threads: int):
        self.case, self.X, self.y, self.initial, self.threads = case, X, y, weights, threads

    def use_threads(self, threads: int) -> None:
        """Compute with as many of `thread_choices` from now on."""
        self.threads = threads

    def reset(self) -> None:
        """Go back to the initial weights and to an optimiser that has made no step; not timed."""
        raise NotImplementedError

    def train(self, start: int, stop: int, seed: int) -> None:
        """Timed: train on the rows from start to stop in the order of `indices`."""
        raise NotImplementedError

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Timed: the most probable class of each row of X (n_rows, n_in)."""
        raise NotImplementedError

    def weights(self) -> Mapping[str, np.ndarray]:
        """The parameters after training."""
        raise NotImplementedError

    @staticmethod
    def indices(start: int, stop: int, seed: int) -> np.ndarray:
        """The order of the rows in one block; `fit` and scikit-learn draw the same one from the seed."""
        return start + np.random.RandomState(seed).permutation(stop - start)


# name: class, and the package that it needs besides NumPy
SYSTEMS = {
    "floor": ("benchmarks.systems.floor:Floor", "scipy"),
    "fit": ("benchmarks.systems.ours:Fit", "fastmlp"),
    "three calls": ("benchmarks.systems.notebook:OnFastmlp", "fastmlp"),
    "NumPy": ("benchmarks.systems.plain:InPlace", "numpy"),
    "notebook": ("benchmarks.systems.notebook:OnNumpy", "fastmlp"),
    "scikit-learn": ("benchmarks.systems.scikit_learn:Classifier", "sklearn"),
    "PyTorch": ("benchmarks.systems.pytorch:Eager", "torch"),
    "PyTorch fused": ("benchmarks.systems.pytorch:Fused", "torch"),
    "PyTorch compiled": ("benchmarks.systems.pytorch:Compiled", "torch"),
    "JAX": ("benchmarks.systems.xla:JittedStep", "jax"),
    "JAX scan": ("benchmarks.systems.xla:ScannedEpoch", "jax"),
}


def installed(names) -> dict[str, str]:
    """The classes of those systems whose package is there, by name, without importing any."""
    return {name: SYSTEMS[name][0] for name in names if importlib.util.find_spec(SYSTEMS[name][1])}


def system_class(path: str) -> type[System]:
    """The class that a path `module:Class` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
