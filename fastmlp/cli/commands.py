"""The subcommands: `fastmlp train`, `fastmlp compare`, `fastmlp tune` and `fastmlp info`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

import fastmlp
from fastmlp.cli import runs
from fastmlp.cli.presets import LOADERS, OPTIMIZERS, PRESETS
from fastmlp.cli.spaces import parsed, searched
from fastmlp.environment import environment
from fastmlp.optional import require
from fastmlp.plots import plot_comparison, plot_grid, plot_history, plot_learning_curves
from fastmlp.training import History
from fastmlp.tuning import search
from fastmlp.tuning.space import format_value, varying

COLUMNS = "epoch  train loss  train acc  val loss  val acc  learning rate  seconds"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(fastmlp.__version__, prog_name="fastmlp")
def cli() -> None:
    """Train multilayer perceptrons on the CPU."""


@cli.command()
def info() -> None:
    """Show versions, compiler, BLAS and threads of this installation."""
    lines = environment()
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:{width}}  {value}")


def training_options(out: str) -> Callable[[Any], Any]:
    """The options of all commands that train; `out` says what goes where by default."""
    options = [
        click.option("--data", type=click.Choice(list(LOADERS)), default="digits", help="What to train on."),
        click.option(
            "--folder",
            type=click.Path(file_okay=False, exists=True, path_type=Path),
            help="Where CIFAR-10 lies; by default FASTMLP_DATA and ./cifar10 are searched.",
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


threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Threads to compute with.  [default: all processors]"
)


@cli.command()
@click.option("--optimizer", type=click.Choice(OPTIMIZERS, case_sensitive=False), default="Adam")
@threads_option
@training_options("Folder for history.json and history.png.  [default: runs/DATA-OPTIMIZER]")
def train(
    optimizer: str,
    data: str,
    folder: Path | None,
    epochs: int | None,
    dtype: str,
    threads: int | None,
    seed: int,
    out: Path | None,
) -> None:
    """Train a network and test it.

    By default on the 1,797 handwritten digits that come with fastmlp, which takes seconds. CIFAR-10 is trained as the
    university assignment does: a 3072-120-120-10 network, batches of 200, 40 epochs.
    """
    require("matplotlib.figure", "cli", "the figure")  # before the training, not after it
    out = out or Path("runs", f"{data}-{optimizer.lower()}")
    arrays = runs.load(data, folder, dtype, out)
    preset = PRESETS[data, optimizer]
    settings = preset.checked(epochs=epochs)
    n_in, n_classes = arrays["X_train"].shape[1], int(arrays["y_train"].max()) + 1
    network = fastmlp.NeuralNetwork(n_in, preset.hidden_sizes, n_classes, dtype=dtype, n_threads=threads, seed=seed)
    click.echo(f"{network} on {data}: {len(arrays['X_train']):,} rows to train, {settings.optimizer}\n\n{COLUMNS}")
    run = runs.train_and_test(data, arrays, network, settings, seed, [print_epoch])
    runs.write_json(out / "history.json", run.record())
    title = f"{data}, {settings.optimizer}: test accuracy {run.test_accuracy:.4f}"
    runs.write_figure(out / "history.png", plot_history(run.history, title=title))
    click.echo(
        f"\ntest accuracy {run.test_accuracy:.4f} on {len(arrays['X_test']):,} rows; "
        f"{run.seconds:.2f} s, {run.samples_per_second:,.0f} samples a second in training\n"
        f"wrote {out / 'history.json'} and the figure {out / 'history.png'}"
    )


def print_epoch(network: Any, history: History) -> None:
    """One row of the table, above the progress bar where there is one."""
    epoch = history[-1]
    tqdm.write(
        f"{len(history):5d}  {epoch.train_loss:10.4f}  {epoch.train_accuracy:9.4f}  {epoch.val_loss:8.4f}"
        f"  {epoch.val_accuracy:7.4f}  {epoch.learning_rate:13.6f}  {epoch.seconds:7.3f}"
    )


@cli.command()
@threads_option
@training_options("Folder for the figures, histories and submissions.  [default: runs/DATA-compare]")
def compare(
    data: str, folder: Path | None, epochs: int | None, dtype: str, threads: int | None, seed: int, out: Path | None
) -> None:
    """Compare SGD with Adam, and two layers with three.

    Four networks are trained one after the other, with the settings of `fastmlp train`. The folder gets a figure of SGD
    against Adam for each number of layers and one of all four, the histories, and each network's predictions of the
    test rows as a file to submit.
    """
    require("matplotlib.figure", "cli", "the figures")
    out = out or Path("runs", f"{data}-compare")
    arrays = runs.load(data, folder, dtype, out)
    n_in, n_classes = arrays["X_train"].shape[1], int(arrays["y_train"].max()) + 1
    click.echo(
        f"{data}: {len(arrays['X_train']):,} rows to train, {len(arrays['X_val']):,} to validate, "
        f"{len(arrays['X_test']):,} to test\n\n"
        "layers  optimizer  final val acc  best val acc  test acc  seconds  samples/s"
    )
    found: dict[tuple[int, str], runs.Run] = {}
    for n_layers in (2, 3):
        for optimizer in OPTIMIZERS:
            preset = PRESETS[data, optimizer]
            hidden_sizes = preset.hidden_sizes[:1] * (n_layers - 1)
            network = fastmlp.NeuralNetwork(n_in, hidden_sizes, n_classes, dtype=dtype, n_threads=threads, seed=seed)
            run = runs.train_and_test(data, arrays, network, preset.checked(epochs=epochs), seed)
            found[n_layers, optimizer] = run
            fastmlp.output_submission_csv(
                out / f"nn_{n_layers}layer_{optimizer.lower()}_submission.csv", run.predictions
            )
            accuracy = run.history.val_accuracy
            click.echo(
                f"{n_layers:6d}  {optimizer:9}  {accuracy[-1]:13.4f}  {accuracy.max():12.4f}  {run.test_accuracy:8.4f}"
                f"  {run.seconds:7.2f}  {run.samples_per_second:9,.0f}"
            )
    names = {key: f"{key[0]} layers, {key[1]}" for key in found}
    runs.write_json(out / "histories.json", {"runs": {names[key]: run.record() for key, run in found.items()}})
    for name, layers in {"2layer": (2,), "3layer": (3,), "all": (2, 3)}.items():
        histories = {names[key]: run.history for key, run in found.items() if key[0] in layers}
        runs.write_figure(out / f"compare_{name}.png", plot_comparison(histories, title=f"{data}: SGD against Adam"))
    click.echo(f"\nwrote the figures, histories.json and four submissions to {out}")


@cli.command()
@click.option("--optimizer", type=click.Choice(OPTIMIZERS, case_sensitive=False), default="SGD")
@click.option(
    "--param",
    "params",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUES",
    help="A hyper-parameter and what to try: learning_rate 0.05,0.1 or hidden_sizes [64,32],[64] or, with --random, "
    "learning_rate 'loguniform(1e-3, 1)'. May be repeated.  [default: layers, learning rate, regularization]",
)
@click.option("--random", "n_trials", type=click.IntRange(1), help="Draw so many combinations in place of trying all.")
@click.option("--halving", type=click.IntRange(2), help="Train all for a few epochs, the best 1/N for N times as many.")
@click.option("--workers", type=click.IntRange(1), help="Networks to train at a time.  [default: one a processor]")
@training_options("Folder for the trials, the best network and the figures.  [default: runs/DATA-tune]")
def tune(
    optimizer: str,
    params: tuple[tuple[str, str], ...],
    n_trials: int | None,
    halving: int | None,
    workers: int | None,
    data: str,
    folder: Path | None,
    epochs: int | None,
    dtype: str,
    seed: int,
    out: Path | None,
) -> None:
    """Search for good hyper-parameters: a grid, or at random.

    Several networks are trained at a time, one thread each. Every finished trial is written down at once, so that the
    same command goes on where a search was stopped. The best network is saved, and tested once.
    """
    require("matplotlib.figure", "cli", "the figures")
    out = out or Path("runs", f"{data}-tune")
    arrays = runs.load(data, folder, dtype, out)
    preset = PRESETS[data, optimizer]
    try:
        space = searched(preset, [(name, parsed(name, values)) for name, values in params], epochs)
        found = search(
            space,
            **{name.removesuffix("_train"): array for name, array in arrays.items()},
            n_trials=n_trials,
            halving=halving,
            dtype=dtype,
            seed=seed,
            n_workers=workers,
            folder=out,
            progress=sys.stderr.isatty(),
        )
    except (MemoryError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo(f"\nstopped; the trials that were finished are kept in {out}: the same command goes on", err=True)
        raise
    # a halving may have a short combination in several rounds
    complete = {str(trial.hyper_parameters): trial for trial in found.trials if trial.complete}
    best_first = sorted(complete.values(), key=lambda trial: trial.rank, reverse=True)
    varied = varying(found.trials)
    click.echo(f"{len(found.trials)} trials on {data}; the best:\n\nval acc  epochs  {'  '.join(varied)}")
    for trial in best_first[:10]:
        values = "  ".join(f"{format_value(trial.hyper_parameters[name]):>{len(name)}}" for name in varied)
        click.echo(f"{trial.val_accuracy:7.4f}  {trial.epochs:6d}  {values}")
    runs.write_figure(
        out / "curves.png", plot_learning_curves(found.trials, title=f"{data}: {len(found.trials)} trials")
    )
    figures = "curves.png"
    if n_trials is None and len(varied) > 1:
        runs.write_figure(out / "grid.png", plot_grid(found.trials, title=f"{data}: best validation accuracy"))
        figures += " and grid.png"
    click.echo(
        f"\ntest accuracy of the best {found.test_accuracy:.4f} on {len(arrays['X_test']):,} rows\n"
        f"wrote trials.jsonl, best.npz, {figures} to {out}"
    )
