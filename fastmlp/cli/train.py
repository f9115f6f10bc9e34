"""`fastmlp train`."""

import json
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fastmlp.cli import folders, runs, sources
from fastmlp.cli.options import json_option, threads_option, training_options
from fastmlp.cli.presets import OPTIMIZERS, described, preset
from fastmlp.files import models
from fastmlp.files.access import undisturbed
from fastmlp.files.checkpoints import Checkpoint
from fastmlp.optional import require
from fastmlp.plots import plot_history
from fastmlp.training import History, TrainingState

CHECKPOINT = "checkpoint.npz"
RESULTS = ("model.npz", "history.json", "history.png")
TEST_ROWS = "test.npz"
COLUMNS = "epoch  train loss  train acc  val loss  val acc  learning rate  seconds"


class Sizes(click.ParamType):
    """Positive integers with commas between them."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            sizes = tuple(int(text) for text in value.split(","))
        except ValueError:
            sizes = (0,)
        if min(sizes) < 1:
            self.fail(f"{value!r} is not a list of positive integers such as 120,120", param, ctx)
        return sizes


@click.command()
@click.option("--optimizer", type=click.Choice(OPTIMIZERS, case_sensitive=False), default="Adam")
@click.option("--layers", type=click.IntRange(1), help="Affine layers, the output's included: hidden layers and one.")
@click.option(
    "--hidden-sizes",
    type=Sizes(),
    help="Size of each hidden layer, such as 120,120; with --layers one size for all.  [default: 64; cifar10: 120,120]",
)
@click.option("--batch-size", type=click.IntRange(1), help=f"Rows of one update.  {described('batch_size')}")
@click.option("--learning-rate", type=float, help=f"Of the first epoch.  {described('learning_rate')}")
@click.option(
    "--learning-rate-decay",
    type=float,
    help=f"Factor on the rate after each epoch.  {described('learning_rate_decay')}",
)
@click.option(
    "--regularization", type=float, help=f"Strength of the L2 penalty on the weights.  {described('regularization')}"
)
@click.option(
    "--beta1", type=float, help="Adam's first decay rate, or the momentum.  [default: 0.9; cifar10, Adam: 0.7]"
)
@click.option("--beta2", type=float, help="Adam's second decay rate.  [default: 0.999; cifar10: 0.79]")
@threads_option
@training_options(
    "Folder for model.npz, history.json and history.png.  [default: the first free one of runs/DATA-OPTIMIZER, -2, ...]"
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where the same training was cut off, from checkpoint.npz in --out, or in the latest folder of that "
    "training; from the start where there is none. All other options must be the same, but for --threads, and "
    "--epochs, which may be more.",
)
@json_option
def train(
    optimizer: str,
    layers: int | None,
    hidden_sizes: tuple[int, ...] | None,
    threads: int | None,
    data: str,
    label: str | None,
    ignore: tuple[str, ...],
    folder: Path | None,
    dtype: str,
    seed: int,
    out: Path | None,
    resume: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train a network, test it and save it.

    By default on the 1,797 handwritten digits that come with fastmlp, which takes seconds. CIFAR-10 is trained as the
    university assignment does: a 3072-120-120-10 network, batches of 200, 40 epochs.

    Your own rows come as a CSV file with a line of column names, numbers, and a column of classes that --label names;
    or as an .npz file with X (n_rows, n_features) and y (n_rows,). A tenth of the rows validates, another tenth tests,
    unless an .npz file has X_train, y_train, X_val, y_val, X_test and y_test; the test rows are written to test.npz, as
    DATA for `fastmlp evaluate`. All features are standardised as the rows that train are: mean 0, standard deviation 1.

    Each training has a folder of its own in runs, so that none replaces another's results.

    Ctrl-C, SIGTERM or a closed terminal ends the training; after the first epoch, what was trained is tested and saved.
    About once a second, where an epoch ends, checkpoint.npz is written beside the results: after a crash, --resume goes
    on from there, and ends with the network that an uninterrupted training gives, to the last bit.

    \b
    Examples:
      fastmlp train
      fastmlp train --data train.csv --label species --hidden-sizes 32,16
      fastmlp train --data cifar10 --optimizer SGD --epochs 10
    """
    require("matplotlib.figure", "cli", "the figure")  # before the training, not after it
    for name in {"SGD": ("beta1", "beta2"), "Momentum": ("beta2",)}.get(optimizer, ()):
        if changes[name] is not None:
            raise click.UsageError(f"--{name} has no effect with {optimizer}")
    usual = preset(sources.kind(data), optimizer)
    try:
        settings = usual.checked(**changes)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    sizes = _hidden_sizes(layers, hidden_sizes, usual.hidden_sizes)
    found = sources.to_train_on(data, folder, label, ignore)
    network = found.network(sizes, dtype=dtype, n_threads=threads, seed=seed)
    results = (*RESULTS, TEST_ROWS) if sources.kind(data) == "file" else RESULTS

    def same(folder: Path) -> bool:
        """Whether a folder has an earlier part of this training."""
        earlier = Checkpoint(network._model, folder / CHECKPOINT, runs.CHECKPOINT_SECONDS, resume)
        return earlier.is_of(settings, seed, found.arrays["X_train"], found.arrays["y_train"])

    def mine(folder: Path) -> bool:
        """Whether there is nothing else, or nothing but a training that did not get through its first epoch."""
        if resume and same(folder):
            return True
        begun = checkpointed(folder / CHECKPOINT)
        return begun is not None and not begun.history and not any((folder / name).exists() for name in results)

    usual_name = f"{found.name}-{optimizer.lower()}"
    if resume and out is None:
        out = folders.latest(usual_name, CHECKPOINT, same)
    out = folders.take(out, usual_name, results, data, state=(CHECKPOINT,), mine=mine)
    n_train, n_test = (len(found.arrays[f"y_{part}"]) for part in ("train", "test"))
    checkpoint = out / CHECKPOINT
    if not resume:
        say_what_is_replaced(checkpoint)
    if not as_json:
        if resume:
            click.echo(f"going on from {checkpoint}" if checkpoint.exists() else f"no {checkpoint}: from the start")
        click.echo(f"{network} on {found.name}: {n_train:,} rows to train, {settings.optimizer}\n\n{COLUMNS}")
    callbacks = [] if as_json else [print_epoch]
    run = runs.train(found, network, settings, seed, callbacks, checkpoint=checkpoint, resume=resume)
    files = {name: out / name for name in results}
    network.save(files["model.npz"])
    runs.write_json(files["history.json"], run.record())
    if TEST_ROWS in files:
        sources.write_test_rows(files[TEST_ROWS], found)
    title = f"{found.name}, {settings.optimizer}: test accuracy {run.test_accuracy:.4f}"
    runs.write_figure(files["history.png"], plot_history(run.history, title=title))
    if as_json:
        record = {name: value for name, value in run.record().items() if name != "history"}
        record |= {"epochs": len(run.history), "n_test": n_test, "files": [str(path) for path in files.values()]}
        click.echo(json.dumps(record))
    else:
        names, speed = ", ".join(files), run.samples_per_second
        pace = "" if speed is None else f", {speed:,.0f} samples a second in training"
        click.echo(
            f"\ntest accuracy {run.test_accuracy:.4f} on {n_test:,} rows; {run.seconds:.2f} s{pace}\n"
            f"wrote {names} to {out}"
        )
    runs.end(run.stopped, f"after {len(run.history)} of {settings.epochs} epochs; the network as it was then is saved")


def checkpointed(checkpoint: Path) -> TrainingState | None:
    """How far the training of a checkpoint is; None where there is none, or no whole one, or somebody else's file."""

    def training() -> TrainingState | None:
        try:
            return models.load(checkpoint).training
        except (OSError, ValueError):
            return None

    return undisturbed(training)


def say_what_is_replaced(checkpoint: Path) -> None:
    """Tell of a training that is not complete, and that would have been gone on with."""
    found = checkpointed(checkpoint)
    if found is not None and not found.over and 0 < len(found.history) < found.settings.epochs:
        click.echo(
            f"{checkpoint} is replaced, of a training that was cut off after {len(found.history)} of "
            f"{found.settings.epochs} epochs; --resume goes on with one",
            err=True,
        )


def _hidden_sizes(layers: int | None, hidden_sizes: tuple[int, ...] | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    """The size of each hidden layer, from what was asked for."""
    sizes = hidden_sizes or usual
    if layers is None:
        return sizes
    if hidden_sizes is not None and (layers == 1 or len(sizes) not in (1, layers - 1)):
        needed = "one size, or layers - 1 = " if layers > 1 else "left out with "
        raise click.UsageError(f"--hidden-sizes must be {needed}{layers - 1} sizes, got {len(sizes)}")
    return sizes if len(sizes) == layers - 1 else sizes[:1] * (layers - 1)


def print_epoch(network: Any, history: History) -> None:
    """One row of the table, above the progress bar where there is one."""
    epoch = history[-1]
    tqdm.write(
        f"{len(history):5d}  {epoch.train_loss:10.4f}  {epoch.train_accuracy:9.4f}  {epoch.val_loss:8.4f}"
        f"  {epoch.val_accuracy:7.4f}  {epoch.learning_rate:13.6f}  {epoch.seconds:7.3f}"
    )
