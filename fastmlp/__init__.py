"""fastmlp: multilayer perceptrons trained on the CPU at the speed of their matrix products."""

import importlib
from typing import TYPE_CHECKING, Any

from fastmlp import _moved
from fastmlp.courses.gradient_check import eval_numerical_gradient, rel_error
from fastmlp.courses.kaggle import output_submission_csv
from fastmlp.datasets import get_CIFAR10_data, get_FASHION_data, load_digits
from fastmlp.defaults import get_default_dtype, set_default_dtype
from fastmlp.files.models import ModelFileError
from fastmlp.history import DivergenceError, History
from fastmlp.network import NeuralNetwork
from fastmlp.preprocessing import Standardizer

_moved.register()


# Loaded when they are first used: scikit-learn takes as long to import as a hundred trainings of a small table.
_ESTIMATORS = ("MLPClassifier", "MLPRegressor")

if TYPE_CHECKING:
    from fastmlp.estimators import MLPClassifier as MLPClassifier
    from fastmlp.estimators import MLPRegressor as MLPRegressor


def __getattr__(name: str) -> Any:
    """Estimators and modules that are loaded when they are first used."""
    if name in _ESTIMATORS:
        return getattr(importlib.import_module("fastmlp.estimators"), name)
    if name == "reference" or f"fastmlp.{name}" in _moved.MOVED:
        return importlib.import_module(f"fastmlp.{name}")
    raise AttributeError(f"module 'fastmlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ESTIMATORS])


__version__ = "0.3.0"

__all__ = [
    "DivergenceError",
    "History",
    "ModelFileError",
    "NeuralNetwork",
    "Standardizer",
    "eval_numerical_gradient",
    "get_CIFAR10_data",
    "get_FASHION_data",
    "get_default_dtype",
    "load_digits",
    "output_submission_csv",
    "rel_error",
    "set_default_dtype",
]
