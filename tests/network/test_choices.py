"""Every activation: as the reference computes it, by its gradients, and with the same bits by all ways to train."""

import copy
import pickle

import mpmath
import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, OPTIMIZERS
from conftest import assert_near, assert_same, batch, trained_state
from epoch_helpers import fused, three_calls

from fastmlp import NeuralNetwork, reference
from fastmlp.functions import activations

# of all sizes, and where the functions change from one formula to another
NUMBERS = np.concatenate(
    [
        np.linspace(-60, 60, 2001),
        np.linspace(-3, 3, 3001),
        [0, 1e4, -1e4],
        *np.outer([1, -1], 2.0 ** np.random.RandomState(0).uniform(-110, 6, 1000)),
    ]
)


def make(activation, sizes=(6, 9, 7, 4), module=None, **options):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(sizes[0], sizes[1:-1], sizes[-1], activation=activation, seed=0, **options)


# Exact values, and by how many units in the last place those of a network may be off: of the value, or, in the second
# table, of the larger of the argument and 1.
EXACT = {
    "identity": (lambda x: x, 0),
    "relu": (lambda x: max(x, 0), 0),
    "leaky_relu": (lambda x: x if x > 0 else x / 100, 1),
    "elu": (lambda x: x if x > 0 else mpmath.expm1(x), 4),
    "logistic": (lambda x: 1 / (1 + mpmath.exp(-x)), 2),
    "tanh": (mpmath.tanh, 2),
}
EXACT_FOR_LARGE = {
    "gelu": (lambda x: x * mpmath.ncdf(x), 4),
    "gelu_tanh": (
        lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + x**3 * mpmath.mpf("0.044715")))),
        4,
    ),
    "silu": (lambda x: x / (1 + mpmath.exp(-x)), 4),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_its_values_are_exact_to_a_few_units_in_the_last_place(activation, dtype):
    net = make(activation, (1, 1, 1), dtype=dtype)
    net.params["W1"] = [[1]]
    X = NUMBERS.astype(dtype)
    net.forward(X[:, np.newaxis])
    function, limit = {**EXACT, **EXACT_FOR_LARGE}[activation]
    with mpmath.workdps(50):
        expected = [function(mpmath.mpf(float(x))) for x in X]
        differences = [float(abs(y - float(h))) for y, h in zip(expected, net.outputs["h1"][:, 0], strict=True)]
        sizes = np.abs(np.array(expected, dtype)) if activation in EXACT else np.maximum(np.abs(X), 1)
    ulps = np.array(differences) / np.spacing(np.maximum(sizes, np.finfo(dtype).tiny))
    assert ulps.max() <= limit, (X[ulps.argmax()], ulps.max())


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_its_row_has_the_same_values(activation):
    function, limit = {**EXACT, **EXACT_FOR_LARGE}[activation]
    with mpmath.workdps(50):
        expected = [float(function(mpmath.mpf(float(x)))) for x in NUMBERS]
    sizes = np.abs(expected) if activation in EXACT else np.maximum(np.abs(NUMBERS), 1)
    found = activations.ACTIVATIONS[activation].value(NUMBERS)
    assert (np.abs(found - expected) <= (limit + 4) * np.spacing(np.maximum(sizes, np.finfo(float).tiny))).all()


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_what_is_not_finite_passes_through(activation):
    X = np.array([[-np.inf], [np.inf], [np.nan]])
    net = make(activation, (1, 1, 1))
    net.params["W1"] = [[1]]
    net.forward(X)
    np.testing.assert_array_equal(net.outputs["h1"], activations.ACTIVATIONS[activation].value(X))


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


def test_each_layer_has_its_own(tmp_path):
    X, y = batch(50, 6, 4)
    nets = [make(["gelu", "tanh"]), make(["gelu", "tanh"], module=reference)]
    for net in nets:
        net.fit(X, y, epochs=2, batch_size=16, seed=0)
    assert_near(nets[0].params, nets[1].params, 1e-10)
    assert nets[0].activation == ("gelu", "tanh")
    nets[0].save(tmp_path / "net.npz")
    assert NeuralNetwork.load(tmp_path / "net.npz").activation == ("gelu", "tanh")
    assert make(["elu", "elu"]).activation == "elu"


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (["relu"], r"must be one name, or 2, one for each hidden layer; got \['relu'\]"),
        (["relu", "sine"], "activation\\[1\\] must be one of 'identity', .*, got 'sine'"),
    ],
)
def test_a_list_with_another_length_or_name_is_refused(activation, message):
    for module in (None, reference):
        with pytest.raises(ValueError, match=message):
            make(activation, module=module)
