"""One layer without an activation, its products by tiles or by BLAS."""

import os
import timeit

import numpy as np

from benchmarks.systems import System

# a call is repeated for about so many seconds, so many times
SECONDS, REPEAT = 0.002, 5


class Layer(System):
    """A layer of the case's sizes, and its backward pass behind a layer of one input, without which it has no dx."""

    products: str

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        os.environ["FASTMLP_PRODUCTS"] = self.products  # which fastmlp reads when it is imported
        from fastmlp import NeuralNetwork

        n_in, n_out = case.sizes
        options = {"dtype": case.dtype, "loss": "squared_error", "n_threads": threads, "seed": 0}
        self.layer, self.behind = NeuralNetwork(n_in, (), n_out, **options), NeuralNetwork(1, (n_in,), n_out, **options)
        self.x = np.ascontiguousarray(X[: case.batch])
        self.targets = np.zeros((case.batch, n_out), case.dtype)

    def reset(self):
        pass

    def train(self, start, stop, seed):
        for network, x in (self.layer, self.x), (self.behind, self.x[:, :1].copy()):
            network.forward(x)
            network.backward(self.targets, 0.0)

    def phases(self, start, stop, seed):
        """Seconds of forward, of backward, and of backward with dx, which also makes the gradients of n_in weights."""
        self.train(start, stop, seed)
        return {
            "forward": seconds(lambda: self.layer.forward(self.x)),
            "backward": seconds(lambda: self.layer.backward(self.targets, 0.0)),
            "backward with dx": seconds(lambda: self.behind.backward(self.targets, 0.0)),
        }


class ByTiles(Layer):
    products = "tiles"


class ByBlas(Layer):
    products = "blas"


def seconds(call):
    """Of one call, in the fastest repetition."""
    number = max(1, round(SECONDS / timeit.timeit(call, number=1)))
    return min(timeit.repeat(call, number=number, repeat=REPEAT)) / number
