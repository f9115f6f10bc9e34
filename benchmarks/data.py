"""The data of the cases, in files that every system's process reads."""

from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from fastmlp import get_CIFAR10_data, reference


def folder_of(case: Case, root: Path, cifar10: Path | None = None) -> Path:
    """A folder under root with X.npy, y.npy and weights.npz of one case; made if it is missing.

    Outside CIFAR-10, features are standard normal, and the label is the index of the largest of the first n_classes.
    """
    folder = root / f"{case.name.replace(' ', '')}-{case.rows}"
    if folder.exists():
        return folder
    source = "cifar10" if case.kind == "cifar10" else f"{case.rows}-{case.sizes[0]}-{case.sizes[-1]}"
    data = root / f"data-{source}-{case.dtype}"
    if not data.exists():
        data.mkdir()
        for name, array in _arrays(case, cifar10).items():
            np.save(data / f"{name}.npy", array)
    folder.mkdir()
    for path in data.iterdir():
        (folder / path.name).symlink_to(path)
    network = reference.NeuralNetwork(case.sizes[0], case.sizes[1:-1], case.sizes[-1], dtype=case.dtype, seed=0)
    np.savez(folder / "weights.npz", **network.params)
    return folder


def _arrays(case, cifar10):
    if case.kind == "cifar10":
        found = get_CIFAR10_data(folder=cifar10, dtype=case.dtype)
        return {"X": found["X_train"], "y": found["y_train"], "X_val": found["X_val"], "X_test": found["X_test"]}
    X = np.random.default_rng(0).standard_normal((case.rows, case.sizes[0]), np.float32)
    return {"X": X.astype(case.dtype, copy=False), "y": X[:, : case.sizes[-1]].argmax(axis=1)}
