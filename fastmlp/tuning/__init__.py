"""Search for hyper-parameters: many networks at once, on one copy of the data."""

import warnings
from typing import Any

from fastmlp import callbacks
from fastmlp.tuning.plan import Plan
from fastmlp.tuning.results import ResultsFileError, Trial
from fastmlp.tuning.search import Search, search
from fastmlp.tuning.space import HYPER_PARAMETERS

__all__ = ["HYPER_PARAMETERS", "Plan", "ResultsFileError", "Search", "Trial", "search"]


def __getattr__(name: str) -> Any:
    """What has moved to another module; it goes after one release."""
    if name == "optuna_pruning":
        message = "fastmlp.tuning.optuna_pruning is now fastmlp.callbacks.optuna_pruning"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return callbacks.optuna_pruning
    raise AttributeError(f"module 'fastmlp.tuning' has no attribute {name!r}")
