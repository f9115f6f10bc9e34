"""Data of the commands: named data sets, and users' files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from fastmlp.cli import arrays, tables
from fastmlp.cli.arrays import PARTS
from fastmlp.cli.messages import printable
from fastmlp.cli.tables import Reading
from fastmlp.datasets import CIFAR10_CLASSES, get_CIFAR10_data, load_digits
from fastmlp.files.access import replacing
from fastmlp.files.archives import write_archive
from fastmlp.functions.losses import LOSSES
from fastmlp.functions.scores import accuracy, r2
from fastmlp.network import NeuralNetwork
from fastmlp.preprocessing import Standardizer
from fastmlp.tables import Schema, Task
from fastmlp.tables.content import EXPANDED

NAMED = ("digits", "cifar10")
ARRAYS = (".npz", ".npy")
# The shares of a table's rows that validate and that test.
SPLIT = (0.1, 0.2)


class DataSet(NamedTuple):
    """Raw rows in three parts, with what is learnt from them.

    Attributes
    ----------
    name : str
        For messages, and for the folder of the results.
    arrays : dict
        `X_train`, `y_train`, `X_val`, ..., `y_test`; classes are numbers from 0.
    class_names : list of str or None
        None for classes that are called 0, 1, 2, ..., and in a regression.
    rows : dict
        Of a table, the numbers of the rows of each part.
    said : list of str
        How a table was understood.
    frame, decimal, notes
        Of a table, see `tables.Prepared`.
    """

    name: str
    arrays: dict[str, np.ndarray]
    task: Task
    standardizer: Standardizer
    class_names: list[str] | None = None
    schema: Schema | None = None
    rows: dict[str, list[int]] | None = None
    said: Sequence[str] = ()
    frame: Any = None
    decimal: str | None = None
    notes: Sequence[str] = ()

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the inputs, of a table."""
        return None if self.schema is None else self.schema.feature_names

    @property
    def n_outputs(self) -> int:
        """Of a network for this data."""
        return max(1, len(self.task.class_names))

    @property
    def score_name(self) -> str:
        """What predictions are judged by."""
        return score_name(self.task.is_classification)

    def score(self, predictions: np.ndarray) -> float:
        """The score of predictions of the test rows."""
        return score(predictions, self.arrays["y_test"], self.task.is_classification)

    @property
    def constant_score(self) -> float:
        """That of the most frequent class of the training rows, or of their mean."""
        return self.task.constant_score(self.arrays["y_train"], self.arrays["y_test"])

    @property
    def constant(self) -> str:
        """What it predicts, in words."""
        return "the most frequent class" if self.task.is_classification else "the mean"

    def network(self, hidden_sizes: Sequence[int], loss: str | None = None, **options: object) -> NeuralNetwork:
        """A network for this data; by default with the usual loss."""
        network = NeuralNetwork(
            self.arrays["X_train"].shape[1],
            hidden_sizes,
            self.n_outputs,
            loss=self.loss(loss),
            standardizer=self.standardizer,
            **options,  # type: ignore[arg-type]
        )
        self.name_in(network)
        return network

    def name_in(self, network: NeuralNetwork) -> None:
        """Give a network the names of classes and features, and the schema of a table."""
        network.class_names = self.class_names
        if self.schema is not None:
            network.schema = self.schema

    def loss(self, given: str | None) -> str:
        """The loss that was given, which must be one of this task, or the usual one."""
        names = losses(self.task.is_classification)
        if given is not None and given not in names:
            raise click.UsageError(f"--loss must be one of {', '.join(names)} for {self.task.kind}, got {given}")
        return given or names[0]


def losses(are_classes: bool) -> list[str]:
    """The names of the losses of a task, the usual one first."""
    rows = {name: row for name, row in LOSSES.items() if row.of_classes == are_classes and not row.decides}
    return sorted(rows, key=lambda name: name not in ("cross_entropy", "squared_error"))


def score_name(are_classes: bool) -> str:
    """What predictions of classes or of numbers are judged by, whatever the loss."""
    return "accuracy" if are_classes else "R2"


def score(predictions: np.ndarray, y: np.ndarray, are_classes: bool) -> float:
    """The accuracy, or R2."""
    return (accuracy if are_classes else r2)(predictions, y)


def existing(data: str) -> str:
    """DATA as a user gives it: the name of a data set, or an existing file or folder."""
    if data not in NAMED and not Path(data).exists():
        raise click.BadParameter(f"{data!r} is neither {' nor '.join(NAMED)}, nor an existing file or folder")
    return data


def kind(data: str) -> str:
    """The kind of DATA: `digits`, `cifar10`, `arrays`, or `table`."""
    if data in NAMED:
        return data
    if Path(data).is_dir():
        return "cifar10"
    return "arrays" if Path(data).suffix.lower() in ARRAYS else "table"


def load(
    data: str,
    folder: Path | None = None,
    target: str | None = None,
    ignore: Sequence[str] = (),
    task: str | None = None,
    split: tuple[float, float] | None = None,
    seed: int = 0,
    reading: Reading = Reading(),  # noqa: B008
) -> DataSet:
    """The three parts of a data set, or of a file."""
    if folder is not None and data != "cifar10":
        raise click.UsageError(f"--folder is for --data cifar10, got --data {data}")
    found = kind(data)
    if found == "table":
        return _table(Path(data), reading, target, ignore, task, split or SPLIT, seed)
    _check_no_table(data, target, ignore, split, reading)
    if found == "arrays":
        return _arrays_of_file(Path(data), task)
    if task == "regression":
        raise click.UsageError(f"--task regression is for files, got --data {data}")
    return _digits() if found == "digits" else _cifar10(folder if data == "cifar10" else Path(data))


def write_test_rows(path: Path, data: DataSet) -> None:
    """Write the test rows of a file, for `fastmlp evaluate`.

    The class names are a text of JSON: NumPy's arrays of texts pad all to the longest one, and cut them at zeros.
    """
    found = {"X": data.arrays["X_test"], "y": data.arrays["y_test"]}
    if data.class_names is not None:
        found["class_names"] = np.array(json.dumps(data.class_names))
    with replacing(path) as file:
        write_archive(file, found)


class Rows(NamedTuple):
    """Raw rows to predict, and the targets (n_known,) of the `known` ones of them, if there are any."""

    X: np.ndarray
    y: np.ndarray | None
    known: np.ndarray | slice
    frame: Any = None


def rows_of(
    network: NeuralNetwork, data: str, target: str | None, reading: Reading, *, with_targets: bool = True
) -> Rows:
    """Rows of a file, or of a data set's test part."""
    row = LOSSES[network.loss]
    if not row.of_classes and (row.decides or network.output_size > 1):
        raise ValueError(
            f"the network must predict classes or one number, got loss={network.loss!r} and {network.output_size} "
            "outputs: use it in Python"
        )
    found = kind(data)
    if found == "table":
        frame, X, known, y = tables.rows_of(network, Path(data), reading, target, with_targets=with_targets)
        return Rows(X, y, slice(None) if known is None else known, frame)
    _check_no_table(data, target, (), None, reading)
    classes = (network.class_names or arrays.numbered(network.output_size)) if row.of_classes else None
    X, y = arrays.rows_of(Path(data), classes) if found == "arrays" else _test_part(data)
    if X.shape[1] != network.input_size:
        raise ValueError(f"{data} must have rows of {network.input_size} features, as the network, got {X.shape[1]}")
    if y is not None and row.of_classes and y.max() >= network.output_size:
        raise ValueError(f"{data} has the label {y.max()}; the classes are 0 to {network.output_size - 1}")
    return Rows(X, y, slice(None))


def _check_no_table(
    data: str, target: str | None, ignore: Sequence[str], split: tuple[float, float] | None, reading: Reading
) -> None:
    if target is not None or ignore or split or reading != Reading():
        raise click.UsageError(
            "--target, --ignore, --split, --delimiter, --decimal, --missing, --encoding and --header are for tables, "
            f"got --data {data}"
        )


def _test_part(data: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a named data set that it is tested on, and their classes."""
    if kind(data) == "digits":
        found = _digits().arrays
    else:
        found = get_CIFAR10_data(1, 0, folder=None if data == "cifar10" else data, dtype=np.uint8)
    return found["X_test"], found["y_test"]


def _digits() -> DataSet:
    """The digits, scaled to 0 to 1: 1,297 for training, 200 for validation and 300 for the test."""
    X, y = load_digits()
    # the same shuffle for any seed; the file is sorted by writers
    chosen = np.split(np.random.RandomState(0).permutation(len(X)), [1297, 1497])
    parts = {part: (X[rows], y[rows]) for part, rows in zip(PARTS, chosen, strict=True)}
    standardizer = Standardizer.of_statistics(np.zeros(64), np.full(64, 16.0))
    return DataSet("digits", _named(parts), _classes(arrays.numbered(10)), standardizer)


def _cifar10(folder: Path | None) -> DataSet:
    found = get_CIFAR10_data(folder=folder, dtype=np.uint8)
    names = list(CIFAR10_CLASSES)
    return DataSet("cifar10", found, _classes(names), Standardizer.notebook().fit(found["X_train"]), names)


def _table(
    path: Path,
    reading: Reading,
    target: str | None,
    ignore: Sequence[str],
    task: str | None,
    split: tuple[float, float],
    seed: int,
) -> DataSet:
    found = tables.prepared(path, reading, target, ignore, task, split, seed)
    chosen = dict(zip(PARTS, found.rows, strict=True))
    parts = _named({part: (found.X[rows], found.y[rows]) for part, rows in chosen.items()})
    task_found = found.schema.task
    return DataSet(
        _name(path),
        parts,
        task_found,
        _standardizer(path, parts["X_train"]),
        list(task_found.class_names) or None,
        found.schema,
        {part: found.numbers[rows].tolist() for part, rows in chosen.items()},
        found.said,
        found.frame,
        found.decimal,
        found.notes,
    )


def _arrays_of_file(path: Path, task: str | None) -> DataSet:
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path} must be a table or an .npz file to train on it")
    if task == "regression":
        parts = _split(path, arrays.parts_of_numbers(path))
        return DataSet(_name(path), parts, Task("y", "regression"), _standardizer(path, parts["X_train"]))
    found, names = arrays.parts_of_classes(path)
    parts = _split(path, found)
    standardizer = _standardizer(path, parts["X_train"])
    arrays.check_classes(path, {part: parts[f"y_{part}"] for part in PARTS}, names)
    named = names if names != arrays.numbered(len(names)) else None
    return DataSet(_name(path), parts, _classes(names), standardizer, named)


def _name(path: Path) -> str:
    """What the results of a file are called."""
    return printable((path.with_suffix("") if path.suffix.lower() in EXPANDED else path).stem)


def _classes(names: Sequence[str]) -> Task:
    return Task("y", "classification", tuple(names))


def _standardizer(path: Path, X: np.ndarray) -> Standardizer:
    try:
        return Standardizer().fit(X)
    except ValueError as error:  # the square of a finite number may be infinite
        raise ValueError(f"{path}: {error}") from None


def _split(path: Path, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of all parts; a missing one is a tenth of the training rows, the same random ones for any seed."""
    X, y = parts["train"]
    missing = [part for part in ("val", "test") if part not in parts]
    n = max(1, len(X) // 10)
    if len(X) <= n * len(missing):
        raise ValueError(f"{path} must have at least {1 + len(missing)} rows to train on, got {len(X)}")
    order = np.random.RandomState(0).permutation(len(X))
    chosen = {part: order[i * n : (i + 1) * n] for i, part in enumerate(missing)}
    chosen["train"] = np.sort(order[len(missing) * n :])
    return _named(parts | {part: (X[rows], y[rows]) for part, rows in chosen.items()})


def _named(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{array}_{part}": parts[part][i] for part in PARTS for i, array in enumerate("Xy")}
