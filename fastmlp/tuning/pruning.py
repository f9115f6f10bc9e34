"""Pruning by Optuna (extra `optuna`)."""

import math
from typing import Any

from fastmlp.optional import require
from fastmlp.training import Callback, History


def optuna_pruning(trial: Any) -> Callback:
    """A callback for `fit` that reports the validation score to an Optuna trial, which may prune it.

    Parameters
    ----------
    trial : optuna.Trial
        A trial of a study that maximizes.

    Returns
    -------
    callable
        For `fit(..., callbacks=[...])`. It raises `optuna.TrialPruned`, which Optuna's study expects, and ValueError
        without validation data.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.tuning import optuna_pruning
    >>> def objective(trial):
    ...     net = NeuralNetwork(3, [8], 3, seed=0)
    ...     options = {"X_val": np.eye(3), "y_val": np.arange(3), "callbacks": [optuna_pruning(trial)]}
    ...     rate = trial.suggest_float("learning_rate", 1e-3, 1, log=True)
    ...     return net.fit(np.eye(3), np.arange(3), learning_rate=rate, seed=0, **options)[-1].val_accuracy
    >>> study = optuna.create_study(direction="maximize")  # doctest: +SKIP
    >>> study.optimize(objective, n_trials=20)  # doctest: +SKIP
    """
    pruned = require("optuna", "optuna", "optuna_pruning").TrialPruned

    def report(network: Any, history: History) -> None:
        score = history[-1].val_score
        if math.isnan(score):
            raise ValueError("optuna_pruning needs validation data: give X_val and y_val to fit")
        trial.report(score, len(history))
        if trial.should_prune():
            raise pruned

    return report
