"""Rows of a network from tables: gaps, categories, columns that are left out or refused, and other tables later."""

import json

import numpy as np
import pandas
import pytest
from frame_helpers import polars, pyarrow

from fastmlp.engine import quotas
from fastmlp.tables import Schema, Task, columns_of

pytestmark = pytest.mark.application

GAP = np.nan
COLUMNS = {
    "size": ["1,5", None, "2,5", "9", "2", "3"],
    "new": ["yes", "no", "yes", None, "yes", "no"],
    "colour": ["red", "blue", "red", "green", "blue", None],
    "week": [3, 1, 1, 2, 2, 2],
    "user": ["a1", "b2", "c3", "d4", "e5", "f6"],
    "year": ["2020"] * 6,
    "none": [None] * 6,
    "price": [1.5, 2.5, 3.0, 4.0, 5.0, 7.0],
}
FRAME = pandas.DataFrame(COLUMNS)


@pytest.fixture
def schema():
    return Schema.fit(FRAME, target="price")


def test_columns_become_inputs(schema):
    assert schema.feature_names == [
        *("size", "size (missing)", "new", "new (missing)"),
        *("colour=blue", "colour=red", "colour (missing)", "colour (other)", "week"),
    ]
    np.testing.assert_array_equal(
        schema.rows(FRAME),
        [
            [1.5, 0, 1, 0, 0, 1, 0, 0, 3],
            [2.5, 1, 0, 0, 1, 0, 0, 0, 1],
            [2.5, 0, 1, 0, 0, 1, 0, 0, 1],
            [9.0, 0, 1, 1, 0, 0, 0, 1, 2],
            [2.0, 0, 1, 0, 1, 0, 0, 0, 2],
            [3.0, 0, 0, 0, 0, 0, 1, 0, 2],
        ],
    )
    assert schema.left_out == {
        "user": "has another value in each row",
        "year": "has only the value '2020'",
        "none": "has no values",
    }
    assert (schema.task.kind, schema.targets(FRAME).y.tolist()) == ("regression", COLUMNS["price"])


def test_columns_that_are_given_are_not_understood_again(schema, monkeypatch):
    given, task = columns_of(FRAME), Task.fit(FRAME, "price")
    monkeypatch.setattr("fastmlp.tables.schema.Column.of", None)
    assert Schema.fit(FRAME, target="price", task=task, columns=given) == schema


def test_later_tables_may_look_otherwise(schema):
    """Their columns in another order, of other types, with others besides, gaps, new values and higher ones."""
    later = pandas.DataFrame(
        {"week": ["7", None], "extra": [1, 2], "colour": ["pink", None], "size": [GAP, 4.0], "new": [False, True]}
    )
    np.testing.assert_array_equal(schema.rows(later), [[2.5, 1, 0, 0, 0, 0, 0, 1, 3], [4.0, 0, 1, 0, 0, 0, 1, 0, 2]])


@pytest.mark.parametrize(("values", "fill"), [("yes no no", 0), ("no yes yes", 1), ("yes no", 0)])
def test_a_gap_of_booleans_gets_the_more_frequent_value(values, fill):
    """Without a second input where the training had no gap; then it is said."""
    values = values.split()
    schema = Schema.fit(pandas.DataFrame({"x": values * 2, "y": np.arange(2 * len(values)) / 3}), target="y")
    found, notes = schema.rows_and_notes(pandas.DataFrame({"x": [None, "yes"]}))
    assert found.tolist() == [[fill], [1]]
    said = ["false", "true"][fill]
    assert notes == [f"Column 'x': 1 row has a gap, where the training had none: {said} is taken."]


def test_values_that_were_not_seen_have_no_column_without_others_in_the_training():
    schema = Schema.fit(FRAME.assign(colour=[*"aabbcc"])[["colour", "price"]], target="price")
    np.testing.assert_array_equal(
        schema.rows(pandas.DataFrame({"colour": ["b", "x", None]})), [[0, 1, 0], [0] * 3, [0] * 3]
    )


@pytest.mark.parametrize(
    ("values", "later", "which"),
    [
        (["1", "2", "A"], ["1.0", "2", "01.50"], [0, 1, None]),
        (["1", "2", "A"], [1.0, 2.0, None], [0, 1, None]),
        (["01067", "80331", "x"], [1067, 80331, 331], [0, 1, None]),
        (["-0.50", "x", "1e1"], ["-.5", "-0.5", "10"], [None, 0, None]),
        (["1", "1.0", "A"], ["1.0", "01", "A"], [1, None, 2]),
    ],
)
def test_numbers_of_a_category_may_be_spelled_otherwise(values, later, which):
    """Unless two values of the training are the same number."""
    frame = pandas.DataFrame({"x": 2 * values, "price": COLUMNS["price"][:6]})
    schema = Schema.fit(frame, target="price")
    rows = schema.rows(pandas.DataFrame({"x": later}))
    places = {name: i for i, name in enumerate(schema.inputs[0].values)}
    expected = [[float(i is not None and places[values[i]] == k) for k in range(3)] for i in which]
    np.testing.assert_array_equal(rows, expected)


def test_rare_values_keep_their_spelling_too():
    """So that a row's inputs do not depend on the others."""
    frame = pandas.DataFrame({"x": ["7", "7", "8", "8", "007"], "price": [1.5, 2.0, 3.0, 3.5, 4.0]})
    schema = Schema.fit(frame, target="price")
    assert schema.rows(frame[4:]).tolist() == [[0, 0, 1]]
    note = "Column 'x': 1 row has a value that the training had not, or too rarely, such as '007': counted as other."
    assert schema.rows_and_notes(frame)[1] == [note]


def test_a_value_needs_one_training_row_in_500():
    frame = pandas.DataFrame({"x": ["a"] * 994 + ["b"] * 2 + ["c"] * 4, "y": np.arange(1000) % 7 / 2})
    assert Schema.fit(frame, target="y").feature_names == ["x=a", "x=b", "x=c"]
    more = pandas.concat([frame, frame[:1]])
    assert Schema.fit(more, target="y").feature_names == ["x=a", "x=c", "x (other)"]


def test_statistics_are_of_the_training_rows():
    """What columns are follows from all rows, so that the split does not change it."""
    schema = Schema.fit(FRAME, target="price", rows=[0, 2, 4])
    assert schema.feature_names == ["size", "colour=red", "colour (other)", "week"]
    np.testing.assert_array_equal(schema.rows(FRAME)[:, 0], [1.5, 2, 2.5, 2.5, 2, 2.5])
    assert schema.left_out["new"] == "has the same or only rare values in the training rows"
    assert "user" in schema.left_out
    assert "colour" in Schema.fit(FRAME, target="price", rows=[0, 1, 3]).left_out


@pytest.mark.parametrize("frame_of", [polars, pyarrow])
def test_frames_of_other_libraries_give_the_same(schema, frame_of):
    pytest.importorskip("pyarrow", exc_type=ImportError)  # by which Polars converts
    frame = frame_of(COLUMNS)
    assert Schema.fit(frame, target="price") == schema
    np.testing.assert_array_equal(schema.rows(frame), schema.rows(FRAME))


NUMBER = {
    "kind": "number",
    "name": "x",
    "fill": 1.0,
    "has_gaps": False,
    "notation": [".", "", ""],
    "limits": [0.0, 2.0],
}


def test_numbers_are_never_beyond_those_of_the_training_rows(schema):
    """Where the file says so, as those of earlier schemas do not."""
    later = pandas.DataFrame({"x": [-1.0, None, 0.5, 1e300]})
    for document, rows in (
        (NUMBER, [0, 1, 0.5, 2]),
        ({name: value for name, value in NUMBER.items() if name != "limits"}, [-1, 1, 0.5, 1e300]),
    ):
        read = Schema.from_dict(schema.to_dict() | {"inputs": [document]})
        assert read.rows(later)[:, 0].tolist() == rows
        assert read.to_dict()["inputs"] == [document]


def test_json_keeps_it_exactly(schema):
    of_classes = Schema.fit(FRAME.assign(price=[1 / 3, 0.1, 2, 1e-300, 7, 7.5]), target="new", ignore="user")
    for one in (schema, of_classes):
        again = Schema.from_dict(json.loads(json.dumps(one.to_dict())))
        assert again == one
        np.testing.assert_array_equal(again.rows(FRAME), one.rows(FRAME))


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": None},
        {"inputs": [{"kind": "date", "name": "x"}]},
        {"inputs": [{**NUMBER, "fill": "1"}]},
        {"inputs": [{**NUMBER, "has_gaps": 0}]},
        {"inputs": [{**NUMBER, "notation": [".", "x", ""]}]},
        {"inputs": [{**NUMBER, "limits": [1.0]}]},
        {"inputs": [{**NUMBER, "limits": [1.0, 0.5]}]},
        {"inputs": [{**NUMBER, "limits": None}]},
        {"inputs": [{"kind": "boolean", "name": 3, "fill": 1.0, "has_gaps": False}]},
        {"inputs": [{"kind": "category", "name": "x", "values": [1], "has_gaps": False, "has_others": True}]},
        {"task": {"target": "y", "kind": "classification", "class_names": ["a", "a"], "notation": None}},
        {"task": {"target": "y", "kind": "regression", "class_names": ["a", "b"], "notation": None}},
        {"task": {"target": "y", "kind": "classification", "class_names": ["1", "b"], "notation": [".", "", ""]}},
        {"left_out": {"x": None}},
        {"constant": "1"},
        {"constant": float("nan")},
        {"reading": {"sheet": "1"}},
        {"reading": {"delimiter": 1}},
        {"reading": {"missing": [1]}},
    ],
)
def test_other_documents_are_refused(schema, change):
    with pytest.raises(ValueError, match=r"document must be what Schema.to_dict gives: \w+Error: "):
        Schema.from_dict({**schema.to_dict(), **change})


def test_all_columns_that_are_refused_are_named_at_once():
    bad = FRAME.assign(
        day=[f"2020-01-0{i}" for i in range(1, 7)],
        signed=[[1]] * 6,
        share=["1,234", "2,345"] * 3,
    )
    with pytest.raises(
        ValueError, match=r"column 'day' has dates.*'signed' has values such as .*'share' has numbers"
    ) as error:
        Schema.fit(bad, target="price")
    assert str(error.value).endswith("Or leave them out: ignore=['day', 'signed', 'share']")
    schema = Schema.fit(bad, target="price", ignore=["day", "signed", "size"], decimal=".")
    assert schema.rows(bad)[0, -1] == 1234
    assert schema.rows(bad.assign(share="1234,5"), decimal=",")[0, -1] == 1234.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "cost"}, "frame must have a column 'cost', got 'size', 'new'"),
        ({"target": "price", "ignore": ["cost"]}, "frame must have a column 'cost'"),
        ({"target": "price", "ignore": ["price"]}, "ignore must not have the target, got 'price'"),
        ({"target": "price", "rows": [0, 6]}, "rows must hold rows from 0 to 5, got 6 at index 1"),
        ({"target": "price", "task": Task("cost", "regression")}, "of the target 'price', got one of 'cost'"),
        ({"target": "user"}, "target 'user' has another value in each row: name another column"),
        ({"target": "price", "task": "classes"}, "task must be one of 'classification', 'regression', got 'classes'"),
        (
            {"target": "price", "ignore": ["size", "new", "colour", "week"]},
            "a column to learn from besides 'price', got none: 'user' has another value in each row; 'year' has only",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Schema.fit(FRAME, **arguments)


def test_rows_that_do_not_fit_are_refused(schema):
    with pytest.raises(
        ValueError, match=r"frame must have the columns of the training, got none .* called 'new', 'week'"
    ):
        schema.rows(FRAME[["size", "colour"]])
    bad = FRAME.assign(size=["1,5", "x", "1.5", "2", "3", "4"], new=["yes", "no", None, "maybe", "1", "0"], week=np.inf)
    with pytest.raises(
        ValueError, match=r"column 'size' must have a number with a decimal comma in row 1, got 'x' \(.*\); "
    ) as error:
        schema.rows(bad)
    remedy = "(correct it, or say that it is a gap: missing=['maybe']); "
    assert f"must have one of false, true, no, yes, f, t, n, y, 0, 1 in row 3, got 'maybe' {remedy}" in str(error.value)
    for size, remedy in ("1.5", "say decimal='.'"), ("2 kg", "correct it"), ("Yes", "correct it"):
        with pytest.raises(ValueError, match=rf"decimal comma in row 0, got '{size}' \({remedy}\); column"):
            schema.rows(bad.assign(size=size))
    assert str(error.value).endswith("column 'week' must have a finite number in row 0, got inf")
    with pytest.raises(TypeError, match="frame must be a frame of pandas, Polars or pyarrow, got ndarray"):
        schema.rows(np.eye(3))


def test_rows_that_do_not_fit_into_memory_are_refused(schema, monkeypatch):
    needed = 2 * schema.rows(FRAME).nbytes
    monkeypatch.setattr(quotas, "free_memory", lambda: needed)
    schema.rows(FRAME)
    monkeypatch.setattr(quotas, "free_memory", lambda: needed - 1)
    with pytest.raises(MemoryError, match=r"6 rows of 9 inputs may need .*fewer rows.* such as 'colour'"):
        schema.rows(FRAME)


def test_a_later_table_may_have_another_decimal_mark():
    """And the other one between its thousands."""
    frame = pandas.DataFrame({"x": ["1.234,5", "2,5"] * 2, "y": [1.5, 2.5, 3.0, 4.0]})
    schema = Schema.fit(frame, target="y")
    later = pandas.DataFrame({"x": ["1,234.5", "2.5"]})
    assert schema.rows(later, decimal=".").tolist() == [[1234.5], [2.5]]
    assert schema.rows(frame, decimal=",").tolist() == schema.rows(frame).tolist()


def test_a_copy_of_the_target_is_left_out():
    for name in ("price", "new"):
        spelled = FRAME[name].map(lambda value: f" {value}", na_action="ignore")
        schema = Schema.fit(FRAME.assign(copy=spelled), target=name)
        assert "copy" not in schema.feature_names
        assert schema.left_out["copy"] == f"has the same values as {name!r}, the target"


def test_names_of_inputs_are_different():
    frame = pandas.DataFrame({"a": ["b=c", "x"] * 2, "a=b": ["c", "y"] * 2, "price": [1.5, 2.5, 3.0, 4.0]})
    assert Schema.fit(frame, target="price").feature_names == ["a=b=c", "a=x", "a=b=c #2", "a=b=y"]


def test_a_task_may_be_given(schema):
    task = Task.fit(FRAME, "price", "regression")
    assert Schema.fit(FRAME, target="price", task=task) == schema
