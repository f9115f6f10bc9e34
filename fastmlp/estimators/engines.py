"""The engine of an estimator's network: with initial weights, or with what another network has learnt."""

import math
from typing import Any

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.network import NeuralNetwork


def new_engine(architecture: Architecture, generator: np.random.RandomState, activation: Any) -> Engine:
    """An engine with weights and biases that are drawn as scikit-learn draws them: uniformly, layer by layer.

    The bound of a layer is sqrt(6 / (n_in + n_out)) (Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010, equation 16), and sqrt(2 / (n_in + n_out)) for the logistic function; without a
    hidden layer, for the `activation` that it would have.
    """
    engine, hidden = Engine(architecture), architecture.activations[:-1]
    for i in range(1, architecture.n_layers + 1):
        w, b = engine.params[f"W{i}"], engine.params[f"b{i}"]
        # the last layer has the bound of the hidden layer before it
        name = hidden[min(i, len(hidden)) - 1] if hidden else activation
        bound = math.sqrt((2 if name == "logistic" else 6) / sum(w.shape))
        w[...] = generator.uniform(-bound, bound, w.shape)
        b[...] = generator.uniform(-bound, bound, b.shape)
    return engine


def engine_of_given(network: Any) -> Engine:
    """The engine of a user's network."""
    if not isinstance(network, NeuralNetwork):
        raise TypeError(f"network must be a fastmlp.NeuralNetwork, got {network!r}")
    return network._engine


def engine_of(network: NeuralNetwork, architecture: Architecture) -> Engine:
    """An engine of an architecture with a network's sizes, and all that the network has learnt."""
    engine = Engine(architecture)
    engine.restore(network.snapshot() | {"loss": architecture.loss})
    engine.standardizer = network.standardizer
    return engine
