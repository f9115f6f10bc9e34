"""A network with each loss, and rows with targets for it."""

import numpy as np
import pytest

from fastmlp import NeuralNetwork
from fastmlp.functions import losses

# each loss, and those with an option that is not the default
LOSSES = [*({"loss": name} for name in losses.LOSSES), {"label_smoothing": 0.1}, {"loss": "huber", "delta": 0.3}]
NAMES = ["-".join(map(str, options.values())) for options in LOSSES]

each_loss = pytest.mark.parametrize("options", LOSSES, ids=NAMES)


def make(options, module=None, **others):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(5, [8, 6], 3, **{"seed": 0, **options, **others})


def rows(options, n=60):
    """Rows, and targets as the loss wants them, which follow from the rows."""
    random = np.random.RandomState(0)
    X = random.randn(n, 5)
    sums = X @ np.random.RandomState(9).randn(5, 3)
    row = losses.LOSSES[options.get("loss", "cross_entropy")]
    if row.of_classes:
        return X, sums.argmax(axis=1)
    if row.decides:
        return X, (sums > 0).astype(int)
    return X, random.poisson(np.exp(sums / 3)) if row.name == "poisson" else np.tanh(sums) + 0.1 * random.randn(n, 3)
