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


def mean_of_rows(rows: np.ndarray) -> np.ndarray:
    """The mean of one or more rows, likewise."""
    return sum_rows(rows) / len(rows)
