"""Data of the commands: named data sets, and users' files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fastmlp.cli.messages import in_words_of_the_command
from fastmlp.data import DataSet, Rows, named
from fastmlp.data.arrays import SUFFIXES
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import counted, listed
from fastmlp.tables import Table, read_table
from fastmlp.tables.content import EXPANDED
from fastmlp.tables.parts import SHARES
from fastmlp.terminal import printable

NAMED = ("digits", "cifar10")
# Columns of which it is said what was replaced.
MAX_NOTES = 10


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
    return "arrays" if Path(data).suffix.lower() in SUFFIXES else "table"


def stem(name: str) -> str:
    """The name of a file without its endings, with which names of folders begin."""
    path = Path(name)
    return (path.with_suffix("") if path.suffix.lower() in EXPANDED else path).stem


def load(
    data: str,
    folder: Path | None = None,
    target: str | None = None,
    ignore: Sequence[str] = (),
    task: str | None = None,
    split: tuple[float, float] | None = None,
    seed: int = 0,
    reading: Mapping[str, Any] | None = None,
) -> DataSet:
    """The three parts of a data set, or of a file."""
    if folder is not None and data != "cifar10":
        raise click.UsageError(f"--folder is for --data cifar10, got --data {data}")
    found, path = kind(data), Path(data)
    if found == "table":
        table = read(path, reading)
        names = list(table.frame.columns)
        target = check_column("target", target, names)
        with in_words_of_the_command(path):
            ignored = columns_in(ignore, names)
            return DataSet.of_table(
                table,
                target=target,
                ignore=ignored,
                task=task,
                shares=split or SHARES,
                seed=seed,
                name=printable(path.name),
            )
    _check_no_table(data, reading, target=target, ignore=ignore, split=split)
    if found == "arrays":
        with in_words_of_the_command(path):
            return DataSet.of_arrays(path, task)
    if task == "regression":
        raise click.UsageError(f"--task regression is for files, got --data {data}")
    return named.digits() if found == "digits" else named.cifar10(folder if data == "cifar10" else path)


def rows_of(
    network: NeuralNetwork,
    data: str,
    target: str | None,
    reading: Mapping[str, Any],
    *,
    with_targets: bool = True,
) -> Rows:
    """Rows of a file, or of a data set's test part."""
    path = Path(data)
    with in_words_of_the_command(path):
        if kind(data) == "table":
            if with_targets and network.schema is not None:  # which must be there
                target = target or network.schema.task.target
            return Rows.of_table(network, path, target=target, reading=reading, with_targets=with_targets)
        _check_no_table(data, reading, target=target)
        if kind(data) == "arrays":
            return Rows.of_file(network, path)
        if data == "digits":
            arrays = named.digits().arrays
            return Rows.of_arrays(network, data, arrays["X_test"], arrays["y_test"])
        return Rows.of_arrays(network, data, *named.cifar10_test_rows(None if data == "cifar10" else path))


def say_replaced(rows: Rows) -> None:
    """Say on standard error what was replaced in the rows, of the first few columns."""
    more = len(rows.notes) - MAX_NOTES
    for note in rows.notes[:MAX_NOTES]:
        click.echo(printable(note), err=True)
    if more > 0:
        click.echo(f"Values of {counted(more, 'more column')} are replaced so; --json names all.", err=True)


def read(path: Path, reading: Mapping[str, Any] | None) -> Table:
    """The table of a file."""
    with in_words_of_the_command(path):
        return read_table(path, **(reading or {}))


def columns_in(given: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns that --ignore names, each time one of them or several with commas between."""
    parts = [[text] if text in names else list(map(str.strip, text.split(","))) for text in given]
    found = [name for part in parts for name in part]
    for name in found:
        check_column("ignore", name, names)
    return found


# What options name columns for.
PURPOSES = {
    "target": "the column to be predicted, one of",
    "ignore": "columns to leave out, some of",
    "id": "the column to write, one of",
}


def check_column(option: str, given: str | None, names: Sequence[str]) -> str:
    """The name of a column, which must be there."""
    if given is None or given not in names:
        got = "none" if given is None else repr(given)
        remedy = "; if the first line of the file names its columns, say --header" if names[0] == "column 1" else ""
        raise click.UsageError(f"--{option} must name {PURPOSES[option]} {listed(list(names))}, got {got}{remedy}")
    return given


def _check_no_table(data: str, reading: Mapping[str, Any] | None, **of_tables: Any) -> None:
    given = [f"--{name}" for name in (*(name for name, value in of_tables.items() if value), *(reading or ()))]
    if given:
        raise click.UsageError(f"{', '.join(given)} {'is' if len(given) == 1 else 'are'} for tables, got {data}")
