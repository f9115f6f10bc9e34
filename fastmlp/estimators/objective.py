"""The loss as scikit-learn's networks report it."""

import math
from typing import NamedTuple, Self

import numpy as np
from scipy.special import xlogy

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.functions.scores import r2
from fastmlp.training_data import TrainingData


class ReportedLoss(NamedTuple):
    """What is made of a history's loss: a factor, and constants of the rows to train on and to validate with."""

    factor: float
    constant: float
    validation_constant: float

    @classmethod
    def of(cls, architecture: Architecture, data: TrainingData) -> Self:
        """That of a network and its data."""
        loss = architecture.loss
        # of numbers, it is the mean over outputs, though its gradient is that of the sum
        factor = 1 / architecture.n_losses if architecture.loss_row.standardizes else 1.0
        constant, validation_constant = 0.0, 0.0
        if loss == "poisson":
            constant = _constant(*data.targets)
            if data.validation is not None:
                validation_constant = _constant(*data.validation[1:])
        return cls(factor, constant, validation_constant)


def evaluated(engine: Engine, examples: Examples) -> tuple[float, float, float]:
    """Loss without the regularisation's term, of all outputs, score, and the score that estimators have, maybe another.

    The scores are NaN where outputs are not finite.
    """
    architecture = engine.architecture
    loss, score = engine.evaluate(examples, 0.0)
    loss *= architecture.n_losses
    if not math.isfinite(loss):
        return loss, math.nan, math.nan
    if architecture.loss_row.is_classifier or architecture.loss_row.score is r2:
        return loss, score, score
    return loss, score, r2(engine.predict_outputs(examples.X), examples.y, examples.weights)


def _constant(y: np.ndarray, weights: np.ndarray | None) -> float:
    """What scikit-learn adds to the loss "poisson" of these targets: the part of half the deviance of y alone."""
    return float(np.average(xlogy(y, y) - y, weights=weights, axis=0).sum())
