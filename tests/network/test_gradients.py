"""The gradients of every activation with every loss, plain and with weights and dropout, are those of the loss."""

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS
from conftest import assert_near
from loss_helpers import each_loss, make, rows

from fastmlp import eval_numerical_gradient, reference

WEIGHTS = np.array([0.5, 0, 2, 1, 3.25, 1])


@pytest.mark.parametrize(
    ("weights", "dropout"), [(None, 0.0), (WEIGHTS, [0.2, 0.3, 0.4])], ids=["plain", "weights and dropout"]
)
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@each_loss
def test_gradients_are_those_of_the_loss_and_of_the_reference(options, activation, weights, dropout):
    X, y = rows(options, 6)
    net, other = (make(options, module, activation=activation, dropout=dropout) for module in (None, reference))

    def loss(array=None):
        net.forward(X, training=True)
        return net.backward(y, 0.1, sample_weight=weights)

    other.forward(X, training=True)
    assert loss() == pytest.approx(other.backward(y, 0.1, sample_weight=weights), rel=1e-12)
    assert_near(net.gradients, other.gradients, 1e-12)
    gradients = {name: array.copy() for name, array in net.gradients.items()}
    for name, array in net.params.items():
        numerical = eval_numerical_gradient(loss, array, verbose=False, h=1e-6)
        largest = max(1, np.abs(numerical).max())
        np.testing.assert_allclose(gradients[name], numerical, rtol=1e-6, atol=1e-9 * largest)
