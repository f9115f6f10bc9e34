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

# The file of each network's predictions, by number of layers and optimizer.
SUBMISSIONS = {
    (n_layers, optimizer): f"nn_{n_layers}layer_{optimizer.lower()}_submission.csv"
    for n_layers, optimizer in itertools.product((2, 3), ("SGD", "Adam"))
}
# The numbers of layers that a figure shows, by its file.
FIGURES = {"compare_2layer.png": (2,), "compare_3layer.png": (3,), "compare_all.png": (2, 3)}


@click.command()
@threads_option
@training_options(
    "Output folder for figures, histories and submissions.  [default: the first free one of runs/DATA-compare, -2, ...]"
)
def compare(
    data: str,
    label: str | None,
    ignore: tuple[str, ...],
    folder: Path | None,
    activation: str,
    epochs: int | None,
    dtype: str,
    threads: int | None,
    seed: int,
    out: Path | None,
) -> None:
    """Compare SGD with Adam, and two layers with three.

    Trains four networks in turn, with the settings of `fastmlp train`. Writes a figure of SGD against Adam for each
    number of layers and one of all four networks, the histories, and a submission file with each network's predictions
    of the test rows.

    \b
    Examples:
      fastmlp compare
      fastmlp compare --data cifar10 --epochs 10
    """
    require("matplotlib.figure", "cli", "the figures")
    found = sources.to_train_on(data, folder, label, ignore)
    out = folders.take(out, f"{found.name}-compare", ("histories.json", *FIGURES, *SUBMISSIONS.values()), data)
    counts = {part: f"{len(found.arrays[f'y_{part}']):,}" for part in sources.PARTS}
    click.echo(
        f"{found.name}: {counts['train']} rows to train, {counts['val']} to validate, {counts['test']} to test\n\n"
        f"layers  optimizer  final val {runs.COLUMN:>3}  best val {runs.COLUMN:>3}  test {runs.COLUMN:>3}  seconds"
        "  samples/s"
    )
    done: dict[tuple[int, str], runs.Run] = {}
    stopped: BaseException | None = None
    for (n_layers, optimizer), submission in SUBMISSIONS.items():
        usual = preset(sources.kind(data), optimizer)
        hidden_sizes = usual.hidden_sizes[:1] * (n_layers - 1)
        network = found.network(hidden_sizes, activation=activation, dtype=dtype, n_threads=threads, seed=seed)
        try:
            run = runs.train(found, network, usual.checked(epochs=epochs), seed)
        except (KeyboardInterrupt, DivergenceError) as error:  # in this network's first epoch
            if not done:
                raise
            stopped = error
            break
        done[n_layers, optimizer] = run
        output_submission_csv(out / submission, run.predictions)
        scores = runs.val_scores(run.history)
        speed = "-" if run.samples_per_second is None else f"{run.samples_per_second:,.0f}"
        click.echo(
            f"{n_layers:6d}  {optimizer:9}  {scores[-1]:13.4f}  {scores.max():12.4f}  {run.test_score:8.4f}"
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
            runs.write_figure(out / name, figure)
    click.echo(f"\nwrote the figures, histories.json and {len(done)} submissions to {out}")
    runs.exit_if_stopped(stopped, f"in the training of {n_layers} layers, {optimizer}; the results so far are written")
