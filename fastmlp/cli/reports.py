"""The report of a training on a table, with the commands that go on from it."""

import shlex
from pathlib import Path

from fastmlp.cli.messages import in_words_of_the_command
from fastmlp.cli.runs import Run
from fastmlp.report import write_report


def write_run(path: Path, run: Run, data: str, model: Path, test_rows: Path) -> None:
    """Write the report of a training on the rows of a table, which `data` names."""
    found, settings = run.data, run.settings
    shown = {
        "Optimizer": settings.optimizer,
        "Learning rate": f"{settings.rate:g}",
        "Schedule": settings.schedule,
        "Batch size": settings.batch_size,
        "Epochs": f"{len(run.history):,} of {settings.n_epochs:,}",
        "Patience": settings.patience,
        "L2": f"{settings.regularization:.3g}" if settings.regularization else None,
        "Dropout": run.network.dropout or None,
        "Weights of classes": run.class_weight,
        "Seed": run.seed,
        "Time": f"{run.seconds:.1f} s",
    }
    commands = {
        "Predict the rows of this file, or of another one with the same columns:": ["predict", str(model), data],
        "See the results of the test rows again:": ["evaluate", str(model), str(test_rows)],
    }
    with in_words_of_the_command(Path(data)):
        write_report(
            path,
            run.network,
            found,
            history=run.history,
            title=f"Prediction of {found.task.target} in {found.name}",
            settings={name: value for name, value in shown.items() if value is not None},
            commands={what: shlex.join(["fastmlp", *words]) for what, words in commands.items()},
            seed=run.seed,
            balanced=run.class_weight is not None,
        )
