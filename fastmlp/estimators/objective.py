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
        return cls(factor, _constant(data.examples, loss, data.rows), _constant(data.validation, loss))


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


def _constant(examples: Examples | None, loss: str, rows: np.ndarray | None = None) -> float:
    """What scikit-learn adds to the loss of these rows: to "poisson", the part of half the deviance of y alone."""
    if examples is None or loss != "poisson":
        return 0.0
    _, y, weights = examples
    if rows is not None:
        y, weights = y[rows], None if weights is None else weights[rows]
    return float(np.average(xlogy(y, y) - y, weights=weights, axis=0).sum())
