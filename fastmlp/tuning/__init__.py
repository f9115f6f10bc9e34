"""Search for hyper-parameters: many networks at once, on one copy of the data."""

from fastmlp.tuning.plan import Plan
from fastmlp.tuning.pruning import optuna_pruning
from fastmlp.tuning.results import ResultsFileError, Trial
from fastmlp.tuning.search import Search, search
from fastmlp.tuning.space import HYPER_PARAMETERS

__all__ = ["HYPER_PARAMETERS", "Plan", "ResultsFileError", "Search", "Trial", "optuna_pruning", "search"]
