"""Small estimators and their rows."""

import numpy as np
from sklearn.datasets import load_iris

from fastmlp import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
NUMBERS = X @ [1.0, -2.0, 0.5, 3.0]
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, "n_iter_no_change": np.inf}


def classifier(**options):
    return MLPClassifier(**{**QUICK, **options})


def regressor(**options):
    return MLPRegressor(**{**QUICK, **options})


def flat(estimator):
    """All parameters, one after the other."""
    return np.concatenate([array.ravel() for array in (*estimator.coefs_, *estimator.intercepts_)])
