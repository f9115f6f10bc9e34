"""scikit-learn's MLPClassifier; with `warm_start`, `fit` goes on from the weights that it finds."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.cases import EPSILON
from benchmarks.systems import System


class Classifier(System):
    """One epoch by `fit`, which shuffles as `RandomState.permutation` does and makes its optimiser anew."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        self.names = [f"W{i}" for i in range(1, len(case.sizes))], [f"b{i}" for i in range(1, len(case.sizes))]
        warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch converges nowhere
        self.model = MLPClassifier(
            case.sizes[1:-1],
            solver=case.optimizer.lower(),
            # its penalty is divided by the batch
            alpha=case.regularization * case.batch,
            batch_size=case.batch,
            learning_rate_init=case.learning_rate,
            epsilon=EPSILON,
            momentum=0,
            max_iter=1,
            warm_start=True,
        )
        few = np.concatenate([np.flatnonzero(y == label)[:2] for label in range(case.sizes[-1])])
        self.model.set_params(batch_size=len(few)).fit(X[few], y[few])  # makes its arrays
        self.model.set_params(batch_size=case.batch)
        self.reset()

    def reset(self):
        for arrays, names in zip((self.model.coefs_, self.model.intercepts_), self.names, strict=True):
            for array, name in zip(arrays, names, strict=True):
                array[...] = self.initial[name]

    def train(self, start, stop, seed):
        self.model.set_params(random_state=seed)
        self.model.fit(self.X[start:stop], self.y[start:stop])

    def predict(self, X):
        return self.model.predict(X)

    def weights(self):
        arrays = (*self.model.coefs_, *self.model.intercepts_)
        return dict(zip((*self.names[0], *self.names[1]), arrays, strict=True))
