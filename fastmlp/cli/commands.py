"""The subcommands: `fastmlp train` and `fastmlp info`."""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

import fastmlp
from fastmlp.cli.presets import LOADERS, PRESETS
from fastmlp.environment import environment
from fastmlp.files import replacing
from fastmlp.optional import require
from fastmlp.plots import plot_history
from fastmlp.training import History

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


@cli.command()
@click.option("--data", type=click.Choice(list(LOADERS)), default="digits", help="What to train on.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Where CIFAR-10 lies; by default FASTMLP_DATA and ./cifar10 are searched.",
)
@click.option("--optimizer", type=click.Choice(["SGD", "Adam"], case_sensitive=False), default="Adam")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training data.  [default: 40]")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", help="Precision.")
@click.option("--threads", type=click.IntRange(1), help="Threads to compute with.  [default: all processors]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="For the weights and the order of the rows.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for history.json and history.png.  [default: runs/DATA-OPTIMIZER]",
)
def train(
    data: str,
    folder: Path | None,
    optimizer: str,
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
    try:
        arrays = LOADERS[data](folder, np.dtype(dtype))
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    preset = PRESETS[data, optimizer]
    settings = preset.checked(epochs=epochs)
    n_in, n_classes = arrays["X_train"].shape[1], int(arrays["y_train"].max()) + 1
    network = fastmlp.NeuralNetwork(n_in, preset.hidden_sizes, n_classes, dtype=dtype, n_threads=threads, seed=seed)
    click.echo(f"{network} on {data}: {len(arrays['X_train']):,} rows to train, {settings.optimizer}\n\n{COLUMNS}")
    start = time.perf_counter()
    history = network.fit(
        arrays["X_train"],
        arrays["y_train"],
        **dataclasses.asdict(settings),
        seed=seed,
        X_val=arrays["X_val"],
        y_val=arrays["y_val"],
        progress=sys.stderr.isatty(),
        callbacks=[print_epoch],
    )
    seconds = time.perf_counter() - start
    results = {
        "test_accuracy": network.score(arrays["X_test"], arrays["y_test"]),
        "seconds": seconds,
        "samples_per_second": len(history) * len(arrays["X_train"]) / float(history.seconds.sum()),
    }
    write_results(out, data, network, settings, seed, history, results)
    click.echo(
        f"\ntest accuracy {results['test_accuracy']:.4f} on {len(arrays['X_test']):,} rows; "
        f"{seconds:.2f} s, {results['samples_per_second']:,.0f} samples a second in training\n"
        f"wrote {out / 'history.json'} and the figure {out / 'history.png'}"
    )


def print_epoch(network: Any, history: History) -> None:
    """One row of the table, above the progress bar where there is one."""
    epoch = history[-1]
    tqdm.write(
        f"{len(history):5d}  {epoch.train_loss:10.4f}  {epoch.train_accuracy:9.4f}  {epoch.val_loss:8.4f}"
        f"  {epoch.val_accuracy:7.4f}  {epoch.learning_rate:13.6f}  {epoch.seconds:7.3f}"
    )


def write_results(
    out: Path, data: str, network: Any, settings: Any, seed: int, history: History, results: dict[str, float]
) -> None:
    """history.json and history.png."""
    record = {
        "data": data,
        "network": repr(network),
        "seed": seed,
        "settings": dataclasses.asdict(settings),
        **results,
        "history": history.to_dict(),
        "environment": environment(),
    }
    with replacing(out / "history.json") as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")
    figure = plot_history(history, title=f"{data}, {settings.optimizer}: test accuracy {results['test_accuracy']:.4f}")
    with replacing(out / "history.png") as file:
        figure.savefig(file, format="png", dpi=120)
