"""Data to search on, and what was trained."""

import numpy as np
import pytest

from fastmlp import NeuralNetwork


@pytest.fixture(scope="module")
def data():
    """Three clouds of points: X, y, X_val, y_val."""
    generator = np.random.RandomState(0)
    y = generator.randint(3, size=400)
    X = (generator.randn(400, 5) + np.eye(3, 5)[y]).astype(np.float32)
    return X[:300], y[:300], X[300:], y[300:]


@pytest.fixture
def trained(monkeypatch):
    """Hidden sizes and settings of all that is trained."""
    trainings, fit = [], NeuralNetwork.fit

    def noted(self, X, y, **options):
        settings = {name: value for name, value in options.items() if isinstance(value, int | float | str)}
        trainings.append((("hidden_sizes", tuple(self.hidden_sizes)), *settings.items()))
        return fit(self, X, y, **options)

    monkeypatch.setattr(NeuralNetwork, "fit", noted)
    return trainings
