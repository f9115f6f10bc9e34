"""The importance of columns: what is shuffled, how it is measured, and of which rows."""

import numpy as np
import pandas
import pytest
from report_helpers import numbers, trained

from fastmlp import NeuralNetwork
from fastmlp.report import importance, permutation_importance
from fastmlp.tables import Schema

pytestmark = pytest.mark.application

FRAME = pandas.DataFrame({"size": [i / 2 for i in range(12)], "kind": ["a", "b", None, "c"] * 3, "yes": ["p", "q"] * 6})
SCHEMA = Schema.fit(FRAME, target="yes")
X = SCHEMA.rows(FRAME)
X[:, 0] = np.random.RandomState(0).permutation(12)
Y = SCHEMA.targets(FRAME).y


class Recorder:
    """In the place of a network, keeps what it is given, and says whether a first column is above 5."""

    schema, input_size = SCHEMA, X.shape[1]
    params = {"W1": np.array([[3.0, 0.0]] + [[0.0, 1.0]] * (X.shape[1] - 1))}  # noqa: RUF012

    def __init__(self):
        self.given = []

    def predict(self, rows):
        self.given.append(rows.copy())
        return (rows[:, 0] > 5).astype(np.int64)


def test_all_inputs_of_a_column_are_shuffled_together():
    network, before = Recorder(), X.copy()
    permutation_importance(network, X, Y, repeats=3)
    np.testing.assert_array_equal(X, before)
    first, *shuffled = network.given
    np.testing.assert_array_equal(first, X)
    assert len(shuffled) == 2 * 3
    for i, rows in enumerate(shuffled):
        group, rest = (slice(0, 1), slice(1, None)) if i < 3 else (slice(1, None), slice(0, 1))
        np.testing.assert_array_equal(rows[:, rest], X[:, rest])
        assert (rows[:, group] != X[:, group]).any()
        assert sorted(rows[:, group].tolist()) == sorted(X[:, group].tolist())
    assert len({rows.tobytes() for rows in shuffled}) == 6


@pytest.mark.parametrize("balanced", [False, True])
def test_it_is_the_score_that_is_lost(balanced):
    network, y = Recorder(), np.sort(X[:, 0] > 8).astype(np.int64)
    found = permutation_importance(network, X, y, repeats=4, balanced=balanced)
    right = [(rows[:, 0] > 5) == y for rows in network.given]
    scores = [(one[y == 0].mean() + one[y == 1].mean()) / 2 if balanced else one.mean() for one in right]
    lost = scores[0] - np.array(scores[1:5])
    assert {one.name: (one.mean, one.spread) for one in found} == {
        "size": (pytest.approx(lost.mean()), pytest.approx(lost.std())),
        "kind": (0.0, 0.0),
    }


def test_of_a_regression_beside_scikit_learn():
    inspection = pytest.importorskip("sklearn.inspection")
    frame = numbers(2000).drop(columns="kind").assign(noise=np.random.RandomState(0).randn(2000))
    net, data = trained(frame, "price", epochs=10)
    rows, y = data.arrays["X_test"], data.arrays["y_test"]
    found = permutation_importance(net, rows, y, repeats=200)
    assert [one.name for one in found] == ["size", "noise"]

    class Regressor:
        def fit(self):
            pass

        def score(self, rows, y):
            return net.score(rows, y)

    expected = inspection.permutation_importance(Regressor(), rows, y, n_repeats=200, random_state=0)
    np.testing.assert_allclose([one.mean for one in found], expected.importances_mean, rtol=0.02, atol=0.002)


def test_a_seed_repeats_it():
    network = Recorder()
    first = permutation_importance(network, X, Y, seed=3)
    assert first == permutation_importance(network, X, Y, seed=3)
    permutation_importance(network, X, Y, seed=4)
    once, again, other = np.split(np.array(network.given), 3)
    assert (once == again).all()
    assert (once != other).any()


@pytest.mark.parametrize(
    ("limits", "n_columns", "n_rows"),
    [
        ({}, 2, 12),
        ({"MAX_ROWS": 7}, 2, 7),
        ({"MAX_PRODUCTS": 9 * 2 * 2 * 10}, 2, 9),  # rows, columns, repeats, parameters
        ({"MAX_PRODUCTS": 5 * 2 * 2 * 10 - 1}, 1, 9),
        ({"MAX_PRODUCTS": 0}, 1, 5),
    ],
)
def test_of_many_rows_some_are_drawn_and_of_many_columns_some_are_measured(monkeypatch, limits, n_columns, n_rows):
    for name, value in ({"MIN_ROWS": 5} | limits).items():
        monkeypatch.setattr(importance, name, value)
    network = Recorder()
    found = permutation_importance(network, X, Y, repeats=2)
    assert {one.name for one in found} == set(["size", "kind"][:n_columns])
    assert {one.n_rows for one in found} == {n_rows}
    drawn = network.given[0]
    assert len(np.unique(drawn[:, 0])) == len(drawn) == n_rows
    assert set(map(tuple, drawn)) <= set(map(tuple, X))
    assert len(network.given) == 1 + 2 * n_columns


def test_the_largest_weights_are_those_of_all_inputs_of_a_column(monkeypatch):
    monkeypatch.setattr(importance, "MAX_PRODUCTS", 0)
    network = Recorder()
    network.params = {"W1": network.params["W1"] * [[0.6]] + [[0, 0]]}  # 1.8 against four times 0.6
    network.params["W1"][0] = [1.1, 0]
    assert [one.name for one in permutation_importance(network, X, Y)] == ["kind"]


def test_errors():
    net = NeuralNetwork(X.shape[1], [], 2)
    with pytest.raises(ValueError, match="network must have a schema, got None"):
        permutation_importance(net, X, Y)
    net.schema = SCHEMA
    with pytest.raises(ValueError, match=r"y must have one target for each row of X, got \(11,\) for 12 rows"):
        permutation_importance(net, X, Y[1:])
    for y in FRAME["yes"], Y + 1:  # which no prediction would be, so that nothing would be lost
        with pytest.raises(ValueError, match=r"y must be numbers of classes from 0 to 1, as .* gives, got "):
            permutation_importance(net, X, y)
    with pytest.raises(TypeError, match="balanced must be True or False, got 'yes'"):
        permutation_importance(net, X, Y, balanced="yes")
    with pytest.raises(ValueError, match="repeats"):
        permutation_importance(net, X, Y, repeats=0)
    with pytest.raises(ValueError, match="X must have"):
        permutation_importance(net, X[:, 1:], Y)
