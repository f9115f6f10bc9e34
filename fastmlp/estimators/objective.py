"""The loss as scikit-learn's networks report it."""

import math
from typing import NamedTuple, Self

import numpy as np
from scipy.special import xlogy

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples

# Losses that are the mean over outputs, though their gradients are those of the sum; others are the sum.
MEANS = ("half_squared_error", "absolute_error", "huber")


class ReportedLoss(NamedTuple):
    """What is made of a history's loss: a factor, and constants of the rows to train on and to validate with."""

    factor: float
    constant: float
    validation_constant: float

    @classmethod
    def of(cls, architecture: Architecture, examples: Examples, validation: Examples | None) -> Self:
        """That of a network and its data."""
        factor = 1 / architecture.n_losses if architecture.loss in MEANS else 1.0
        return cls(factor, *(_constant(one, architecture.loss) for one in (examples, validation)))


def evaluated(engine: Engine, examples: Examples) -> tuple[float, float]:
    """Loss without the regularisation's term, of all outputs, and score; NaN where outputs are not finite."""
    loss, score = engine.evaluate(examples, 0.0)
    return loss * engine.architecture.n_losses, score if math.isfinite(loss) else math.nan


def _constant(examples: Examples | None, loss: str) -> float:
    """What scikit-learn's loss has more: of "poisson", the part of half the deviance that depends on y alone."""
    if examples is None or loss != "poisson":
        return 0.0
    _, y, weights = examples
    return float(np.average(xlogy(y, y) - y, weights=weights, axis=0).sum())
