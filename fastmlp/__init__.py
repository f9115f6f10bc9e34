"""fastmlp: multilayer perceptrons trained on the CPU at the speed of their matrix products."""

import importlib
from types import ModuleType

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


def __getattr__(name: str) -> ModuleType:
    """Modules that are loaded when they are first used."""
    if name == "reference" or f"fastmlp.{name}" in _moved.MOVED:
        return importlib.import_module(f"fastmlp.{name}")
    raise AttributeError(f"module 'fastmlp' has no attribute {name!r}")


__version__ = "0.2.0"

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
