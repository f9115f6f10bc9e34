"""Predictions and evaluation, of any number of rows."""

import numpy as np
import pytest
from conftest import assert_same, batch

from fastmlp import NeuralNetwork


@pytest.mark.parametrize("n_rows", [0, 1, 7, 1300])
def test_predictions_of_any_length(n_rows):
    net, (X, _) = NeuralNetwork(4, [6], 3, seed=0), batch(n_rows, 4, 3)
    scores = net.forward(X)
    np.testing.assert_array_equal(net.predict_proba(X), scores, strict=True)
    classes = net.predict(X)
    np.testing.assert_array_equal(classes, scores.argmax(axis=1))
    assert classes.dtype.kind == "i"
    assert classes.shape == (n_rows,)


@pytest.mark.parametrize("n_rows", [1, 7, 1300])
def test_evaluation_of_any_length(n_rows):
    net, (X, y) = NeuralNetwork(4, [6], 3, seed=0), batch(n_rows, 4, 3)
    scores = net.forward(X)
    loss, accuracy = net.evaluate(X, y, 0.1)
    assert type(loss) is float
    assert loss == pytest.approx(net.backward(y, 0.1), rel=1e-13)
    assert net.evaluate(X, y)[0] == pytest.approx(net.backward(y), rel=1e-13)
    assert accuracy == net.score(X, y) == np.mean(scores.argmax(axis=1) == y)


@pytest.mark.parametrize("method", ["evaluate", "score"])
def test_evaluation_of_no_rows_is_refused(method):
    with pytest.raises(ValueError, match="X must have at least one row"):
        getattr(NeuralNetwork(4, [6], 3), method)(np.empty((0, 4)), np.empty(0, int))


def test_predictions_leave_the_batch_of_forward_alone():
    net, plain = (NeuralNetwork(4, [6], 3, seed=1) for _ in range(2))
    (X, y), (others, labels) = batch(5, 4, 3, seed=3), batch(600, 4, 3, seed=4)
    for each in (net, plain):
        each.forward(X)
    outputs = {name: array.copy() for name, array in net.outputs.items()}
    for call in (net.predict, net.predict_proba):
        call(others)
    net.evaluate(others, labels)
    net.score(others, labels)
    assert_same(net.outputs, outputs)
    assert net.backward(y, 0.1) == plain.backward(y, 0.1)
    assert_same(net.gradients, plain.gradients)
