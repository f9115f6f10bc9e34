"""Options and arguments that several commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fastmlp.cli.presets import OPTIMIZERS
from fastmlp.cli.sources import Source
from fastmlp.functions import HIDDEN_ACTIVATIONS

# the exit status that shells expect after Ctrl-C: 128 and the signal's number
INTERRUPTED = 130

threads_option = click.option("--threads", type=click.IntRange(1), help="Number of threads.  [default: all processors]")
label_option = click.option("--label", metavar="COLUMN", help="Column of a CSV file that holds the classes.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
data_argument = click.argument("data", type=Source())


def optimizer_option(default: str) -> Callable[[Any], Any]:
    """The choice of an optimizer."""
    return click.option("--optimizer", type=click.Choice(OPTIMIZERS, case_sensitive=False), default=default)


def training_options(out: str) -> Callable[[Any], Any]:
    """The options of all commands that train; `out` describes the output folder."""
    data = "Training data: digits, cifar10, or a file, .csv with --label or .npz with X and y."
    ignore = "Column of a CSV file to leave out, such as an id. May be repeated."
    folder = "Folder of CIFAR-10.  [default: FASTMLP_DATA, ./cifar10 or the cache; else it is downloaded]"
    activation = "What each hidden layer applies to its sums."
    seed = "Random seed of the initial weights and of the order of the rows."
    options = [
        click.option("--data", type=Source(), default="digits", metavar="DATA", help=data),
        label_option,
        click.option("--ignore", metavar="COLUMN", multiple=True, help=ignore),
        click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help=folder),
        click.option(
            "--activation",
            type=click.Choice(HIDDEN_ACTIVATIONS, case_sensitive=False),
            default="relu",
            help=activation,
        ),
        click.option("--epochs", type=click.IntRange(1), help="Passes over the training data.  [default: 40]"),
        click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Precision."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help=seed),
        click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=out),
    ]
    return lambda command: functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)
