"""fastmlp by `fit` and by the loop of the assignment's notebook, and the same loop in NumPy as a student writes it."""

import numpy as np

from benchmarks.cases import EPSILON
from benchmarks.systems import System, time_phases
from fastmlp import NeuralNetwork, reference


class ThreeCalls(System):
    """The notebook's loop with `from fastmlp import NeuralNetwork`."""

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
        return time_phases(
            np.split(self.indices(start, stop, seed), case.steps),
            gather=lambda rows: (self.X[rows, :], self.y[rows]),
            forward=lambda batch: network.forward(batch[0]),
            backward=lambda batch: network.backward(batch[1], case.regularization),
            update=lambda batch: network.update(case.learning_rate, eps=EPSILON, opt=case.optimizer),
        )

    def predict(self, X):
        return np.argmax(self.network.forward(X), axis=1)

    def weights(self):
        return dict(self.network.params)


class Notebook(ThreeCalls):
    """A new array for every result, and float64 whatever the case."""

    make = reference.NeuralNetwork
    dtype = "float64"


class Fit(ThreeCalls):
    """`fit` and `predict`."""

    def train(self, start, stop, seed):
        case = self.case
        self.network.fit(
            self.X[start:stop],
            self.y[start:stop],
            epochs=1,
            batch_size=case.batch,
            learning_rate=case.learning_rate,
            regularization=case.regularization,
            optimizer=case.optimizer,
            epsilon=EPSILON,
            seed=seed,
        )

    def predict(self, X):
        return self.network.predict(X)
