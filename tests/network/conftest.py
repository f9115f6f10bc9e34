"""A network to call."""

import pytest
from choices import OPTIMIZERS
from refusals import X, Y

from fastmlp import NeuralNetwork


@pytest.fixture
def net():
    """A network in the middle of a training."""
    net = NeuralNetwork(4, [5], 3, seed=0)
    for optimizer in OPTIMIZERS:
        net.forward(X)
        net.backward(Y, 0.1)
        net.update(0.01, opt=optimizer)
    return net
