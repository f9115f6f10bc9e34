"""Data of the form in which the courses' notebooks have theirs."""

import numpy as np

from fastmlp import load_digits


def get_digits_data(num_training=1500):
    """Standardised digits: those to train on, and others to validate with."""
    X, y = load_digits()
    order = np.random.RandomState(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    X = X - X[:num_training].mean(axis=0)
    return {
        "X_train": X[:num_training],
        "y_train": y[:num_training],
        "X_val": X[num_training:],
        "y_val": y[num_training:],
    }
