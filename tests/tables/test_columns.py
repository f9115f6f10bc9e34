"""What columns of tables are taken for, and their values."""

import datetime
import re
from decimal import Decimal

import numpy as np
import pandas
import pytest
from frame_helpers import polars, pyarrow

from fastmlp.tables import Column, columns_of, read_table

pytestmark = pytest.mark.application

GAP = np.nan
# More than a category of any texts may have.
NUMBERS = [str(3 * i) for i in range(11)]


def column(values, name="x", decimal=None):
    return Column.of(name, pandas.Series(values), decimal)


@pytest.mark.parametrize(
    ("texts", "numbers", "notation"),
    [
        (["1", "-2.5", None, "+3", "1e+00", ".5", "5.", " 6 "], [1, -2.5, GAP, 3, 1, 0.5, 5, 6], ""),
        (["1,234,567", "1,234", "999"], [1234567, 1234, 999], "thousands separated by ','"),
        (["1,234.5", "10"], [1234.5, 10], "thousands separated by ','"),
        (["1,234", "2,5"], [1.234, 2.5], "a decimal comma"),
        (["0,123", "1,250"], [0.123, 1.25], "a decimal comma"),
        (["1.234.567,5", "2"], [1234567.5, 2], "a decimal comma and thousands separated by '.'"),
        (["1.234", "2.500"], [1.234, 2.5], ""),
        (["12 345", "1\u202f000,5"], [12345, 1000.5], "a decimal comma and thousands separated by ' '"),
        (["3'456", "2\u2019000.5"], [3456, 2000.5], 'thousands separated by "\'"'),
        (["45%", "5 %"], [45, 5], "the unit %"),
        (["$1,200.50", "-$4", "$ 7", "\u2212$1"], [1200.5, -4, 7, -1], "thousands separated by ',' and the unit $"),
        (["3 €", "2,50 €"], [3, 2.5], "a decimal comma and the unit €"),
        (["USD 3", "4.50 USD"], [3, 4.5], "the unit USD"),
        (["US$ 3", "US$4"], [3, 4], "the unit US$"),
        (["Rs. 500", "Rs.7"], [500, 7], "the unit Rs."),
        (["12 km/h", "3.5km/h"], [12, 3.5], "the unit km/h"),
        (["998 CC", "1 248 CC"], [998, 1248], "thousands separated by ' ' and the unit CC"),
        (["5 e", "6 e"], [5, 6], "the unit e"),
        (["21.5°C", "-3 °C"], [21.5, -3], "the unit °C"),
        (["(5)", "7", "(1,000.5)"], [-5, 7, -1000.5], "thousands separated by ','"),
        (["($5)", "$-6", "-$7"], [-5, -6, -7], "the unit $"),
        (["٣", "٤٢"], [3, 42], ""),
        (["0", "1", "2", "1"] * 9, [0, 1, 2, 1] * 9, ""),
    ],
)
def test_numbers_are_read_where_all_are_written_alike(texts, numbers, notation):
    found = column(texts)
    assert (found.kind, str(found.notation), found.why) == ("number", notation, None)
    np.testing.assert_array_equal(found.values, numbers)
    assert found.n_missing == np.isnan(numbers).sum()


def test_points_may_separate_thousands_where_semicolons_separate_fields(tmp_path):
    def kinds(text, **options):
        (tmp_path / "a.csv").write_text(text)
        table = read_table(tmp_path / "a.csv", **options)
        return [(one.kind, one.why or one.values.tolist()) for one in columns_of(table.frame, table.decimal)]

    why = "has numbers such as '1.250', which may be 1.25 or 1250: say which by decimal='.' or decimal=','"
    text = "x;y\n448;1\n1.250;2\n"
    whole = ("number", [1, 2])
    assert kinds(text) == [("unclear", why), whole]
    assert kinds(text, decimal=".") == [("number", [448, 1.25]), whole]
    assert kinds(text, decimal=",") == [("number", [448, 1250]), whole]
    assert kinds(text.replace(";", ",")) == [("number", [448, 1.25]), whole]
    # the other column tells
    assert kinds(text.replace(";1", ";1,5")) == [("number", [448, 1250]), ("number", [1.5, 2])]
    assert kinds(text.replace(";1", ";1.5")) == [("number", [448, 1.25]), ("number", [1.5, 2])]
    assert kinds("x\ty\tz\n1,5\t0.5\t1.250\n2\t1\t3\n")[:2] == [("number", [1.5, 2]), ("number", [0.5, 1])]
    assert kinds("x\ty\tz\n1,5\t0.5\t1.250\n2\t1\t3\n")[2] == ("unclear", why)


@pytest.mark.parametrize(
    ("texts", "decimal", "numbers"),
    [
        (["1,234", "2,500"], ".", [1234, 2500]),
        (["1,234", "2,500"], ",", [1.234, 2.5]),
        (["1.234", "2.500"], ",", [1234, 2500]),
        (["1", "2"], ",", [1, 2]),
    ],
)
def test_a_decimal_mark_may_be_said(texts, decimal, numbers):
    found = column(texts, decimal=decimal)
    assert (found.kind, found.values.tolist()) == ("number", numbers)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (
            ["1,234", "999"],
            r"numbers such as '1,234', which may be 1234 or 1.234: say which by decimal='.' or decimal=",
        ),
        (
            [*NUMBERS, "1,5", "1.5"],
            r"no single notation reads, such as '30', '1,5', '1.5': write them alike, in one unit$",
        ),
        ([*NUMBERS, "45%"], r"no single notation reads, such as '30', '45%'"),
        ([f"${i}" for i in NUMBERS] + ["€4"], r"no single notation reads, such as '\$30', '€4'"),
        ([f"{i} kg" for i in NUMBERS] + ["7 g"], r"no single notation reads, such as '30 kg', '7 g'"),
        (
            [*NUMBERS, "unknown"],
            r"numbers, but 'unknown' in row 11: .* it is a gap \(missing=\['unknown'\]\)",
        ),
        (
            [*NUMBERS, "no", "yes"],
            r"numbers, but 'no', 'yes', the first in row 11: .* they are gaps \(missing=\['no', 'yes'\]\)$",
        ),
        (
            [*map(str, range(120)), *(f"{i}*" for i in range(11))],
            r"numbers, but 11 other texts, such as '0\*' in row 120: write numbers there$",
        ),
        ([1.0, np.inf, 2.0], "infinite value in row 1: make a gap of it"),
        ([[1], [2]], r"values such as '\[1\]': make numbers or texts"),
        (pandas.Series([10**400, 1], dtype=object), "values such as '1000"),
    ],
)
def test_what_may_mean_several_things_is_unclear(values, why):
    found = column(values)
    assert found.kind == "unclear"
    assert re.search(why, found.why)


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["True", "false", "", "TRUE"], [1, 0, GAP, 1]),
        (["no", "Yes"], [0, 1]),
        (["F", "t"], [0, 1]),
        (["Y", "n", None], [1, 0, GAP]),
        ([True, False], [1, 0]),
        ([True, None, False], [1, GAP, 0]),
        ([np.True_, None, np.False_], [1, GAP, 0]),
        (pandas.array([True, None, False], dtype="boolean"), [1, GAP, 0]),
    ],
)
def test_booleans(values, numbers):
    found = column(values)
    assert found.kind == "boolean"
    np.testing.assert_array_equal(found.values, numbers)


DAYS, TIMES = ("dates", "the year"), ("times", "hours or minutes since midnight")
DURATIONS = "durations", "seconds"


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (["2020-01-02", "2021-02-03T10:00:00Z"], DAYS),
        (["1/2/99", "31/12/2000 12:30"], DAYS),
        (["1. Jan 2020", "March 2020", "Dec 1, 2019"], DAYS),
        (["12:30", "4:15:01 PM"], TIMES),
        (["20240131", "19990101"], DAYS),
        (["19-Sep-03", "5 May 2003", "Fri, 19 Sep 2003 10:00:00"], DAYS),
        (["Jan-1-1995", "Feb 1, 2000", "2003Q4", "2003-12"], DAYS),
        (["00:00", "01:30"], TIMES),
        ([datetime.time(12), datetime.time(9, 30, 1, 5)], TIMES),
        (["12:30", "2020-01-02"], DAYS),
        (pandas.date_range("2020-01-01", periods=2), DAYS),
        (pandas.to_timedelta([1, 2], "s"), DURATIONS),
        (pandas.period_range("2020-01", periods=2, freq="M"), DAYS),
        ([datetime.date(2020, 1, 1), None, datetime.date(2020, 1, 2)], DAYS),
        ([np.datetime64("2020-01-01", "ns"), "later"], DAYS),
    ],
)
def test_dates(values, remedy):
    found = column(values)
    assert (found.kind, found.n_different) == ("date", pandas.Series(values).nunique())
    what, numbers = remedy
    assert found.why == f"has {what}, such as {found.examples[0]!r}: make numbers of them, such as {numbers}"
    assert found.values.tolist().count(None) == found.n_missing


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        ([f"w{i}" for i in range(20)], "x", "id"),
        ([f"w {i}" for i in range(20)], "x", "text"),
        ([f"w {i}" for i in range(20)], "userID", "id"),
        ([f"w {i}" for i in range(20)], "width", "text"),
        ([f"w {i}" for i in range(20)] * 2, "x", "category"),
        ([f"w {i}" for i in range(20)] * 2 + ["w"], "x", "text"),
        (["a", "b", "c", "c", None], "x", "category"),
        (["4", "six", "6"] * 9, "x", "category"),
        (["1_0", "2_0"] * 2, "x", "category"),
        (["01067", "80331"] * 9, "x", "category"),
        (["01067", "80331", "73301"], "x", "id"),
        ([f"{i:03}" for i in range(20)] + ["003"], "x", "text"),
        ([*NUMBERS, *(f"PC {i}" for i in NUMBERS)], "ticket", "text"),
        (["1", "2", "3", *(f"w {i}" for i in range(9))] * 2, "x", "category"),
        (["9007199254740992", "9007199254740993"] * 2, "x", "category"),
        (["9007199254740992", "3"] * 2, "x", "number"),
        (["1" * 16, "2" * 16] * 2, "x", "category"),
        (["1" * 15, "2" * 15] * 2, "x", "number"),
        (["5 e", "6e3 e"] * 2, "x", "category"),
        (["18 months", "2 years"] * 2, "x", "category"),
        (["1.5", "1,5", "2%"] * 2, "x", "category"),
        (["A11", "A12", "B1"] * 2, "x", "category"),
        (["4B", "5B"] * 2, "x", "category"),
        (["12AB", "13AB"] * 2, "x", "category"),
        (["(5", "--5", "$5$"] * 2, "x", "category"),
        (pandas.Categorical([1, 2, 1.5]), "x", "category"),
        ([1, "a", 1], "x", "category"),
        (np.arange(9), "x", "id"),
        ([5, 4, 3, 2, 1], "x", "id"),
        ([3, 1, 2, 5, 4], "x", "number"),
        ([*range(10, 20), *range(10)], "x", "id"),
        ([9007199254740992, 9007199254740993] * 2, "x", "category"),
        (["9007199254740992", "9007199254740993", "3"] * 2, "x", "category"),
        ([*(f"2024-01-{i}" for i in range(10, 31)), "soon", "later"], "x", "date"),
        ([*(f"2024-01-{i}" for i in range(10, 31)), "soon", "later", "never"], "x", "id"),
        ([1, 2, 3, 4], "x", "number"),
        ([1, 2, 3, 4, 6], "x", "number"),
        ([1, 5, 3, 3, 2], "x", "number"),
        ([1, 2, 3, 4, None, 5], "x", "number"),
        ([7.5, 9, 1], "PassengerId", "id"),
        ([7, 9, 9], "id", "number"),
        ([3.5] * 4, "x", "constant"),
        (["2020-01-02"], "x", "constant"),
        ([3.5, None], "x", "number"),
        (["yes", None], "x", "category"),
        ([None, "", "  "], "x", "missing"),
        ([GAP, GAP], "x", "missing"),
        ([], "x", "missing"),
    ],
)
def test_kinds(values, name, kind):
    found = column(values, name)
    assert found.kind == kind
    assert (found.why is None) == (kind in ("number", "boolean", "category"))


def test_texts_have_no_blanks_around_them():
    found = column(["b", "a ", "a", " b", " ", True, 2.0])
    values = ["b", "a", "a", "b", None, "True", "2"]
    assert (found.kind, found.values.tolist(), found.n_different) == ("category", values, 4)


@pytest.mark.parametrize(
    "values",
    [
        pandas.array([1, None, 3], dtype="Int64"),
        pandas.array([1.0, None, 3.0], dtype="Float64"),
        [Decimal(1), None, np.float32(3)],
        np.array([1, GAP, 3], np.float32),
    ],
)
def test_numbers_of_any_type(values):
    found = column(values)
    assert (found.kind, found.examples, found.n_different) == ("number", ["1", "3"], 2)
    np.testing.assert_array_equal(found.values, [1, GAP, 3])


@pytest.mark.parametrize("frame_of", [polars, pyarrow])
def test_frames_of_other_libraries_are_converted(frame_of):
    pytest.importorskip("pyarrow", exc_type=ImportError)  # by which Polars converts
    frame = frame_of({"a": [1.5, None, 2.5], "b": ["yes", "no", None], "c": [True, None, False]})
    assert [(one.name, one.kind, one.n_missing) for one in columns_of(frame)] == [
        ("a", "number", 1),
        ("b", "boolean", 1),
        ("c", "boolean", 1),
    ]


def test_what_is_no_table_is_refused():
    with pytest.raises(TypeError, match="frame must be a frame of pandas, Polars or pyarrow, got list"):
        columns_of([[1.0]])
    with pytest.raises(ValueError, match="frame must have different names for its columns, got 'a' more than once"):
        columns_of(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ValueError, match=r"decimal must be one of '.', ',', got ';'"):
        column(["1"], decimal=";")
    with pytest.raises(TypeError, match=r"values must be a pandas\.Series, got list"):
        Column.of("x", ["1"])
    with pytest.raises(TypeError, match="name must be a text, got 3"):
        column(["1"], name=3)
