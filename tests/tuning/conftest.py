"""Data to search on, and what was trained."""

import numpy as np
import pytest

from fastmlp.tuning.trainer import Trainer


@pytest.fixture(scope="module")
def data():
    """Three clouds of points: X, y, X_val, y_val."""
    generator = np.random.RandomState(0)
    y = generator.randint(3, size=400)
    X = (generator.randn(400, 5) + np.eye(3, 5)[y]).astype(np.float32)
    return X[:300], y[:300], X[300:], y[300:]


@pytest.fixture
def trained(monkeypatch):
    """The keys of all that is trained."""
    keys, train = [], Trainer.train

    def noted(self, one):
        keys.append(one.key)
        return train(self, one)

    monkeypatch.setattr(Trainer, "train", noted)
    return keys
