"""The data of the cases, in files that every system's process reads."""

from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from fastmlp import get_CIFAR10_data, reference


def folder_of(case: Case, root: Path, cifar10: Path | None = None) -> Path:
    """A folder under root with X.npy, y.npy and weights.npz of one case; made where it is missing.

    Outside CIFAR-10, rows are standard normal, and the label is the largest of as many features as there are classes.
    """
    folder = root / f"{case.name.replace(' ', '')}-{case.rows}"
    if folder.exists():
        return folder
    source = "cifar10" if case.kind == "cifar10" else f"{case.rows}-{case.sizes[0]}-{case.sizes[-1]}"
    data = root / f"data-{source}-{case.dtype}"
    if not data.exists():
        data.mkdir()
        arrays = _cifar10(cifar10, case.dtype) if case.kind == "cifar10" else _random(case)
        for name, array in arrays.items():
            np.save(data / f"{name}.npy", array)
    folder.mkdir()
    for path in data.iterdir():
        (folder / path.name).symlink_to(path)
    network = reference.NeuralNetwork(case.sizes[0], case.sizes[1:-1], case.sizes[-1], dtype=case.dtype, seed=0)
    np.savez(folder / "weights.npz", **network.params)
    return folder


def _cifar10(folder, dtype):
    data = get_CIFAR10_data(folder=folder, dtype=dtype)
    return {"X": data["X_train"], "y": data["y_train"], "X_val": data["X_val"], "X_test": data["X_test"]}


def _random(case):
    X = np.random.default_rng(0).standard_normal((case.rows, case.sizes[0]), np.float32)
    return {"X": X.astype(case.dtype, copy=False), "y": X[:, : case.sizes[-1]].argmax(axis=1)}
