"""`fastmlp compare`."""

import itertools
from pathlib import Path

import click

from fastmlp.cli import folders, runs, sources
from fastmlp.cli.options import threads_option, training_options
from fastmlp.cli.presets import preset
from fastmlp.courses.kaggle import output_submission_csv
from fastmlp.optional import require
from fastmlp.plots import plot_comparison
from fastmlp.training import DivergenceError

# Layers and optimiser of each network, and the layers of those that a figure shows.
NETWORKS = tuple(itertools.product((2, 3), ("SGD", "Adam")))
FIGURES = {"2layer": (2,), "3layer": (3,), "all": (2, 3)}


def figure_name(shown: str) -> str:
    """The file of a figure."""
    return f"compare_{shown}.png"


def submission_name(n_layers: int, optimizer: str) -> str:
    """The file of a network's predictions."""
    return f"nn_{n_layers}layer_{optimizer.lower()}_submission.csv"


@click.command()
@threads_option
@training_options(
    "Folder for the figures, histories and submissions.  [default: the first free one of runs/DATA-compare, -2, ...]"
)
def compare(
    data: str,
    label: str | None,
    ignore: tuple[str, ...],
    folder: Path | None,
    epochs: int | None,
    dtype: str,
    threads: int | None,
    seed: int,
    out: Path | None,
) -> None:
    """Compare SGD with Adam, and two layers with three.

    Four networks are trained one after the other, with the settings of `fastmlp train`. The folder gets a figure of SGD
    against Adam for each number of layers and one of all four, the histories, and each network's predictions of the
    test rows as a file to submit.

    \b
    Examples:
      fastmlp compare
      fastmlp compare --data cifar10 --epochs 10
    """
    require("matplotlib.figure", "cli", "the figures")
    found = sources.to_train_on(data, folder, label, ignore)
    files = ("histories.json", *map(figure_name, FIGURES), *itertools.starmap(submission_name, NETWORKS))
    out = folders.take(out, f"{found.name}-compare", files, data)
    counts = {part: f"{len(found.arrays[f'y_{part}']):,}" for part in sources.PARTS}
    click.echo(
        f"{found.name}: {counts['train']} rows to train, {counts['val']} to validate, {counts['test']} to test\n\n"
        "layers  optimizer  final val acc  best val acc  test acc  seconds  samples/s"
    )
    done: dict[tuple[int, str], runs.Run] = {}
    stopped: BaseException | None = None
    for n_layers, optimizer in NETWORKS:
        usual = preset(sources.kind(data), optimizer)
        hidden_sizes = usual.hidden_sizes[:1] * (n_layers - 1)
        network = found.network(hidden_sizes, dtype=dtype, n_threads=threads, seed=seed)
        try:
            run = runs.train(found, network, usual.checked(epochs=epochs), seed)
        except (KeyboardInterrupt, DivergenceError) as error:  # in the first epoch
            if not done:
                raise
            stopped = error
            break
        done[n_layers, optimizer] = run
        output_submission_csv(out / submission_name(n_layers, optimizer), run.predictions)
        accuracy = run.history.val_accuracy
        speed = "-" if run.samples_per_second is None else f"{run.samples_per_second:,.0f}"
        click.echo(
            f"{n_layers:6d}  {optimizer:9}  {accuracy[-1]:13.4f}  {accuracy.max():12.4f}  {run.test_accuracy:8.4f}"
            f"  {run.seconds:7.2f}  {speed:>9}"
        )
        stopped = run.stopped
        if stopped is not None:
            break
    names = {key: f"{key[0]} layers, {key[1]}" for key in done}
    runs.write_json(out / "histories.json", {"runs": {names[key]: run.record() for key, run in done.items()}})
    for name, layers in FIGURES.items():
        histories = {names[key]: run.history for key, run in done.items() if key[0] in layers}
        if histories:
            figure = plot_comparison(histories, title=f"{found.name}: SGD against Adam")
            runs.write_figure(out / figure_name(name), figure)
    click.echo(f"\nwrote the figures, histories.json and {len(done)} submissions to {out}")
    runs.end(stopped, f"in the training of {n_layers} layers, {optimizer}; what there is so far is written")
