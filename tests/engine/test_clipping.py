"""Gradients are clipped by their global norm inside an epoch, before each update."""

import math

import numpy as np
import pytest
from choices import LEARNING_RATES, OPTIMIZERS
from conftest import RTOL, SHAPES, assert_near, assert_same, batch, trained_state

from fastmlp import NeuralNetwork, reference
from fastmlp.engine.batches import EpochSettings, Examples
from fastmlp.functions.optimizers import checked_optimizer

both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
# a network whose layers are shared, and a narrow one whose rows are
ways = pytest.mark.parametrize(("sizes", "n_rows"), [((90, 96, 9), 60), ((6, 9, 4), 1100)], ids=["layers", "rows"])


def make(sizes, module=None, **options):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(sizes[0], sizes[1:-1], sizes[-1], **{"seed": 1, "init": "he", **options})


def train(net, X, y, n_rows, clip_norm, name="SGD", rate=None, l2=0.1, weights=None):
    """An epoch; gives its loss, score, number of batches, and whether it has diverged."""
    rate = LEARNING_RATES[name] if rate is None else rate
    settings = EpochSettings(n_rows, checked_optimizer(name, 0.9, 0.999, 1e-8), rate, l2, clip_norm=clip_norm)
    loop = reference._Loop(net) if isinstance(net, reference.NeuralNetwork) else net._engine
    return loop.train_epoch(Examples(X, y, weights), np.arange(len(X)), settings)


@both_dtypes
@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_trains_as_the_reference_does(shape, name, dtype, no_gate):
    """And with the same bits by any number of threads."""
    sizes, n_rows = SHAPES[shape]
    X, y = batch(2 * n_rows + n_rows // 2, sizes[0], sizes[-1], dtype=dtype)
    weights = np.where(np.arange(len(X)) % 3, 0.5, 2.0)
    nets = [make(sizes, reference, dtype=dtype), *(make(sizes, dtype=dtype, n_threads=n) for n in (1, 2, 5))]
    expected, *results = [train(net, X, y, n_rows, 1e-2, name, weights=weights) for net in nets]
    np.testing.assert_allclose(results[0], expected, rtol=RTOL[dtype])
    assert_near(nets[1].params, nets[0].params, RTOL[dtype])
    for net, result in zip(nets[2:], results[1:], strict=True):
        assert result == results[0]
        assert_same(trained_state(net), trained_state(nets[1]))


@both_dtypes
@pytest.mark.parametrize("name", OPTIMIZERS)
@ways
def test_a_norm_that_no_gradient_has_changes_no_bit(sizes, n_rows, name, dtype):
    X, y = batch(5 * n_rows // 2, sizes[0], sizes[-1], dtype=dtype)
    plain, clipped = make(sizes, dtype=dtype), make(sizes, dtype=dtype)
    assert train(clipped, X, y, n_rows, 1e9, name) == train(plain, X, y, n_rows, math.inf, name)
    assert_same(trained_state(clipped), trained_state(plain))


@both_dtypes
@pytest.mark.parametrize("module", [None, reference], ids=["fastmlp", "reference"])
@ways
def test_what_is_applied_has_the_norm_and_the_direction_of_the_gradient(sizes, n_rows, module, dtype):
    """Regularisation and biases included."""
    X, y = batch(n_rows, sizes[0], sizes[-1], dtype=dtype)
    net = make(sizes, module, dtype=dtype)
    before = {name: array.astype(np.float64) for name, array in net.params.items()}
    net.forward(X)
    net.backward(y, 0.1)
    gradient = np.concatenate([array.ravel() for array in net.gradients.values()]).astype(np.float64)
    norm = np.linalg.norm(gradient)
    train(net, X, y, n_rows, norm / 3, rate=1.0)
    applied = np.concatenate([(before[name] - array).ravel() for name, array in net.params.items()])
    assert np.linalg.norm(applied) == pytest.approx(norm / 3, rel=RTOL[dtype])
    np.testing.assert_allclose(applied, gradient / 3, rtol=RTOL[dtype], atol=RTOL[dtype] * norm / 3)


@pytest.mark.parametrize("n_threads", [1, 3])
@ways
def test_a_batch_whose_loss_is_not_finite_is_not_applied(sizes, n_rows, n_threads, no_gate):
    X, y = batch(2 * n_rows, sizes[0], sizes[-1])
    X[-1] = np.inf
    net, one_batch = make(sizes, n_threads=n_threads), make(sizes)
    train(one_batch, X[:n_rows], y[:n_rows], n_rows, 0.1, "Adam")
    result = train(net, X, y, n_rows, 0.1, "Adam")
    assert result.diverged
    assert result.n_batches == 2
    assert_same(trained_state(net), trained_state(one_batch))


@both_dtypes
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5, 2), (91, 90), (811, 700, 3)], ids=str)
def test_the_norm_is_that_of_all_gradients(sizes, dtype, no_gate):
    """In one block, in several, and in the largest number of them."""
    net, (X, y) = make(sizes, dtype=dtype, n_threads=3), batch(4, sizes[0], sizes[-1], dtype=dtype)
    net.forward(X)
    net.backward(y)
    for array in net.gradients.values():
        array[...] = np.random.RandomState(0).randn(*array.shape)
    exact = math.sqrt(math.fsum((array.astype(np.float64) ** 2).sum() for array in net.gradients.values()))
    assert net._engine.clip_gradients(1e9) == pytest.approx(exact, rel=1e-14)
