"""`fastmlp train`."""

import json
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fastmlp.cli import folders, options, reports, runs, sources
from fastmlp.cli.presets import with_option
from fastmlp.files import models
from fastmlp.files.checkpoints import Checkpoint
from fastmlp.functions.losses import LOSSES
from fastmlp.history import History
from fastmlp.plots import plot_history
from fastmlp.schedules import SCHEDULES
from fastmlp.training import CheckpointState

CHECKPOINT = "checkpoint.npz"
RESULTS = ("model.npz", "history.json", "history.png")
# Of files too; the report is of a table.
TEST_ROWS, REPORT = "test.npz", "report.html"
# Of the table of epochs, in the order of an `Epoch`.
DIGITS = (4, 4, 4, 4, 6, 3)
# The most epochs that all have a row.
FEW_EPOCHS = 100


@click.command()
@options.optimizer_option("Adam")
@click.option("--layers", type=click.IntRange(1), help="Number of affine layers: hidden layers and the output layer.")
@click.option(
    "--hidden-sizes",
    type=options.sizes,
    help="Sizes of the hidden layers, such as 120,120; with --layers one size for all.  [default: 64; tables: 100; "
    "cifar10: 120,120]",
)
@options.setting_option("batch_size", "Number of rows of one update.", click.IntRange(1))
@options.setting_option("learning_rate", "Learning rate of the first epoch.")
@options.setting_option("learning_rate_decay", "Factor on the learning rate after each epoch.")
@click.option(
    "--schedule",
    type=options.choice(SCHEDULES),
    help="How the learning rate changes, in the place of --learning-rate-decay.",
)
@options.setting_option("regularization", "Strength of the L2 penalty on the weights.")
@click.option(
    "--clip-norm",
    type=click.FloatRange(0, min_open=True),
    help="Largest norm of a batch's gradient, which is scaled down to it.  [default: none]",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop early: keep the network after the epoch with the lowest validation loss, and end when this number of "
    "epochs has not lowered it by more than 0.0001.  [default: train for all epochs; tables: 50]",
)
@options.optimizer_settings
@options.threads_option
@options.training_options(
    "Output folder for model.npz, history.json, history.png, and of a table report.html.  [default: the first free one "
    "of runs/DATA-OPTIMIZER, -2, ...]"
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue the same training after an interruption, from checkpoint.npz in --out or in its latest folder; "
    "without one, start anew. All other options must be the same, except --threads, and --epochs, which may be more "
    "unless the schedule depends on it.",
)
@options.json_option
def train(
    given: options.TrainingOptions,
    optimizer: str,
    layers: int | None,
    hidden_sizes: tuple[int, ...] | None,
    threads: int | None,
    resume: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train a network, test it and save it.

    The default data are the 1,797 handwritten digits that come with fastmlp, which take a second. CIFAR-10 is trained
    as in the university assignment: a 3072-120-120-10 network, batches of 200, 40 epochs.

    Your own data are a table, and --target names the column to be predicted: classes, or numbers. It is shown how each
    column was understood (see `fastmlp describe`). Gaps are filled, categories become columns of 0 and 1. A tenth of
    the rows is used for validation and a fifth for the test, of each class alike. Training stops when none of
    50 epochs has lowered the validation loss by more than 0.0001. The table of epochs has a row for each, but of more
    than 100 epochs only for 1, 2, ..., 10, 20, ..., 100, 200 and so on, the last one and the one that is kept;
    history.json has all.

    Or they are an .npz file with X (n_rows, n_features) and y (n_rows,). A tenth of the rows is used for validation and
    another tenth for the test, unless it has X_train, y_train, X_val, y_val, X_test and y_test.

    Of a table, report.html shows the data, the training and its results, in any browser. The test rows of a file are
    written to test.npz, for `fastmlp evaluate`. Features are standardized to mean 0 and standard deviation 1 on the
    training rows.

    Each training gets its own folder in runs, and replaces no other results.

    Ctrl-C, SIGTERM or a closed terminal ends the training; after the first epoch, the network is still tested and
    saved. About once a second, at the end of an epoch, checkpoint.npz is written: after a crash, --resume continues
    from there, and gives exactly the network of an uninterrupted training.

    \b
    Examples:
      fastmlp train
      fastmlp train --data train.csv --target species
      fastmlp train --data train.csv --target width --ignore species --hidden-sizes 32,16
      fastmlp train --data cifar10 --optimizer SGD --epochs 10
    """
    for name in options.OPTIMIZER_OPTIONS:
        if changes[name] is not None and optimizer not in with_option(name):
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect with {optimizer}")
    usual = given.preset(optimizer)
    try:
        usual.checked(**changes)  # before the data are read
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    hidden_sizes = _hidden_sizes(layers, hidden_sizes, usual.hidden_sizes)
    found = given.load()
    n_train, n_test = (len(found.arrays[f"y_{part}"]) for part in ("train", "test"))
    settings = given.preset(optimizer, n_train).checked(**changes)
    network = given.network(found, hidden_sizes, threads)
    results = (*RESULTS, *{"table": (REPORT, TEST_ROWS), "arrays": (TEST_ROWS,)}.get(sources.kind(given.data), ()))

    def has_part(folder: Path) -> bool:
        """Whether a folder has an earlier part of this training."""
        earlier = Checkpoint(network._model, folder / CHECKPOINT, runs.CHECKPOINT_SECONDS, resume)
        return earlier.is_of(settings, given.seed, found.arrays["X_train"], found.arrays["y_train"])

    def is_own(folder: Path) -> bool:
        """Whether a folder has an earlier part of this training, or only one that did not finish its first epoch."""
        if resume and has_part(folder):
            return True
        state = saved_state(folder / CHECKPOINT)
        return state is not None and not state.history and not any((folder / name).exists() for name in results)

    usual_name = f"{sources.stem(found.name)}-{optimizer.lower()}"
    out = given.out
    if resume and out is None:
        out = folders.latest(usual_name, CHECKPOINT, has_part)
    # of a checkpoint that is of another training, it is said what differs
    replace = given.replace or (resume and out is not None and (out / CHECKPOINT).exists())
    out = folders.take(
        out,
        usual_name,
        results,
        given.data,
        state=(CHECKPOINT,),
        is_own=is_own,
        can_resume=lambda folder: unfinished(folder / CHECKPOINT) is not None,
        replace=replace,
    )
    checkpoint = out / CHECKPOINT
    if not resume:
        warn_if_replaced(checkpoint)
    if not as_json:
        if resume:
            click.echo(f"resuming from {checkpoint}" if checkpoint.exists() else f"no {checkpoint}: from the start")
        runs.say(found, given.weights)
        headings = "  ".join(("epoch", *_headings(network)))
        click.echo(f"{network} on {found.name}: {n_train:,} rows to train, {settings.optimizer}\n\n{headings}")
    run = runs.Run(found, network, settings, given.seed, given.weights)

    def show(network: Any, history: History) -> None:
        """Say an epoch that has a row of its own."""
        if has_row(len(history), settings.n_epochs):
            print_epoch(network, history)

    run.train([] if as_json else [show], checkpoint, resume)
    files = {name: out / name for name in results}
    network.save(files["model.npz"])
    runs.write_json(files["history.json"], run.record())
    if TEST_ROWS in files:
        found.save_test_rows(files[TEST_ROWS])
    title = f"{found.name}, {settings.optimizer}: test {found.score_name} {run.test_score:.4f}"
    runs.write_figure(files["history.png"], plot_history(run.history, title=title))
    if REPORT in files:
        reports.write_run(files[REPORT], run, given.data, files["model.npz"], files[TEST_ROWS])
    if as_json:
        record = {name: value for name, value in run.record().items() if name != "history"}
        record |= {"epochs": len(run.history), "n_test": n_test, "files": [str(path) for path in files.values()]}
        click.echo(json.dumps(record))
    else:
        result = runs.result(found, run.predictions, given.weights)
        for number in dict.fromkeys((len(run.history), run.history.kept_epoch)):
            if not has_row(number, settings.n_epochs):
                print_epoch(network, run.history[:number])
        kept = f"\n{run.history.kept}\n" if run.history.kept else ""
        names, speed = ", ".join(files), run.samples_per_second
        pace = "" if speed is None else f", {speed:,.0f} samples a second in training"
        click.echo(f"{kept}\n{run.seconds:.2f} s{pace}\nwrote {names} to {out}\n{result} {run.verdict}".rstrip())
    when = "then" if run.history.best_epoch is None else f"after epoch {run.history.best_epoch}"
    what = f"after {len(run.history)} of {settings.epochs} epochs; the network as it was {when} is saved"
    runs.exit_if_stopped(run.stopped, what)


def saved_state(checkpoint: Path) -> CheckpointState | None:
    """The state of a checkpoint's training; None for a missing, damaged or foreign file."""
    try:
        return models.load(checkpoint).training
    except (OSError, ValueError):
        return None


def unfinished(checkpoint: Path) -> CheckpointState | None:
    """The state of a checkpoint's training, if that has begun and not ended."""
    state = saved_state(checkpoint)
    if state is None or state.over or not 0 < len(state.history) < state.settings.n_epochs:
        return None
    return state


def warn_if_replaced(checkpoint: Path) -> None:
    """Warn where the checkpoint of an incomplete training will be replaced."""
    state = unfinished(checkpoint)
    if state is not None:
        click.echo(
            f"{checkpoint} is replaced, of a training that was interrupted after {len(state.history)} of "
            f"{state.settings.epochs} epochs; --resume would have continued it",
            err=True,
        )


def _hidden_sizes(layers: int | None, hidden_sizes: tuple[int, ...] | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    """The size of each hidden layer, from the options and the preset."""
    sizes = hidden_sizes or usual
    if layers is None:
        return sizes
    if hidden_sizes is not None and (layers == 1 or len(sizes) not in (1, layers - 1)):
        needed = "one size, or layers - 1 = " if layers > 1 else "left out with "
        raise click.UsageError(f"--hidden-sizes must be {needed}{layers - 1} sizes, got {len(sizes)}")
    return sizes if len(sizes) == layers - 1 else sizes[:1] * (layers - 1)


def has_row(number: int, n_epochs: int) -> bool:
    """Whether an epoch has a row: each one of few; of many, 1, 2, ..., 10, 20, ..., 100, 200 and so on."""
    return n_epochs <= FEW_EPOCHS or not str(number)[1:].strip("0")


def print_epoch(network: Any, history: History) -> None:
    """Print a row of the last epoch in the table, above the progress bar where there is one."""
    columns = zip(history[-1], _headings(network), DIGITS, strict=True)
    values = (f"{value:{len(heading)}.{n}f}" for value, heading, n in columns)
    tqdm.write("  ".join([f"{len(history):5d}", *values]))


def _headings(network: Any) -> tuple[str, ...]:
    """Of the table of epochs; columns are as wide as they are."""
    scores = [runs.heading(part, LOSSES[network.loss].score_name) for part in ("train", "val")]
    return ("train loss", scores[0], "val loss", scores[1], "learning rate", "seconds")
