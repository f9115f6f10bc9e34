"""Each kernel by itself: python -m pytest benchmarks/test_kernels.py

Grouped by shape. What is timed has first given the reference's results; `extra_info` has dtype and threads.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from fastmlp import NeuralNetwork, reference
from fastmlp.environment import environment

SHAPES = {
    "3072-120-120-10, batch 200": (3072, [120, 120], 10, 200),
    "784-512-512-10, batch 128": (784, [512, 512], 10, 128),
    "64-32-10, batch 32": (64, [32], 10, 32),
    "4-10-3, batch 5": (4, [10], 3, 5),
}
# of the largest value
TOLERANCES = {"float32": 1e-4, "float64": 1e-11}


def agree(found, expected, tolerance):
    """Whether arrays are the same up to rounding."""
    return all(np.abs(found[name] - w).max() <= tolerance * np.abs(w).max() for name, w in expected.items())


@pytest.fixture(params=[(shape, dtype) for shape in SHAPES for dtype in TOLERANCES], ids=", ".join)
def subject(request, benchmark):
    """A network, a batch that has gone through it, and its reference; all that they computed agrees."""
    shape, dtype = request.param
    *sizes, batch = SHAPES[shape]
    found, tolerance = environment(), TOLERANCES[dtype]
    benchmark.group = shape
    benchmark.extra_info.update(dtype=dtype, threads=found["threads"], products=found["products"])
    random = np.random.RandomState(0)
    X, y = random.randn(batch, sizes[0]).astype(dtype), random.randint(sizes[-1], size=batch)
    network, expected = NeuralNetwork(*sizes, dtype=dtype, seed=0), reference.NeuralNetwork(*sizes, seed=0)
    scores = {"scores": network.forward(X)}
    assert agree(scores, {"scores": expected.forward(X)}, tolerance)
    for one in network, expected:
        one.backward(y, 1e-4)
    assert agree(network.gradients, expected.gradients, tolerance)
    return SimpleNamespace(network=network, expected=expected, X=X, y=y, tolerance=tolerance)


def test_forward(benchmark, subject):
    benchmark(subject.network.forward, subject.X)


def test_backward(benchmark, subject):
    benchmark(subject.network.backward, subject.y, 1e-4)


def test_predict(benchmark, subject):
    classes = benchmark(subject.network.predict, subject.X)
    assert np.array_equal(classes, subject.expected.forward(subject.X).argmax(axis=1))


@pytest.mark.parametrize("optimizer", ["SGD", "Momentum", "Adam"])
def test_update(benchmark, subject, optimizer):
    # with the same gradients for both: where one is as small as its rounding, Adam's step is as large as any
    for name, gradient in subject.network.gradients.items():
        subject.expected.gradients[name] = gradient.astype(np.float64)
    for network in subject.network, subject.expected:
        network.update(1e-3, opt=optimizer)
    assert agree(subject.network.params, subject.expected.params, subject.tolerance)
    benchmark(subject.network.update, 1e-6, opt=optimizer)


@pytest.mark.parametrize("moment", [1e-3, 1e-40])
def test_update_of_moments(benchmark, moment):
    """Moments below the smallest normal float32, 1.2e-38, should cost no more than others."""
    benchmark.group = "Adam's update"
    network = NeuralNetwork(3072, [120, 120], 10, dtype="float32", seed=0)
    network.forward(np.zeros((1, 3072)))
    network.backward(np.array([0]))
    network.update(1e-6, opt="Adam")
    for gradient in network.gradients.values():
        gradient[...] = 0
    state = network.snapshot()
    for array in state["moments"]["Adam"]:
        array[...] = moment
    benchmark.pedantic(
        lambda: network.update(1e-6, opt="Adam"), setup=lambda: network.restore(state), rounds=300, warmup_rounds=10
    )
    kept = np.float32(moment) * np.float32(0.9) if moment > np.finfo(np.float32).tiny else 0
    assert np.allclose(network.snapshot()["moments"]["Adam"][0], kept, rtol=1e-6, atol=0)
