"""`fastmlp predict`."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli import arrays, options, runs, sources
from fastmlp.cli.messages import printable
from fastmlp.cli.tables import Reading
from fastmlp.datasets import CIFAR10_CLASSES
from fastmlp.files.access import replacing
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import listed

Columns = list[tuple[str, Sequence[Any] | np.ndarray]]


@click.command()
@options.model_argument
@options.data_argument
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="submission.csv",
    help="Output file, with the columns id and category, or of a table its target; - for standard output.",
)
@click.option(
    "--names/--numbers",
    default=None,
    help="Write class names, or class numbers from 0.  [default: names where the network has them, but numbers for "
    "CIFAR-10]",
)
@click.option("--id", "id_column", metavar="COLUMN", help="Column of a table to write in place of the row numbers.")
@click.option("--proba", is_flag=True, help="Write the probability of each class too, before the prediction.")
@options.target_option
@options.reading_options
@options.json_option
def predict(
    model: Path,
    data: str,
    out: Path,
    names: bool | None,
    id_column: str | None,
    proba: bool,
    target: str | None,
    reading: Reading,
    as_json: bool,
) -> None:
    """Predict classes or numbers, and write them to a CSV file.

    MODEL is a file written by `fastmlp train`. DATA is a table with the columns that the network was trained on, in any
    order, as it stands; an .npy file of rows, an .npz file with X or X_test, a folder with CIFAR-10, or digits or
    cifar10, for their test rows. Give raw rows, as in training: the network standardizes them. If DATA contains what is
    to be predicted (--target of a table, y of an .npz file), the score is shown too; on rows that were trained on, it
    is too high.

    \b
    Examples:
      fastmlp predict runs/digits-adam/model.npz digits
      fastmlp predict runs/train-adam/model.npz test.csv --id name --proba --out predictions.csv
    """
    network = NeuralNetwork.load(model)
    are_classes, class_names = LOSSES[network.loss].of_classes, network.class_names
    if names is None:
        names = class_names is not None and class_names != list(CIFAR10_CLASSES)
    elif names and class_names is None:
        raise click.UsageError(f"--names needs a network with class names, which {model} does not have")
    if proba and not are_classes:
        raise click.UsageError("--proba is for classes, and this network predicts numbers")
    found = sources.rows_of(network, data, target, reading, with_targets=target is not None)
    ids: Sequence[Any] = range(len(found.X))
    if id_column is not None:
        if found.frame is None or id_column not in found.frame:
            there = [] if found.frame is None else list(found.frame.columns)
            raise click.UsageError(f"--id must be a column of a table, one of {listed(there)}, got {id_column!r}")
        ids = ["" if value is None else value for value in found.frame[id_column].tolist()]
    predictions = runs.predicted(network, found.X, data)
    written = [class_names[i] for i in predictions] if names and class_names else predictions
    columns: Columns = [(id_column or "id", ids)]
    if proba:
        shown = class_names or arrays.numbered(network.output_size)
        probabilities = network.predict_proba(found.X).T
        columns += [(f"probability of {name}", p) for name, p in zip(shown, probabilities, strict=True)]
    columns.append(("category" if network.schema is None else network.schema.task.target, written))
    to_stdout = str(out) == "-"
    if to_stdout:
        click.echo(text_of(columns).encode(), nl=False)  # the bytes of a file
    else:
        write_columns(out, columns)
    score = None if found.y is None else sources.score(predictions[found.known], found.y, are_classes)
    name = sources.score_name(are_classes)
    if as_json:
        record = {"n_rows": len(predictions), name: score, "out": str(out)}
        click.echo(json.dumps(record), err=to_stdout)
    else:
        judged = "" if score is None else f"; {name} {score:.4f}"
        click.echo(f"wrote {len(predictions):,} predictions to {printable(str(out))}{judged}", err=to_stdout)


def write_predictions(path: Path, predictions: np.ndarray) -> None:
    """Write predictions in the order of the rows, with the columns id and category."""
    write_columns(path, [("id", range(len(predictions))), ("category", predictions)])


def write_columns(path: Path, columns: Columns) -> None:
    """Write a CSV file of these columns, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text_of(columns).encode())


def text_of(columns: Columns) -> str:
    """The text of such a file; numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    values = [one.tolist() if isinstance(one, np.ndarray) else one for _, one in columns]
    writer.writerows(zip(*values, strict=True))
    return text.getvalue()
