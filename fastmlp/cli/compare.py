"""`fastmlp compare`."""

import itertools
from collections.abc import Iterable
from typing import Any

import click

from fastmlp.cli import folders, options, runs, sources
from fastmlp.files.csv_files import write_csv
from fastmlp.history import DivergenceError
from fastmlp.plots import plot_comparison
from fastmlp.tables.parts import PARTS

# The file of each network's predictions, by number of layers and optimizer.
SUBMISSIONS = {
    (n_layers, optimizer): f"nn_{n_layers}layer_{optimizer.lower()}_submission.csv"
    for n_layers, optimizer in itertools.product((2, 3), ("SGD", "Adam"))
}
# The numbers of layers that a figure shows, by its file.
FIGURES = {"compare_2layer.png": (2,), "compare_3layer.png": (3,), "compare_all.png": (2, 3)}


@click.command()
@options.threads_option
@options.training_options(
    "Output folder for figures, histories and submissions.  [default: the first free one of runs/DATA-compare, -2, ...]"
)
def compare(given: options.TrainingOptions, threads: int | None) -> None:
    """Compare SGD with Adam, and two layers with three.

    Trains four networks in turn, with the settings of `fastmlp train`. Writes a figure of SGD against Adam for each
    number of layers and one of all four networks, the histories, and a submission file with each network's predictions
    of the test rows; of a table as `fastmlp predict` writes them, with the numbers of these rows in the table.

    \b
    Examples:
      fastmlp compare
      fastmlp compare --data train.csv --target species
      fastmlp compare --data cifar10 --epochs 10
    """
    found = given.load()
    trainings: dict[tuple[int, str], runs.Run] = {}
    for n_layers, optimizer in SUBMISSIONS:  # all of them before anything is written: one may be refused
        usual = given.preset(optimizer, len(found.arrays["y_train"]))
        network = given.network(found, usual.hidden_sizes[:1] * (n_layers - 1), threads)
        trainings[n_layers, optimizer] = runs.Run(found, network, usual.checked(), given.seed, given.weights)
    results = ("histories.json", *FIGURES, *SUBMISSIONS.values())
    out = folders.take(given.out, f"{sources.stem(found.name)}-compare", results, given.data, replace=given.replace)
    counts = {part: f"{len(found.arrays[f'y_{part}']):,}" for part in PARTS}
    runs.say(found, given.weights)
    score_name = next(iter(trainings.values())).score_name
    headings = [runs.heading(part, score_name) for part in ("final val", "best val")]
    test = runs.heading("test", found.score_name)
    click.echo(
        f"{found.name}: {counts['train']} rows to train, {counts['val']} to validate, {counts['test']} to test\n\n"
        f"layers  optimizer  {'  '.join(headings)}  {test}  seconds  samples/s"
    )
    done: dict[str, runs.Run] = {}
    for (n_layers, optimizer), run in trainings.items():
        name = f"{n_layers} layers, {optimizer}"
        try:
            run.train()
        except (KeyboardInterrupt, DivergenceError):  # in this network's first epoch
            if not done:
                raise
            break
        done[name] = run
        write_csv(out / SUBMISSIONS[n_layers, optimizer], submission(run))
        scores = run.history.val_score
        speed = "-" if run.samples_per_second is None else f"{run.samples_per_second:,.0f}"
        click.echo(
            f"{n_layers:6d}  {optimizer:9}  {scores[-1]:13.4f}  {scores.max():12.4f}  {run.test_score:8.4f}"
            f"  {run.seconds:7.2f}  {speed:>9}"
        )
        if run.stopped is not None:
            break
    runs.write_json(out / "histories.json", {"runs": {key: one.record() for key, one in done.items()}})
    for file, layers in FIGURES.items():
        histories = {key: one.history for key, one in done.items() if one.network.num_layers in layers}
        if histories:
            runs.write_figure(out / file, plot_comparison(histories, title=f"{found.name}: SGD against Adam"))
    click.echo(f"\ntest {found.score_name}: {runs.constant_predictor(found.task, found.constant_score)}")
    click.echo(f"wrote the figures, histories.json and {len(done)} submissions to {out}")
    runs.exit_if_stopped(run.stopped, f"in the training of {name}; the results so far are written")


def submission(run: runs.Run) -> list[tuple[str, Iterable[Any]]]:
    """The columns of a file of predictions: of a table as `fastmlp predict` writes them, else as the assignment."""
    data = run.data
    if data.table is None or data.split is None:
        return [("id", range(len(run.predictions))), ("category", run.predictions)]
    rows = data.table.frame.index[data.split.test]
    return [("id", rows.tolist()), (data.task.target, data.task.decoded(run.predictions))]
