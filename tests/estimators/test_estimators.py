"""Rows that estimators take: sparse ones, single ones; their subclasses."""

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, flat, regressor
from scipy import sparse
from sklearn.base import clone

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators import base
from fastmlp.sparse_rows import SparseRows

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def test_one_class():
    estimator = classifier().fit(X, np.full(150, "only"))
    assert set(estimator.predict(X)) == {"only"}
    np.testing.assert_array_equal(estimator.predict_proba(X), np.ones((150, 1)))


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"early_stopping": True}, {"standardize": True}], ids=str)
def test_sparse_rows_are_never_all_dense(container, options, monkeypatch):
    rows = sparse.csr_array(sparse.random(700, 50, density=0.1, random_state=0))
    y = (rows.sum(axis=1) > rows.sum(axis=1).mean()).astype(int)
    expected = classifier(**options).fit(rows.toarray(), y)
    sizes, dense_rows = [], SparseRows.__getitem__
    monkeypatch.setattr(
        SparseRows, "__getitem__", lambda self, taken: sizes.append(dense_rows(self, taken)) or sizes[-1]
    )
    estimator = classifier(**options).fit(container(rows), y)
    np.testing.assert_allclose(estimator.coefs_[0], expected.coefs_[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        estimator.predict_proba(container(rows)), expected.predict_proba(rows.toarray()), rtol=1e-6
    )
    assert max(len(part) for part in sizes) <= 512


def test_a_valid_row_is_predicted_without_another_look(monkeypatch):
    estimators = classifier().fit(X, Y), regressor().fit(X, NUMBERS)
    expected = [estimator.predict(X.tolist()) for estimator in estimators]
    monkeypatch.setattr(base, "validate_data", None)
    for estimator, of_lists in zip(estimators, expected, strict=True):
        np.testing.assert_array_equal(estimator.predict(X), of_lists)
        np.testing.assert_allclose([estimator.predict(row)[0] for row in X[:, np.newaxis]], of_lists, rtol=1e-9)
        np.testing.assert_allclose(estimator.predict(X.astype(np.float32)), of_lists, rtol=1e-6)


@pytest.mark.parametrize("base_class", [MLPClassifier, MLPRegressor])
def test_a_subclass_may_have_other_parameters(base_class):
    class Wide(base_class):
        def __init__(self, width=3):
            super().__init__(hidden_layer_sizes=(width,), max_iter=2)
            self.width = width

    estimator = clone(Wide(width=5)).fit(X, Y)
    assert estimator.get_params() == {"width": 5}
    assert estimator.network_.hidden_sizes == [5]


def test_one_weight_for_all_rows():
    np.testing.assert_array_equal(flat(classifier().fit(X, Y, 2.0)), flat(classifier().fit(X, Y, np.full(150, 2.0))))
