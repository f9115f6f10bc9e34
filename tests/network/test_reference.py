"""The helpers and the NumPy network against formulas and differences; the compiled network against the NumPy one."""

import inspect
import math

import numpy as np
import pytest
from choices import INITIALIZERS, LEARNING_RATES, OPTIMIZERS
from conftest import RTOL, assert_near, assert_same, batch

import fastmlp
from fastmlp import NeuralNetwork, reference

SIZES = [(7, 3), (13, 9, 5), (17, 11, 7, 3), (9, 13, 11, 7, 5)]

both = pytest.mark.parametrize("functions", [NeuralNetwork, reference.NeuralNetwork], ids=["fastmlp", "reference"])


def make(sizes, module=reference, **options):
    return module.NeuralNetwork(sizes[0], list(sizes[1:-1]), sizes[-1], len(sizes) - 1, **options)


def differences(f, x, h=1e-6):
    """Central differences of a function of one array."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += h
        below[i] -= h
        gradient[i] = (f(above) - f(below)) / (2 * h)
    return gradient


# ---- helpers on plain arrays


@both
def test_linear(functions):
    W, X, b = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1.0, 0], [2, -1]]), np.array([10.0, 20, 30])
    np.testing.assert_array_equal(functions.linear(W, X, b), [[11, 22, 33], [8, 19, 30]])


@both
def test_linear_grad(functions):
    W, X, b, dout = (np.random.randn(*shape) for shape in ((4, 3), (5, 4), (3,), (5, 3)))
    dW, db, dX = functions.linear_grad(W, X, dout)
    np.testing.assert_allclose(dW, differences(lambda W: np.sum(functions.linear(W, X, b) * dout), W), rtol=1e-6)
    np.testing.assert_allclose(db, differences(lambda b: np.sum(functions.linear(W, X, b) * dout), b), rtol=1e-6)
    np.testing.assert_allclose(dX, differences(lambda X: np.sum(functions.linear(W, X, b) * dout), X), rtol=1e-6)


@both
def test_relu(functions):
    X = np.array([[-2.0, -0.0, 0.0], [3.5, np.inf, -np.inf]])
    kept = X.copy()
    np.testing.assert_array_equal(functions.relu(X), [[0, 0, 0], [3.5, np.inf, 0]])
    np.testing.assert_array_equal(X, kept)
    assert np.isnan(functions.relu(np.array([np.nan]))).all()


@both
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_relu_grad(functions, dtype):
    X = np.array([[-2.0, 0, 3], [0.5, -0.5, 1e-30]], dtype)
    np.testing.assert_array_equal(functions.relu_grad(X), np.array([[0, 0, 1], [1, 0, 1]], dtype), strict=True)


@both
def test_relu_grad_of_integers_is_a_float(functions):
    assert functions.relu_grad(np.array([-1, 0, 2])).tolist() == [0.0, 0.0, 1.0]
    assert functions.relu_grad(np.array([-1, 0, 2])).dtype == np.float64


@both
def test_softmax(functions):
    X = np.array([[0.0, math.log(2), math.log(5)], [1e4, 1e4, -1e4]])
    kept = X.copy()
    np.testing.assert_allclose(functions.softmax(X), [[1 / 8, 2 / 8, 5 / 8], [0.5, 0.5, 0]], rtol=1e-14)
    np.testing.assert_array_equal(X, kept)


@both
def test_cross_entropy(functions):
    X, y = np.random.randn(6, 4), np.array([0, 3, 1, 1, 2, 0])
    exps = np.exp(X)
    direct = -sum(math.log(exps[i, y[i]] / exps[i].sum()) for i in range(6)) / 6
    assert functions.cross_entropy(X, y) == pytest.approx(direct, rel=1e-14)
    assert functions.cross_entropy(X + 1e3, y) == pytest.approx(direct, rel=1e-12)
    assert functions.cross_entropy(np.array([[-1e4, 1e4]]), np.array([0])) == 2e4


@both
def test_softmax_grad(functions):
    X, y = np.random.randn(6, 4), np.array([0, 3, 1, 1, 2, 0])
    kept = X.copy()
    numerical = differences(lambda X: functions.cross_entropy(X, y), X)
    np.testing.assert_allclose(functions.softmax_grad(X, y), numerical, atol=1e-9)
    np.testing.assert_array_equal(X, kept)


# ---- the network in NumPy


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_against_differences(sizes):
    net, (X, y) = make(sizes), batch(5, sizes[0], sizes[-1])
    net.forward(X)
    loss = net.backward(y, 0.1)
    gradients = dict(net.gradients)
    p = net.outputs["scores"]
    weights = sum((w**2).sum() for name, w in net.params.items() if name.startswith("W"))
    assert loss == pytest.approx(-np.log(p[np.arange(5), y]).mean() + 0.05 * weights, rel=1e-13)
    for name, start in dict(net.params).items():

        def f(array, name=name):
            net.params[name] = array
            net.forward(X)
            return net.backward(y, 0.1)

        numerical = differences(f, start)
        net.params[name] = start
        np.testing.assert_allclose(gradients[name], numerical, atol=1e-7, err_msg=name)


def scalar_steps(optimizer, w, gradients, lr, b1, b2, eps, times):
    """One weight, one number at a time."""
    m = v = velocity = 0.0
    for g, t in zip(gradients, times, strict=True):
        if optimizer == "SGD":
            w = w - lr * g
        elif optimizer == "Momentum":
            velocity = b1 * velocity - lr * g
            w = w + velocity
        elif optimizer == "Nesterov":
            velocity = b1 * velocity - lr * g
            w = w + b1 * velocity - lr * g
        elif optimizer == "RMSprop":
            v = 0.9 * v + 0.1 * g * g  # the default rho
            w = w - lr * g / (math.sqrt(v) + eps)
        else:
            w = w - lr * 0.01 * w if optimizer == "AdamW" else w  # the default decay
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g * g
            w = w - lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps)
    return w


@pytest.mark.parametrize("times", [None, [1, 1, 2, 2, 9]], ids=["counted", "given"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_updates_against_scalars(optimizer, times):
    net = make((3, 4, 2), seed=0)
    start = {name: array.copy() for name, array in net.params.items()}
    steps = [{name: np.random.randn(*array.shape) for name, array in start.items()} for _ in range(5)]
    for i, gradients in enumerate(steps):
        net.gradients = gradients
        net.update(0.1, 0.8, 0.95, 1e-4, optimizer, times and times[i])
    for name, array in start.items():
        for i in np.ndindex(array.shape):
            seen = [gradients[name][i] for gradients in steps]
            expected = scalar_steps(optimizer, array[i], seen, 0.1, 0.8, 0.95, 1e-4, times or range(1, 6))
            assert net.params[name][i] == pytest.approx(expected, rel=1e-12)


def test_snapshot_and_restore():
    net, (X, y) = make((4, 5, 3), seed=0), batch(6, 4, 3)

    def steps():
        for _ in range(3):
            net.forward(X)
            net.backward(y)
            net.update(0.1, opt="Adam")
        return {name: array.copy() for name, array in net.params.items()}

    steps()
    snapshot = net.snapshot()
    first = steps()
    net.restore(snapshot)
    assert net.n_updates == 3
    assert_same(steps(), first)


@pytest.mark.parametrize(
    "method",
    ["forward", "backward", "update", "linear", "softmax_grad", "predict_proba", "predict", "evaluate", "score"],
)
def test_same_signature_as_the_compiled_network(method):
    parameters = [
        [(p.name, p.default, p.kind) for p in inspect.signature(getattr(cls, method)).parameters.values()]
        for cls in (reference.NeuralNetwork, NeuralNetwork)
    ]
    assert parameters[0] == parameters[1]


# ---- the compiled network against it


@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_same_initial_weights(dtype, init):
    np.random.seed(3)
    net = make((7, 5, 3), fastmlp, dtype=dtype, init=init)
    np.random.seed(3)
    assert_same(make((7, 5, 3), dtype=dtype, init=init).params, net.params)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    ("optimizer", "time_step"),
    [
        *((optimizer, lambda i: None) for optimizer in OPTIMIZERS),
        ("Adam", lambda i: i + 1),
        ("Adam", lambda i: i // 10 + 1),
    ],
    ids=[*OPTIMIZERS, "Adam by step", "Adam by epoch"],
)
def test_200_steps_as_the_reference(optimizer, time_step, sizes, dtype):
    X, y = batch(131, sizes[0], sizes[-1])

    def train(net):
        """Gives the hidden units' inputs at each step."""
        for i in range(200):
            rows = slice(start := i % 4 * 37, start + 37)  # the fourth batch is smaller
            net.forward(X[rows])
            yield [net.outputs["X" if k == 1 else f"h{k - 1}"] @ net.params[f"W{k}"] + net.params[f"b{k}"]
                   for k in range(1, len(sizes) - 1)]  # fmt: skip
            net.backward(y[rows], 0.01)
            net.update(LEARNING_RATES[optimizer], 0.9, 0.999, 1e-8, optimizer, time_step(i))

    def margin(seed):
        inputs = (z for step in train(make(sizes, seed=seed)) for z in step)
        return min((np.abs(z).min() for z in inputs), default=1)

    # Where a ReLU's input is 0 but for rounding, the gradient jumps, and nothing can be said of what follows.
    seed = next(seed for seed in range(1, 200) if dtype == "float64" or margin(seed) > 5e-6)
    net, expected = (make(sizes, module, seed=seed, dtype=dtype) for module in (fastmlp, reference))
    assert_same(net.params, expected.params)
    for each in (net, expected):
        for _ in train(each):
            pass
    assert_near(net.params, expected.params, RTOL[dtype])
