"""One training run of a command: train and test a network, and write the results."""

import dataclasses
import functools
import json
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli.messages import in_words_of_the_command
from fastmlp.cli.options import INTERRUPTED
from fastmlp.data import DataSet
from fastmlp.diagnosis import diverged
from fastmlp.environment import environment
from fastmlp.files.access import replacing
from fastmlp.functions.class_scores import mean_recall
from fastmlp.functions.losses import LOSSES
from fastmlp.history import DivergenceError, History
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import counted
from fastmlp.report import verdict
from fastmlp.settings import Settings
from fastmlp.tables import Task
from fastmlp.training import Callback

# Writing a checkpoint takes milliseconds, as long as an epoch on the digits.
CHECKPOINT_SECONDS = 1.0


@dataclasses.dataclass
class Run:
    """The training of a new network, see `train`, and its test, which is made on demand.

    Attributes
    ----------
    stopped : BaseException or None
        Why the training ended early, or why its result is useless.
    seconds : float
        The time that it took in this process, validation included.
    """

    data: DataSet
    network: NeuralNetwork
    settings: Settings
    seed: int
    class_weight: str | None = None
    stopped: BaseException | None = None
    seconds: float = 0.0

    def train(self, callbacks: Iterable[Callback] = (), checkpoint: Path | None = None, resume: bool = False) -> None:
        """Train on the training rows; what stops it in the first epoch is raised."""
        arrays, regularization = self.data.arrays, self.settings.regularization
        if not self.data.task.is_classification:  # the units of its losses
            engine, y = self.network._engine, arrays["y_train"]
            y = engine.architecture.checked_targets(f"target {self.data.task.target!r}", y, len(y))
            engine.begin_fit(y, None, flat=True, standardize=True)
        untrained_loss = self.network.evaluate(arrays["X_val"], arrays["y_val"], regularization)[0]
        start = time.perf_counter()
        try:
            self.network.fit(
                arrays["X_train"],
                arrays["y_train"],
                **vars(self.settings),
                class_weight=self.class_weight,
                seed=self.seed,
                X_val=arrays["X_val"],
                y_val=arrays["y_val"],
                progress=sys.stderr.isatty(),
                callbacks=callbacks,
                checkpoint=checkpoint,
                checkpoint_seconds=CHECKPOINT_SECONDS,
                resume=resume,
            )
        except (KeyboardInterrupt, DivergenceError) as error:
            self.stopped = error
            if not self.network.history:
                raise
        self.seconds = time.perf_counter() - start
        last = self.history[-1]
        if (
            self.stopped is None
            and self.history.kept_epoch == len(self.history)
            and diverged(last.train_loss, last.val_loss, untrained_loss, self.data.n_outputs)
        ):
            self.stopped = ArithmeticError(
                f"training diverged, learning rate {self.settings.rate:g}: the loss is {last.train_loss:.4g}, and was "
                f"{untrained_loss:.4g} before the first epoch; try a lower learning rate"
            )

    @property
    def history(self) -> History:
        """The epochs that were trained."""
        assert self.network.history is not None
        return self.network.history

    @functools.cached_property
    def predictions(self) -> np.ndarray:
        """The class, or the number, of each test row."""
        return self.network.predict(self.data.arrays["X_test"])

    @property
    def test_score(self) -> float:
        """Score of the test rows."""
        return self.data.score(self.predictions)

    @property
    def verdict(self) -> str:
        """What the training has come to, in sentences."""
        with in_words_of_the_command(Path(self.data.name)):
            return " ".join(verdict(self.data, self.history, self.predictions, self.class_weight is not None))

    @property
    def score_name(self) -> str:
        """What the history's scores are."""
        return LOSSES[self.network.loss].score_name

    @property
    def samples_per_second(self) -> float | None:
        """In training, validation excluded; None where the clock shows no time."""
        seconds = float(self.history.seconds.sum())
        return len(self.history) * len(self.data.arrays["X_train"]) / seconds if seconds else None

    def _of_table(self) -> dict[str, Any]:
        """What a record says of a table: the target, and the numbers of the rows of each part."""
        if self.data.split is None:
            return {}
        parts = {part: rows.tolist() for part, rows in self.data.split.parts.items()}
        return {"target": self.data.task.target, "rows": parts}

    def record(self) -> dict[str, Any]:
        """Settings and results, for JSON."""
        architecture = self.network._engine.architecture
        option = architecture.loss_row.option
        return {
            "data": self.data.name,
            "task": self.data.task.kind,
            **self._of_table(),
            "network": repr(self.network),
            "activation": self.network.activation,
            "loss": self.network.loss,
            **({option: architecture.loss_option} if option else {}),
            "dropout": self.network.dropout,
            "weights": self.class_weight,
            "seed": self.seed,
            "settings": self.settings.to_dict(),
            f"test_{self.data.score_name}": self.test_score,
            "test_score": self.test_score,
            "constant_score": self.data.constant_score,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "best_epoch": self.history.best_epoch,
            "history": self.history.to_dict(),
        }


def say(data: DataSet, class_weight: str | None) -> None:
    """Say how the columns of a table were understood, and what weights change."""
    for line in data.description:
        click.echo(line)
    if class_weight is not None:
        click.echo("In losses and scores of training and validation, each class counts alike; in the test, each row.")


def result(data: DataSet, predictions: np.ndarray, class_weight: str | None, of: str = "") -> str:
    """The test score beside the constant predictor's; where classes count alike, the mean of their recalls, too."""
    score, constant, y = data.score(predictions), data.constant_score, data.arrays["y_test"]
    beside = constant_predictor(data.task, constant)
    said = f"test {data.score_name}{of} {score:.4f} on {counted(len(y), 'row')}; {beside}"
    if class_weight is not None:
        score, constant = mean_recall(np.ravel(predictions), y), 1 / len(np.unique(y))
        said += f"; mean recall of the classes {score:.4f}, constant predictor {constant:.4f}"
    return f"{said}.{'' if score > constant else ' The network is no better than that.'}"


def heading(part: str, score_name: str) -> str:
    """The heading of a column of scores."""
    return f"{part} {score_name[:3]:>3}"


def constant_predictor(task: Task, score: float, says: str = "") -> str:
    """The score of the constant predictor in words, and of classes which one it says."""
    what = "most frequent class" if task.is_classification else "mean"
    return f"constant predictor ({what}{', ' * bool(says)}{says}) {score:z.4f}"


def exit_if_stopped(stopped: BaseException | None, what: str) -> None:
    """Exit with the status that a shell expects where training ended early."""
    if isinstance(stopped, KeyboardInterrupt):
        click.echo(f"interrupted {what}", err=True)
        raise click.exceptions.Exit(INTERRUPTED)
    if stopped is not None:
        raise click.ClickException(f"stopped {what}: {stopped}")


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write results, with version and build information."""
    with replacing(path) as file:
        file.write(json.dumps({**record, "environment": environment()}, indent=1).encode() + b"\n")


def write_figure(path: Path, figure: Any) -> None:
    """Write a PNG file; titles contain file names, where a $ does not start a formula."""
    for panel in figure.axes:
        panel.title.set_parse_math(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), replacing(path) as file:
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it has a box then, for a letter that no font here has
        figure.savefig(file, format="png", dpi=120)
