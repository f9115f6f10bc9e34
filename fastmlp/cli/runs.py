"""One training as the commands do it: train, test, and write down what came out."""

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli.options import INTERRUPTED
from fastmlp.cli.sources import DataSet
from fastmlp.diagnosis import diverged
from fastmlp.environment import environment
from fastmlp.files.access import replacing
from fastmlp.network import NeuralNetwork
from fastmlp.training import Callback, DivergenceError, History, Settings

# To write one takes milliseconds, which is as long as an epoch on the digits.
CHECKPOINT_SECONDS = 1.0


@dataclasses.dataclass
class Run:
    """A network that has been trained, and is tested when it is asked for.

    Attributes
    ----------
    stopped : KeyboardInterrupt or ArithmeticError or None
        What ended the training before all its epochs, or spoiled it.
    seconds : float
        Of this process's part of the training, validation included.
    """

    data: DataSet
    network: NeuralNetwork
    settings: Settings
    seed: int
    history: History
    stopped: BaseException | None
    seconds: float

    @functools.cached_property
    def predictions(self) -> np.ndarray:
        """The class of each test row."""
        return self.network.predict(self.data.arrays["X_test"])

    @property
    def test_accuracy(self) -> float:
        """The share of the test rows that were classified right."""
        return accuracy(self.predictions, self.data.arrays["y_test"])

    @property
    def samples_per_second(self) -> float | None:
        """In training, validation not included; None where its epochs took no time that the clock shows."""
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


def predicted(network: NeuralNetwork, X: np.ndarray, data: str) -> np.ndarray:
    """The class of each row, of which the network must be able to say something."""
    finite = np.isfinite(network.predict_proba(X)).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"row {int(np.argmin(finite))} of {data} has no finite probabilities: its numbers are too large"
        )
    return network.predict(X)


def train(
    data: DataSet,
    network: NeuralNetwork,
    settings: Settings,
    seed: int,
    callbacks: Iterable[Callback] = (),
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Run:
    """Train a fresh network on the training rows; an end before the first epoch's is an error."""
    stopped: BaseException | None = None
    untrained_loss = network.evaluate(data.arrays["X_val"], data.arrays["y_val"], settings.regularization)[0]
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
            checkpoint=checkpoint,
            checkpoint_seconds=CHECKPOINT_SECONDS,
            resume=resume,
        )
    except (KeyboardInterrupt, DivergenceError) as error:
        if not network.history:
            raise  # nothing was trained
        stopped = error
    seconds = time.perf_counter() - start
    assert network.history is not None
    last = network.history[-1]
    if stopped is None and diverged(last.train_loss, last.val_loss, untrained_loss, data.n_classes):
        stopped = ArithmeticError(
            f"training diverged, learning rate {settings.rate:g}: the loss is {last.train_loss:.4g}, and was "
            f"{untrained_loss:.4g} before the first epoch; try a lower learning rate"
        )
    return Run(data, network, settings, seed, network.history, stopped, seconds)


def end(stopped: BaseException | None, what: str) -> None:
    """Say why a training ended early or badly, where it did, as a shell expects it."""
    if isinstance(stopped, KeyboardInterrupt):
        click.echo(f"interrupted {what}", err=True)
        raise click.exceptions.Exit(INTERRUPTED)
    if stopped is not None:
        raise click.ClickException(f"stopped {what}: {stopped}")


def write_json(path: Path, record: dict[str, Any]) -> None:
    """A file of results, with what they were made with."""
    with replacing(path) as file:
        file.write(json.dumps({**record, "environment": environment()}, indent=1).encode() + b"\n")


def write_figure(path: Path, figure: Any) -> None:
    """A figure as a PNG file; its title is made of files' names, where a $ begins no formula."""
    for panel in figure.axes:
        panel.title.set_parse_math(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
