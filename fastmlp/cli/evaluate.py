"""`fastmlp evaluate`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastmlp.cli import arrays, options, runs, sources
from fastmlp.cli.messages import printable
from fastmlp.cli.tables import Reading
from fastmlp.functions.losses import LOSSES
from fastmlp.functions.scores import r2
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.plots import plot_confusion
from fastmlp.plots.panels import new_figure

# With more classes, the most frequent confusions are listed instead of the matrix.
MAX_TABLE = 20
N_LISTED = 10


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
def evaluate(model: Path, data: str, target: str | None, reading: Reading, figure: Path | None, as_json: bool) -> None:
    """Show how good a network's predictions are.

    Of classes: accuracy, the area under the ROC curve (the mean of each class against all others), the confusion
    matrix, precision, recall and F1. Of numbers: R2, and the mean absolute and root mean squared error. Beside them is
    the score of who always says the same: the most frequent class of these rows, or their mean.

    MODEL and DATA are as in `fastmlp predict`, but DATA must contain the truth: in a table the target's column, in an
    .npz file y or y_test. Use rows that were not trained on: `fastmlp train` writes the test rows of a file to
    test.npz, beside the network.

    \b
    Examples:
      fastmlp evaluate runs/digits-adam/model.npz digits
      fastmlp evaluate runs/train-adam/model.npz runs/train-adam/test.npz --json
    """
    require("matplotlib.figure", "cli", "the figure")
    network = NeuralNetwork.load(model)
    found = sources.rows_of(network, data, target, reading)
    if found.y is None:
        raise ValueError(f"{data} must hold the truth of its rows: a column for --target in a table, y in an .npz")
    X, y = found.X[found.known], found.y
    predictions = runs.predicted(network, X, data)
    loss, _ = network.evaluate(X, y)
    if LOSSES[network.loss].of_classes:
        record, lines, shown = of_classes(network, X, y, predictions)
        name = "confusion.png"
    else:
        record, lines, shown = of_numbers(y, predictions)
        name = "predicted.png"
    score_name = next(iter(record))
    figure = figure or model.with_name(name)
    if as_json:
        click.echo(json.dumps(record | {"loss": loss, "n_rows": len(y), "figure": str(figure)}))
    else:
        left_out = len(found.X) - len(X)
        more = f" ({left_out:,} without a target left out)" if left_out else ""
        click.echo(f"{score_name} {record[score_name]:.4f} on {len(y):,} rows, loss {loss:.4f}{more}")
        for line in lines:
            click.echo(line)
    shown.axes[0].set_title(printable(f"{model.name} on {Path(data).name}: {score_name} {record[score_name]:.4f}"))
    # last, since the network's folder may not be writable
    runs.write_figure(figure, shown)
    if not as_json:
        click.echo(f"\nwrote the figure {figure}")


def of_classes(
    network: NeuralNetwork, X: np.ndarray, y: np.ndarray, predictions: np.ndarray
) -> tuple[dict[str, Any], list[str], Any]:
    """The scores of predicted classes, the score first; lines that show them, and a figure."""
    n = network.output_size
    names = network.class_names or arrays.numbered(n)
    counts = np.bincount(y * n + predictions, minlength=n * n).reshape(n, n)
    right, of_class, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    by_class = {
        "precision": _shares(right, predicted),
        "recall": _shares(right, of_class),
        "f1": _shares(2 * right, of_class + predicted),
    }
    constant = float(of_class.max() / len(y))
    area = roc_auc(network.predict_proba(X), y)
    record = {
        sources.score_name(True): sources.score(predictions, y, True),
        "constant_score": constant,
        "roc_auc": area,
        **by_class,
        "class_names": names,
        "confusion": counts.tolist(),
    }
    shown = list(map(printable, names))
    lines = [f"{constant:.4f} of who always says {shown[int(of_class.argmax())]}", ""]
    if area is not None:
        lines[0] += f"; area under the ROC curve {area:.4f}"
    lines += table(counts, by_class, shown) if n <= MAX_TABLE else largest(counts, shown)
    return record, lines, plot_confusion(y, predictions, class_names=shown)


def roc_auc(probabilities: np.ndarray, y: np.ndarray) -> float | None:
    """The area under the ROC curve; the mean over the classes that some rows are of and some are not, if any."""
    from scipy.stats import rankdata  # slow to import

    areas = []
    for k in range(probabilities.shape[1]) if probabilities.shape[1] > 2 else [1]:
        is_class = y == k
        n = int(is_class.sum())
        if 0 < n < len(y):
            ranks = rankdata(probabilities[:, k])[is_class].sum()
            areas.append((ranks - n * (n + 1) / 2) / (n * (len(y) - n)))
    return float(np.mean(areas)) if areas else None


def of_numbers(y: np.ndarray, predictions: np.ndarray) -> tuple[dict[str, Any], list[str], Any]:
    """The scores of predicted numbers, the score first; lines that show them, and a figure."""
    predictions = np.asarray(predictions, np.float64).reshape(len(y))
    record, constant = _errors(y, predictions), _errors(y, np.full(len(y), y.mean()))
    widths = [max(len(name), 12) for name in record]
    lines = ["", "  ".join(["                ", *map(str.rjust, record, widths)])]
    for what, errors in (("the network", record), ("always the mean", constant)):
        values = (f"{value:.6g}".rjust(width) for value, width in zip(errors.values(), widths, strict=True))
        lines.append("  ".join([what.ljust(16), *values]))
    figure = new_figure(6, 6)
    panel = figure.add_subplot()
    panel.scatter(y, predictions, s=9, alpha=0.6, linewidths=0)
    panel.axline((y[0], y[0]), slope=1, color="gray", linewidth=1)
    panel.set(xlabel="true", ylabel="predicted")
    return {**record, "constant_score": constant["R2"]}, lines, figure


def _errors(y: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    errors = predictions - y
    return {
        sources.score_name(False): r2(predictions, y),
        "MAE": float(np.abs(errors).mean()),
        "RMSE": float(np.sqrt(np.square(errors).mean())),
    }


def _shares(counts: np.ndarray, totals: np.ndarray) -> list[float | None]:
    """The share of each total; None where it is 0."""
    return [int(n) / int(total) if total else None for n, total in zip(counts, totals, strict=True)]


def table(counts: np.ndarray, by_class: dict[str, list[float | None]], names: Sequence[str]) -> list[str]:
    """The lines of the confusion matrix, a row for each true class, with the class's precision, recall and F1."""
    rows = [["true \\ predicted", *names, *by_class]]
    for i, name in enumerate(names):
        shares = [values[i] for values in by_class.values()]
        rows.append([name, *(f"{n:,}" for n in counts[i]), *("-" if one is None else f"{one:.4f}" for one in shares)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for first, *rest in rows]


def largest(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    """The lines of a list of the pairs of classes that are confused most often."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:N_LISTED]
    pairs = [divmod(int(i), len(names)) for i in order]
    lines = [f"{wrong[i, j]:8,}  {names[i]}  {names[j]}" for i, j in pairs if wrong[i, j]]
    return ["confused most often:", "    rows  true  predicted", *lines] if lines else ["nothing is confused"]
