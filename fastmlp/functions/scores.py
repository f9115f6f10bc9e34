"""Scores of predictions, and the sums over rows that they are computed from."""

import numpy as np

from fastmlp.sums import mean_of_rows, sum_rows


def accuracy(classes: np.ndarray, y: np.ndarray) -> float:
    """Share of the rows whose class (n_rows,) is their label y (n_rows,)."""
    return int(np.count_nonzero(classes == y)) / len(y)


def subset_accuracy(outputs: np.ndarray, y: np.ndarray) -> float:
    """Share of the rows all of whose outputs are above 0.5 exactly where y is; both (n_rows, n_out), or (n_rows,)."""
    right = (np.asarray(outputs) > 0.5) == (np.asarray(y) > 0.5)
    return int(np.count_nonzero(right.reshape(len(right), -1).all(axis=1))) / len(right)


def r2(outputs: np.ndarray, y: np.ndarray) -> float:
    """Coefficient of determination, 1 - sum((outputs - y)**2) / sum((y - y.mean())**2), the mean of all outputs'.

    Both are (n_rows, n_out), or (n_rows,) for one output. Of an output whose targets are all the same it is 1 where it
    is exact, else 0, as in scikit-learn's `r2_score`.
    """
    outputs, y = _doubles(outputs, y)
    return _mean_r2(squared_errors(outputs, y), y)


def d2_absolute_error(outputs: np.ndarray, y: np.ndarray) -> float:
    """1 - sum(abs(outputs - y)) / sum(abs(y - median(y))), the mean of all outputs'; see `r2`.

    As scikit-learn's `d2_absolute_error_score`.
    """
    outputs, y = _doubles(outputs, y)
    return _mean_d2(absolute_errors(outputs, y), y)


def d2_poisson(outputs: np.ndarray, y: np.ndarray) -> float:
    """1 - deviance(outputs) / deviance(y.mean()), the mean of all outputs'; see `r2`.

    The deviance is 2 * sum(y * log(y / outputs) - y + outputs). As scikit-learn's `d2_tweedie_score` with power=1.
    """
    outputs, y = _doubles(outputs, y)
    return _mean_d2_poisson(poisson_losses(outputs, y), y)


def n_correct(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([np.count_nonzero(outputs.argmax(axis=1) == y)])


def n_all_correct(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([np.count_nonzero(((outputs > 0.5) == (y > 0.5)).all(axis=1))])


def squared_errors(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return sum_rows(np.square(np.subtract(outputs, y, dtype=np.float64)))


def absolute_errors(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return sum_rows(np.abs(np.subtract(outputs, y, dtype=np.float64)))


def poisson_losses(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    outputs, y = outputs.astype(np.float64), y.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sum_rows(outputs - np.where(y > 0, y * np.log(outputs), 0))


def _doubles(outputs: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64, (n_rows, n_out)."""
    outputs, y = (np.asarray(array, np.float64).reshape(len(y), -1) for array in (outputs, y))
    return outputs, y


def _mean_r2(errors: np.ndarray, y: np.ndarray) -> float:
    """R2 from the sums of squared errors (n_out,)."""
    return _mean_explained(errors, sum_rows(np.square(y - mean_of_rows(y))))


def _mean_d2(errors: np.ndarray, y: np.ndarray) -> float:
    """D2 from the sums of absolute errors (n_out,)."""
    return _mean_explained(errors, sum_rows(np.abs(y - np.median(y, axis=0))))


def _mean_d2_poisson(losses: np.ndarray, y: np.ndarray) -> float:
    """D2 from the sums of outputs - y log(outputs) (n_out,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = sum_rows(np.where(y > 0, y * np.log(y) - y, 0))
        mean = mean_of_rows(y)
        of_mean = sum_rows(np.where(y > 0, y * np.log(y / mean), 0))
    return _mean_explained(losses + constant, of_mean)


def _mean_explained(errors: np.ndarray, spreads: np.ndarray) -> float:
    """The mean over outputs of 1 - errors / spreads; where the targets do not differ, 1 without an error, else 0."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return float(mean_of_rows(np.where(spreads > 0, 1 - errors / spreads, errors == 0)))


def summed_accuracy(n_correct: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return float(n_correct[0]) / len(order)


def summed_r2(errors: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return _mean_r2(errors, np.asarray(y[order], np.float64))


def summed_d2(errors: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return _mean_d2(errors, np.asarray(y[order], np.float64))


def summed_d2_poisson(losses: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return _mean_d2_poisson(losses, np.asarray(y[order], np.float64))
