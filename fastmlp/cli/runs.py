"""One training as the commands do it: train, test, and write down what came out."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.cli.sources import DataSet
from fastmlp.environment import environment
from fastmlp.files import replacing
from fastmlp.network import NeuralNetwork
from fastmlp.training import Callback, DivergenceError, History, Settings


@dataclasses.dataclass
class Run:
    """A network that has been trained and tested.

    Attributes
    ----------
    stopped : KeyboardInterrupt or DivergenceError or None
        What ended the training before all its epochs.
    seconds : float
        Of the whole training, validation included.
    predictions : ndarray of int
        The class of each test row.
    """

    data: DataSet
    network: NeuralNetwork
    settings: Settings
    seed: int
    history: History
    stopped: BaseException | None
    seconds: float
    predictions: np.ndarray

    @property
    def test_accuracy(self) -> float:
        """The share of the test rows that were classified right."""
        return accuracy(self.predictions, self.data.arrays["y_test"])

    @property
    def samples_per_second(self) -> float | None:
        """In training, validation not included; None before the end of an epoch."""
        seconds = float(self.history.seconds.sum())
        return len(self.history) * len(self.data.arrays["X_train"]) / seconds if seconds else None

    def record(self) -> dict[str, Any]:
        """What a file says of it."""
        return {
            "data": self.data.name,
            "network": repr(self.network),
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
            "test_accuracy": self.test_accuracy,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "history": self.history.to_dict(),
        }


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The share of labels that were predicted."""
    return int(np.count_nonzero(predictions == labels)) / len(labels)


def train_and_test(
    data: DataSet,
    network: NeuralNetwork,
    settings: Settings,
    seed: int,
    callbacks: Iterable[Callback] = (),
) -> Run:
    """Train a fresh network on the training rows, and test it, also where the training ends early."""
    stopped: BaseException | None = None
    start = time.perf_counter()
    try:
        network.fit(
            data.arrays["X_train"],
            data.arrays["y_train"],
            **dataclasses.asdict(settings),
            seed=seed,
            X_val=data.arrays["X_val"],
            y_val=data.arrays["y_val"],
            progress=sys.stderr.isatty(),
            callbacks=callbacks,
        )
    except (KeyboardInterrupt, DivergenceError) as error:
        if network.history is None or (isinstance(error, DivergenceError) and not network.history.epochs):
            raise  # nothing was trained
        stopped = error
    seconds = time.perf_counter() - start
    assert network.history is not None
    predictions = network.predict(data.arrays["X_test"])
    return Run(data, network, settings, seed, network.history, stopped, seconds, predictions)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """A file of results, with what they were made with."""
    with replacing(path) as file:
        file.write(json.dumps({**record, "environment": environment()}, indent=1).encode() + b"\n")


def write_figure(path: Path, figure: Any) -> None:
    """A figure as a PNG file."""
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
