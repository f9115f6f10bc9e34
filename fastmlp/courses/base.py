"""The base of the courses' networks: how they start."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.defaults import get_default_dtype
from fastmlp.engine import Engine
from fastmlp.generators import drawn_seed, random_state
from fastmlp.methods.attributes import EngineNetwork
from fastmlp.validation import float_dtype, thread_count


def unused(name: str, instead: str) -> property:
    """An attribute of this name that cannot be assigned, since no call would look at it; an error says what to do."""

    def refuse(network: Any, value: Any) -> None:
        raise AttributeError(f"{type(network).__name__} would ignore an attribute {name!r}: {instead}")

    return property(None, refuse)


class CourseNetwork(EngineNetwork):
    """A network without fit, predict and save."""

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
