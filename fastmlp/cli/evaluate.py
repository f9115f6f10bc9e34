"""`fastmlp evaluate`."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli import folders, options, runs, sources
from fastmlp.data import Rows
from fastmlp.functions.class_scores import class_scores, confusion_matrix, most_confused, roc_auc_of_classes
from fastmlp.functions.scores import SCORES_OF_NUMBERS
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.plots import plot_confusion, plot_predictions
from fastmlp.remedies import counted
from fastmlp.terminal import aligned, printable

# With more classes, the most frequent confusions are listed instead of the matrix.
MAX_TABLE, N_LISTED = 20, 10


@click.command()
@options.model_argument
@options.data_argument
@options.target_option
@options.reading_options
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture of the confusion matrix, or of predicted against true numbers.  [default: confusion.png or "
    "predicted.png in the folder of MODEL]",
)
@options.json_option
def evaluate(
    model: Path, data: str, target: str | None, reading: dict[str, Any], figure: Path | None, as_json: bool
) -> None:
    """Show how good a network's predictions are.

    Of classes: accuracy, the area under the ROC curve (the mean of each class against all others), the confusion
    matrix, precision, recall and F1. Of numbers: R2, and the mean absolute and root mean squared error. Beside them is
    the score of the constant predictor, which says the most frequent class of the training rows, or their mean; for
    networks of arrays, those of these rows.

    MODEL and DATA are as in `fastmlp predict`, but DATA must contain the truth: in a table the target's column, in an
    .npz file y or y_test. Use rows that were not trained on: `fastmlp train` writes the test rows of a file to
    test.npz, beside the network.

    \b
    Examples:
      fastmlp evaluate runs/digits-adam/model.npz digits
      fastmlp evaluate runs/train-adam/model.npz runs/train-adam/test.npz --json
      fastmlp evaluate runs/train-adam/model.npz later.csv
    """
    require("matplotlib.figure", "cli", "the figure")
    if figure is not None:
        folders.check_not_read("figure", figure, model, data)
    network = NeuralNetwork.load(model)
    found = sources.rows_of(network, data, target, reading)
    if found.y is None:
        if found.frame is not None:  # of a network that does not say which column it is
            sources.check_column("target", target, list(found.frame.columns))
        raise ValueError(f"{data} must hold the truth of its rows, as y")
    n_rows, y, found = len(found.X), found.y, found.with_truth()
    predictions, constant, task = found.predictions(), np.full(len(y), found.constant_prediction), found.task
    name = task.score_name
    record = {name: task.score(predictions, y), "constant_score": task.score(constant, y)}
    record["loss"], _ = network.evaluate(found.X, y)
    if task.is_classification:
        more, lines, shown = of_classes(found, y, predictions, record["constant_score"])
    else:
        more, lines, shown = of_numbers(y, predictions, constant)
    figure = figure or model.with_name("confusion.png" if task.is_classification else "predicted.png")
    if as_json:
        click.echo(json.dumps({**record, **more, "n_rows": len(y), "figure": str(figure), "notes": found.notes}))
    else:
        sources.say_replaced(found)
        left_out = n_rows - len(y)
        rest = f" ({left_out:,} without a target left out)" if left_out else ""
        click.echo(f"{name} {record[name]:.4f} on {counted(len(y), 'row')}, loss {record['loss']:.4f}{rest}")
        click.echo("\n".join(lines))
    shown.axes[0].set_title(printable(f"{model.name} on {Path(data).name}: {name} {record[name]:.4f}"))
    # last, since the network's folder may not be writable
    runs.write_figure(figure, shown)
    if not as_json:
        click.echo(f"\nwrote the figure {figure}")


def of_classes(
    found: Rows, y: np.ndarray, predictions: np.ndarray, constant_score: float
) -> tuple[dict[str, Any], list[str], Any]:
    """What JSON says of predicted classes, besides the score, lines for the terminal, and a figure."""
    areas = roc_auc_of_classes(found.probabilities(), y)
    area = float(np.nanmean(areas)) if np.isfinite(areas).any() else None
    names = list(found.task.class_names)
    shown = list(map(printable, names))
    confusion = confusion_matrix(y, predictions, len(names))
    scores = class_scores(confusion)
    columns = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    by_class = {key: [None if np.isnan(one) else one for one in values.tolist()] for key, values in columns.items()}
    record = {"roc_auc": area, **by_class, "class_names": names, "confusion": confusion.tolist()}
    lines = [runs.constant_predictor(found.task, constant_score, shown[int(found.constant_prediction)]), ""]
    if area is not None:
        lines[0] += f"; area under the ROC curve {area:.4f}"
    if len(names) <= MAX_TABLE:
        rows = [["true \\ predicted", *shown, *columns]]
        for label, counts, *of_class in zip(shown, confusion, *columns.values(), strict=True):
            texts = ("-" if np.isnan(one) else f"{one:.4f}" for one in of_class)
            rows.append([label, *(f"{n:,}" for n in counts), *texts])
        lines += aligned(rows, left=(0,))
    elif pairs := most_confused(confusion, N_LISTED):
        lines += ["confused most often:", "    rows  true  predicted"]
        lines += [f"{n:8,}  {shown[i]}  {shown[j]}" for i, j, n in pairs]
    else:
        lines.append("nothing is confused")
    return record, lines, plot_confusion(y, predictions, class_names=shown)


def of_numbers(y: np.ndarray, predictions: np.ndarray, constant: np.ndarray) -> tuple[dict[str, Any], list[str], Any]:
    """What JSON says of predicted numbers, lines for the terminal, and a figure."""
    whose = {"the network": predictions, "constant predictor (mean)": constant}
    scores = {who: [score(numbers, y) for score in SCORES_OF_NUMBERS.values()] for who, numbers in whose.items()}
    rows = [["", *SCORES_OF_NUMBERS], *([who, *(f"{one:.6g}" for one in of_one)] for who, of_one in scores.items())]
    record = dict(zip(SCORES_OF_NUMBERS, scores["the network"], strict=True))
    return record, ["", *aligned(rows, left=(0,))], plot_predictions(y, predictions)
