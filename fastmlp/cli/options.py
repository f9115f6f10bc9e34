"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fastmlp.cli.sources import Source

# the exit status that a shell expects of what Ctrl-C has ended: 128 and the signal's number
INTERRUPTED = 130

threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Threads to compute with.  [default: all processors]"
)
label_option = click.option("--label", metavar="COLUMN", help="The column of classes in a CSV file.")
ignore_option = click.option(
    "--ignore",
    metavar="COLUMN",
    multiple=True,
    help="A column of a CSV file to leave out, an id for instance; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON in place of text.")
model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
data_argument = click.argument("data", type=Source())


def training_options(out: str) -> Callable[[Any], Any]:
    """The options of all commands that train; `out` says what goes where by default."""
    options = [
        click.option(
            "--data",
            type=Source(),
            default="digits",
            metavar="DATA",
            help="What to train on: digits, cifar10, or a file of your own, .csv with --label or .npz with X and y.",
        ),
        label_option,
        ignore_option,
        click.option(
            "--folder",
            type=click.Path(file_okay=False, exists=True, path_type=Path),
            help="Where CIFAR-10 lies; by default FASTMLP_DATA, ./cifar10 and the cache are searched, and it is "
            "downloaded where it is in none of them.",
        ),
        click.option("--epochs", type=click.IntRange(1), help="Passes over the training data.  [default: 40]"),
        click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Precision."),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="For the weights and the order of the rows."
        ),
        click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=out),
    ]

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
