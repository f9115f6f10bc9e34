"""Frames, objects and labels as people have them: each is right, or refused in the words that they need."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from frame_helpers import polars, pyarrow

from fastmlp import NeuralNetwork
from fastmlp.validation import real_array

pytestmark = pytest.mark.application

pd = pytest.importorskip("pandas")

NUMBERS = {"width": [1.5, 2.0, -3.0], "count": [1, 2, 3], "seen": [True, False, True]}
ROWS = np.column_stack(list(NUMBERS.values())).astype(np.float64)
DAY = datetime.date(2020, 1, 31)


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
        r"column 'sex' has texts, such as 'm' in row 0: .*get_dummies\(X, columns=\['sex'\]\)",
    ),
    "categories": (of_pandas(sex=pd.Categorical(list("mfm"))), r"column 'sex' has texts, .*pandas.get_dummies"),
    "numbers as texts": (
        of_pandas(age=["1", "2", "3"]),
        r"'age' has texts, such as '1' in row 0: convert them, X.astype\(.*'age'",
    ),
    "NaN": (of_pandas(age=[1.0, np.nan, 3.0]), r"column 'age' has missing values, as in row 1: .*X.fillna"),
    "nullable": (
        of_pandas(age=pd.array([1, 2, None], "Int64")),
        "'age' has missing values, as in row 2",
    ),
    "nullable booleans": (of_pandas(b=pd.array([None, True, False], "boolean")), "'b' has missing values, as in row 0"),
    "dates": (
        of_pandas(day=pd.to_datetime([DAY] * 3)),
        "'day' has dates, such as .*2020-01-31.*: make numbers of them",
    ),
    "intervals": (of_pandas(bin=pd.cut([1, 2, 3], 2)), r"'bin' has values, such as Interval\(.*: convert them"),
    "missing categories": (of_pandas(c=pd.Categorical([1, None, 1])), "'c' has missing values, as in row 1"),
    "infinities": (of_pandas(a=[1, -np.inf, 2]), "'a' has infinite values, as in row 1: replace them"),
    "durations": (of_pandas(d=pd.to_timedelta([1, 2, 3])), "'d' has durations, such as 1 .*: make numbers of them"),
    "some numbers as texts": (of_pandas(a=["1", "?", "2"]), r"'a' has texts, such as '\?' in row 1: encode them"),
    "a float that raises": ([[Decimal("sNaN"), 1]], "values such as Decimal.* in row 0, column 0"),
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
    "Polars' dates": (lambda: polars(NUMBERS | {"day": [DAY] * 3}), "column 'day' has dates, such as .*2020"),
    "Polars' fields": (lambda: polars(NUMBERS | {"a": [{"x": 1.0, "z": 2.0}] * 3}), "column 'a' has values"),
    "Polars' lists": (lambda: polars(NUMBERS | {"a": [[1, 2]] * 3}), "column 'a' has values"),
    "pyarrow's dates": (lambda: pyarrow(NUMBERS | {"day": [DAY] * 3}), "column 'day' has dates, such as 2020-01-31"),
    "a lazy frame": (lambda: polars(NUMBERS).lazy(), r"got LazyFrame: pass X.collect\(\)"),
    "pyarrow's nulls": (
        lambda: pyarrow({"age": [1, None, 3]}),
        "'age' has missing values, as in row 1: .*SimpleImputer",
    ),
    "pyarrow's texts": (
        lambda: pyarrow({"sex": list("mfm")}),
        "'sex' has texts, .*: .*OneHotEncoder",
    ),
    "a text": ([[1, "many"], [2, 3]], "got dtype <U.*, texts such as 'many' in row 0, column 1"),
    "a text among objects": (np.array([[1, 2], [3, "many"]], object), "texts such as 'many' in row 1, column 1"),
    "None": ([[1, 2], [None, 3]], "missing values such as None in row 1, column 0: fill them in first"),
    "lists": ([[{}, {}]], "values such as {} in row 0, column 0"),
    "sparse": (
        lambda: pytest.importorskip("scipy.sparse").csr_array(ROWS),
        r"got a csr_array: pass X.toarray\(\), or use fastmlp.MLPClassifier or MLPRegressor",
    ),
}


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_rows_that_are_no_numbers(rows):
    given, message = BAD_ROWS[rows]
    with pytest.raises((TypeError, ValueError), match=f"^X must be .*{message}"):
        real_array("X", given() if callable(given) else given)


class ArrayLike:
    """No frame, though it has attributes of one."""

    columns, num_columns = 3, 3

    def __array__(self, dtype=None, copy=None):
        return ROWS


def test_an_array_like_is_no_frame():
    np.testing.assert_array_equal(real_array("X", ArrayLike()), ROWS)


def test_errors_are_short():
    text, frame = "x" * 10**6, pd.DataFrame({f"column {i}": ["a"] for i in range(1000)})
    for rows in ([[text]], pd.DataFrame({"a": [text]}), pd.DataFrame({text: ["a"]}), frame):
        with pytest.raises(TypeError) as caught:
            real_array("X", rows)
        assert len(str(caught.value)) < 600


# ---- y

THREE = np.array([0, 1, 2, 0, 1, 2])
NUMBER_THEM = r"names, y = numpy.unique\(y, return_inverse=True\), later ones by .*, or use fastmlp.MLPClassifier"
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
    "from 1": (THREE + 1, r"got 3 at index 2; these look like labels from 1: pass numpy.asarray\(y\) - 1"),
    "-1 and 1": (
        np.array([-1, 1] * 3),
        r"got -1 at index 0; these look like -1 and 1: pass \(numpy.as.*\(int\)",
    ),
    "any numbers": (THREE * 10 + 5, f"got 5 at index 0; number the classes, {NUMBER_THEM}"),
    "too many": (np.arange(6), "got 3 at index 3; 6 classes need loss='cross_entropy' and output_size=6"),
    "a regression's": (THREE + 0.5, "got 0.5 at index 0; numbers that are no labels need another loss"),
    "missing": (pd.Series([0, None, 1, 2, 0, 1], dtype=object), "None at index 1: leave these rows out of X and y"),
    "NaN": ([0, np.nan, 1, 2, 0, 1], "got nan at index 1; leave rows without a label out of X and y"),
    "unnumbered": ([0, 1, 2, 3, 10, 10], "got 3 at index 3; 5 classes need .*output_size=5; number .*names, y"),
    "of another length": (THREE[:5] + 1, r"one label for each row, got \(5,\)$"),
}
BAD_ANSWERS = {
    "texts": (
        ["no", "yes"] * 3,
        r"'no' at index 0: pass numpy.asarray\(y\) == the text that is 1, or use",
    ),
    "-1 and 1": (
        [-1, 1] * 3,
        r"got -1.0 in row 0, .*; these look like -1 and 1: pass \(numpy.as",
    ),
    "1 and 2": ([1, 2] * 3, r"got 2.0 in row 1, column 0; these look like labels from 1: pass numpy.asarray\(y\) - 1"),
    "one-hot rows": (np.eye(2)[[0, 1] * 3], r"got \(6, 2\); these look like one-hot rows"),
    "one-hot rows of three": (np.eye(3)[THREE], r"got \(6, 3\)$"),
    "three classes": (THREE, "got 2.0 in row 2, column 0; 3 classes need loss='cross_entropy' and output_size=3"),
}
X = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("y", [list("abcabc"), pd.DataFrame({"kind": list("abcabc")})])
def test_texts_are_no_targets_of_a_regression(y):
    with pytest.raises(
        TypeError, match=r"y must .* texts,? such as 'a' .*: texts are classes, and need loss='cross_entropy'"
    ):
        NeuralNetwork(3, [4], 1, loss="squared_error").fit(X, y)


def test_several_labels_a_row_are_not_taken_for_classes():
    net = NeuralNetwork(3, [4], 3, loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r"y must have shape \(6, 3\), a target for each output, got \(6,\)$"):
        net.fit(X, THREE)


def test_later_labels_get_the_numbers_of_the_first():
    net = NeuralNetwork(3, [4], 3)
    with pytest.raises(TypeError, match=r"y_val must .*: number them as those of y, .*searchsorted\(names, y_val\)"):
        net.fit(X, THREE, X_val=X, y_val=list("abcabc"))


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
def test_labels_that_are_refused(method, loss, n_outputs, labels, message):
    net = NeuralNetwork(3, [4], n_outputs, loss=loss, seed=0)
    with pytest.raises((TypeError, ValueError), match=f"^y must .*{message}"):
        getattr(net, method)(X, labels)
