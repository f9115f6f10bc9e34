"""One training as the commands do it: train, test, and write down what came out."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli.presets import LOADERS
from fastmlp.environment import environment
from fastmlp.files import replacing
from fastmlp.network import NeuralNetwork
from fastmlp.training import Callback, History, Settings


@dataclasses.dataclass
class Run:
    """A network that has been trained and tested.

    Attributes
    ----------
    seconds : float
        Of the whole training, validation included.
    predictions : ndarray of int
        The class of each test row.
    """

    data: str
    network: NeuralNetwork
    settings: Settings
    seed: int
    history: History
    seconds: float
    test_accuracy: float
    predictions: np.ndarray
    samples_per_second: float

    def record(self) -> dict[str, Any]:
        """What a file says of it."""
        return {
            "data": self.data,
            "network": repr(self.network),
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
            "test_accuracy": self.test_accuracy,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "history": self.history.to_dict(),
        }


def load(data: str, folder: Path | None, dtype: str, out: Path) -> dict[str, np.ndarray]:
    """The data, and the folder for results, before anything is trained."""
    try:
        arrays = LOADERS[data](folder, np.dtype(dtype))
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    return arrays


def train_and_test(
    data: str,
    arrays: dict[str, np.ndarray],
    network: NeuralNetwork,
    settings: Settings,
    seed: int,
    callbacks: Iterable[Callback] = (),
) -> Run:
    """Train a fresh network on the training rows, and test it."""
    X_train, X_test = arrays["X_train"], arrays["X_test"]
    start = time.perf_counter()
    history = network.fit(
        X_train,
        arrays["y_train"],
        **dataclasses.asdict(settings),
        seed=seed,
        X_val=arrays["X_val"],
        y_val=arrays["y_val"],
        progress=sys.stderr.isatty(),
        callbacks=callbacks,
    )
    seconds = time.perf_counter() - start
    predictions = network.predict(X_test)
    accuracy = int(np.count_nonzero(predictions == arrays["y_test"])) / len(X_test)
    rate = len(history) * len(X_train) / float(history.seconds.sum())
    return Run(data, network, settings, seed, history, seconds, accuracy, predictions, rate)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """A file of results, with what they were made with."""
    with replacing(path) as file:
        file.write(json.dumps({**record, "environment": environment()}, indent=1).encode() + b"\n")


def write_figure(path: Path, figure: Any) -> None:
    """A figure as a PNG file."""
    try:
        with replacing(path) as file:
            figure.savefig(file, format="png", dpi=120)
    except OSError as error:
        raise click.ClickException(f"the figure cannot be written: {error}") from error
