"""Every kernel against the reference, over dtypes, shapes and threads."""

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import SHAPES, assert_near, assert_same, batch

from fastmlp import NeuralNetwork, _kernels, reference
from fastmlp.engine.engine import BLOCK_ROWS, CHUNK_ROWS

N_THREADS = [1, 2, 3, 4, 7]


def step(make, sizes, n_rows, dtype, **options):
    """Results of one forward and backward pass of a network."""
    X, y = batch(n_rows, sizes[0], sizes[-1], dtype=dtype)
    net = make(sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype, **options)
    for name in net.params:
        if name.startswith("b"):
            net.params[name] += 0.1 * np.cos(np.arange(len(net.params[name])))  # each its own
    scores = net.forward(X)
    loss = net.backward(y, 0.3)
    return {"scores": scores, "loss": np.array([loss]), **net.gradients, **net.outputs}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_passes_agree_with_reference(shape, dtype, no_gate):
    sizes, n_rows = SHAPES[shape]
    expected = step(reference.NeuralNetwork, sizes, n_rows, dtype)
    rtol = {"float64": 1e-12, "float32": 2e-5}[dtype]
    first = step(NeuralNetwork, sizes, n_rows, dtype, n_threads=1)
    assert_near(first, {name: expected[name] for name in first}, rtol)
    for n_threads in N_THREADS[1:]:
        assert_same(step(NeuralNetwork, sizes, n_rows, dtype, n_threads=n_threads), first)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_threads", N_THREADS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sizes", [(1, 1), (5, 3), (300, 101, 7)])
def test_updates_agree_with_reference(sizes, optimizer, n_threads, dtype, no_gate):
    random = np.random.RandomState(3)
    nets = [
        NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype, n_threads=n_threads),
        reference.NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype),
    ]
    X, y = batch(5, sizes[0], sizes[-1], dtype=dtype)
    for net in nets:
        net.forward(X)
        net.backward(y)
    for _ in range(5):
        for name in nets[0].params:
            nets[0].gradients[name][...] = nets[1].gradients[name] = random.randn(*nets[0].params[name].shape)
        for net in nets:
            net.update(0.01, 0.8, 0.95, 1e-7, optimizer)
    assert_near(nets[0].params, nets[1].params, {"float64": 1e-14, "float32": 1e-6}[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_extreme_scores(dtype):
    """Scores of +-1e4 (float64) and +-1e3 (float32) against long double."""
    size = {"float64": 1e4, "float32": 1e3}[dtype]
    X = np.random.RandomState(0).uniform(-size, size, (50, 7)).astype(dtype)
    X[0] = size  # equal scores
    X[1] = [size, -size, 0, 0, 0, 0, 0]
    y = np.arange(50) % 7
    largest = X.max(axis=1, keepdims=True)
    terms = np.exp(X.astype(np.longdouble) - largest)
    probabilities = terms / terms.sum(axis=1, keepdims=True)
    # the largest term is 1: log1p of the others keeps the digits of small losses
    others = np.where(largest == X, 0, terms).sum(axis=1) + (terms == 1).sum(axis=1) - 1
    losses = np.log1p(others) + (largest[:, 0].astype(np.longdouble) - X[np.arange(50), y])

    net = NeuralNetwork(7, [], 7, dtype=dtype)
    net.params["W1"] = np.eye(7)
    ulp = np.finfo(dtype).eps
    scores = net.forward(X)
    normal = probabilities > np.finfo(dtype).tiny
    assert (np.abs(scores[normal] / probabilities[normal] - 1) < 4 * ulp).all()
    for i in range(50):
        net.forward(X[i : i + 1])
        if losses[i] > np.finfo(dtype).tiny:
            assert abs(net.backward(y[i : i + 1]) / losses[i] - 1) <= 4 * ulp


def test_loss_near_zero_keeps_its_digits():
    net = NeuralNetwork(2, [], 2)
    net.params["W1"] = np.eye(2)
    net.forward([[50.0, 0.0]])
    assert net.backward([0]) == pytest.approx(np.exp(-50), rel=1e-14, abs=0)


def test_the_first_of_equal_classes_is_predicted_and_counts_as_right():
    net = NeuralNetwork(2, [], 3)
    net.params["W1"] = [[0, 1, 1], [1, 1, 0]]
    X = np.eye(2)
    assert net.predict(X).tolist() == [1, 0]
    for y, accuracy in (([1, 0], 1), ([2, 1], 0)):
        assert net.evaluate(X, y)[1] == accuracy
        assert net.train_epoch(X, y, learning_rate=0)[1] == accuracy


def test_the_first_nan_is_predicted():
    net = NeuralNetwork(1, [], 3)
    net.params["W1"][:] = np.nan
    assert net.predict([[1.0]]).tolist() == [np.argmax([np.nan] * 3)]


def test_nan_passes_through_relu():
    X = np.ones((3, 4))
    X[1, 2] = np.nan
    scores = NeuralNetwork(4, [6, 5], 3).forward(X)
    assert np.isnan(scores[1]).all()
    assert np.isfinite(scores[[0, 2]]).all()


def test_nan_score_of_a_single_class():
    assert np.isnan(NeuralNetwork(1, [], 1).forward([[np.nan]])).all()


@pytest.mark.parametrize("n_rows", [0, 1, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, 1300, BLOCK_ROWS + 700])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_prediction_cut_rows_alike(n_rows, dtype):
    X, _ = batch(n_rows, 500, 10, dtype=dtype)
    net = NeuralNetwork(500, [60], 10, dtype=dtype)
    scores = net.forward(X)
    assert scores.shape == (n_rows, 10)
    np.testing.assert_array_equal(net.predict_proba(X), scores, strict=True)


def test_a_prediction_may_be_of_more_rows_than_the_last_one():
    X, _ = batch(21, 500, 10)
    net = NeuralNetwork(500, [60], 10)
    for n_rows in (7, 21, 7):
        np.testing.assert_array_equal(net.predict_proba(X[:n_rows]), net.forward(X[:n_rows]), strict=True)


def test_first_outside():
    labels = np.array([0, 4, 2], np.intp)
    assert _kernels.first_outside(labels, 5) == -1
    assert _kernels.first_outside(labels, 4) == 1
    assert _kernels.first_outside(-labels, 5) == 1
    assert _kernels.first_outside(labels[:0], 5) == -1


def test_bound_buffers_are_checked():
    layers = np.array([[2, 3, 0, 8, 0, 0, 0, 0]], np.intp)
    offsets = np.zeros(7, np.intp)
    good = np.zeros(64)
    with pytest.raises(ValueError, match="Buffer dtype mismatch"):
        _kernels.Propagation(layers, offsets, 3, 0, 0.0, np.zeros(64, np.int64), good, good, good, ())
    with pytest.raises(ValueError, match="not C-contiguous"):
        _kernels.Propagation(layers, offsets, 3, 0, 0.0, good[::2], good, good, good, ())
