"""Dropout: which units are dropped, in which calls, and the same ones by all ways of training."""

import copy
import pickle

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, OPTIMIZERS
from conftest import assert_near, assert_same, batch, trained_state
from epoch_helpers import fused, three_calls

from fastmlp import NeuralNetwork, reference
from fastmlp.functions.dropout import philox, scaled_mask

RATES = [0.1, 0.3, 0.5]


def make(activation="relu", module=None, **others):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(5, [70, 6], 3, **{"seed": 0, "activation": activation, "dropout": RATES, **others})


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_generator_gives_the_published_numbers(counter, key, words):
    """Random123, kat_vectors, philox4x32 with 10 rounds."""
    assert tuple(int(word) for word in philox([np.array(word) for word in counter], key)) == words


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("n_updates", [0, 7, 2**40 + 3])
def test_the_units_that_are_dropped_are_those_of_the_generator(activation, n_updates):
    X, _ = batch(9, 5, 3)
    net = make(activation)
    net.restore(net.snapshot() | {"n_updates": n_updates})
    net.forward(X, training=True)
    seed, found = net.snapshot()["dropout_seed"], net.outputs
    np.testing.assert_array_equal(found["X"], X * scaled_mask(0.1, seed, n_updates, 0, 9, 5))
    for layer, name in ((1, "h1"), (2, "h2")):
        # the same network, which drops the same units of the layers before this one, and none of it
        whole = make(activation, dropout=[*RATES[:layer], *[0] * (3 - layer)])
        whole.restore(whole.snapshot() | {"n_updates": n_updates})
        whole.forward(X, training=True)
        mask = scaled_mask(RATES[layer], seed, n_updates, layer, *found[name].shape)
        np.testing.assert_allclose(found[name], whole.outputs[name] * mask, rtol=1e-13)


def test_about_as_many_are_dropped_as_the_rate_says_and_the_mean_stays():
    net = NeuralNetwork(1000, [], 2, dropout=[0.3], seed=0)
    net.forward(np.ones((100, 1000)), training=True)
    found = net.outputs["X"]
    assert abs((found == 0).mean() - 0.3) < 0.005
    assert abs(found.mean() - 1) < 0.007
    assert abs((found[1:] == found[:-1]).mean() - (0.3**2 + 0.7**2)) < 0.01  # rows are independent
    assert abs((found[:, 1:] == found[:, :-1]).mean() - (0.3**2 + 0.7**2)) < 0.01


def test_only_training_drops_units():
    X, y = batch(20, 5, 3)
    net, plain = make(), make(dropout=0.0)
    assert_same(net.params, plain.params)  # the seed of dropout is drawn after the weights
    assert (net.forward(X) == plain.forward(X)).all()
    assert net.backward(y) == plain.backward(y)
    assert_same(net.gradients, plain.gradients)
    assert (net.predict_proba(X) == plain.predict_proba(X)).all()
    assert net.evaluate(X, y) == plain.evaluate(X, y)
    assert (net.forward(X, training=True) != plain.forward(X, training=True)).any()
    first = net.forward(X, training=True)
    assert (net.forward(X, training=True) == first).all()  # until the next update
    net.backward(y)
    net.update(0.0)
    assert (net.forward(X, training=True) != first).any()


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("batch_size", [16, 700])
def test_it_trains_as_the_reference_does(activation, batch_size):
    X, y = batch(700, 5, 3)
    nets = [make(activation), make(activation, reference)]
    settings = {"epochs": 2, "batch_size": batch_size, "optimizer": "Adam", "seed": 0, "X_val": X[:50], "y_val": y[:50]}
    histories = [net.fit(X, y, **settings) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-9)
    for name in ("train_loss", "train_score", "val_loss", "val_score"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-9)


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(5, [70, 6], 3), (200, [150, 90], 10)], ids=["narrow", "wide"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_all_ways_and_all_numbers_of_threads_give_the_same_bits(activation, sizes, dtype):
    X, y = batch(700, sizes[0], sizes[2], dtype=dtype)
    order, states = np.random.RandomState(1).permutation(700), []
    for n_threads in (1, 2, 3, 7):
        for way in (fused, three_calls):
            net = NeuralNetwork(*sizes, activation=activation, dropout=RATES, dtype=dtype, n_threads=n_threads, seed=0)
            for optimizer in OPTIMIZERS:
                way(net, X, y, order, 600, 0.1, optimizer)
            states.append(trained_state(net))
    for state in states[1:]:
        assert_same(state, states[0])


@pytest.mark.parametrize("given", ["a seed", "none"])
def test_a_training_that_is_resumed_drops_the_same_units(given, tmp_path):
    X, y = batch(60, 5, 3)
    seed = {"seed": 0 if given == "a seed" else None}
    np.random.seed(3)
    whole, first, second = (make(**seed) for _ in range(3))
    if given == "none":
        first.restore(whole.snapshot())
    whole.fit(X, y, epochs=4, batch_size=20, seed=1)
    first.fit(X, y, epochs=2, batch_size=20, seed=1, checkpoint=tmp_path / "net")
    second.fit(X, y, epochs=4, batch_size=20, seed=1, checkpoint=tmp_path / "net", resume=True)
    assert_same(trained_state(second), trained_state(whole))


def test_it_is_kept_in_files_and_copies(tmp_path):
    X, _ = batch(9, 5, 3)
    net = make()
    net.save(tmp_path / "net.npz")
    for other in (NeuralNetwork.load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.dropout == tuple(RATES)
        assert (other.forward(X, training=True) == net.forward(X, training=True)).all()


def test_seeds_of_networks_differ():
    X, _ = batch(9, 5, 3)
    np.random.seed(0)
    nets = [make(seed=None) for _ in range(2)]
    nets[1].params = nets[0].params
    assert (nets[0].forward(X, training=True) != nets[1].forward(X, training=True)).any()
    assert make(seed=1).snapshot()["dropout_seed"] != make().snapshot()["dropout_seed"]


@pytest.mark.parametrize(
    ("given", "hidden", "expected"),
    [
        (0.3, [4, 4], 0.3),
        ([0, 0.3, 0.3], [4, 4], 0.3),
        ((0.1, 0.3, 0.3), [4, 4], (0.1, 0.3, 0.3)),
        ([0, 0.1, 0.3], [4, 4], (0, 0.1, 0.3)),
        ([0.2], [], (0.2,)),
        (0, [], 0.0),
        (np.float32(0.5), [4], 0.5),
    ],
)
def test_one_rate_is_that_of_the_hidden_layers(given, hidden, expected):
    assert NeuralNetwork(3, hidden, 2, dropout=given).dropout == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1, "dropout must be finite, at least 0 and below 1, got 1"),
        (-0.1, "dropout must be finite, at least 0 and below 1, got -0.1"),
        (np.nan, "dropout must be finite, at least 0 and below 1, got nan"),
        ("half", "dropout must be a number, got 'half'"),
        (
            [0, 0.5],
            "dropout must be one number for the hidden layers, or 3, one for the inputs and one for each hidden",
        ),
        ([0, 1, 0.5], "dropout[1] must be finite, at least 0 and below 1, got 1"),
    ],
)
def test_rates_that_make_no_sense_are_refused(given, message):
    for module in (None, reference):
        state = np.random.get_state()[1].tolist()
        with pytest.raises((TypeError, ValueError)) as caught:
            make(module=module, dropout=given)
        assert str(caught.value).startswith(message)
        assert np.random.get_state()[1].tolist() == state


def test_without_a_hidden_layer_there_is_nothing_to_drop():
    with pytest.raises(ValueError, match=r"^dropout must be 0, or \[rate of the inputs\], without a hidden layer, got"):
        NeuralNetwork(3, [], 2, dropout=0.5)


def test_training_is_true_or_false():
    with pytest.raises(TypeError, match=r"^training must be True or False, got 1$"):
        make().forward(np.ones((2, 5)), training=1)
