"""Sums have the same bits however an array lies in memory."""

from fractions import Fraction

import numpy as np
import pytest

from fastmlp import NeuralNetwork
from fastmlp.engine.parameters import l2_penalty
from fastmlp.sums import sum_rows, weighted_mean


@pytest.mark.parametrize("n_rows", [1, 2, 3, 7, 64, 1001])
def test_sums_are_of_all_rows_and_close(n_rows):
    rows = np.random.RandomState(0).randn(n_rows, 3) + 1e6
    exact = [float(sum(map(Fraction, column))) for column in rows.T.tolist()]
    np.testing.assert_allclose(sum_rows(rows), exact, rtol=1e-15)
    np.testing.assert_allclose(weighted_mean(np.asfortranarray(rows), None), np.array(exact) / n_rows, rtol=1e-15)
    assert sum_rows(rows).tolist() == [sum_rows(column) for column in rows.T]


def test_losses_and_scores_do_not_depend_on_how_arrays_lie_in_memory():
    random = np.random.RandomState(0)
    X, y = random.randn(1000, 37), random.randn(1000, 5) + 300
    net = NeuralNetwork(37, [7], 5, loss="squared_error", seed=0)
    fortran = np.asfortranarray(y)
    assert net.evaluate(np.asfortranarray(X), fortran, 0.1) == net.evaluate(X, y, 0.1)
    other = NeuralNetwork(37, [7], 5, loss="squared_error", seed=0)
    assert net.train_epoch(X, y) == other.train_epoch(X, fortran)
    weights = {"W1": random.randn(300, 37)}
    assert l2_penalty({"W1": np.asfortranarray(weights["W1"])}, 0.5) == l2_penalty(weights, 0.5)
