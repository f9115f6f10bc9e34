"""The systems that are compared, each as its users write it; a process imports only the one that it runs."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from benchmarks.cases import Case


class System:
    """One way to train and to predict, in a process of its own.

    Blocks are ranges of the rows of X (n_rows, n_in) and y (n_rows,); the initial weights are named as those of
    `fastmlp.NeuralNetwork.params`; `threads` is how many it may use.
    """

    # of the data, if not the case's
    dtype: str | None = None
    # numbers of threads to try before anything is measured
    thread_choices: tuple[int, ...] = ()

    def __init__(self, case: Case, X: np.ndarray, y: np.ndarray, weights: Mapping[str, np.ndarray], threads: int):
        self.case, self.X, self.y, self.initial, self.threads = case, X, y, weights, threads

    def use_threads(self, threads: int) -> None:
        """Compute with this one of `thread_choices` from now on."""
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
    "products only": ("benchmarks.systems.products:ProductsOnly", "scipy"),
    "fit": ("benchmarks.systems.networks:Fit", "fastmlp"),
    "three calls": ("benchmarks.systems.networks:ThreeCalls", "fastmlp"),
    "NumPy": ("benchmarks.systems.plain:InPlace", "numpy"),
    "notebook": ("benchmarks.systems.networks:Notebook", "fastmlp"),
    "scikit-learn": ("benchmarks.systems.scikit_learn:Classifier", "sklearn"),
    "PyTorch": ("benchmarks.systems.pytorch:Eager", "torch"),
    "PyTorch fused": ("benchmarks.systems.pytorch:Fused", "torch"),
    "PyTorch compiled": ("benchmarks.systems.pytorch:Compiled", "torch"),
    "JAX": ("benchmarks.systems.xla:JittedStep", "jax"),
    "JAX scan": ("benchmarks.systems.xla:ScannedEpoch", "jax"),
}


def installed(names: Iterable[str]) -> dict[str, str]:
    """The classes of those systems whose package is installed, by name, without importing any."""
    return {name: SYSTEMS[name][0] for name in names if importlib.util.find_spec(SYSTEMS[name][1])}


def system_class(path: str) -> type[System]:
    """The class that a path `module:Class` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def time_phases(batches: Iterable[np.ndarray], **phases: Callable) -> dict[str, float]:
    """Mean seconds of each phase of a step; the first gets a batch's indices, the others what the first returned."""
    first, *others = phases.values()
    seconds = []
    for indices in batches:
        times = [time.perf_counter()]
        batch = first(indices)
        times.append(time.perf_counter())
        for phase in others:
            phase(batch)
            times.append(time.perf_counter())
        seconds.append(np.diff(times))
    return dict(zip(phases, np.mean(seconds, axis=0).tolist(), strict=True))
