"""The fitted attributes of the estimators."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.engine.parameters import Parameters
from fastmlp.estimators.convergence import Convergence
from fastmlp.functions.optimizers import LBFGS
from fastmlp.network import NeuralNetwork
from fastmlp.training import Training

# What scikit-learn calls output activations.
OUT_ACTIVATIONS = {"exponential": "exp"}


class LiveArrays(list[np.ndarray]):
    """Some of a network's parameters; an array that is assigned to an element is copied into place."""

    def __init__(self, name: str, params: Parameters, keys: Sequence[str]):
        super().__init__(params[key] for key in keys)
        self._name, self._params, self._keys = name, params, keys

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, slice):
            self._params[self._keys[operator.index(index)]] = value
            return
        keys, values = self._keys[index], list(value)
        if len(keys) != len(values):
            raise ValueError(f"{self._name} must have {len(keys)} arrays, one for each layer, got {len(values)}")
        self._params.assign({**self._params, **dict(zip(keys, values, strict=True))})

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class FittedAttributes:
    """The attributes of a fitted estimator that say what has been learnt, and how."""

    solver: str
    max_iter: int
    early_stopping: bool
    network_: NeuralNetwork
    loss_: float
    _convergence: Convergence

    def _publish(self, training: Training | None) -> None:
        """Set the fitted attributes, after a training or for a network without one."""
        convergence = self._convergence
        self.n_iter_, self.t_ = convergence.n_iter, convergence.n_rows_seen
        if training is not None and training.ended is not None:
            self.n_iter_ = min(training.ended.nit, self.max_iter)
        self.loss_curve_ = convergence.loss_curve
        if self.loss_curve_:
            self.loss_ = self.loss_curve_[-1]
        has_scores = bool(convergence.validation_scores)
        self.validation_scores_ = convergence.validation_scores if has_scores else None
        self.validation_loss_curve_ = convergence.validation_loss_curve if has_scores else None
        self.best_validation_score_ = convergence.best_score if self._stops_by_score and has_scores else None
        self.best_loss_ = None if self._stops_by_score else convergence.best_loss

    @property
    def _stops_by_score(self) -> bool:
        """Whether early stopping is in effect, which L-BFGS ignores."""
        return self.early_stopping and self.solver != LBFGS

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights (n_in, n_out) of each layer, live; what is assigned is copied into place."""
        return self._parameters("coefs_", "W")

    @coefs_.setter
    def coefs_(self, values: Sequence[npt.ArrayLike]) -> None:
        self._parameters("coefs_", "W")[:] = values

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases (n_out,) of each layer, live; what is assigned is copied into place."""
        return self._parameters("intercepts_", "b")

    @intercepts_.setter
    def intercepts_(self, values: Sequence[npt.ArrayLike]) -> None:
        self._parameters("intercepts_", "b")[:] = values

    def _parameters(self, name: str, letter: str) -> LiveArrays:
        network = self._fitted(name)
        return LiveArrays(name, network.params, [f"{letter}{i}" for i in range(1, network.num_layers + 1)])

    @property
    def n_layers_(self) -> int:
        """Number of layers, the inputs and the outputs included."""
        return self._fitted("n_layers_").num_layers + 1

    @property
    def n_outputs_(self) -> int:
        """Number of outputs."""
        return self._fitted("n_outputs_").output_size

    @property
    def out_activation_(self) -> str:
        """The activation of the outputs, by scikit-learn's name."""
        name = self._fitted("out_activation_")._engine.architecture.activations[-1]
        return OUT_ACTIVATIONS.get(name, name)

    def _fitted(self, name: str) -> NeuralNetwork:
        """The network; without one, there are no fitted attributes."""
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        return self.network_

    def __sklearn_is_fitted__(self) -> bool:
        return "network_" in vars(self)
