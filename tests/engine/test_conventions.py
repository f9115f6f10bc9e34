"""scikit-learn's conventions, which the estimators ask the engine for: what a loss is, and where epsilon is added."""

import numpy as np
import pytest
from loss_helpers import each_loss, make, rows

from fastmlp.engine.batches import EpochSettings, Examples
from fastmlp.functions.optimizers import Optimizer

SGD = Optimizer("SGD", 0.0, 0.0, 0.0, 0.0, 0.0)
ALPHA, RATE = 0.3, 0.05


@each_loss
@pytest.mark.parametrize("weights", [None, np.arange(20) % 3 + 0.5])
def test_a_loss_per_row_adds_up_outputs_and_shares_the_penalty(options, weights):
    X, y = rows(options, 20)
    summed, averaged = make(options)._engine, make(options)._engine
    n_losses = summed.architecture.n_losses
    examples = Examples(X, summed.architecture.checked_targets("y", y, 20), weights)
    order, weight = np.arange(20), 20 if weights is None else weights.sum()
    penalty = 0.5 * sum(np.square(w).sum() for name, w in summed.params.items() if name[0] == "W")
    found = summed.train_epoch(examples, order, EpochSettings(20, SGD, RATE, ALPHA, per_row=True))
    # the same gradient, n_losses times as large
    settings = EpochSettings(20, SGD, RATE * n_losses, ALPHA / weight / n_losses)
    expected = averaged.train_epoch(examples, order, settings)
    np.testing.assert_allclose(summed.flat_params, averaged.flat_params, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.loss, expected.loss * n_losses, rtol=1e-12)
    loss, _, gradient = make(options)._engine.full_gradient(examples, EpochSettings(20, SGD, RATE, ALPHA, per_row=True))
    np.testing.assert_allclose(loss, found.loss, rtol=1e-12)
    np.testing.assert_allclose(make(options)._engine.flat_params - RATE * gradient, summed.flat_params, atol=1e-12)
    assert found.loss > ALPHA / weight * penalty


def test_each_batch_has_its_share_of_the_penalty():
    X, y = rows({}, 20)
    weights = np.where(np.arange(20) < 15, 1.0, 0.0)
    whole, parts = make({})._engine, make({})._engine
    examples = Examples(X, whole.architecture.checked_targets("y", y, 20), weights)
    whole.train_epoch(examples, np.arange(20), EpochSettings(10, SGD, RATE, ALPHA, per_row=True))
    for first, weight in ((0, 10), (10, 5)):
        taken = np.arange(first, first + 10)
        parts.train_epoch(examples, taken, EpochSettings(10, SGD, RATE, ALPHA / weight))
    np.testing.assert_allclose(whole.flat_params, parts.flat_params, rtol=1e-12)


@pytest.mark.parametrize("epsilon_hat", [False, True])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_epsilon_is_added_before_or_after_the_correction(name, epsilon_hat):
    X, y = rows({}, 20)
    net = make({})
    optimizer = Optimizer(name, 0.8, 0.95, 1e-2, 0.1, 0.0, epsilon_hat)
    expected = {name: w.copy() for name, w in net.params.items()}
    moments = {name: [np.zeros_like(w), np.zeros_like(w)] for name, w in net.params.items()}
    for t in (1, 2, 3):
        net.forward(X)
        net.backward(y)
        for name, w in expected.items():
            optimizer.row.step(w, net.gradients[name], moments[name], RATE, optimizer, t)
        net._engine.apply(optimizer, RATE)
    for name, w in expected.items():
        np.testing.assert_allclose(net.params[name], w, rtol=1e-12)
