"""Frames, objects and labels as people have them: each is right, or refused in the words that they need."""

import datetime
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from fastmlp import NeuralNetwork
from fastmlp.tuning import search
from fastmlp.validation import real_array

pytestmark = pytest.mark.application

pd = pytest.importorskip("pandas")

NUMBERS = {"width": [1.5, 2.0, -3.0], "count": [1, 2, 3], "seen": [True, False, True]}
ROWS = np.column_stack(list(NUMBERS.values())).astype(np.float64)
DAY = datetime.date(2020, 1, 31)


def polars(columns, **options):
    return pytest.importorskip("polars", exc_type=ImportError).DataFrame(columns, **options)


def pyarrow(columns):
    return pytest.importorskip("pyarrow", exc_type=ImportError).table(columns)


# ---- X

GOOD_ROWS = {
    "pandas": lambda: pd.DataFrame(NUMBERS),
    "pandas, nullable": lambda: pd.DataFrame(NUMBERS).convert_dtypes(),
    "pandas, categories of numbers": lambda: pd.DataFrame(NUMBERS).astype({"count": "category"}),
    "pandas, objects": lambda: pd.DataFrame(NUMBERS).astype(object),
    "pandas, sparse": lambda: pd.DataFrame(NUMBERS).astype(pd.SparseDtype("float64", 0.0)),
    "pandas, columns without names": lambda: pd.DataFrame(ROWS),
    "pandas, columns of one name": lambda: pd.DataFrame(ROWS.astype(object), columns=["a", "a", "b"]),
    "Polars": lambda: polars(NUMBERS),
    "Polars, decimals": lambda: polars(NUMBERS | {"width": [Decimal("1.5"), Decimal(2), Decimal(-3)]}),
    "pyarrow": lambda: pyarrow(NUMBERS),
    "pyarrow, a batch": lambda: pyarrow(NUMBERS).to_batches()[0],
    "objects": lambda: ROWS.astype(object),
    "fractions and decimals": lambda: [[Fraction(3, 2), 1, True], [Decimal(2), 2, False], [np.float32(-3), 3, 1]],
}


@pytest.mark.parametrize("rows", GOOD_ROWS)
def test_rows_that_are_numbers(rows):
    np.testing.assert_array_equal(real_array("X", GOOD_ROWS[rows]()), ROWS)


def of_pandas(**columns):
    return lambda: pd.DataFrame(NUMBERS).assign(**columns)


BAD_ROWS = {
    "texts": (
        of_pandas(sex=list("mfm")),
        r"column 'sex' has texts, such as 'm': .*get_dummies\(X, columns=\['sex'\]\)",
    ),
    "categories": (of_pandas(sex=pd.Categorical(list("mfm"))), r"column 'sex' has texts, .*pandas.get_dummies"),
    "numbers as texts": (
        of_pandas(age=["1", "2", "3"]),
        r"'age' has texts, such as '1': convert them, X.astype\(.*'age'",
    ),
    "NaN": (of_pandas(age=[1.0, np.nan, 3.0]), r"column 'age' has missing values, as in row 1: .*X.fillna"),
    "nullable": (of_pandas(age=pd.array([1, 2, None], "Int64")), "'age' has missing values, as in row 2: .*X.dropna"),
    "nullable booleans": (of_pandas(b=pd.array([None, True, False], "boolean")), "'b' has missing values, as in row 0"),
    "dates": (
        of_pandas(day=pd.to_datetime([DAY] * 3)),
        "'day' has dates, such as .*2020-01-31.*: make numbers of them",
    ),
    "intervals": (of_pandas(bin=pd.cut([1, 2, 3], 2)), r"'bin' has values, such as Interval\(.*: convert them"),
    "all at once": (
        of_pandas(sex=list("mfm"), age=[1, None, 3], island=list("abc")),
        "columns 'sex', 'island' have texts, .*; column 'age' has missing values",
    ),
    "many": (of_pandas(**dict.fromkeys("abcdefg", "m")), "columns 'a', 'b', 'c', 'd', 'e' and 2 more have texts"),
    "Polars' texts": (lambda: polars(NUMBERS | {"sex": list("mfm")}), r"'sex' has texts, .*X.to_dummies\(\['sex'\]\)"),
    "Polars' nulls": (
        lambda: polars(NUMBERS | {"age": [1, None, 3]}),
        "'age' has missing values, as in row 1: .*fill_null",
    ),
    "Polars' dates": (lambda: polars({"day": [DAY] * 3}), "column 'day' has dates, such as .*2020"),
    "a lazy frame": (lambda: polars(NUMBERS).lazy(), r"got LazyFrame: pass X.collect\(\)"),
    "pyarrow's nulls": (
        lambda: pyarrow({"age": [1, None, 3]}),
        "'age' has missing values, as in row 1: .*SimpleImputer",
    ),
    "pyarrow's texts": (lambda: pyarrow({"sex": list("mfm")}), "'sex' has texts, such as 'm': .*OneHotEncoder"),
    "a text": ([[1, "many"], [2, 3]], "got dtype <U.*, texts such as '1' in row 0, column 0"),
    "a text among objects": (np.array([[1, 2], [3, "many"]], object), "texts such as 'many' in row 1, column 1"),
    "None": ([[1, 2], [None, 3]], "missing values such as None in row 1, column 0: fill them in first"),
    "lists": ([[{}, {}]], "values such as {} in row 0, column 0"),
    "sparse": (
        lambda: pytest.importorskip("scipy.sparse").csr_array(ROWS),
        r"got a csr_array of SciPy: pass X.toarray\(\) or use fastmlp.MLPClassifier or MLPRegressor",
    ),
}


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_rows_that_are_no_numbers(rows):
    given, message = BAD_ROWS[rows]
    with pytest.raises((TypeError, ValueError), match=f"^X must be .*{message}"):
        real_array("X", given() if callable(given) else given)


# ---- y

THREE = np.array([0, 1, 2, 0, 1, 2])
NUMBER_THEM = r"names, y = numpy.unique\(y, return_inverse=True\), or use fastmlp.MLPClassifier"
GOOD_LABELS = {
    "whole numbers": THREE.astype(float),
    "objects": THREE.astype(object),
    "a series": pd.Series(THREE, index=list("fedcba")),
    "categories": pd.Series(THREE).astype("category"),
    "nullable": pd.Series(THREE, dtype="Int64"),
    "a column": pd.DataFrame({"label": THREE}),
    "Polars": lambda: polars({"label": THREE})["label"],
    "pyarrow": lambda: pyarrow({"label": THREE})["label"],
}
BAD_LABELS = {
    "texts": (list("abcabc"), f"texts such as 'a' at index 0: number the classes, {NUMBER_THEM}"),
    "a series of texts": (
        pd.Series(list("abcabc")),
        f"texts such as 'a' at index 0: number the classes, {NUMBER_THEM}",
    ),
    "a column of texts": (pd.DataFrame({"kind": list("abcabc")}), f"column 'kind' has texts, .*{NUMBER_THEM}"),
    "one-hot rows": (np.eye(3)[THREE], r"got \(6, 3\); these look like one-hot rows: pass numpy.argmax\(y, axis=1\)"),
    "from 1": (THREE + 1, r"got 3 at index 2; these look like labels from 1: pass y - 1"),
    "-1 and 1": (np.array([-1, 1] * 3), r"got -1 at index 0; these look like -1 and 1: pass \(y > 0\).astype\(int\)"),
    "any numbers": (THREE * 10 + 5, f"got 5 at index 0; number the classes, {NUMBER_THEM}"),
    "too many": (np.arange(6), "got 3 at index 3; 6 classes need output_size=6"),
    "a regression's": (THREE + 0.5, "got 0.5 at index 0; numbers that are no labels need another loss"),
    "missing": (pd.Series([0, None, 1, 2, 0, 1], dtype=object), "missing values such as None at index 1"),
}
BAD_ANSWERS = {
    "texts": (
        ["no", "yes"] * 3,
        "texts such as 'no' at index 0: compare them with the one that is 1, y == 'no', or use",
    ),
    "-1 and 1": ([-1, 1] * 3, r"got -1.0 in row 0, column 0; these look like -1 and 1: pass \(y > 0\)"),
    "1 and 2": ([1, 2] * 3, "got 2.0 in row 1, column 0; these look like labels from 1: pass y - 1"),
    "one-hot rows": (np.eye(2)[[0, 1] * 3], r"got \(6, 2\); these look like one-hot rows"),
}
X = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("labels", GOOD_LABELS)
def test_labels(labels):
    net, given = NeuralNetwork(3, [4], 3, seed=0), GOOD_LABELS[labels]
    assert net.evaluate(X, given() if callable(given) else given) == net.evaluate(X, THREE)


@pytest.mark.parametrize(
    ("loss", "n_outputs", "labels", "message"),
    [("cross_entropy", 3, *case) for case in BAD_LABELS.values()]
    + [("binary_cross_entropy", 1, *case) for case in BAD_ANSWERS.values()],
    ids=[*BAD_LABELS, *(f"of yes or no: {name}" for name in BAD_ANSWERS)],
)
@pytest.mark.parametrize("method", ["evaluate", "fit"])
def test_labels_that_are_none(method, loss, n_outputs, labels, message):
    net = NeuralNetwork(3, [4], n_outputs, loss=loss, seed=0)
    with pytest.raises((TypeError, ValueError), match=f"^y must .*{message}"):
        getattr(net, method)(X, labels)


# ---- names of columns

FRAMES = {"pandas": pd.DataFrame, "Polars": polars, "pyarrow": pyarrow}
COLUMNS = {"a": [0.0, 1.0, 0.5], "b": [1.0, 0.0, 0.5], "c": [0.0, 0.5, 1.0]}
USES = {
    "forward": lambda net, rows: net.forward(rows),
    "predict": lambda net, rows: net.predict(rows),
    "predict_proba": lambda net, rows: net.predict_proba(rows),
    "predict_names": lambda net, rows: net.predict_names(rows),
    "evaluate": lambda net, rows: net.evaluate(rows, [0, 1, 2]),
    "score": lambda net, rows: net.score(rows, [0, 1, 2]),
    "train_epoch": lambda net, rows: net.train_epoch(rows, [0, 1, 2]),
    "fit": lambda net, rows: net.fit(rows, [0, 1, 2], epochs=1),
    "X_val": lambda net, rows: net.fit(COLUMNS_AS_ROWS, [0, 1, 2], epochs=1, X_val=rows, y_val=[0, 1, 2]),
}
COLUMNS_AS_ROWS = np.column_stack(list(COLUMNS.values()))


def trained(rows, **settings):
    net = NeuralNetwork(3, [4], 3, seed=0)
    net.class_names = ["x", "y", "z"]
    net.fit(rows, [0, 1, 2], epochs=1, seed=0, **settings)
    return net


@pytest.mark.parametrize("library", FRAMES)
def test_fit_learns_names(library, tmp_path):
    net = trained(FRAMES[library](COLUMNS), checkpoint=tmp_path / "net.npz")
    assert net.feature_names == ["a", "b", "c"]
    assert NeuralNetwork.load(tmp_path / "net.npz").feature_names == ["a", "b", "c"]
    np.testing.assert_array_equal(net.params["W1"], trained(COLUMNS_AS_ROWS).params["W1"])


def reordered(names):
    return {name: COLUMNS.get(name, [0.0, 0.0, 0.0]) for name in names}


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("acb", "with 'c' in place of 'b'"),
        ("abd", "without 'c' and with 'd'"),
        ("ab", "without 'c'"),
        ("abcde", "with 'd', 'e'"),
    ],
)
def test_other_columns_are_refused(library, use, names, message):
    net = trained(FRAMES[library](COLUMNS))
    before = net.params.copy()
    how = ".select(" if library == "pyarrow" else "["
    expected = re.escape(f"the network's columns in their order, feature_names, got a frame {message}: pass X")
    with pytest.raises(ValueError, match=f"{expected}(_val)?{re.escape(how)}"):
        USES[use](net, FRAMES[library](reordered(names)))
    for name, array in net.params.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("use", USES)
def test_the_same_columns_and_arrays_are_taken(use):
    net = trained(pd.DataFrame(COLUMNS))
    USES[use](net, pd.DataFrame(COLUMNS))
    USES[use](net, COLUMNS_AS_ROWS)


def test_a_refused_fit_learns_no_names():
    net = NeuralNetwork(3, [4], 3, seed=0)
    with pytest.raises(ValueError, match="epochs"):
        net.fit(pd.DataFrame(COLUMNS), [0, 1, 2], epochs=0)
    with pytest.raises(ValueError, match="y must"):
        net.fit(pd.DataFrame(COLUMNS), [0, 1, 5])
    assert net.feature_names is None


def test_a_search_learns_names():
    data = {"X": pd.DataFrame(COLUMNS), "y": [0, 1, 2], "X_val": pd.DataFrame(COLUMNS), "y_val": [0, 1, 2]}
    found = search({"learning_rate": [0.1], "epochs": [1]}, **data)
    assert found.network.feature_names == ["a", "b", "c"]
    with pytest.raises(ValueError, match="X_val must have the network's columns"):
        search({"learning_rate": [0.1]}, **data | {"X_val": pd.DataFrame(reordered("cba"))})


# ---- names of classes


def test_names_of_predictions():
    net = trained(COLUMNS_AS_ROWS)
    np.testing.assert_array_equal(net.predict_names(X), np.array(["x", "y", "z"])[net.predict(X)])
    answers = NeuralNetwork(3, [4], 1, loss="binary_cross_entropy", seed=0)
    answers.class_names = ["no", "yes"]
    np.testing.assert_array_equal(answers.predict_names(X), np.where(answers.predict(X) == 1, "yes", "no"))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (NeuralNetwork(3, [4], 3), "predict_names needs class_names, got None"),
        (NeuralNetwork(3, [4], 2, loss="binary_cross_entropy"), "needs one class a row, .* 2 outputs: use predict"),
        (NeuralNetwork(3, [4], 1, loss="huber"), "needs one class a row, .* loss='huber'"),
    ],
)
def test_predictions_without_names(net, message):
    with pytest.raises((TypeError, ValueError), match=message):
        net.predict_names(X)
