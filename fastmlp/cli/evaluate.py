"""`fastmlp evaluate`."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from fastmlp.cli import options, runs, sources
from fastmlp.cli.tables import printable
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.plots import plot_confusion

# With more classes, the most frequent confusions are listed instead of the matrix.
MAX_TABLE = 20
N_LISTED = 10


@click.command()
@options.model_argument
@options.data_argument
@options.label_option
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture of the confusion matrix.  [default: confusion.png in the folder of MODEL]",
)
@options.json_option
def evaluate(model: Path, data: str, label: str | None, figure: Path | None, as_json: bool) -> None:
    """Show the accuracy and the confusion matrix of a network.

    MODEL and DATA are as in `fastmlp predict`, but DATA must contain the true classes: in a .csv file, the column named
    by --label, or the only column that is not a feature; in an .npz file, y or y_test. Use rows that were not trained
    on: `fastmlp train` writes the test rows of a file to test.npz, beside the network.

    \b
    Examples:
      fastmlp evaluate runs/digits-adam/model.npz digits
      fastmlp evaluate runs/train-adam/model.npz runs/train-adam/test.npz --json
    """
    require("matplotlib.figure", "cli", "the figure")
    network = NeuralNetwork.load(model)
    X, y = sources.rows_of(network, data, label or sources.likely_label(network, data))
    if y is None:
        raise ValueError(f"{data} must hold the classes of its rows: a column for --label in a .csv file, y in an .npz")
    predictions = runs.predicted(network, X, data)
    loss, score = network.evaluate(X, y)
    n = network.output_size
    counts = np.bincount(y * n + predictions, minlength=n * n).reshape(n, n)
    names = network.class_names or [str(i) for i in range(n)]
    figure = figure or model.with_name("confusion.png")
    shown = list(map(printable, names))
    title = printable(f"{model.name} on {Path(data).name}: {runs.SCORE} {score:.4f}")
    if as_json:
        record = {runs.SCORE: score, "loss": loss, "n_rows": len(y), "class_names": names}
        click.echo(json.dumps(record | {"confusion": counts.tolist(), "figure": str(figure)}))
    else:
        click.echo(f"{runs.SCORE} {score:.4f} on {len(y):,} rows, loss {loss:.4f}\n")
        for line in table(counts, shown) if n <= MAX_TABLE else largest(counts, shown):
            click.echo(line)
    # last, since the network's folder may not be writable
    runs.write_figure(figure, plot_confusion(y, predictions, class_names=shown, title=title))
    if not as_json:
        click.echo(f"\nwrote the figure {figure}")


def table(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    """The lines of the confusion matrix, a row for each true class, with the class's recall."""
    totals = counts.sum(axis=1)
    recalls = [f"{counts[i, i] / total:.4f}" if total else "-" for i, total in enumerate(totals)]
    rows = [["true \\ predicted", *names, "recall"]]
    rows += [[name, *(f"{n:,}" for n in row), recall] for name, row, recall in zip(names, counts, recalls, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for first, *rest in rows]


def largest(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    """The lines of a list of the pairs of classes that are confused most often."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:N_LISTED]
    pairs = [divmod(int(i), len(names)) for i in order]
    lines = [f"{wrong[i, j]:8,}  {names[i]}  {names[j]}" for i, j in pairs if wrong[i, j]]
    return ["confused most often:", "    rows  true  predicted", *lines] if lines else ["nothing is confused"]
