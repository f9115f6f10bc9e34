"""The contract of `NeuralNetwork`: construction, the three calls, what the notebook does."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch

import fastmlp
from fastmlp import NeuralNetwork, eval_numerical_gradient, reference

TOY = [(4, 10, 3), (4, 10, 10, 3)]
# on these no gradient is so close to zero, and no score to a kink, that the rounding of the differences decides
SEEDS = [0, 2, 8, 11, 12, 14, 18, 19, 22, 23, 24, 25, 26, 28, 30, 32, 33, 34, 35, 38]


def make(sizes, module=fastmlp, **options):
    return module.NeuralNetwork(sizes[0], list(sizes[1:-1]), sizes[-1], len(sizes) - 1, **options)


def ready(sizes=(4, 6, 3), n_rows=5, **options):
    """A network after forward and backward."""
    net = make(sizes, seed=1, **options)
    X, y = batch(n_rows, sizes[0], sizes[-1])
    net.forward(X)
    net.backward(y, 0.1)
    return net


def copies(arrays):
    return {name: np.array(array) for name, array in arrays.items()}


# ---- construction


@pytest.mark.parametrize("hidden", [[10, 7], (10, 7), np.array([10, 7]), [np.int32(10), np.uint8(7)]], ids=repr)
def test_hidden_sizes_of_any_kind(hidden):
    net = NeuralNetwork(4, hidden, 3, 3)
    assert (net.input_size, list(net.hidden_sizes), net.output_size, net.num_layers) == (4, [10, 7], 3, 3)
    assert [array.shape for array in net.params.values()] == [(4, 10), (10,), (10, 7), (7,), (7, 3), (3,)]
    assert pickle.loads(pickle.dumps(net)).forward(np.ones((2, 4))).shape == (2, 3)


def test_num_layers_may_be_left_out():
    assert [NeuralNetwork(4, hidden, 3).num_layers for hidden in ([], [5], [5, 5, 5])] == [1, 2, 4]


def test_repr_tells_sizes_dtype_and_parameter_count():
    text = repr(make((40, 30, 7), dtype="float32"))
    for part in ("40-30-7", "float32", "1,447 parameters"):
        assert part in text


# ---- dtype


@pytest.fixture
def restore_default_dtype():
    before = fastmlp.get_default_dtype()
    yield
    fastmlp.set_default_dtype(before)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "f4"), (np.float32, "f4"), (np.dtype("f4"), "f4"), (float, "f8"), ("float64", "f8"), (None, "f8")],
    ids=repr,
)
def test_dtype_of_everything(dtype, expected):
    net = ready(dtype=dtype)
    assert net.dtype == expected
    arrays = (*net.params.values(), *net.gradients.values(), *net.outputs.values(), net.predict_proba(np.ones((2, 4))))
    assert {array.dtype for array in (*arrays, net.forward(np.ones((2, 4))))} == {np.dtype(expected)}


@pytest.mark.parametrize("name", ["input_size", "hidden_sizes", "output_size", "num_layers", "dtype"])
def test_sizes_cannot_be_assigned(name):
    """Rows and labels are checked against them before the kernels see these."""
    net = NeuralNetwork(4, [5], 3)
    before = getattr(net, name)
    with pytest.raises(AttributeError, match=name):
        setattr(net, name, 10**9)
    if name == "hidden_sizes":
        net.hidden_sizes.append(7)
    assert getattr(net, name) == before


def test_default_dtype_can_be_set(restore_default_dtype):
    fastmlp.set_default_dtype("float32")
    assert fastmlp.get_default_dtype() == np.float32
    assert make((4, 3)).dtype == np.float32
    assert make((4, 3), dtype="float64").dtype == np.float64
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got 'int8'"):
        fastmlp.set_default_dtype("int8")
    assert fastmlp.get_default_dtype() == np.float32


@pytest.mark.parametrize(("value", "expected"), [("float32", "float32"), ("float64", "float64"), ("int8", None)])
def test_environment_sets_the_default_dtype(value, expected):
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "import fastmlp; print(fastmlp.NeuralNetwork(2, [], 2).dtype)"],
        env={**os.environ, "PYTHONPATH": path, "FASTMLP_DTYPE": value},
        capture_output=True,
        text=True,
    )
    if expected:
        assert done.stdout.strip() == expected, done.stderr
    else:
        assert done.returncode != 0
        assert "FASTMLP_DTYPE must be float32 or float64, got 'int8'" in done.stderr


# ---- forward and outputs


def test_forward_returns_a_fresh_array_each_time():
    net, (X, y) = make((4, 6, 3)), batch(5, 4, 3)
    scores = net.forward(X)
    kept = scores.copy()
    loss = net.backward(y)
    scores[...] = 7
    np.testing.assert_array_equal(net.outputs["scores"], kept)
    assert net.backward(y) == loss
    assert not np.shares_memory(net.forward(X), scores)
    np.testing.assert_array_equal(scores, np.full((5, 3), 7.0))


def test_any_number_of_rows_from_call_to_call():
    net = make((4, 6, 3), seed=0)
    X, y = batch(700, 4, 3)
    for n in (5, 0, 700, 1, 2, 0, 37):
        scores, fresh = net.forward(X[:n]), make((4, 6, 3), seed=0)
        assert scores.shape == (n, 3)
        np.testing.assert_array_equal(scores, fresh.forward(X[:n]))
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-12)
        assert [array.shape for array in net.outputs.values()] == [(n, 4), (n, 6), (n, 3)]
        if n:
            assert net.backward(y[:n]) == fresh.backward(y[:n])
            assert_same(net.gradients, fresh.gradients)


def test_outputs_of_the_last_forward():
    net, (X, _) = make((4, 6, 5, 3), seed=0), batch(5, 4, 3)
    assert net.outputs == {}
    scores = net.forward(X)
    h1 = np.maximum(X @ net.params["W1"] + net.params["b1"], 0)
    h2 = np.maximum(h1 @ net.params["W2"] + net.params["b2"], 0)
    assert_near(net.outputs, {"X": X, "h1": h1, "h2": h2, "scores": scores}, 1e-14)
    for array in net.outputs.values():
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    X[0, 0] = 2  # the caller's own array stays writable


# ---- backward


@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_loss_and_gradients_against_plain_numpy(reg):
    X, y = batch(6, 4, 3)
    net = make((4, 5, 3), seed=0)
    net.params["b1"] = [0.1, -0.2, 0.3, -0.4, 0.5]
    W1, b1, W2, b2 = net.params.values()
    hidden = np.maximum(X @ W1 + b1, 0)
    exps = np.exp(hidden @ W2 + b2)
    p = exps / exps.sum(axis=1)[:, None]
    loss = -sum(np.log(p[i, y[i]]) for i in range(6)) / 6 + 0.5 * reg * ((W1**2).sum() + (W2**2).sum())
    d2 = (p - np.eye(3)[y]) / 6
    d1 = np.einsum("nc,hc->nh", d2, W2) * (hidden > 0)
    expected = {
        "W1": np.einsum("ni,nj->ij", X, d1) + reg * W1,
        "b1": d1.sum(0),
        "W2": np.einsum("ni,nj->ij", hidden, d2) + reg * W2,
        "b2": d2.sum(0),
    }
    np.testing.assert_allclose(net.forward(X), p, rtol=1e-13)
    got = net.backward(y, reg)
    assert type(got) is float
    assert got == pytest.approx(loss, rel=1e-14)
    assert_near(net.gradients, expected, 1e-13)


def test_backward_twice_gives_the_same():
    net, (X, y) = make((4, 6, 5, 3)), batch(5, 4, 3)
    net.forward(X)
    loss, gradients = net.backward(y, 0.1), copies(net.gradients)
    assert net.backward(y, 0.1) == loss
    assert_same(net.gradients, gradients)


def test_loss_adds_up_in_an_array():
    net, (X, y) = make((4, 6, 3)), batch(5, 4, 3)
    train_loss = np.zeros(2)
    net.forward(X)
    for _ in range(3):
        train_loss[1] += net.backward(y, reg=0.1)
    assert train_loss.tolist() == [0, 3 * net.backward(y, reg=0.1)]


def test_gradients_are_live_and_belong_to_the_last_backward():
    net = make((4, 6, 3))
    assert len(net.gradients) == 0
    X, y = batch(5, 4, 3)
    net.forward(X)
    net.backward(y)
    assert [(k, v.shape) for k, v in net.gradients.items()] == [(k, v.shape) for k, v in net.params.items()]
    live, kept, frozen = net.gradients["W1"], copy.deepcopy(net.gradients), copies(net.gradients)
    net.backward((y + 1) % 3)
    assert np.shares_memory(net.gradients["W1"], live)
    assert (live != frozen["W1"]).any()
    assert_same(kept, frozen)
    net.fit(X, y, epochs=1)
    assert len(net.gradients) == 0
    with pytest.raises(RuntimeError, match="backward"):
        net.update()


# ---- update


def test_sgd_subtracts_the_gradient():
    net = ready()
    expected = {name: net.params[name] - 0.3 * net.gradients[name] for name in net.params}
    net.update(0.3)
    assert_near(net.params, expected, 1e-15)


@pytest.mark.parametrize("ignored", [(0.5,), (0.5, 7, -1), (-3.0, float("inf")), (2.0, 10)], ids=repr)
def test_sgd_ignores_the_settings_of_adam(ignored):
    net, plain = ready(), ready()
    for _ in range(1100):  # long enough for a power of them to overflow
        net.update(1e-6, *ignored)
        plain.update(1e-6)
    assert_same(net.params, plain.params)


def test_scaled_gradients_are_what_update_uses():
    net, plain = ready(), ready()
    net.gradients["W1"] *= 0.5
    np.testing.assert_array_equal(net.gradients["W1"], 0.5 * plain.gradients["W1"])
    net.update(0.1)
    plain.update(0.1)
    assert (net.params["W1"] != plain.params["W1"]).any()
    np.testing.assert_array_equal(net.params["W2"], plain.params["W2"])


def adam(start, gradient, times, lr=0.1, b1=0.7, b2=0.8, eps=1e-3):
    """Algorithm 1 of Kingma and Ba with the same gradient each time."""
    theta, m, v = start, 0, 0
    for t in times:
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        theta = theta - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return theta


@pytest.mark.parametrize(
    ("calls", "times"),
    [
        ([("Adam", {})] * 3, [1, 2, 3]),
        ([("Adam", {"t": 4}), ("Adam", {"t": 4})], [4, 4]),
        ([("Adam", {"epoch": 2}), ("Adam", {"step": 9})], [2, 9]),
        ([("Adam", {}), ("Adam", {"t": 7}), ("Adam", {})], [1, 7, 3]),
        ([("SGD", {}), ("Momentum", {"t": 5}), ("Adam", {}), ("SGD", {}), ("Adam", {})], [3, 5]),
        ([("Adam", {"t": None, "epoch": np.int64(3), "step": None})], [3]),
    ],
    ids=["counted", "t", "epoch and step", "t holds once", "all updates count", "None is absent"],
)
def test_adam_and_its_time_step(calls, times):
    net = ready()
    start, gradients = copies(net.params), net.gradients
    for optimizer, time_step in calls:
        # the other optimisers count, but go nowhere
        net.update(0.1 if optimizer == "Adam" else 0.0, 0.7, 0.8, 1e-3, opt=optimizer, **time_step)
    assert_near(net.params, {name: adam(start[name], gradients[name], times) for name in start}, 1e-13)


def test_sixth_positional_argument_is_the_time_step():
    net, named = ready(), ready()
    net.update(0.1, 0.7, 0.79, 1e-8, "Adam", 5)
    named.update(lr=0.1, b1=0.7, b2=0.79, eps=1e-8, opt="Adam", t=5)
    assert_same(net.params, named.params)


@pytest.mark.parametrize("names", [("t", "epoch"), ("t", "step"), ("epoch", "step")])
def test_two_time_steps_are_refused(names):
    net = ready()
    before = copies(net.params)
    with pytest.raises(TypeError, match=f"one time step, got {names[0]} and {names[1]}"):
        net.update(0.1, opt="Adam", **dict.fromkeys(names, 2))
    assert_same(net.params, before)
    net.update(0.1, 0.7, 0.8, 1e-3, opt="Adam")  # the refused one did not count
    assert_near(net.params, {name: adam(before[name], net.gradients[name], [1]) for name in before}, 1e-13)


# ---- what the cells of the notebook do


@pytest.mark.parametrize("sizes", TOY, ids=str)
def test_gradient_check_cell(sizes):
    np.random.seed(0)
    net = make(sizes)
    np.random.seed(0)
    X = 10 * np.random.randn(5, 4)
    y = np.random.randint(3, size=5)
    assert check_gradients(net, X, y, 0.08) < 1e-6


def check_gradients(net, X, y, reg):
    """The largest relative error over all parameters."""

    def f(_):
        net.forward(X)
        return net.backward(y, reg)

    f(None)
    gradients, errors = copy.deepcopy(net.gradients), []
    for name in net.params:
        a, n = gradients[name], eval_numerical_gradient(f, net.params[name])
        errors.append(np.max(np.abs(a - n) / np.maximum(1e-8, np.abs(a) + np.abs(n))))
    return max(errors)


@pytest.mark.parametrize("reg", [0.0, 0.08])
@pytest.mark.parametrize("sizes", TOY, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_on_many_seeds(seed, sizes, reg):
    X, y = batch(5, 4, 3, seed=seed)
    net, expected = (make(sizes, module, seed=seed) for module in (fastmlp, reference))
    for each in (net, expected):
        each.forward(X)
        each.backward(y, reg)
    assert_near(net.gradients, {name: expected.gradients[name] for name in net.gradients}, 1e-12)
    assert check_gradients(net, X, y, reg) < 1e-6


def test_toy_training_cell():
    accuracies = []
    for seed in range(10):
        np.random.seed(seed)
        net = make((4, 10, 3))
        X, y = 10 * np.random.randn(5, 4), np.random.randint(3, size=5)
        losses = []
        for _ in range(20):
            net.forward(X)
            losses.append(net.backward(y, 0.05))
            net.update(0.1)
        assert losses[-1] < losses[0]
        accuracies.append(np.mean(net.forward(X).argmax(axis=1) == y))
    assert np.median(accuracies) == 1
