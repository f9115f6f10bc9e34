"""Every activation: as the reference computes it, by its gradients, and with the same bits by all ways to train."""

import copy
import pickle

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, OPTIMIZERS
from conftest import assert_gradients, assert_near, assert_same, batch, trained_state
from epoch_helpers import fused, three_calls

from fastmlp import NeuralNetwork, functions, reference

NUMBERS = np.concatenate([np.linspace(-60, 60, 2001), [-1e-3, -1e-9, -1e-300, 0, 1e-300, 1e-9, 1e-3, 1e4, -1e4]])


def make(activation, sizes=(6, 9, 7, 4), module=None, **options):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(sizes[0], sizes[1:-1], sizes[-1], activation=activation, seed=0, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_its_values_are_those_of_its_row(activation, dtype):
    net = make(activation, (1, 1, 1), dtype=dtype)
    net.params["W1"] = [[1]]
    X = NUMBERS[:, np.newaxis].astype(dtype)
    net.forward(X)
    expected = functions.ACTIVATIONS[activation].value(X.astype(np.float64))
    np.testing.assert_allclose(net.outputs["h1"], expected, rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_what_is_not_finite_passes_through(activation):
    X = np.array([[-np.inf], [np.inf], [np.nan]])
    net = make(activation, (1, 1, 1))
    net.params["W1"] = [[1]]
    net.forward(X)
    np.testing.assert_array_equal(net.outputs["h1"], functions.ACTIVATIONS[activation].value(X))


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_gradients_are_those_of_the_loss(activation):
    X, y = batch(5, 6, 4)
    assert_gradients(make(activation), X, y)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_it_trains_as_the_reference_does(activation, optimizer):
    X, y = batch(50, 6, 4)
    nets = [make(activation), make(activation, module=reference)]
    histories = [
        net.fit(X, y, epochs=3, batch_size=16, regularization=0.01, optimizer=optimizer, seed=0, X_val=X, y_val=y)
        for net in nets
    ]
    assert_near(nets[0].params, nets[1].params, 1e-10)
    np.testing.assert_allclose(histories[0].train_loss, histories[1].train_loss, rtol=1e-12)
    np.testing.assert_allclose(histories[0].val_loss, histories[1].val_loss, rtol=1e-10)


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_all_ways_and_all_numbers_of_threads_give_the_same_bits(activation, dtype):
    X, y = batch(700, 6, 4)
    order, states = np.random.RandomState(1).permutation(700), []
    for n_threads in (1, 2, 3):
        for way in (fused, three_calls):
            net = make(activation, dtype=dtype, n_threads=n_threads)
            for optimizer in OPTIMIZERS:
                way(net, X, y, order, 100, 0.1, optimizer)
            states.append(trained_state(net))
    for state in states[1:]:
        assert_same(state, states[0])


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_it_is_kept_in_files_and_copies(activation, tmp_path):
    X, _ = batch(20, 6, 4)
    net = make(activation)
    net.save(tmp_path / "net.npz")
    for other in (NeuralNetwork.load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.activation == activation
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))


@pytest.mark.parametrize("bad", ["softmax", "sine", "", None, 3])
def test_another_one_is_refused(bad):
    for module in (None, reference):
        with pytest.raises(ValueError, match=r"^activation must be one of 'identity', 'relu', .*, got "):
            make(bad, module=module)
