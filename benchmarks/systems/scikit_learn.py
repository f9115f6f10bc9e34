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
        self.names = [f"{kind}{i}" for kind in "Wb" for i in range(1, len(case.sizes))]
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
        # two rows of each class are enough to make its arrays
        rows = np.concatenate([np.flatnonzero(y == label)[:2] for label in range(case.sizes[-1])])
        self.model.set_params(batch_size=len(rows)).fit(X[rows], y[rows])
        self.model.set_params(batch_size=case.batch)
        self.reset()

    def reset(self):
        for name, array in self.weights().items():
            array[...] = self.initial[name]

    def train(self, start, stop, seed):
        self.model.set_params(random_state=seed)
        self.model.fit(self.X[start:stop], self.y[start:stop])

    def predict(self, X):
        return self.model.predict(X)

    def weights(self):
        return dict(zip(self.names, (*self.model.coefs_, *self.model.intercepts_), strict=True))
