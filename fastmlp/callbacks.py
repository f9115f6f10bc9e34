"""Callbacks for `fit(..., callbacks=[...])`: each is called as `callback(network, history)` after an epoch."""

import csv
import itertools
import math
import os
from typing import Any

from fastmlp.files.access import check_writable, ordinary
from fastmlp.history import History
from fastmlp.optional import require
from fastmlp.training import Callback
from fastmlp.validation import as_path

__all__ = ["csv_log", "optuna_pruning"]


def csv_log(path: str | os.PathLike[str]) -> Callback:
    """A callback that writes a CSV file with a row for each epoch, which can be read while the training goes on.

    The columns are `epoch`, counted from 1, and those of `history.to_dict()`; what is not measured is left empty. The
    first epoch of a training replaces a file that is there already. A training that is resumed from a checkpoint writes
    its earlier epochs too.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist.

    Returns
    -------
    callable
        For `fit(..., callbacks=[...])`.

    Raises
    ------
    TypeError, ValueError
        If `path` is no path.
    OSError
        If the file cannot be written: there is no such folder, say. Also from `fit`, if it cannot be written later.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.callbacks import csv_log
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = csv_log(Path(folder, "log.csv"))
    ...     _ = NeuralNetwork(3, [8], 3, seed=0).fit(np.eye(3), np.arange(3), epochs=5, callbacks=[log], seed=0)
    ...     head, *rows = Path(folder, "log.csv").read_text().splitlines()
    >>> head
    'epoch,train_loss,train_accuracy,val_loss,val_accuracy,learning_rate,seconds'
    >>> len(rows)
    5
    """
    target = as_path("path", path).absolute()  # another callback may change the working folder
    try:
        ordinary(target, os.O_WRONLY, "ab").close()
    except FileNotFoundError:
        check_writable(target)
    logged: History | None = None
    n_logged = 0

    def log(network: Any, history: History) -> None:
        nonlocal logged, n_logged
        # at the first call of a training all its epochs are new
        n_written = n_logged if history is logged else 0
        with open(target, "a" if n_written else "w", encoding="utf-8", newline="") as file:
            if file.tell() == 0:  # a new file, or one in the place of a file that was removed
                n_written = 0
            columns = history[n_written:].to_dict()
            writer = csv.writer(file, lineterminator="\n")
            if not n_written:
                writer.writerow(["epoch", *columns])
            writer.writerows(zip(itertools.count(n_written + 1), *columns.values()))
        logged, n_logged = history, len(history)

    return log


def optuna_pruning(trial: Any) -> Callback:
    """A callback that reports the validation score to an Optuna trial, which may prune it (extra `optuna`).

    Parameters
    ----------
    trial : optuna.Trial
        A trial of a study that maximizes.

    Returns
    -------
    callable
        For `fit(..., callbacks=[...])`. It raises `optuna.TrialPruned`, which Optuna's study expects, and ValueError
        without validation data.

    Raises
    ------
    ValueError
        If the trial's study minimizes: it would prune the best ones.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.callbacks import optuna_pruning
    >>> def objective(trial):
    ...     net = NeuralNetwork(3, [8], 3, seed=0)
    ...     options = {"X_val": np.eye(3), "y_val": np.arange(3), "callbacks": [optuna_pruning(trial)]}
    ...     rate = trial.suggest_float("learning_rate", 1e-3, 1, log=True)
    ...     return net.fit(np.eye(3), np.arange(3), learning_rate=rate, seed=0, **options)[-1].val_accuracy
    >>> study = optuna.create_study(direction="maximize")  # doctest: +SKIP
    >>> study.optimize(objective, n_trials=20)  # doctest: +SKIP
    """
    pruned = require("optuna", "optuna", "optuna_pruning").TrialPruned
    study = getattr(trial, "study", None)  # a trial of fixed parameters has none
    if study is not None and study.direction.name == "MINIMIZE":
        raise ValueError(
            "trial must be one of a study that maximizes, since scores are reported, got one of a study that minimizes"
        )

    def report(network: Any, history: History) -> None:
        score = history[-1].val_score
        if math.isnan(score):
            raise ValueError("optuna_pruning needs validation data: give X_val and y_val to fit")
        trial.report(score, len(history))
        if trial.should_prune():
            raise pruned

    return report
