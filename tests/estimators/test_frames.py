"""Frames that are no numbers are refused by their columns' names, as by NeuralNetwork."""

import datetime

import numpy as np
import pandas as pd
import pytest
from frame_helpers import polars, pyarrow

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.application

COLUMNS = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]}
Y = [0, 1, 0, 1]
FRAMES = {"pandas": pd.DataFrame, "Polars": polars, "pyarrow": pyarrow}
BAD = {
    "texts": (list("mfmf"), "column 'c' has texts, such as 'm' in row 0: encode them"),
    "gaps": ([1.0, None, 2.0, 3.0], "column 'c' has missing values, as in row 1"),
    "infinities": ([1.0, np.inf, 2.0, 3.0], "column 'c' has infinite values, as in row 1"),
    "dates": ([datetime.datetime(2020, 1, 1)] * 4, "column 'c' has dates, such as .*2020"),
}


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("values", BAD)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_columns_that_are_no_numbers(estimator, values, library):
    (column, message), new = BAD[values], FRAMES[library]
    bad, good = new({**COLUMNS, "c": column}), new({**COLUMNS, "c": COLUMNS["a"]})
    with pytest.raises((TypeError, ValueError), match=f"^X must be .*{message}"):
        estimator(max_iter=1).fit(bad, Y)
    with pytest.raises((TypeError, ValueError), match=f"^X_val must be .*{message}"):
        estimator(max_iter=1).fit(good, Y, X_val=bad, y_val=Y)
    with pytest.warns(match="Maximum iterations"):
        fitted = estimator(max_iter=1).fit(good, Y)
    with pytest.raises((TypeError, ValueError), match=f"^X must be .*{message}"):
        fitted.predict(bad)


@pytest.mark.parametrize("X", [[[1, "many"], [2, 3]], np.array([[1, "many"], [2, 3]], object)])
def test_arrays_that_are_no_numbers(X):
    with pytest.raises(TypeError, match="texts such as 'many' in row 0, column 1"):
        MLPClassifier().fit(X, [0, 1])


def test_targets_that_are_no_numbers():
    with pytest.raises(TypeError, match=r"y must be .* texts such as 'm' at index 0"):
        MLPRegressor().fit(pd.DataFrame(COLUMNS), pd.Series(list("mfmf")))


def test_what_scikit_learn_says_of_other_things_stays():
    frame = pd.DataFrame({**COLUMNS, "c": list("1234")})  # which it converts
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MLPClassifier().fit(frame, Y[:3])


def test_a_sparse_frame_of_booleans():
    frame = pd.get_dummies(pd.DataFrame({"kind": list("abca")}), sparse=True)
    with pytest.warns(match="Maximum iterations"):
        sparse, dense = (MLPClassifier(max_iter=2, random_state=0).fit(X, Y) for X in (frame, frame.to_numpy(float)))
    np.testing.assert_allclose(sparse.predict_proba(frame), dense.predict_proba(frame.to_numpy(float)), rtol=1e-12)


@pytest.mark.parametrize("labels", [[3, 5, 3, 5], [True, False, True, False]])
def test_labels_as_objects(labels):
    with pytest.warns(match="Maximum iterations"):
        fitted = MLPClassifier(max_iter=1).fit(pd.DataFrame(COLUMNS), pd.Series(labels, dtype=object))
    assert fitted.classes_.tolist() == sorted(set(labels))
    assert fitted.classes_.dtype == np.array(labels).dtype
