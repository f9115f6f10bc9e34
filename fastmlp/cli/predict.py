"""`fastmlp predict`."""

import json
from pathlib import Path

import click

from fastmlp.cli import options, runs, sources
from fastmlp.courses.kaggle import output_submission_csv, submission
from fastmlp.datasets import CIFAR10_CLASSES
from fastmlp.functions.scores import accuracy
from fastmlp.network import NeuralNetwork


@click.command()
@options.model_argument
@options.data_argument
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="submission.csv",
    help="Output file, with the columns id and category; - for standard output.",
)
@click.option(
    "--names/--numbers",
    default=None,
    help="Write class names, or class numbers from 0.  [default: names where the network has them, but numbers for "
    "CIFAR-10]",
)
@options.label_option
@options.json_option
def predict(model: Path, data: str, out: Path, names: bool | None, label: str | None, as_json: bool) -> None:
    """Predict classes, and write them to a submission file.

    MODEL is a file written by `fastmlp train`. DATA is a .csv file with the columns that the network was trained on, an
    .npy file of rows, an .npz file with X or X_test, a folder with CIFAR-10, or digits or cifar10, for their test rows.
    Give raw rows, as in training: the network standardizes them. If DATA contains the true classes (--label of a .csv
    file, y of an .npz file), the accuracy is shown too; on rows that were trained on, it is too high.

    \b
    Examples:
      fastmlp predict runs/digits-adam/model.npz digits
      fastmlp predict runs/train-adam/model.npz test.csv --out predictions.csv
    """
    network = NeuralNetwork.load(model)
    X, y = sources.rows_of(network, data, label)
    class_names = network.class_names
    if names is None:
        names = class_names is not None and class_names != list(CIFAR10_CLASSES)
    elif names and class_names is None:
        raise click.UsageError(f"--names needs a network with class names, which {model} does not have")
    predictions = runs.predicted(network, X, data)
    written = [class_names[i] for i in predictions] if names and class_names else predictions
    to_stdout = str(out) == "-"
    if to_stdout:
        click.echo(submission(written).encode(), nl=False)  # the bytes of a file
    else:
        output_submission_csv(out, written)
    score = None if y is None else accuracy(predictions, y)
    if as_json:
        record = {"n_rows": len(predictions), runs.SCORE: score, "out": str(out)}
        click.echo(json.dumps(record), err=to_stdout)
    else:
        found = "" if score is None else f"; {runs.SCORE} {score:.4f}"
        click.echo(f"wrote {len(predictions):,} predictions to {out}{found}", err=to_stdout)
