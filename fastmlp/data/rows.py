"""Rows of a file for a network that was trained on others like them, and the truth of those that have one."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from fastmlp.data import arrays
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import argument, listed
from fastmlp.tables.fields import rows_left_out
from fastmlp.tables.inputs import CategoryInput, NumberInput
from fastmlp.tables.layout import Expected
from fastmlp.tables.notations import Notation
from fastmlp.tables.reading import OF_TYPED, Table, read_table
from fastmlp.tables.schema import Schema
from fastmlp.tables.task import Task
from fastmlp.tables.typed import READERS
from fastmlp.tables.values import column_of, named_columns

# The options of the training by which all later tables are read; others are for those in which columns are found so.
KEPT = ("decimal", "missing", "encoding")


class Rows(NamedTuple):
    """Raw rows for a network to predict, and the truth of those that have one.

    Attributes
    ----------
    name : str
        For errors.
    network : NeuralNetwork
        One that predicts a class or a number for each row.
    task : Task
        What it predicts, with a name for each class.
    X : ndarray (n_rows, n_features)
    known : ndarray (n_known,), intp
        The rows that have a target.
    y : ndarray (n_known,) or None
        Their targets, numbers of classes or numbers; None where these are not there, or not asked for.
    frame : pandas.DataFrame or None
        The table.
    notes : tuple of str
        A sentence about rows without a value, which are left out, and one for each column with values that were
        replaced: new ones of a category, numbers beyond those of the training.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas
    >>> from fastmlp.data import DataSet, Rows
    >>> from fastmlp.tables import read_table
    >>> frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 10, "kind": ["bee", "bee", "cat", "cat"] * 10})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     frame.to_csv(path, index=False)
    ...     net = DataSet.of_table(read_table(path), target="kind").network([8], seed=0)
    ...     rows = Rows.of_table(net, path)
    >>> rows.X.shape, rows.y[:4], rows.predictions().shape, rows.probabilities().shape
    ((40, 1), array([0, 0, 1, 1]), (40,), (40, 2))
    """

    name: str
    network: NeuralNetwork
    task: Task
    X: np.ndarray
    known: np.ndarray
    y: np.ndarray | None
    frame: Any = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_table(
        cls,
        network: NeuralNetwork,
        path: str | os.PathLike[str],
        *,
        target: str | None = None,
        reading: Mapping[str, Any] | None = None,
        with_targets: bool = True,
    ) -> Self:
        """The rows of a table, which is read as in the training, or with other options of `read_table`.

        A network without a schema, as earlier versions saved them, takes the columns of its features, which are
        numbers. Its target is the only other column if it is not given.

        Parameters
        ----------
        network : NeuralNetwork
            One that predicts a class or a number for each row.
        path : str or path-like
            A file as `read_table` takes it. Its columns may be in any order, with others besides.
        target : str, optional
            The column with the truth, which must be there; by default the network's target, if the table has it.
        reading : mapping, optional
            Options of `read_table` in place of those of the training, such as {"delimiter": ";"}.
        with_targets : bool
            Whether a target is read at all, which must be right if it is.

        Raises
        ------
        OSError, MemoryError
            See `read_table`.
        ValueError
            If the table cannot be read or lacks columns; all are named. If a value is another than in the training. If
            the network predicts more than a class or a number for each row.
        """
        task, schema = task_of(network), network.schema
        options = _options_of(network, path, reading)
        table = read_table(path, **options)
        frame, decimal = table.frame, options.get("decimal")
        if schema is None:
            schema = _of_numbers(network, task, list(frame.columns), target)
        try:
            (X, notes), decimal = _in_either(schema.rows_and_notes, table, decimal)
        except ValueError as error:
            kept = [argument(name, options[name]) for name in KEPT if name in options and name not in (reading or {})]
            how = f" (read as in the training, with {', '.join(kept)})" if kept else ""
            raise ValueError(f"{path}{_of_file(str(error))}{how}") from None
        if n := frame.attrs.get("n_left_out"):
            notes.insert(0, rows_left_out(n))
        rows = cls(str(path), network, schema.task, X, np.arange(0), None, frame, tuple(notes))
        name = schema.task.target
        if target not in (None, name):
            raise ValueError(f"target must be {name!r}, which the network predicts, got {target!r}")
        if not with_targets or (target is None and name not in frame):
            return rows
        if name not in frame:
            names = listed(list(frame.columns))
            raise ValueError(f"{path} must have the column {name!r} with the truth of its rows, got {names}")
        (known, y, _), _ = _in_either(schema.targets, table, decimal)
        if len(y):
            return rows._replace(known=known, y=y)
        if target is not None:
            raise ValueError(f"{path} must have a row with a value of {name!r}, got none")
        return rows

    @classmethod
    def of_file(cls, network: NeuralNetwork, path: str | os.PathLike[str]) -> Self:
        """The rows of an `.npz` or `.npy` file, with their targets if it has them."""
        return cls.of_arrays(network, str(path), *arrays.rows_of(Path(path), task_of(network).class_names or None))

    @classmethod
    def of_arrays(cls, network: NeuralNetwork, name: str, X: np.ndarray, y: np.ndarray | None) -> Self:
        """Rows (n_rows, n_features) and their targets (n_rows,), of data of this name."""
        task = task_of(network)
        if X.shape[1] != network.input_size:
            raise ValueError(
                f"{name} must have rows of {network.input_size} features, as the network, got {X.shape[1]}"
            )
        n_classes = len(task.class_names)
        if y is not None and n_classes and y.max() >= n_classes:
            raise ValueError(f"{name} has the label {y.max()}; the classes are 0 to {n_classes - 1}")
        return cls(name, network, task, X, np.arange(len(X)), y)

    def column(self, name: str, reading: Mapping[str, Any] | None = None) -> list[Any]:
        """A column of the table as it stands in the file, which is read again: NA is a text in it, and may be a name.

        Only empty fields, and gaps of a file whose columns have types, are None.
        """
        options = _options_of(self.network, self.name, reading)
        values = column_of(named_columns(read_table(self.name, **options, verbatim=[name]).frame), name)
        return values.astype(object).where(values.notna(), None).tolist()

    def with_truth(self) -> Self:
        """The rows that have a target."""
        frame = None if self.frame is None else self.frame.iloc[self.known]
        return self._replace(X=self.X[self.known], known=np.arange(len(self.known)), frame=frame)

    @property
    def constant_prediction(self) -> float:
        """What `Task.constant_prediction` says of the training rows; of these rows, where the network has no schema."""
        schema = self.network.schema
        if schema is not None and schema.constant_prediction is not None:
            return schema.constant_prediction
        return self.task.constant_prediction(np.zeros(1, int) if self.y is None else self.y)

    def probabilities(self) -> np.ndarray:
        """The probability of each class (n_rows, n_classes); an error for rows where it is not finite."""
        found = self.network.predict_proba(self.X)
        if found.shape[1] == 1:  # of one binary output
            found = np.concatenate([1 - found, found], axis=1)
        return self._finite(found, "probabilities")

    def predictions(self) -> np.ndarray:
        """The class or the number of each row (n_rows,); an error for rows where these are not finite."""
        if self.task.is_classification:
            self.probabilities()
            return np.ravel(self.network.predict(self.X)).astype(np.int64)
        return np.ravel(self._finite(self.network.predict(self.X).reshape(len(self.X), -1), "prediction"))

    def _finite(self, outputs: np.ndarray, what: str) -> np.ndarray:
        finite = np.isfinite(outputs).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"row {int(np.argmin(finite))} of {self.name} has no finite {what}: its numbers are too large"
            )
        return outputs


def task_of(network: NeuralNetwork) -> Task:
    """What a network predicts: one class a row, or one number."""
    if network.schema is not None:
        return network.schema.task
    architecture = network._engine.architecture
    if architecture.has_one_class:
        names = tuple(network.class_names or arrays.numbered(architecture.n_classes))
        return Task("", "classification", names, None if np.isnan(Notation().read(names)).any() else Notation())
    if LOSSES[network.loss].decides or network.output_size > 1:
        raise ValueError(
            f"the network must predict one class or one number a row, got loss={network.loss!r} and "
            f"{network.output_size} outputs: use it in Python"
        )
    return Task("", "regression", (), Notation())


def _of_file(error: str) -> str:
    """An error about a frame, as one about the file that it was read from."""
    return error.removeprefix("frame") if error.startswith("frame ") else f": {error}"


def _options_of(
    network: NeuralNetwork, path: str | os.PathLike[str], reading: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The options by which a table is read as in the training, but for those that are given."""
    schema, expected = network.schema, Expected(frozenset(network.feature_names or ()))
    if schema is None:
        return {**(reading or {}), "expected": expected}
    values = {one.name: one.values for one in schema.inputs if isinstance(one, CategoryInput)}
    values[schema.task.target] = schema.task.class_names
    columns = frozenset(one.name for one in schema.inputs)
    expected = Expected(columns, values, schema.reading.get("delimiter"), schema.reading.get("header"))
    # how a text is written is of no use where columns have types
    names = OF_TYPED if Path(path).suffix.lower() in READERS else KEPT
    kept = {name: value for name, value in schema.reading.items() if name in names}
    return {**kept, **(reading or {}), "expected": expected}


def _in_either(read: Callable[[Any, str | None], Any], table: Table, decimal: str | None) -> tuple[Any, str | None]:
    """What is read with a decimal mark, by default that of the training, or else with that of the file; and which.

    8,234 stays what it was in the training, and 8,5 may be of another country's program.
    """
    try:
        return read(table.frame, decimal), decimal
    except ValueError:
        if decimal or table.decimal is None:
            raise
        return read(table.frame, table.decimal), table.decimal


def _of_numbers(network: NeuralNetwork, task: Task, names: list[str], target: str | None) -> Schema:
    """A schema of a network that has none."""
    features = network.feature_names or [name for name in names if name != target]
    others = [name for name in names if name not in features]
    if target is None and len(others) == 1:
        (target,) = others
    inputs = tuple(NumberInput(name, float("nan"), False, Notation()) for name in features)
    return Schema(inputs, Task(target or "", task.kind, task.class_names, task.notation))
