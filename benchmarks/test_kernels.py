"""Each kernel by itself: python -m pytest benchmarks/test_kernels.py

Grouped by shape. `extra_info` tells dtype and threads, and by `correct` whether the result is the reference's.
"""

import numpy as np
import pytest

from fastmlp import NeuralNetwork, reference
from fastmlp.engine import threads

SHAPES = {
    "3072-120-120-10, batch 200": ((3072, 120, 120, 10), 200),
    "784-512-512-10, batch 128": ((784, 512, 512, 10), 128),
    "64-32-10, batch 32": ((64, 32, 10), 32),
    "4-10-3, batch 5": ((4, 10, 3), 5),
}
# of the largest value
TOLERANCES = {"float32": 1e-4, "float64": 1e-11}


class Pair:
    """A network and its reference, a batch through both, and the comparison of the two."""

    def __init__(self, shape, dtype):
        self.sizes, self.batch = SHAPES[shape]
        self.dtype = dtype
        random = np.random.RandomState(0)
        self.X = random.randn(self.batch, self.sizes[0]).astype(dtype)
        self.y = random.randint(self.sizes[-1], size=self.batch)
        sizes = self.sizes[0], self.sizes[1:-1], self.sizes[-1]
        self.network = NeuralNetwork(*sizes, dtype=dtype, seed=0)
        self.expected = reference.NeuralNetwork(*sizes, seed=0)
        for network in (self.network, self.expected):
            network.forward(self.X)
            network.backward(self.y, 1e-4)

    def agrees(self, found, expected):
        """Whether arrays are the same up to rounding."""
        return all(
            np.abs(found[name] - expected[name]).max() <= TOLERANCES[self.dtype] * np.abs(expected[name]).max()
            for name in expected
        )


@pytest.fixture(params=SHAPES)
def shape(request):
    return request.param


@pytest.fixture(params=TOLERANCES)
def pair(request, shape, benchmark):
    benchmark.group = shape
    benchmark.extra_info.update(dtype=request.param, threads=threads.available_threads(), threading=threads.pattern)
    return Pair(shape, request.param)


def conclude(benchmark, correct):
    benchmark.extra_info["correct"] = bool(correct)
    assert correct


def test_forward(benchmark, pair):
    scores = benchmark(pair.network.forward, pair.X)
    conclude(benchmark, pair.agrees({"scores": scores}, {"scores": pair.expected.outputs["scores"]}))


def test_backward(benchmark, pair):
    benchmark(pair.network.backward, pair.y, 1e-4)
    conclude(benchmark, pair.agrees(pair.network.gradients, pair.expected.gradients))


@pytest.mark.parametrize("optimizer", ["SGD", "Momentum", "Adam"])
def test_update(benchmark, pair, optimizer):
    # One step from the initial parameters, for the comparison, with the same gradients for both: where one is as small
    # as its rounding, so is Adam's step as large as any.
    for name, gradient in pair.network.gradients.items():
        pair.expected.gradients[name] = gradient.astype(np.float64)
    pair.network.update(1e-3, opt=optimizer)
    pair.expected.update(1e-3, opt=optimizer)
    correct = pair.agrees(pair.network.params, pair.expected.params)
    benchmark(pair.network.update, 1e-6, opt=optimizer)
    conclude(benchmark, correct)


@pytest.mark.parametrize("moment", [1e-3, 1e-40])
def test_update_of_moments(benchmark, moment):
    """Moments below the smallest normal float32, 1.2e-38, should cost no more than others."""
    benchmark.group = "Adam's update"
    net = NeuralNetwork(3072, [120, 120], 10, dtype="float32", seed=0)
    engine = net._engine
    engine.has_gradients = True  # all of them 0
    moments = engine.moments_of("Adam")

    def fill():
        for array in moments:
            array[...] = moment

    benchmark.pedantic(lambda: net.update(1e-6, opt="Adam"), setup=fill, rounds=300, warmup_rounds=10)
    kept = np.float32(moment) * np.float32(0.9) if moment > np.finfo(np.float32).tiny else 0
    conclude(benchmark, np.allclose(moments[0], kept, rtol=1e-6, atol=0))


def test_predict(benchmark, pair):
    classes = benchmark(pair.network.predict, pair.X)
    conclude(benchmark, np.array_equal(classes, pair.expected.forward(pair.X).argmax(axis=1)))
