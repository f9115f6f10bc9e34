"""The data sets that have names, those of digits and CIFAR-10, as data to train on."""

import os

import numpy as np

from fastmlp.data.arrays import numbered
from fastmlp.data.data_set import DataSet
from fastmlp.datasets import CIFAR10_CLASSES, get_CIFAR10_data, load_digits
from fastmlp.preprocessing import Standardizer
from fastmlp.tables.parts import PARTS
from fastmlp.tables.task import Task


def digits() -> DataSet:
    """The digits, scaled to 0 to 1: 1,297 for training, 200 for validation and 300 for the test.

    Examples
    --------
    >>> from fastmlp.data.named import digits
    >>> data = digits()
    >>> data.arrays["X_train"].shape, data.network([32], seed=0)
    ((1297, 64), NeuralNetwork(64-32-10, float32, 2,410 parameters))
    """
    X, y = load_digits()
    # the same shuffle for any seed; the file is sorted by writers
    chosen = zip(PARTS, np.split(np.random.RandomState(0).permutation(len(X)), [1297, 1497]), strict=True)
    parts = {f"{name}_{part}": array[rows] for part, rows in chosen for name, array in (("X", X), ("y", y))}
    task = Task("y", "classification", tuple(numbered(10)))
    return DataSet("digits", parts, task, Standardizer.of_statistics(np.zeros(64), np.full(64, 16.0)))


def cifar10(folder: str | os.PathLike[str] | None = None) -> DataSet:
    """CIFAR-10 in the parts of the assignment, from a folder, or from where `get_CIFAR10_data` finds it."""
    found = get_CIFAR10_data(folder=folder, dtype=np.uint8)
    task = Task("y", "classification", tuple(CIFAR10_CLASSES))
    return DataSet("cifar10", found, task, Standardizer.notebook().fit(found["X_train"]))


def cifar10_test_rows(folder: str | os.PathLike[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The test rows of CIFAR-10, and their classes, without the others."""
    found = get_CIFAR10_data(1, 0, folder=folder, dtype=np.uint8)
    return found["X_test"], found["y_test"]
