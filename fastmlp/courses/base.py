"""The base of the courses' networks: an engine, and the members of `fastmlp.NeuralNetwork` that they share."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.defaults import get_default_dtype
from fastmlp.engine import Engine
from fastmlp.engine.parameters import Parameters
from fastmlp.generators import drawn_seed, random_state
from fastmlp.interface.overrides import check_arrays
from fastmlp.network import NeuralNetwork
from fastmlp.validation import float_dtype, thread_count

# Any, since the type checker would only allow its methods on its own instances
_SHARED: Any = NeuralNetwork


def unused(name: str, instead: str) -> property:
    """An attribute of this name that cannot be assigned, since no call would look at it; an error says what to do."""

    def refuse(network: Any, value: Any) -> None:
        raise AttributeError(f"{type(network).__name__} would ignore an attribute {name!r}: {instead}")

    return property(None, refuse)


class CourseNetwork:
    """A network on an engine, without fit, predict and save.

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

    params: Parameters = _SHARED.params
    gradients: Mapping[str, np.ndarray] = _SHARED.gradients
    outputs: dict[str, np.ndarray] = _SHARED.outputs
    input_size: int = _SHARED.input_size
    hidden_sizes: list[int] = _SHARED.hidden_sizes
    output_size: int = _SHARED.output_size
    num_layers: int = _SHARED.num_layers
    dtype: np.dtype = _SHARED.dtype
    n_threads: int | None = _SHARED.n_threads
    snapshot: Callable[[], dict[str, Any]] = _SHARED.snapshot
    restore: Callable[[dict[str, Any]], None] = _SHARED.restore
    __copy__ = _SHARED.__copy__
    __repr__ = _SHARED.__repr__
    _adopt = _SHARED._adopt

    def _start(
        self,
        sizes: tuple[int, ...],
        draw: Callable[[Any, Any], None],
        *,
        dtype: npt.DTypeLike | None,
        n_threads: int | None,
        seed: int | None,
        activation: str = "relu",
        loss: str = "cross_entropy",
        output: str = "softmax",
        dropout: float = 0.0,
    ) -> None:
        """Make the engine, and its weights by `draw(params, generator)`; dropout is the rate of the hidden layers."""
        checked: np.dtype = get_default_dtype() if dtype is None else float_dtype("dtype", dtype)
        rates = [0.0] + [dropout] * (len(sizes) - 2)  # a list, since there may be no hidden layer
        architecture = Architecture.of(sizes, checked, activation=activation, loss=loss, output=output, dropout=rates)
        with random_state(seed) as generator:
            engine = Engine(architecture)
            engine.n_threads = thread_count(n_threads)
            draw(engine.params, generator)
            if architecture.drops:
                engine.dropout_seed = drawn_seed(generator)
        self._adopt(engine)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_arrays(cls, CourseNetwork)
