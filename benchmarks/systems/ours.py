"""fastmlp by its own `fit`."""

from benchmarks.cases import EPSILON
from benchmarks.systems import System
from fastmlp import NeuralNetwork


class Fit(System):
    """`fit` and `predict`."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        self.network = NeuralNetwork(case.sizes[0], case.sizes[1:-1], case.sizes[-1], dtype=case.dtype, seed=0)
        self.network.params = weights
        self.initial = self.network.snapshot()

    def reset(self):
        self.network.restore(self.initial)

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

    def weights(self):
        return dict(self.network.params)
