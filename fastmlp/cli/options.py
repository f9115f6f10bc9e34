"""Options and arguments that several commands share."""

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from fastmlp.cli import sources
from fastmlp.cli.presets import Preset, default_of, preset, with_option
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS
from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require

# The options of all optimizers, and what help pages say of them.
OPTIMIZER_OPTIONS = tuple(dict.fromkeys(name for row in OPTIMIZERS.values() for name in row.options))
MEANINGS = {
    "beta1": "first decay rate, or the momentum",
    "beta2": "second decay rate",
    "epsilon": "what is added to the denominator",
    "rho": "decay rate of the mean of squared gradients",
    "weight_decay": "share of the parameters, times the learning rate, that each update takes away",
}
# the exit status that shells expect after Ctrl-C: 128 and the signal's number
INTERRUPTED = 130

threads_option = click.option("--threads", type=click.IntRange(1), help="Number of threads.  [default: all processors]")
label_option = click.option("--label", metavar="COLUMN", help="Column of a CSV file that holds the classes.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
data_argument = click.argument("data", type=sources.existing)


class TrainingOptions(NamedTuple):
    """The values of the options that all commands that train share; see `training_options`."""

    data: str
    label: str | None
    ignore: tuple[str, ...]
    folder: Path | None
    activation: str
    epochs: int | None
    dtype: str
    seed: int
    out: Path | None

    def preset(self, optimizer: str) -> Preset:
        """The preset of the data set, with the number of epochs that was chosen."""
        usual = preset(sources.kind(self.data), optimizer)
        return usual if self.epochs is None else usual._replace(settings=usual.settings | {"epochs": self.epochs})

    def load(self) -> sources.DataSet:
        """The data set to train on."""
        return sources.load(self.data, self.folder, self.label, self.ignore)

    def network(self, data: sources.DataSet, hidden_sizes: Sequence[int], n_threads: int | None) -> NeuralNetwork:
        """A network for the data set."""
        options = {"activation": self.activation, "dtype": self.dtype, "n_threads": n_threads, "seed": self.seed}
        return data.network(hidden_sizes, **options)


def sizes(text: str) -> tuple[int, ...]:
    """Positive integers separated by commas."""
    try:
        found = tuple(map(int, text.split(",")))
    except ValueError:
        found = (0,)
    if min(found) < 1:
        raise click.BadParameter(f"{text!r} is not a list of positive integers such as 120,120")
    return found


def choice(names: Iterable[str]) -> click.Choice:
    """One of these names, in upper or lower case."""
    return click.Choice(tuple(names), case_sensitive=False)


def optimizer_option(default: str) -> Callable[[Any], Any]:
    """The choice of an optimizer."""
    return click.option("--optimizer", type=choice(OPTIMIZERS), default=default)


def setting_option(name: str, help_text: str, kind: Any = float) -> Callable[[Any], Any]:
    """The option of a setting of training, whose default depends on the optimizer and the data set."""
    return click.option(f"--{name.replace('_', '-')}", type=kind, help=f"{help_text}  {default_of(name)}")


def optimizer_settings(command: Any) -> Any:
    """The options of all optimizers, as arguments of their names."""
    for name in reversed(OPTIMIZER_OPTIONS):
        used_by = ", ".join(with_option(name))
        command = setting_option(name, f"Of {used_by}: {MEANINGS.get(name, name)}.")(command)
    return command


def training_options(out: str) -> Callable[[Any], Any]:
    """The options of all commands that train, as their argument `given`; `out` describes the output folder."""
    data = "Training data: digits, cifar10, or a file, .csv with --label or .npz with X and y."
    ignore = "Column of a CSV file to leave out, such as an id. May be repeated."
    folder = "Folder of CIFAR-10.  [default: FASTMLP_DATA, ./cifar10 or the cache; else it is downloaded]"
    activation = "What each hidden layer applies to its sums."
    seed = "Random seed of the initial weights and of the order of the rows."
    options = [
        click.option("--data", type=sources.existing, default="digits", metavar="DATA", help=data),
        label_option,
        click.option("--ignore", metavar="COLUMN", multiple=True, help=ignore),
        click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help=folder),
        click.option("--activation", type=choice(HIDDEN_ACTIVATIONS), default="relu", help=activation),
        click.option("--epochs", type=click.IntRange(1), help="Passes over the training data.  [default: 40]"),
        click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Precision."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help=seed),
        click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=out),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            require("matplotlib.figure", "cli", "the figures")  # before the training, not after it
            given = TrainingOptions(**{name: values.pop(name) for name in TrainingOptions._fields})
            command(given, **values)

        return functools.reduce(lambda decorated, option: option(decorated), reversed(options), run)

    return decorate
