"""`fastmlp predict`."""

import json
from pathlib import Path

import click

from fastmlp.cli import runs, sources
from fastmlp.cli.options import data_argument, json_option, label_option, model_argument
from fastmlp.courses.kaggle import output_submission_csv, submission
from fastmlp.datasets import CIFAR10_CLASSES
from fastmlp.network import NeuralNetwork


@click.command()
@model_argument
@data_argument
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="submission.csv",
    help="The file to write, with the columns id and category; - for standard output.",
)
@click.option(
    "--names/--numbers",
    default=None,
    help="Write the names of the classes, or their numbers from 0.  [default: names where the network has some, but "
    "numbers for CIFAR-10]",
)
@label_option
@json_option
def predict(model: Path, data: str, out: Path, names: bool | None, label: str | None, as_json: bool) -> None:
    """Predict the classes of rows, into a file to submit.

    MODEL is a file that `fastmlp train` wrote. DATA is a .csv file with the columns that the network was trained on, an
    .npy file of rows, an .npz file with X or X_test, a folder with CIFAR-10, or digits or cifar10, whose test rows are
    taken. The rows are raw, as those that trained: the network standardises them itself. Where their classes are known
    (in a .csv file by --label, in an .npz file by y), the accuracy is shown too; of rows that trained it says little.

    \b
    Examples:
      fastmlp predict runs/digits-adam/model.npz digits
      fastmlp predict runs/train-adam/model.npz test.csv --out predictions.csv
    """
    network = NeuralNetwork.load(model)
    rows = sources.rows_of(network, data, label)
    class_names = network.class_names
    if names is None:
        names = class_names is not None and class_names != list(CIFAR10_CLASSES)
    elif names and class_names is None:
        raise click.UsageError(f"--names needs a network with names for its classes, which {model} has not")
    predictions = runs.predicted(network, rows.X, data)
    written = [class_names[i] for i in predictions] if names and class_names else predictions
    to_stdout = str(out) == "-"
    if to_stdout:
        click.echo(submission(written), nl=False)
    else:
        output_submission_csv(out, written)
    accuracy = None if rows.y is None else runs.accuracy(predictions, rows.y)
    if as_json:
        record = {"n_rows": len(predictions), "accuracy": accuracy, "out": str(out)}
        click.echo(json.dumps(record), err=to_stdout)
    else:
        found = "" if accuracy is None else f"; accuracy {accuracy:.4f}"
        click.echo(f"wrote {len(predictions):,} predictions to {out}{found}", err=to_stdout)
