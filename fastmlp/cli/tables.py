"""Users' tables: how the command reads them, what it says of them, and their rows for a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from fastmlp.cli import arrays
from fastmlp.cli.messages import in_words_of_the_command, printable, with_options
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import listed
from fastmlp.tables import Column, Schema, Table, Task, columns_of, read_table
from fastmlp.tables.columns import REFUSED
from fastmlp.tables.inputs import NumberInput
from fastmlp.tables.notations import Notation
from fastmlp.tables.values import text_of, values_of

# Characters of a column's name and of its values in the table of columns.
WIDE = 40


class Reading(NamedTuple):
    """How a file is to be read, where that is not left to `read_table`."""

    delimiter: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()
    encoding: str | None = None
    header: bool | None = None

    def read(self, path: Path) -> Table:
        """The table of a file."""
        with in_words_of_the_command(path):
            return read_table(path, **self._asdict())

    def options(self) -> list[str]:
        """The options that were given, as words of a command."""
        words = []
        for name, value in self._asdict().items():
            if isinstance(value, bool):
                words.append(f"--{name}" if value else f"--no-{name}")
            else:
                texts = [value] if isinstance(value, str) else value or ()
                words += [word for text in texts for word in (f"--{name}", text.replace("\t", r"\t"))]
        return words

    def mark(self, table: Table) -> str | None:
        """The decimal mark of the table's columns; None where each of them may have its own."""
        return self.decimal or ("," if table.decimal == "," else None)


class Prepared(NamedTuple):
    """A table that can be trained on.

    Attributes
    ----------
    X, y : ndarray (n_known, n_features), (n_known,)
        Inputs and targets of the rows that have a target.
    rows : tuple of ndarray
        Which of them train, validate and test.
    numbers : ndarray (n_known,)
        Their numbers in the table.
    said : list of str
        How the table was understood, line by line.
    frame, decimal
        The table, and the decimal mark of its texts.
    notes : list of str
        What was recognised in the file, and which rows are left out.
    """

    schema: Schema
    X: np.ndarray
    y: np.ndarray
    rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    numbers: np.ndarray
    said: list[str]
    frame: Any
    decimal: str | None
    notes: list[str]


def prepared(
    path: Path,
    reading: Reading,
    target: str | None,
    ignore: Sequence[str],
    kind: str | None,
    split: tuple[float, float],
    seed: int,
) -> Prepared:
    """Read a table, decide what is learnt from which columns, and draw the rows of the validation and of the test."""
    table = reading.read(path)
    decimal, names = reading.mark(table), list(table.frame.columns)
    if target is None or target not in names:
        got = "none" if target is None else repr(target)
        raise click.UsageError(f"--target must name the column to be predicted, one of {listed(names)}, got {got}")
    ignored = ignored_columns(ignore, names)
    if target in ignored:
        raise click.UsageError(f"--ignore must not have the target, got {target!r}")
    with in_words_of_the_command(path):
        task = Task.fit(table.frame, target, kind, decimal)
        numbers, y, left_out = task.targets(table.frame, decimal)
        *rows, lacking = task.split(y, (1 - sum(split), *split), seed)
        if not all(map(len, rows)):
            n_rows = ", ".join(str(len(part)) for part in rows)
            raise ValueError(
                f"{path} must have rows to train, to validate and to test with, got {n_rows} of {len(y)} rows with a "
                "target: add rows, or give other shares by --split"
            )
        train = numbers[rows[0]]
        schema = Schema.fit(table.frame, target=target, ignore=ignored, task=task, decimal=decimal, rows=train)
        X = schema.rows(table.frame, decimal)[numbers]
    columns = columns_of(table.frame, decimal)
    what = "a number is learnt (regression)"
    if task.is_classification:
        what = f"{len(task.class_names)} classes are learnt: {listed(list(task.class_names))}"
    of_rows = [f"{note[0].upper()}{note[1:]}." for note in (*left_out, *lacking)]
    said = [
        *described(path, table, columns, target, ignored, schema.left_out),
        f"Of {target!r}, {what}; --task overrides it.",
        *of_rows,
    ]
    notes = [*map(str, table.notes), *of_rows]
    parts = rows[0], rows[1], rows[2]
    return Prepared(schema, X, y, parts, numbers, list(map(printable, said)), table.frame, decimal, notes)


def ignored_columns(ignore: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns that --ignore names, each time one of them or several with commas between."""
    parts = [[text] if text in names else list(map(str.strip, text.split(","))) for text in ignore]
    found = [name for part in parts for name in part]
    if unknown := [name for name in found if name not in names]:
        raise click.UsageError(f"--ignore must name columns, some of {listed(list(names))}, got {listed(unknown)}")
    return found


def described(
    path: Path,
    table: Table,
    columns: Sequence[Column],
    target: str | None = None,
    ignored: Sequence[str] = (),
    left_out: dict[str, str] | None = None,
) -> list[str]:
    """The lines that say how a table is understood: a line for each column, and what was recognised in the file."""
    cells = [("column", "kind", "missing", "values", "")]
    for column in columns:
        why = (left_out or {}).get(column.name, column.why)
        if column.name == target:
            remark = "target"
        elif column.name in ignored:
            remark = "ignored"
        elif why is not None:
            remark = f"{'left out' if column.kind not in REFUSED else 'refused'}: {with_options(why)}"
        else:
            remark = f"with {column.notation}" if str(column.notation) else ""
        more = f", ... ({column.n_different:,})" if column.n_different > len(column.examples) else ""
        values = _cut(", ".join(column.examples)) + more
        cells.append(
            (_cut(column.name), column.kind, f"{column.n_missing:,}" if column.n_missing else "-", values, remark)
        )
    shown = [list(map(printable, row)) for row in cells]
    widths = [max(map(len, texts)) for texts in zip(*shown, strict=True)]
    aligned = (str.ljust, str.ljust, str.rjust, str.ljust, str.ljust)
    lines = [
        "  ".join(align(text, width) for align, text, width in zip(aligned, row, widths, strict=True)).rstrip()
        for row in shown
    ]
    rows, n = len(table.frame), len(columns)
    return [f"{path}: {rows:,} rows, {n:,} columns", *(f"{note}" for note in table.notes), "", *lines, ""]


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else text[: WIDE - 3] + "..."


def rows_of(
    network: NeuralNetwork, path: Path, reading: Reading, target: str | None, *, with_targets: bool
) -> tuple[Any, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """A table's frame, its rows as the network's inputs, and if asked for, which rows have a target, and the targets.

    Files of networks without a schema, as earlier versions wrote, name the columns that are numbers.
    """
    table = reading.read(path)
    frame, decimal = table.frame, reading.mark(table)
    schema = network.schema or _of_numbers(network, list(frame.columns), target)
    with in_words_of_the_command(path):
        X = schema.rows(frame, decimal)
    if not np.isfinite(X).all():
        row, feature = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(f"{path}: column {schema.feature_names[feature]!r} must have a number in row {row}, got none")
    if not with_targets:
        return frame, X, None, None
    if network.schema is None:
        found = _labels(network, frame, schema.task.target, path)
    else:
        if target not in (None, schema.task.target):
            raise click.UsageError(
                f"--target must be {schema.task.target!r}, which the network predicts, got {target!r}"
            )
        with in_words_of_the_command(path):
            found = schema.targets(frame, decimal)[:2]
    if not len(found[0]):
        raise ValueError(f"{path} must have a row with a value of {schema.task.target!r}, got none")
    return frame, X, *found


def _of_numbers(network: NeuralNetwork, names: list[str], target: str | None) -> Schema:
    """A schema of a network that has none, whose target is the only other column if it is not given."""
    features = network.feature_names or [name for name in names if name != target]
    others = [name for name in names if name not in features]
    if target is None and len(others) == 1:
        (target,) = others
    inputs = tuple(NumberInput(name, float("nan"), False, Notation()) for name in features)
    classes = network.class_names or arrays.numbered(network.output_size)
    return Schema(inputs, Task(target or "", "classification", tuple(classes)))


def _labels(network: NeuralNetwork, frame: Any, target: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have a class, and its number."""
    if target not in frame:
        raise ValueError(
            f"{path} must have a column of the classes, named by --target, one of {listed(list(frame.columns))}"
        )
    found = values_of(frame[target])
    rows = np.flatnonzero(found.codes >= 0)
    labels = [text_of(found.different[code]) for code in found.codes[rows]]
    classes = network.class_names or arrays.numbered(network.output_size)
    return rows, arrays.encoded(f"{target} in {path}", labels, classes)
