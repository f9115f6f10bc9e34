"""Scores of predictions, and the sums over rows that they are computed from.

In each score, a row counts as often as its weight says, one of `weights` (n_rows,); None for 1.
"""

import numpy as np

from fastmlp.sums import sum_rows, weighted_mean, weighted_sum


def accuracy(classes: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Share of the rows whose class (n_rows,) is their label y (n_rows,)."""
    return float(weighted_mean((classes == y).astype(np.float64), weights))


def subset_accuracy(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Share of the rows all of whose outputs are above 0.5 exactly where y is; both (n_rows, n_out), or (n_rows,)."""
    outputs, y = _doubles(outputs, y)
    return float(weighted_mean(_all_right(outputs, y), weights))


def r2(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Coefficient of determination, 1 - sum((outputs - y)**2) / sum((y - y.mean())**2), the mean of all outputs'.

    Both are (n_rows, n_out), or (n_rows,) for one output. Of an output whose targets are all the same it is 1 where it
    is exact, else 0, as in scikit-learn's `r2_score`.
    """
    outputs, y = _doubles(outputs, y)
    return _r2(squared_errors(outputs, y, weights), y, weights)


def mean_absolute_error(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """MAE, mean of abs(outputs - y) over rows and outputs; see `r2`."""
    outputs, y = _doubles(outputs, y)
    return float(weighted_mean(np.abs(outputs - y), weights).mean())


def root_mean_squared_error(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """RMSE, the root of the mean of (outputs - y)**2 over rows, the mean of all outputs'; see `r2`."""
    outputs, y = _doubles(outputs, y)
    with np.errstate(over="ignore"):
        return float(np.sqrt(weighted_mean(np.square(outputs - y), weights)).mean())


# What predictions of numbers are judged by, whatever the loss.
SCORES_OF_NUMBERS = {"R2": r2, "MAE": mean_absolute_error, "RMSE": root_mean_squared_error}


def d2_absolute_error(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """1 - sum(abs(outputs - y)) / sum(abs(y - median(y))), the mean of all outputs'; see `r2`.

    As scikit-learn's `d2_absolute_error_score`.
    """
    outputs, y = _doubles(outputs, y)
    return _d2_absolute_error(absolute_errors(outputs, y, weights), y, weights)


def d2_poisson(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """1 - deviance(outputs) / deviance(y.mean()), the mean of all outputs'; see `r2`.

    The deviance is 2 * sum(y * log(y / outputs) - y + outputs). As scikit-learn's `d2_tweedie_score` with power=1.
    """
    outputs, y = _doubles(outputs, y)
    return _d2_poisson(poisson_losses(outputs, y, weights), y, weights)


def n_correct(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The weight (1,) of the rows whose largest output is that of their label."""
    right = (outputs.argmax(axis=1) == y).astype(np.float64)
    return weighted_sum(right[:, np.newaxis], weights)


def n_all_correct(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The weight (1,) of the rows all of whose outputs are right."""
    return weighted_sum(_all_right(outputs, y)[:, np.newaxis], weights)


def squared_errors(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums (n_out,) of squared errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        return weighted_sum(np.square(np.subtract(outputs, y, dtype=np.float64)), weights)


def absolute_errors(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums (n_out,) of absolute errors."""
    with np.errstate(over="ignore", invalid="ignore"):
        return weighted_sum(np.abs(np.subtract(outputs, y, dtype=np.float64)), weights)


def poisson_losses(outputs: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums (n_out,) of outputs - y log(outputs)."""
    outputs, y = outputs.astype(np.float64), y.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weighted_sum(outputs - np.where(y > 0, y * np.log(outputs), 0), weights)


def summed_accuracy(n_right: np.ndarray, y: np.ndarray, order: np.ndarray, weights: np.ndarray | None) -> float:
    """From `n_correct` or `n_all_correct` of y[order]; the following from the sums that they are computed from."""
    return float(n_right[0] / (len(order) if weights is None else sum_rows(weights[order])))


def summed_r2(errors: np.ndarray, y: np.ndarray, order: np.ndarray, weights: np.ndarray | None) -> float:
    return _r2(errors, *_taken(y, order, weights))


def summed_d2_absolute_error(errors: np.ndarray, y: np.ndarray, order: np.ndarray, weights: np.ndarray | None) -> float:
    return _d2_absolute_error(errors, *_taken(y, order, weights))


def summed_d2_poisson(losses: np.ndarray, y: np.ndarray, order: np.ndarray, weights: np.ndarray | None) -> float:
    return _d2_poisson(losses, *_taken(y, order, weights))


def _doubles(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64, (n_rows, n_out)."""
    outputs, y = (np.asarray(array, np.float64).reshape(len(y), -1) for array in (outputs, y))
    return outputs, y


def _taken(y: np.ndarray, order: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Targets and weights of rows in this order."""
    return np.asarray(y[order], np.float64), None if weights is None else weights[order]


def _all_right(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 for a row all of whose outputs are above 0.5 exactly where y is, else 0."""
    return ((outputs > 0.5) == (y > 0.5)).all(axis=1).astype(np.float64)


def _r2(errors: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
    """R2 from the sums of squared errors (n_out,)."""
    return _mean_explained(errors, weighted_sum(np.square(y - weighted_mean(y, weights)), weights))


def _d2_absolute_error(errors: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
    """D2 from the sums of absolute errors (n_out,)."""
    medians = np.median(y, axis=0) if weights is None else np.array([_median(column, weights) for column in y.T])
    return _mean_explained(errors, weighted_sum(np.abs(y - medians), weights))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The first value at which the sum of weights exceeds half of their total, or the mean of it and the one before.

    The latter where the sum reaches exactly half.
    """
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0]
    below = np.cumsum(weights[order])
    at = int(np.searchsorted(below, below[-1] / 2))
    return float(values[order[at : at + 1 + (below[at] == below[-1] / 2)]].mean())


def _d2_poisson(losses: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
    """D2 from the sums of outputs - y log(outputs) (n_out,)."""
    mean = weighted_mean(y, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = weighted_sum(np.where(y > 0, y * np.log(y) - y, 0), weights)
        of_mean = weighted_sum(np.where(y > 0, y * np.log(y / mean), 0), weights)
    return _mean_explained(losses + constant, of_mean)


def _mean_explained(errors: np.ndarray, spreads: np.ndarray) -> float:
    """The mean over outputs of 1 - errors / spreads; where the targets do not differ, 1 without an error, else 0."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return float(weighted_mean(np.where(spreads > 0, 1 - errors / spreads, errors == 0), None))
