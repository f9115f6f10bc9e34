"""`fastmlp predict`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fastmlp.cli import folders, options, sources
from fastmlp.datasets import CIFAR10_CLASSES
from fastmlp.files.csv_files import csv_text, write_csv
from fastmlp.network import NeuralNetwork
from fastmlp.remedies import counted
from fastmlp.terminal import printable


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
    reading: dict[str, Any],
    as_json: bool,
) -> None:
    """Predict classes or numbers, and write them to a CSV file.

    MODEL is a file written by `fastmlp train`. DATA is a table with the columns that the network was trained on, in any
    order, as it stands; an .npy file of rows, an .npz file with X or X_test, a folder with CIFAR-10, or digits or
    cifar10, for their test rows. Give raw rows, as in training: the network standardizes them. A table is read as in
    the training, with --delimiter, --decimal and so on as they were given there, unless they are given here. It is said
    which values the training had not; they count as other, or as the nearest number.

    With --target, the column of a table that has what is to be predicted, or with y in an .npz file, the score is shown
    too; on rows that were trained on, it is too high.

    \b
    Examples:
      fastmlp predict runs/digits-adam/model.npz digits
      fastmlp predict runs/train-adam/model.npz test.csv --id name --proba --out predictions.csv
    """
    folders.check_not_read("out", out, model, data)
    network = NeuralNetwork.load(model)
    class_names = network.class_names
    if names is None:
        names = class_names is not None and (network.schema is not None or class_names != list(CIFAR10_CLASSES))
    elif names and class_names is None:
        raise click.UsageError(f"--names needs a network with class names, which {model} does not have")
    found = sources.rows_of(network, data, target, reading, with_targets=target is not None)
    if proba and not found.task.is_classification:
        raise click.UsageError("--proba is for classes, and this network predicts numbers")
    ids: Sequence[Any] = range(len(found.X)) if found.frame is None else found.frame.index.tolist()
    if id_column is not None:
        if found.frame is None:
            raise click.UsageError(f"--id is for tables, got {data}")
        sources.check_column("id", id_column, list(found.frame.columns))
        ids = ["" if value is None else value for value in found.column(id_column, reading)]
    predictions = found.predictions()
    columns: list[tuple[str, Any]] = [(id_column or "id", ids)]
    if proba:
        shown = (f"probability of {name}" for name in found.task.class_names)
        columns += zip(shown, found.probabilities().T, strict=True)
    written = [class_names[i] for i in predictions] if names and class_names else predictions
    columns.append(("category" if network.schema is None else found.task.target, written))
    to_stdout = str(out) == "-"
    if to_stdout:
        click.echo(csv_text(columns).encode(), nl=False)  # the bytes of a file
    else:
        write_csv(out, columns)
    score = None if found.y is None else found.task.score(predictions[found.known], found.y)
    if as_json:
        record = {"n_rows": len(predictions), found.task.score_name: score, "out": str(out), "notes": found.notes}
        click.echo(json.dumps(record), err=to_stdout)
    else:
        sources.say_replaced(found)
        judged = "" if score is None else f"; {found.task.score_name} {score:.4f}"
        click.echo(f"wrote {counted(len(predictions), 'prediction')} to {printable(str(out))}{judged}", err=to_stdout)
