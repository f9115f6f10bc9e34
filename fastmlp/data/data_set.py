"""Data to train on: rows of a table, or of a file of arrays, in three parts, and what is learnt from them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from fastmlp.data import arrays
from fastmlp.data.arrays import numbered
from fastmlp.files.access import replacing
from fastmlp.files.archives import write_archive
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.preprocessing import Standardizer
from fastmlp.tables.columns import Column, columns_of
from fastmlp.tables.description import description_of, uses_of
from fastmlp.tables.parts import PARTS, SHARES, Split
from fastmlp.tables.reading import Table
from fastmlp.tables.schema import Schema
from fastmlp.tables.task import KINDS, Task
from fastmlp.terminal import printable
from fastmlp.validation import one_of

# What float32 may round the largest target by, as a share of the standard deviation of all of them.
MAX_ROUNDING = 1e-3
# The usual losses of classes and of numbers; others have to be asked for.
USUAL_LOSSES = ("cross_entropy", "squared_error")


@dataclass(frozen=True, eq=False)
class DataSet:
    """Raw rows in three parts, with what is learnt from them.

    Attributes
    ----------
    name : str
        What it is called, such as that of its file.
    arrays : dict of str to ndarray
        `X_train`, `y_train`, `X_val`, `y_val`, `X_test` and `y_test`; classes are numbers from 0.
    task : Task
    standardizer : Standardizer
        Of the training rows.
    schema : Schema or None
        Of a table, with the constant prediction and the options of reading; None of arrays.
    table : Table or None
    split : Split or None
        The rows of the table in each part, by their numbers in it.
    columns : tuple of Column
        How each column of the table is understood.
    uses : tuple of dict
        What becomes of each column, see `fastmlp.tables.uses_of`.
    description : tuple of str
        All of this line by line, with what was recognised in the table, and which rows are left out.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.data import DataSet
    >>> frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 10, "kind": ["bee", "bee", "cat", "cat"] * 10})
    >>> data = DataSet.of_table(frame, target="kind", name="pets", seed=0)
    >>> net = data.network([8], seed=0)
    >>> X, y, X_val, y_val = (data.arrays[name] for name in ("X_train", "y_train", "X_val", "y_val"))
    >>> history = net.fit(X, y, X_val=X_val, y_val=y_val, epochs=20, learning_rate=0.1, seed=0)
    >>> data.score(net.predict(data.arrays["X_test"])), data.constant_score
    (1.0, 0.5)
    """

    name: str
    arrays: dict[str, np.ndarray]
    task: Task
    standardizer: Standardizer
    schema: Schema | None = None
    table: Table | None = None
    split: Split | None = None
    columns: tuple[Column, ...] = ()
    uses: tuple[dict[str, Any], ...] = ()
    description: tuple[str, ...] = ()

    @classmethod
    def of_table(
        cls,
        table: Any,
        *,
        target: str,
        ignore: Sequence[str] = (),
        task: str | None = None,
        shares: tuple[float, float] = SHARES,
        seed: int = 0,
        name: str = "table",
    ) -> Self:
        """Decide what is learnt from which columns, and draw the rows of the validation and of the test.

        Parameters
        ----------
        table : Table, or frame of pandas, Polars or pyarrow
            As `read_table` gives it, or a frame alone.
        target : str
            The column that is to be predicted.
        ignore : sequence of str
            Columns that are no inputs.
        task : {"classification", "regression"}, optional
            What is learnt; by default `Task.fit` decides it.
        shares : two numbers
            Of the rows that validate, and that test.
        seed : int
            Of the draw, see `Task.split`.
        name : str
            What the table is called, such as "penguins.csv".

        Raises
        ------
        TypeError, ValueError
            See `Task.fit` and `Schema.fit`; also if there are too few rows, or their numbers are too large.
        """
        table = table if isinstance(table, Table) else Table(table)
        frame, decimal = table.frame, table.decimal
        learnt = Task.fit(frame, target, task, decimal)
        targets = learnt.targets(frame, decimal)
        split = learnt.split(targets, shares, seed)
        if not all(map(len, split.parts.values())):
            n_rows = ", ".join(str(len(rows)) for rows in split.parts.values())
            raise ValueError(
                f"frame must have rows to train, to validate and to test with, got {n_rows} of {len(targets.y)} rows "
                "with a target: add rows, or give other shares"
            )
        columns = tuple(columns_of(frame, decimal))
        schema = Schema.fit(
            frame,
            target=target,
            ignore=ignore,
            task=learnt,
            decimal=decimal,
            rows=split.train,
            columns=columns,
            reading=table.reading,
        )
        X = schema.rows(frame, decimal)
        used = tuple(uses_of(columns, target, ignore, schema.left_out))
        description = (*description_of(name, table, used), *map(printable, (learnt.in_words, *split.notes)))
        found = _named({part: (X[rows], targets.of(rows)) for part, rows in split.parts.items()})
        standardizer = Standardizer().fit(found["X_train"])
        return cls(name, found, learnt, standardizer, schema, table, split, columns, used, description)

    @classmethod
    def of_arrays(cls, path: str | os.PathLike[str], task: str | None = None) -> Self:
        """The rows of an `.npz` file with X and y, or with X_train, y_train, X_val, ..., y_test.

        A part that is missing is a tenth of the training rows, the same random ones each time. What is learnt are
        classes, unless the task is "regression": many labels are usual here, and no columns tell their meaning.

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If there is no such task. If it is no `.npz` file, lacks arrays or has others; if labels are no classes, as
            prices and ids are none.
        """
        if task is not None:
            task = one_of("task", task, KINDS)
        path = Path(path)
        if path.suffix.lower() != ".npz":
            raise ValueError(f"{path} must be a table or an .npz file to train on it")
        if task == "regression":
            parts = _split(path, arrays.parts_of_numbers(path))
            return cls(printable(path.name), parts, Task("y", task), _standardizer(path, parts["X_train"]))
        found, class_names = arrays.parts_of_classes(path)
        parts = _split(path, found)
        standardizer = _standardizer(path, parts["X_train"])
        arrays.check_classes(path, {part: parts[f"y_{part}"] for part in PARTS}, class_names)
        return cls(printable(path.name), parts, Task("y", "classification", tuple(class_names)), standardizer)

    @property
    def class_names(self) -> list[str] | None:
        """None in a regression, and for classes of arrays that are called 0, 1, 2, ..."""
        names = list(self.task.class_names)
        return None if not names or (self.schema is None and names == numbered(len(names))) else names

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the inputs, of a table."""
        return None if self.schema is None else self.schema.feature_names

    @property
    def n_outputs(self) -> int:
        """The number of outputs of a network for this data: of classes, or 1 in a regression."""
        return max(1, len(self.task.class_names))

    @property
    def dtype(self) -> str:
        """The precision that is enough: float32, or float64 where numbers to be learnt differ in their last digits."""
        if self.task.is_classification:
            return "float32"
        y = self.arrays["y_train"]
        spread = (y / (np.abs(y).max() or 1)).std()  # divided first: squares may overflow
        return "float64" if np.finfo(np.float32).eps > MAX_ROUNDING * spread else "float32"

    @property
    def score_name(self) -> str:
        """What predictions are judged by: "accuracy", or in a regression "R2"."""
        return self.task.score_name

    def score(self, predictions: np.ndarray) -> float:
        """The score of predictions (n_test,) of the test rows, classes by their numbers."""
        return self.task.score(np.ravel(predictions), self.arrays["y_test"])

    @property
    def constant_score(self) -> float:
        """The score on the test rows of the constant predictor of the training rows, see `Task.constant_score`."""
        return self.task.constant_score(self.arrays["y_train"], self.arrays["y_test"])

    def network(self, hidden_sizes: Sequence[int], loss: str | None = None, **options: Any) -> NeuralNetwork:
        """A network for this data, with its standardizer and its names.

        Options are those of `NeuralNetwork`, by default the usual loss and the data's `dtype`.
        """
        options["dtype"] = options.get("dtype") or self.dtype
        network = NeuralNetwork(
            self.arrays["X_train"].shape[1],
            hidden_sizes,
            self.n_outputs,
            loss=self.loss(loss),
            standardizer=self.standardizer,
            **options,
        )
        self.name_in(network)
        return network

    def name_in(self, network: NeuralNetwork) -> None:
        """Give a network the names of classes and features, and the schema of a table."""
        network.class_names = self.class_names
        if self.schema is not None:
            network.schema = self.schema

    def loss(self, given: str | None = None) -> str:
        """The loss to be minimised: the one that is given, or else the usual one of the task.

        Raises
        ------
        ValueError
            If the given one is not for this task.
        """
        names = losses(self.task.is_classification)
        if given is not None and given not in names:
            raise ValueError(f"loss must be one of {', '.join(names)} for {self.task.kind}, got {given}")
        return given or names[0]

    def save_test_rows(self, path: str | os.PathLike[str]) -> None:
        """Write the test rows to an `.npz` file with X, y and the names of classes.

        These are a text of JSON: NumPy's arrays of texts pad all to the longest one, and cut them at zeros.
        """
        found = {"X": self.arrays["X_test"], "y": self.arrays["y_test"]}
        if self.class_names is not None:
            found["class_names"] = np.array(json.dumps(self.class_names))
        with replacing(path) as file:
            write_archive(file, found)


def losses(are_classes: bool) -> list[str]:
    """The names of the losses of a task, the usual one first."""
    rows = {name: row for name, row in LOSSES.items() if row.of_classes == are_classes and not row.decides}
    return sorted(rows, key=lambda name: name not in USUAL_LOSSES)


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


def _named(parts: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{array}_{part}": parts[part][i] for part in PARTS for i, array in enumerate("Xy")}
