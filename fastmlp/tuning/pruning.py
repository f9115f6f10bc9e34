"""For users of Optuna (extra `optuna`)."""

from typing import Any

from fastmlp.optional import require
from fastmlp.training import Callback, History


def optuna_pruning(trial: Any) -> Callback:
    """A callback for `fit` that reports validation accuracy to an Optuna trial, and ends what it wants pruned.

    Parameters
    ----------
    trial : optuna.Trial

    Returns
    -------
    callable
        For `fit(..., callbacks=[...])`. It raises `optuna.TrialPruned`, which Optuna's study expects.
    """
    pruned = require("optuna", "optuna", "optuna_pruning").TrialPruned

    def report(network: Any, history: History) -> None:
        trial.report(history[-1].val_accuracy, len(history))
        if trial.should_prune():
            raise pruned

    return report
