"""The default settings of two libraries are compared fairly: python -m pytest benchmarks/test_defaults.py"""

import numpy as np
import pytest

from benchmarks import defaults
from benchmarks.report import defaults_table


def test_a_table_is_compared_by_both_libraries():
    found = defaults.compared("iris", 1)
    assert (found["rows"], found["inputs"], found["score"], found["folds"]) == (150, 4, "accuracy", 5)
    for library in ("scikit-learn", "fastmlp"):
        assert 0.5 < found[library] <= 1
    assert found["difference"] == pytest.approx(found["fastmlp"] - found["scikit-learn"])
    head, _, row = defaults_table([found]).splitlines()
    assert row.startswith("| iris | 150 | 4 | accuracy | 0.")
    assert head.count("|") == row.count("|")


@pytest.mark.parametrize("is_classes", [True, False])
def test_rows_are_standardised_by_those_that_train(is_classes, monkeypatch):
    random = np.random.default_rng(0)
    X = random.standard_normal((50, 2)) * [3, 0.1] + [1000, -5]
    whole, n_tested = defaults.Table(X, np.arange(50) % 2, is_classes), []

    def checked(part, seed):
        np.testing.assert_allclose(part.X.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(part.X.std(axis=0), 1)
        assert len(part.X) == len(part.y) == 40

        def score(X_test, y_test):
            n_tested.append(len(X_test))
            assert abs(X_test.mean(axis=0)).min() > 1e-6
            assert not is_classes or np.bincount(y_test).tolist() == [5, 5]
            return seed

        return score

    monkeypatch.setattr(defaults, "of_scikit_learn", checked)
    monkeypatch.setattr(defaults, "of_fastmlp", checked)
    assert defaults.scores(whole, 7) == [(7, 7)] * 5
    assert n_tested == [10] * 10


@pytest.mark.parametrize(
    ("behind", "keeps_up"), [([0.009], True), ([0.011], False), ([0.0, 0.2, 0.4, 0.6, -0.9], True), ([0.1, 0.2], False)]
)
def test_what_keeps_up(behind, keeps_up, monkeypatch):
    pairs = [(0.5, 0.5 - one) for one in behind * 10]
    monkeypatch.setattr(defaults, "scores", lambda whole, seed: pairs)
    found = defaults.compared("iris", 1)
    assert found["keeps_up"] is keeps_up
    assert found["difference"] == pytest.approx(-np.mean(behind))


def test_categories_become_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": [1, 2, 3], "kind": ["a", "b", "a"], "price": [5, 6, 7]})
    found = defaults.of_frame(frame.copy(), "price", False)
    np.testing.assert_array_equal(found.X, [[1, 1, 0], [2, 0, 1], [3, 1, 0]])
    assert found.y.tolist() == [5, 6, 7]
    assert defaults.of_frame(frame, "kind", True).y.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("name", "package", "shape"),
    [("penguins", "palmerpenguins", (333, 10)), ("diamonds", "plotnine", (5000, 26)), ("mpg", "plotnine", (234, 81))],
)
def test_tables_of_other_packages(name, package, shape):
    pytest.importorskip(package)
    found = defaults.TABLES[name]()
    assert found.X.shape == shape
    assert len(found.y) == shape[0]
    assert np.isfinite(found.X).all()
