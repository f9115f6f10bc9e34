"""`fastmlp tune`."""

import sys
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from fastmlp.cli import folders, options, runs, sources
from fastmlp.cli.presets import Preset
from fastmlp.functions.losses import LOSSES
from fastmlp.plots import plot_grid, plot_learning_curves
from fastmlp.tuning import Plan, search
from fastmlp.tuning.ledger import BEST, TRIALS
from fastmlp.tuning.search import can_continue
from fastmlp.tuning.space import format_value, varying
from fastmlp.tuning.texts import parsed

# Where trials would stop early: a search trains each for all its epochs, as many as give this number of updates.
UPDATES, MIN_EPOCHS = 2000, 20
CURVES, GRID = "curves.png", "grid.png"


@click.command()
@options.optimizer_option("SGD")
@click.option(
    "--param",
    "params",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUES",
    help="Hyper-parameter and the values to try: learning_rate 0.05,0.1 or hidden_sizes [64,32],[64] or, with "
    "--random, learning_rate 'loguniform(1e-3, 1)'. May be repeated.  [default: layers, learning rate, regularization]",
)
@click.option(
    "--random", "n_trials", type=click.IntRange(1), help="Number of combinations to draw, instead of trying all."
)
@click.option(
    "--halving",
    type=click.IntRange(2),
    metavar="N",
    help="Train all for a few epochs, the best 1/N for N times as many, and so on.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Number of networks trained at a time.  [default: all processors]"
)
@options.training_options(
    "Output folder for the trials, the best network and the figures.  [default: the first of runs/DATA-tune, -2, -3, "
    "... that is free or has this search]"
)
def tune(
    given: options.TrainingOptions,
    optimizer: str,
    params: tuple[tuple[str, str], ...],
    n_trials: int | None,
    halving: int | None,
    workers: int | None,
) -> None:
    """Search for good hyper-parameters, in a grid or at random.

    Trains several networks at a time, one thread each. Every finished trial is written at once: the same command
    continues a search that was stopped. The best network is saved, and tested once.

    \b
    Examples:
      fastmlp tune --epochs 10
      fastmlp tune --data train.csv --target species
      fastmlp tune --optimizer Adam --param learning_rate 0.001,0.003 --param hidden_sizes "[64],[64,32]"
    """
    choices = [(name, parsed(name, values)) for name, values in params]
    source = given.load()
    arrays: dict[str, Any] = {name.removesuffix("_train"): array for name, array in source.arrays.items()}
    usual = given.preset(optimizer, len(arrays["X"]))
    space = searched(given, usual, choices)
    if given.epochs is None and "patience" in usual.settings and "epochs" not in dict(choices):
        n_batches = -(-len(arrays["X"]) // usual.settings["batch_size"])
        space["epochs"] = min(max(MIN_EPOCHS, UPDATES // n_batches), usual.settings["epochs"])
    plan = Plan(
        n_trials=n_trials,
        halving=halving,
        loss=source.loss(given.loss),
        label_smoothing=given.label_smoothing,
        class_weight=given.weights,
        dtype=given.dtype or source.dtype,
        standardizer=source.standardizer,
        class_names=source.class_names,
        feature_names=source.feature_names,
        seed=given.seed,
        n_workers=workers,
    )
    out = folders.take(
        given.out,
        f"{sources.stem(source.name)}-tune",
        (BEST, CURVES, GRID),
        given.data,
        state=(TRIALS,),
        is_own=lambda folder: can_continue(folder, space, plan, **arrays),
        replace=given.replace,
    )
    runs.say(source, given.weights)
    try:
        found = search(space, plan=plan, **arrays, folder=out, progress=sys.stderr.isatty())
    except KeyboardInterrupt:
        click.echo(f"\nstopped; the finished trials are kept in {out}: the same command continues it", err=True)
        raise click.exceptions.Exit(options.INTERRUPTED) from None
    source.name_in(found.network)
    found.network.save(out / BEST)
    predictions = found.network.predict(source.arrays["X_test"])
    val_score = LOSSES[found.network.loss].score_name
    varied = varying(found.trials)
    title = f"{source.name}: {len(found.trials)} trials"
    runs.write_figure(out / CURVES, plot_learning_curves(found.trials, title=title))
    figures = CURVES
    if n_trials is None and len(varied) > 1:
        title = f"{source.name}: best validation {val_score}"
        runs.write_figure(out / GRID, plot_grid(found.trials, title=title))
        figures += f" and {GRID}"
    # a halving may train a combination of few epochs in several rounds
    complete = {str(trial.hyper_parameters): trial for trial in found.trials if trial.complete}
    best_first = sorted(complete.values(), key=lambda trial: trial.rank, reverse=True)
    heading = f"{runs.heading('val', val_score)}  epochs  {'  '.join(varied)}"
    click.echo(f"{len(found.trials)} trials on {source.name}; the best:\n\n{heading}")
    for trial in best_first[:10]:
        values = "  ".join(f"{format_value(trial.hyper_parameters[name]):>{len(name)}}" for name in varied)
        click.echo(f"{trial.val_score:7.4f}  {trial.epochs:6d}  {values}")
    result = runs.result(source, predictions, given.weights, " of the best")
    click.echo(f"\n{result}\nwrote {TRIALS}, {BEST}, {figures} to {out}")


def searched(given: options.TrainingOptions, usual: Preset, params: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The search space: the preset's settings, with the choices of the params, or of a grid around the preset."""
    names = [name for name, _ in params]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--param {name} must be given once, with commas between its values, got it twice")
    context = click.get_current_context()
    for name in ("activation", "dropout", "epochs"):
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ValueError(f"{name} must be given by --{name} or by --param {name}, got both")
    rate, strength = usual.checked().rate, usual.checked().regularization
    varied = dict(params) or {
        "num_layers": [2, 3],
        "learning_rate": [rate / 2, rate, rate * 2],
        "regularization": [strength, strength * 10],
    }
    network: dict[str, Any] = {"activation": given.activation, "dropout": [given.rates]}
    if "hidden_sizes" not in varied:
        network |= {"num_layers": len(usual.hidden_sizes) + 1, "hidden_size": usual.hidden_sizes[0]}
    # all trials train for all their epochs
    settings = {name: value for name, value in usual.beside(varied).items() if name != "patience"}
    return network | settings | varied
