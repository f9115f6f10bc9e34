"""What every network on an engine has, whatever calls it offers: its sizes, its parameters, and copies of its own."""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp.engine import Engine
from fastmlp.engine.parameters import Parameters
from fastmlp.validation import thread_count


class BaseNetwork:
    """A network on an engine, which `_adopt` is given when all else has been checked.

    Attributes
    ----------
    params : mapping
        `W1, b1, ..., Wk, bk`: live arrays, Wi (sizes[i-1], sizes[i]) and bi (sizes[i],). Assigning copies into place.
    gradients : mapping
        The same of the loss's gradients: live, overwritten by the next backward pass; empty before the first one.
    outputs : dict
        `X, h1, ..., scores` of the last forward pass: read-only, valid until the next call.
    """

    _engine: Engine

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("params", "gradients"):
            if getattr(getattr(cls, name), "fget", None) is not vars(BaseNetwork)[name].fget:
                raise TypeError(
                    f"{cls.__name__} cannot replace {name!r}, since the compiled kernels would never look at it: write "
                    "into the arrays that the network has there, in place"
                )

    def _adopt(self, engine: Engine) -> None:
        # a constructor that is called again does not take the engine from under another thread
        held = self._engine if "_engine" in self.__dict__ else engine
        held.exclusive.run(setattr, self, "_engine", engine)

    def __copy__(self) -> Self:
        network = type(self).__new__(type(self))
        network.__dict__.update(self.__dict__, _engine=copy.deepcopy(self._engine))
        return network

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self._engine.layout.sizes))
        return f"{type(self).__name__}({sizes}, {self.dtype}, {self._engine.layout.n_parameters:,} parameters)"

    @property
    def input_size(self) -> int:
        """Number of features."""
        return self._engine.layout.sizes[0]

    @property
    def hidden_sizes(self) -> list[int]:
        """Size of each hidden layer."""
        return list(self._engine.layout.sizes[1:-1])

    @property
    def output_size(self) -> int:
        """Number of outputs: of classes, where these are what is learnt."""
        return self._engine.layout.sizes[-1]

    @property
    def num_layers(self) -> int:
        """Number of affine layers."""
        return len(self._engine.layout.sizes) - 1

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._engine.layout.dtype

    @property
    def n_threads(self) -> int | None:
        """Threads to compute with; None for as many as there are."""
        return self._engine.n_threads

    @n_threads.setter
    def n_threads(self, value: int | None) -> None:
        self._engine.n_threads = thread_count(value)

    @property
    def params(self) -> Parameters:
        """Live arrays; assigning a mapping copies all of it into place, and keeps moments and step count."""
        return self._engine.params

    @params.setter
    def params(self, values: Mapping[str, npt.ArrayLike]) -> None:
        self._engine.params.assign(values)

    @property
    def gradients(self) -> Mapping[str, np.ndarray]:
        """Live arrays of the last `backward`; empty before the first one and after `fit`."""
        return self._engine.gradients if self._engine.has_gradients else {}

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only arrays of the last `forward`: X, h1, ..., scores."""
        return self._engine.outputs()

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that training changes: parameters, moments and the number of updates.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [8], 3, seed=0)
        >>> before, score = net.snapshot(), net.score(np.eye(3), [0, 1, 2])
        >>> history = net.fit(np.eye(3), [0, 1, 2], epochs=50, learning_rate=0.5, seed=0)
        >>> net.restore(before)
        >>> net.score(np.eye(3), [0, 1, 2]) == score
        True
        """
        return self._engine.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot` of this network, or of one of its sizes and dtype, in place.

        Raises
        ------
        TypeError, ValueError
            If it is no such snapshot; nothing has changed then.
        RuntimeError
            If the network is at work in another thread.
        """
        self._engine.restore(snapshot)

    def _check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None:
        """Raise a ValueError that names the first number in X[order], or in X, that is not finite."""
        self._engine.check_finite(name, X, order)

    def _back_up(self) -> None:
        """Take a snapshot for `_roll_back`."""
        self._engine.back_up()

    def _roll_back(self) -> None:
        """Go back to where `_back_up` was called last."""
        self._engine.roll_back()

    def _forget_batch(self) -> None:
        """Drop the last batch and its gradients."""
        self._engine.forget_batch()

    def _layer_inputs(self, X: np.ndarray) -> list[np.ndarray]:
        """What enters each layer for these rows."""
        self._engine.forward(X)
        return list(self._engine.outputs().values())[:-1]
