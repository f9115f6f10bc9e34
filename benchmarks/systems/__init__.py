"""The systems that are compared, each as its users write it; a process imports only the one that it runs."""

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from benchmarks.cases import Case


class System(Protocol):
    """One way to train and to predict, in a process of its own.

    It is made from the case, the data X (n_rows, n_in) and y (n_rows,), the initial weights by the names of
    `fastmlp.NeuralNetwork.params`, and the number of threads that it may use.
    """

    def __init__(self, case: Case, X: np.ndarray, y: np.ndarray, weights: Mapping[str, np.ndarray], threads: int): ...

    def reset(self) -> None:
        """Go back to the initial weights and to an optimiser that has made no step; not timed."""

    def train(self, start: int, stop: int, seed: int) -> None:
        """Timed: train on the rows from start to stop in the order of RandomState(seed).permutation."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Timed: the most probable class of each row of X (n_rows, n_in)."""

    def weights(self) -> dict[str, np.ndarray] | None:
        """The parameters after training, None for the floor, which has none."""


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


def installed(name: str) -> bool:
    """Whether the package that a system needs is there, without importing it."""
    return importlib.util.find_spec(SYSTEMS[name][1]) is not None


def system_class(path: str) -> Any:
    """The class that a path `module:Class` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
