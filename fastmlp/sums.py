"""Sums whose order is fixed: NumPy's follows how an array lies in memory, and changes from version to version."""

import numpy as np


def sum_rows(rows: np.ndarray) -> np.ndarray:
    """The sum of one or more rows, numbers or arrays, by halves."""
    while len(rows) > 1:
        half = len(rows) // 2
        sums = rows[:half] + rows[half : 2 * half]
        sums[: len(rows) % 2] += rows[2 * half :]
        rows = sums
    return rows[0]


def weighted_sum(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The sum of rows times their weights (n,), all 1 for None; a row that weighs 0 need not be finite."""
    if weights is None:
        return sum_rows(rows)
    weights = weights.reshape(-1, *[1] * (rows.ndim - 1))
    return sum_rows(np.multiply(rows, weights, out=np.zeros(rows.shape), where=weights > 0))


def weighted_mean(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The mean of rows with these weights (n,), all 1 for None."""
    return weighted_sum(rows, weights) / (len(rows) if weights is None else sum_rows(weights))
