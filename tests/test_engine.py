"""Buffers: where they lie, when they grow, and that they are reused."""

import copy

import numpy as np
import pytest
from conftest import assert_same, batch

from fastmlp import NeuralNetwork, _kernels
from fastmlp.engine import N_MOMENTS
from fastmlp.training import LEARNING_RATES


def test_optimizers_are_the_same_everywhere():
    assert tuple(N_MOMENTS) == _kernels.OPTIMIZERS == tuple(LEARNING_RATES)


def test_buffers_start_on_a_cache_line():
    net = NeuralNetwork(5, [3], 2)
    for copied in (net, copy.deepcopy(net)):
        assert copied._engine.flat_params.ctypes.data % 64 == 0
        assert copied._engine.flat_gradients.ctypes.data % 64 == 0
        assert all(array.ctypes.data % 64 == 0 for array in copied.params.values())


def test_workspace_is_reused_by_smaller_batches_and_grows_for_larger_ones():
    net = NeuralNetwork(5, [3], 2)
    net.forward(np.ones((20, 5)))
    first = net.outputs["h1"].ctypes.data
    net.forward(np.ones((7, 5)))
    assert net.outputs["h1"].ctypes.data == first
    assert net.outputs["h1"].shape == (7, 3)
    net.forward(np.ones((21, 5)))
    assert net.outputs["h1"].shape == (21, 3)
    assert net._engine._batch.capacity == 21


def test_array_that_needs_no_conversion_is_not_copied():
    X = np.ones((4, 5))
    net = NeuralNetwork(5, [3], 2)
    net.forward(X)
    assert np.shares_memory(net.outputs["X"], X)
    net.forward(X.astype(np.float32))
    assert net.outputs["X"].dtype == np.float64
    assert not np.shares_memory(net.outputs["X"], X)


def test_refused_batch_leaves_the_last_one_in_place():
    X, y = batch(4, 5, 2)
    net = NeuralNetwork(5, [3], 2)
    net.forward(X)
    with pytest.raises(ValueError, match="X must have shape"):
        net.forward(np.ones((4, 6)))
    loss = net.backward(y)
    net.forward(X)
    assert net.backward(y) == loss


def test_each_optimizer_keeps_its_own_moments():
    X, y = batch(4, 5, 2)
    mixed, plain = (NeuralNetwork(5, [3], 2, seed=0) for _ in range(2))
    for net, updates in (
        (mixed, [("Momentum", 0.1), ("Adam", 0.0), ("SGD", 0.0), ("Momentum", 0.1)]),
        (plain, [("Momentum", 0.1), ("Momentum", 0.1)]),
    ):
        for optimizer, rate in updates:
            net.forward(X)
            net.backward(y)
            net.update(rate, opt=optimizer)
    assert_same(mixed.params, plain.params)
    assert mixed._engine.n_updates == 4


def test_restore_goes_back_to_before_the_first_use_of_an_optimizer():
    X, y = batch(4, 5, 2)
    net, fresh = (NeuralNetwork(5, [3], 2, seed=0) for _ in range(2))
    before = net.snapshot()
    for _ in range(3):
        net.forward(X)
        net.backward(y)
        net.update(0.1, opt="Adam")
    net.restore(before)
    assert_same(net.params, fresh.params)
    for other in (net, fresh):
        other.forward(X)
        other.backward(y)
        other.update(0.1, opt="Adam")
    assert_same(net.params, fresh.params)


def test_weights_changed_between_forward_and_backward_are_used():
    """No stale or packed copy of a weight is kept."""
    X, y = batch(6, 5, 3)
    net = NeuralNetwork(5, [4], 3, seed=0)
    net.forward(X)
    net.params["W2"] *= 2
    net.backward(y)
    delta = net.outputs["scores"].copy()
    delta[np.arange(6), y] -= 1
    expected = X.T @ ((delta / 6) @ net.params["W2"].T * (net.outputs["h1"] > 0))
    np.testing.assert_allclose(net.gradients["W1"], expected, rtol=1e-12, atol=1e-15)
