"""What `fastmlp train` does unless told otherwise, for each data set and optimiser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastmlp.datasets import get_CIFAR10_data, load_digits
from fastmlp.training import Settings


class Preset(NamedTuple):
    """The network's hidden layers and the settings of its training."""

    hidden_sizes: tuple[int, ...]
    settings: dict[str, Any]

    def checked(self, **changes: Any) -> Settings:
        """The settings with changes; None changes nothing."""
        return Settings(**self.settings | {name: value for name, value in changes.items() if value is not None})


# The assignment's own settings: its notebook takes whole batches only and counts Adam's time steps in epochs.
_ASSIGNMENT = {"epochs": 40, "batch_size": 200, "learning_rate_decay": 0.85, "time_step": "epoch", "drop_last": True}
_DIGITS = {"epochs": 40, "batch_size": 32, "learning_rate_decay": 0.95, "regularization": 1e-4}

OPTIMIZERS = ("SGD", "Adam")

PRESETS = {
    ("cifar10", "SGD"): Preset(
        (120, 120), _ASSIGNMENT | {"optimizer": "SGD", "learning_rate": 0.05, "regularization": 0.0004}
    ),
    ("cifar10", "Adam"): Preset(
        (120, 120),
        _ASSIGNMENT
        | {"optimizer": "Adam", "learning_rate": 0.0003, "regularization": 0.00001, "beta1": 0.7, "beta2": 0.79},
    ),
    ("digits", "SGD"): Preset((64,), _DIGITS | {"optimizer": "SGD", "learning_rate": 0.2}),
    ("digits", "Adam"): Preset((64,), _DIGITS | {"optimizer": "Adam", "learning_rate": 0.003}),
}


def _digits(folder: Path | None, dtype: np.dtype) -> dict[str, np.ndarray]:
    """The embedded digits, scaled to [0, 1], cut into 1,297 for training, 200 for validation and 300 for the test."""
    X, y = load_digits()
    X = X.astype(dtype) / 16
    # always the same shuffle: the file has the writers one after the other
    parts = np.split(np.random.RandomState(0).permutation(len(X)), [1297, 1497])
    return {
        f"{array}_{part}": values[rows]
        for part, rows in zip(("train", "val", "test"), parts, strict=True)
        for array, values in (("X", X), ("y", y))
    }


def _cifar10(folder: Path | None, dtype: np.dtype) -> dict[str, np.ndarray]:
    return get_CIFAR10_data(folder=folder, dtype=dtype)


LOADERS: dict[str, Callable[[Path | None, np.dtype], dict[str, np.ndarray]]] = {"digits": _digits, "cifar10": _cifar10}
