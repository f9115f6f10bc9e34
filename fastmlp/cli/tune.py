"""`fastmlp tune`."""

import sys
from pathlib import Path
from typing import Any

import click

from fastmlp.cli import folders, runs, sources
from fastmlp.cli.options import INTERRUPTED, training_options
from fastmlp.cli.presets import OPTIMIZERS, preset
from fastmlp.cli.spaces import parsed, searched
from fastmlp.optional import require
from fastmlp.plots import plot_grid, plot_learning_curves
from fastmlp.tuning import Plan, search
from fastmlp.tuning.ledger import BEST, TRIALS
from fastmlp.tuning.search import can_continue
from fastmlp.tuning.space import format_value, varying

CURVES, GRID = "curves.png", "grid.png"


@click.command()
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
@training_options(
    "Folder for the trials, the best network and the figures.  [default: the first one of runs/DATA-tune, -2, -3, ... "
    "that is free or has this search]"
)
def tune(
    optimizer: str,
    params: tuple[tuple[str, str], ...],
    n_trials: int | None,
    halving: int | None,
    workers: int | None,
    data: str,
    label: str | None,
    ignore: tuple[str, ...],
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
    usual = preset(sources.kind(data), optimizer)
    space = searched(usual, [(name, parsed(name, values)) for name, values in params], epochs)
    source = sources.to_train_on(data, folder, label, ignore)
    arrays: dict[str, Any] = {name.removesuffix("_train"): array for name, array in source.arrays.items()}
    plan = Plan(
        n_trials=n_trials,
        halving=halving,
        dtype=dtype,
        standardizer=source.standardizer,
        class_names=source.class_names,
        feature_names=source.feature_names,
        seed=seed,
        n_workers=workers,
    )
    out = folders.take(
        out,
        f"{source.name}-tune",
        (BEST, CURVES, GRID),
        data,
        state=(TRIALS,),
        mine=lambda folder: can_continue(folder, space, plan, **arrays),
    )
    try:
        found = search(space, plan=plan, **arrays, folder=out, progress=sys.stderr.isatty())
    except KeyboardInterrupt:
        click.echo(f"\nstopped; the trials that were finished are kept in {out}: the same command goes on", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    varied = varying(found.trials)
    runs.write_figure(
        out / CURVES, plot_learning_curves(found.trials, title=f"{source.name}: {len(found.trials)} trials")
    )
    figures = CURVES
    if n_trials is None and len(varied) > 1:
        runs.write_figure(out / GRID, plot_grid(found.trials, title=f"{source.name}: best validation accuracy"))
        figures += f" and {GRID}"
    # a halving may have a short combination in several rounds
    complete = {str(trial.hyper_parameters): trial for trial in found.trials if trial.complete}
    best_first = sorted(complete.values(), key=lambda trial: trial.rank, reverse=True)
    click.echo(f"{len(found.trials)} trials on {source.name}; the best:\n\nval acc  epochs  {'  '.join(varied)}")
    for trial in best_first[:10]:
        values = "  ".join(f"{format_value(trial.hyper_parameters[name]):>{len(name)}}" for name in varied)
        click.echo(f"{trial.val_accuracy:7.4f}  {trial.epochs:6d}  {values}")
    click.echo(
        f"\ntest accuracy of the best {found.test_accuracy:.4f} on {len(source.arrays['y_test']):,} rows\n"
        f"wrote {TRIALS}, {BEST}, {figures} to {out}"
    )
