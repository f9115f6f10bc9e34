"""Layers with the standardizer and the target units folded in."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine


class Layer(NamedTuple):
    """Weights (n_in, n_out) and biases (n_out,) of an affine layer."""

    weights: np.ndarray
    biases: np.ndarray


def plain_layers(engine: Engine) -> list[Layer]:
    """The layers that take raw rows and predict in the units of y: copies in float64.

    The standardizer is folded into the first one, and the units of the targets into the last one.

    Raises
    ------
    ValueError
        If targets have units and the outputs are no sums of the last layer.
    RuntimeError
        If the network is at work in another thread.
    """
    return engine.exclusive.run(_plain_layers, engine)


def _plain_layers(engine: Engine) -> list[Layer]:
    architecture, standardizer, units = engine.architecture, engine.standardizer, engine.target_units
    numbers = [engine.params[name].astype(np.float64) for name in engine.params]
    layers = [Layer(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    if standardizer is not None:
        weights = layers[0].weights / standardizer.scale_[:, np.newaxis]
        layers[0] = Layer(weights, layers[0].biases - standardizer.mean_ @ weights)
    if units is not None:
        if (output := architecture.activations[-1]) != "identity":
            raise ValueError(f"the outputs must be sums where targets are standardised, got outputs by {output!r}")
        mean, scale = units
        layers[-1] = Layer(layers[-1].weights * scale, layers[-1].biases * scale + mean)
    return layers


def sizes_of(layers: Sequence[Layer]) -> tuple[int, ...]:
    """The number of inputs, and of outputs of each layer."""
    return (len(layers[0].weights), *(len(layer.biases) for layer in layers))


def by_name(layers: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Weights and biases of layers as a network's `params` names them."""
    return {
        f"{letter}{i}": array for i, layer in enumerate(layers, 1) for letter, array in zip("Wb", layer, strict=True)
    }


def engine_of_layers(layers: Sequence[Layer], architecture: Architecture) -> Engine:
    """An engine with these weights and biases."""
    engine = Engine(architecture)
    engine.params.assign(by_name(layers))
    return engine
