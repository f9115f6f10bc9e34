"""Options and arguments that several commands share."""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from fastmlp.cli import sources
from fastmlp.cli.messages import in_words_of_the_command
from fastmlp.cli.presets import Preset, default_of, preset, with_option
from fastmlp.data import DataSet
from fastmlp.data.data_set import losses
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS
from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.tables.notations import DECIMALS
from fastmlp.tables.parts import SHARES
from fastmlp.tables.task import KINDS
from fastmlp.validation import number

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
target_option = click.option(
    "--target", "--label", "target", metavar="COLUMN", help="Column of a table that is to be predicted."
)
ignore_option = click.option(
    "--ignore",
    metavar="COLUMNS",
    multiple=True,
    help="Columns of a table to leave out, such as id,name. May be repeated.",
)
task_option = click.option(
    "--task",
    type=click.Choice(KINDS),
    help="What is learnt of the target.  [default: classes, or a regression of many different numbers]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
data_argument = click.argument("data", type=sources.existing)


class TrainingOptions(NamedTuple):
    """The values of the options that all commands that train share; see `training_options`."""

    data: str
    target: str | None
    ignore: tuple[str, ...]
    task: str | None
    split: tuple[float, float] | None
    folder: Path | None
    activation: str
    loss: str | None
    weights: str | None
    label_smoothing: float
    dropout: float | tuple[float, ...] | None
    epochs: int | None
    dtype: str | None
    seed: int
    out: Path | None
    replace: bool
    reading: dict[str, Any]

    def preset(self, optimizer: str, n_rows: int | None = None) -> Preset:
        """The preset of the data set, or of a regression, with the number of epochs that was chosen.

        Complete where it is known how many rows are trained on.
        """
        # the rates that were chosen for the digits are too high for numbers
        usual = preset("table" if self.task == "regression" else sources.kind(self.data), optimizer, n_rows)
        return usual if self.epochs is None else usual._replace(settings=usual.settings | {"epochs": self.epochs})

    @property
    def rates(self) -> float | tuple[float, ...]:
        """The rates of dropout that were chosen, or those of the preset, of any optimizer."""
        return self.preset("Adam").dropout if self.dropout is None else self.dropout

    def load(self) -> DataSet:
        """The data set to train on."""
        found = sources.load(
            self.data, self.folder, self.target, self.ignore, self.task, self.split, self.seed, self.reading
        )
        with in_words_of_the_command(Path(self.data)):
            found.loss(self.loss)
        if self.weights is not None and not found.task.is_classification:
            raise click.UsageError("--weights is for classes, and a regression is learnt")
        return found

    def network(self, data: DataSet, hidden_sizes: Sequence[int], n_threads: int | None) -> NeuralNetwork:
        """A network for the data set."""
        return data.network(
            hidden_sizes,
            activation=self.activation,
            loss=self.loss,
            label_smoothing=self.label_smoothing,
            dropout=self.rates,
            dtype=self.dtype,
            n_threads=n_threads,
            seed=self.seed,
        )


def sizes(text: str) -> tuple[int, ...]:
    """Positive integers separated by commas."""
    try:
        found = tuple(map(int, text.split(",")))
    except ValueError:
        found = (0,)
    if min(found) < 1:
        raise click.BadParameter(f"{text!r} is not a list of positive integers such as 120,120")
    return found


def rates(text: str) -> float | tuple[float, ...]:
    """A rate of dropout, or several separated by commas; a list of one is in brackets."""
    whole = text.strip()
    is_list = whole.startswith("[") and whole.endswith("]")
    parts = (whole[1:-1] if is_list else whole).split(",")
    try:
        found = tuple(number("a rate", float(part), 0, 1, open_high=True) for part in parts)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a rate of at least 0 and below 1 such as 0.5, or a list of them such as 0.2,0.5"
        ) from None
    return found if is_list or len(found) > 1 else found[0]


def shares(text: str) -> tuple[float, float]:
    """The shares of rows that validate and that test."""
    try:
        validation, test = (number("a share", float(part), 0, 1, open_high=True) for part in text.split(","))
    except ValueError:
        validation = test = 0.0
    if not (validation and test and validation + test < 1):
        raise click.BadParameter(f"{text!r} is not two shares of the rows, to validate and to test, such as 0.1,0.2")
    return validation, test


def unescaped(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """A tab where it is written as in Python."""
    return "\t" if text == r"\t" else text


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of all commands that read tables, as their argument `reading`: those that are given."""
    missing = "Field of a table that is no value, besides NA, null, ? and the like. May be repeated."
    delimiter = "What separates the fields of a table, where that is not recognised."
    header = "Whether a table's first line has names, where that is not recognised."
    options = {
        "delimiter": click.option("--delimiter", metavar="CHARACTER", callback=unescaped, help=delimiter),
        "decimal": click.option("--decimal", type=click.Choice(DECIMALS), help="Decimal mark of a table's numbers."),
        "missing": click.option("--missing", metavar="TEXT", multiple=True, help=missing),
        "encoding": click.option("--encoding", help="Encoding of a table's text, such as cp1252."),
        "header": click.option("--header/--no-header", default=None, help=header),
    }

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in options}
        reading = {name: list(value) if name == "missing" else value for name, value in given.items()}
        command(reading={name: value for name, value in reading.items() if value not in (None, [])}, **values)

    return with_options(options.values(), run)


def with_options(options: Iterable[Callable[[Any], Any]], command: Any) -> Any:
    """A command with these options, in this order."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(list(options)), command)


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
    helps = {name: f"Of {', '.join(with_option(name))}: {MEANINGS.get(name, name)}." for name in OPTIMIZER_OPTIONS}
    return with_options(itertools.starmap(setting_option, helps.items()), command)


def training_options(out: str) -> Callable[[Any], Any]:
    """The options of all commands that train, as their argument `given`; `out` describes the output folder."""
    data = (
        "Training data: digits, cifar10, or a file: a table, .csv, .tsv, .txt, also compressed, Parquet or Arrow, with "
        "--target; or .npz with X and y."
    )
    split = f"Shares of a table's rows that validate and that test.  [default: {','.join(map(str, SHARES))}]"
    folder = "Folder of CIFAR-10.  [default: FASTMLP_DATA, ./cifar10 or the cache; else it is downloaded]"
    activation = "What each hidden layer applies to its sums."
    usual = [losses(are_classes)[0] for are_classes in (True, False)]
    loss = f"What is minimised.  [default: {usual[0]} of classes, {usual[1]} of numbers; the others are of numbers]"
    weights = (
        "balanced: in training and validation all classes count alike, however many rows they have.  [default: all "
        "rows count alike]"
    )
    smoothing = "Of cross_entropy: the share of each label that is spread over all classes."
    dropout = (
        "Rate with which units of the hidden layers are dropped in training; or a list, of the inputs and of each "
        "hidden layer, such as 0.1,0.4,0.4.  [default: 0; tables: 0.1]"
    )
    dtype = "Precision.  [default: float32; float64 to learn numbers that differ in their last digits alone]"
    seed = "Random seed of the initial weights, of the order of the rows, of dropout and of the split of a table."
    epochs = "Passes over the training data.  [default: 40; tables: at most 400, in tune as many as 2000 updates take]"
    replace = "Replace earlier results in --out."
    options = [
        click.option("--data", type=sources.existing, default="digits", metavar="DATA", help=data),
        target_option,
        ignore_option,
        task_option,
        click.option("--split", type=shares, metavar="SHARES", help=split),
        click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help=folder),
        click.option("--activation", type=choice(HIDDEN_ACTIVATIONS), default="relu", help=activation),
        click.option("--loss", type=choice((*losses(True), *losses(False))), help=loss),
        click.option("--weights", type=click.Choice(["balanced"]), help=weights),
        click.option("--label-smoothing", type=click.FloatRange(0, 1, max_open=True), default=0.0, help=smoothing),
        click.option("--dropout", type=rates, help=dropout),
        click.option("--epochs", type=click.IntRange(1), help=epochs),
        click.option("--dtype", type=click.Choice(["float32", "float64"]), help=dtype),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help=seed),
        click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=out),
        click.option("--replace", is_flag=True, help=replace),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            require("matplotlib.figure", "cli", "the figures")  # before the training, not after it
            given = TrainingOptions(**{name: values.pop(name) for name in TrainingOptions._fields})
            command(given, **values)

        return with_options(options, reading_options(run))

    return decorate
