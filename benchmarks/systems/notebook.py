"""The assignment's notebook: its loop on NumPy, as a student writes it, and the same loop with its import changed."""

import numpy as np

from benchmarks.cases import EPSILON
from benchmarks.systems import System
from benchmarks.systems.phases import phases
from fastmlp import NeuralNetwork, reference


class Loop(System):
    """The three calls of the printed notebook; `make` is the network's class."""

    make = NeuralNetwork

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        self.network = self.make(case.sizes[0], case.sizes[1:-1], case.sizes[-1], dtype=X.dtype, seed=0)
        for name, w in weights.items():
            self.network.params[name][...] = w
        self.initial = self.network.snapshot()

    def reset(self):
        self.network.restore(self.initial)

    def train(self, start, stop, seed):
        case, network, X, y = self.case, self.network, self.X, self.y
        indices = self.indices(start, stop, seed)
        loss, correct = 0.0, 0
        for i in range(0, len(indices), case.batch):
            X_batch = X[indices[i : i + case.batch], :]
            y_batch = y[indices[i : i + case.batch]]
            scores = network.forward(X_batch)
            correct += np.sum(np.argmax(scores, axis=1) == y_batch)
            loss += network.backward(y_batch, case.regularization)
            network.update(case.learning_rate, eps=EPSILON, opt=case.optimizer)

    def phases(self, start, stop, seed):
        case, network = self.case, self.network
        return phases(
            lambda rows: (self.X[rows, :], self.y[rows]),
            lambda batch: network.forward(batch[0]),
            lambda batch: network.backward(batch[1], case.regularization),
            lambda batch: network.update(case.learning_rate, eps=EPSILON, opt=case.optimizer),
            np.split(self.indices(start, stop, seed), case.steps),
        )

    def predict(self, X):
        return np.argmax(self.network.forward(X), axis=1)

    def weights(self):
        return dict(self.network.params)


class OnFastmlp(Loop):
    """With `from fastmlp import NeuralNetwork`, in the dtype of the case."""


class OnNumpy(Loop):
    """A new array for every result, and float64 whatever the case."""

    make = reference.NeuralNetwork
    dtype = "float64"
