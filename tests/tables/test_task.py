"""What is learnt from a target column, and the parts of its rows."""

import numpy as np
import pandas
import pytest

from fastmlp.tables import Targets, Task
from fastmlp.tables.parts import SHARES

pytestmark = pytest.mark.application

GAP = np.nan


def split_of(task, y, shares, seed=0):
    """The parts of rows that all have a target."""
    return task.split(Targets(np.arange(len(y)), np.asarray(y), []), shares, seed)


def fitted(values, kind=None, **options):
    frame = pandas.DataFrame({"y": values})
    return Task.fit(frame, "y", kind, **options), frame


@pytest.mark.parametrize(
    ("values", "classes", "y"),
    [
        (["b", "a"] * 10, ["a", "b"], [1, 0] * 10),
        (["b", "a", "c"] * 10, ["a", "b", "c"], [1, 0, 2] * 10),
        (["10", "2"] * 2, ["2", "10"], [1, 0] * 2),
        (["1e+00", "+2", "1", "2.0"], ["1", "2"], [0, 1, 0, 1]),
        ([-1.0, 1.0] * 2, ["-1", "1"], [0, 1] * 2),
        ([0.5, 1.5] * 2, ["0.5", "1.5"], [0, 1] * 2),
        ([3, 1, 2] * 10, ["1", "2", "3"], [2, 0, 1] * 10),
        (["no", "yes"] * 2, ["no", "yes"], [0, 1] * 2),
        ([True, False] * 2, ["False", "True"], [1, 0] * 2),
        (["TRUE", "false", "True", "false"], ["false", "true"], [1, 0, 1, 0]),
        (["01", "10"] * 2, ["01", "10"], [0, 1] * 2),
        ([9007199254740993, 9007199254740992] * 2, ["9007199254740992", "9007199254740993"], [1, 0] * 2),
        (["18446744073709551615", "5"] * 2, ["5", "18446744073709551615"], [1, 0] * 2),
    ],
)
def test_few_values_are_classes(values, classes, y):
    task, frame = fitted(values)
    assert (task.kind, list(task.class_names)) == ("classification", classes)
    assert task.targets(frame).y.tolist() == y
    assert task.decoded(y).tolist() == [classes[code] for code in y]
    assert Task.from_dict(task.to_dict()) == task


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([3, 1, 2] * 9, [3, 1, 2] * 9),
        ([0.5, 1, 2] * 10, [0.5, 1, 2] * 10),
        ([*range(21), 3] * 10, [*range(21), 3] * 10),
        (["$1,200.5", "$90", "$7"], [1200.5, 90, 7]),
    ],
)
def test_many_numbers_are_a_regression(values, numbers):
    task, frame = fitted(values)
    assert (task.kind, task.class_names) == ("regression", ())
    assert task.targets(frame).y.tolist() == task.decoded(np.reshape(numbers, (-1, 1))).tolist() == numbers
    assert Task.from_dict(task.to_dict()) == task


def test_the_task_may_be_said():
    assert fitted([0, 1] * 9, "regression")[0].kind == "regression"
    assert fitted([1990, 1991, 1992, 1993, 1994], "regression")[0].kind == "regression"
    assert fitted([3, 1, 2] * 9, "classification")[0].class_names == ("1", "2", "3")
    assert fitted([*"abc"] * 2, "Classification")[0].class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (
            [*"abc"] * 9,
            None,
            "10 rows for each class on average, got 27 rows with 3 .*, or say task='classification'$|rare",
        ),
        ([*"abcd", *"abc"], "classification", "2 rows for each class on average, got 7 rows with 4 different values"),
        ([1, 2, 2, 5], "classification", "got 4 rows with 3 .*, or join rare classes, or task='regression'"),
        (
            [*"ab"] * 9,
            "regression",
            "numbers for task='regression', got 'a' in row 0: .* task='classification', or",
        ),
        ([*map(str, range(40)), *"*+abcdefghijk"], "regression", r"numbers for task='regression', got '\*' in row 40"),
        ([*"abcd"], None, "target 'y' has another value in each row: name another column to be predicted"),
        ([1, 2, 3, 4, 5], None, "target 'y' numbers the rows: name another column"),
        ([7.0, 7.0], None, "target 'y' has only the value '7': name"),
        ([*"aaaa", None], None, "target 'y' has only the value 'a': name"),
        (["1", "1.0"] * 9, None, "target 'y' has only the value '1': name"),
        ([7.5, 7.5, GAP], "regression", "target 'y' has only the value '7.5': name"),
        ([None, GAP], None, "target 'y' has no values: name"),
        (["2020-01-02", "2020-01-03"], None, "target 'y' has dates, .* the year, or name another column"),
        (["so it is", "or not"], None, "target 'y' has another value in each row: name another"),
        (["1,234", "2,345"], None, "target 'y' has numbers .* decimal=',', or name"),
    ],
)
def test_what_cannot_be_predicted_is_refused(values, kind, message):
    with pytest.raises(ValueError, match=message):
        fitted(values, kind)


def test_rows_without_a_target_are_left_out_and_said():
    for values, y in ([3.5, None, 1.0, GAP, 2.0], [3.5, 1, 2]), (["b", "", "a", None, "b", "a"], [1, 0, 1, 0]):
        task, frame = fitted(values)
        targets = task.targets(frame)
        assert targets.y.tolist() == y
        assert targets.rows.tolist() == [0, 2, 4, 5][: len(y)]
        assert targets.notes == [f"2 of {len(values)} rows have no 'y' and are left out."]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda task, targets: task.score(1, [0, 1]), ValueError, r"predictions must have the shape of y, \(2,\), got"),
        (
            lambda task, targets: task.score([0], ["a"]),
            ValueError,
            r"numbers or names of classes as y, got \[0\] for \['a'\]: use",
        ),
        (lambda task, targets: task.decoded([-1]), ValueError, r"predictions must be integers from 0 to 1, got"),
        (lambda task, targets: task.decoded([1.5]), ValueError, r"predictions must be integers from 0 to 1, got"),
        (lambda task, targets: task.split(targets, 1), TypeError, "shares must be two numbers .* below 1, got 1"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    task, frame = fitted([*"ab"] * 9)
    with pytest.raises(error, match=message):
        call(task, task.targets(frame))
    with pytest.raises(TypeError, match=r"name of a column must be a text, got \['y'\]"):
        Task.fit(frame, ["y"])
    with pytest.raises(ValueError, match=r"decimal must be one of '.', ',', got ';'"):
        task.targets(frame, ";")


def test_targets_of_other_tables():
    task, _ = fitted(["1,5", "2,75", "3"])
    assert task.targets(pandas.DataFrame({"x": [1], "y": [4.0]})).y.tolist() == [4]
    assert task.targets(pandas.DataFrame({"y": ["1.5"]}), decimal=".").y.tolist() == [1.5]
    with pytest.raises(ValueError, match=r"target 'y' must have a number with a decimal comma in row 1, got '1.5'"):
        task.targets(pandas.DataFrame({"y": ["1", "1.5"]}))
    with pytest.raises(ValueError, match="frame must have a column 'y', got 'x'"):
        task.targets(pandas.DataFrame({"x": [1]}))
    for values, unknown in ([1, 2], "3"), (["a", "b"], "'c'"):
        task, _ = fitted(values * 2)
        with pytest.raises(ValueError, match=f"must have one of the classes .* in row 1, got {unknown}"):
            task.targets(pandas.DataFrame({"y": [values[0], unknown.strip("'")]}))


@pytest.mark.parametrize(
    ("values", "y", "names", "later"),
    [
        (["60 months", "36 months"], [1, 0], ("36 months", "60 months"), ["36months", 60.0]),
        (["$2,000", "$1,000.0", "$2,000.00"], [1, 0, 1], ("$1,000.0", "$2,000"), ["$1,000", "$2,000.0"]),
        (["2,25", "-1,5"], [1, 0], ("-1,5", "2,25"), ["-1,50", 2.25]),
        (["1.0", "2.0", "1"], [0, 1, 0], ("1", "2"), ["1", 2]),
    ],
)
def test_classes_of_numbers_are_called_as_they_stand(values, y, names, later):
    """But plain ones by their shortest form."""
    task, frame = fitted(values * 4)
    assert task.class_names == names
    assert task.targets(frame).y.tolist() == y * 4
    for i, value in enumerate(later):
        assert task.targets(pandas.DataFrame({"y": [value]})).y.tolist() == [i]
    assert Task.from_dict(task.to_dict()) == task


@pytest.mark.parametrize("names", [["False", "True"], ["no", "YES"], ["True", "false"]])
def test_booleans_of_other_tables_may_be_in_any_case(names):
    task, _ = fitted(names * 2)
    later = pandas.DataFrame({"y": [names[0].upper(), names[1].lower(), None]})
    assert task.decoded(task.targets(later, None).y).tolist() == names


def test_each_part_has_its_share_of_each_class():
    task, _ = fitted(["a", "b", "c"] * 10)
    y = np.repeat([0, 1, 2], [700, 90, 10])
    split = split_of(task, y, (0.2, 0.2), seed=1)
    parts = list(split.parts.values())
    assert [np.bincount(y[part]).tolist() for part in parts] == [[420, 54, 6], [140, 18, 2], [140, 18, 2]]
    assert split.notes == []
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(800))
    assert all(np.array_equal(np.sort(part), part) for part in parts)
    again, other = (split_of(task, y, (0.2, 0.2), seed) for seed in (1, 2))
    assert np.array_equal(again.train, split.train)
    assert not np.array_equal(other.train, split.train)


@pytest.mark.parametrize("shares", [(0.15, 0.15), (0.01, 0.01), (0.45, 0.45)])
def test_each_class_is_in_each_part_if_it_can(shares):
    task, _ = fitted([*"abcdef"] * 10)
    counts = [40, 3, 4, 2, 1, 5]
    y = np.random.RandomState(0).permutation(np.repeat(np.arange(6), counts))
    split = split_of(task, y, shares)
    for part in split.parts.values():
        assert {0, 1, 2, 5} <= set(y[part])
    assert set(y[split.train]) == set(range(6))
    assert "No row of class 'e' (1 row) is in the validation part." in split.notes
    assert "No row of class 'e' (1 row) is in the test part." in split.notes
    assert all("'e'" in note or "'d' (2 rows)" in note for note in split.notes)


def test_many_small_classes_do_not_change_the_shares():
    task, _ = fitted([f"w {i // 4}" for i in range(400)], "classification")
    split = split_of(task, np.repeat(np.arange(100), 4), (0.25, 0.25))
    assert [len(part) for part in split.parts.values()] == [200, 100, 100]
    split = split_of(task, np.repeat(np.arange(100), 4), (0.3, 0))
    assert [len(part) for part in split.parts.values()] == [280, 120, 0]
    assert split.notes == []


def test_classes_of_one_row_do_not_change_the_shares_of_the_next_class():
    """They are all in the training part; no other class makes up for them."""
    task = Task("y", "classification", tuple(map(str, range(100, 192))))
    y = np.repeat(np.arange(92), [1] * 90 + [40, 870])
    split = split_of(task, y, SHARES)
    counts = [np.bincount(y[part], minlength=92)[90:] for part in split.parts.values()]
    np.testing.assert_allclose(counts, np.outer([0.7, 0.1, 0.2], [40, 870]), atol=2)


def test_a_regression_is_split_by_rows():
    split = split_of(Task("y", "regression"), np.arange(10.0), (0.3, 0.2))
    assert [len(part) for part in split.parts.values()] == [5, 3, 2]
    assert np.array_equal(np.sort(np.concatenate(list(split.parts.values()))), np.arange(10))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((0.5, 0.5), "shares must be two numbers whose sum is below 1"),
        ((0.7, 0.1, 0.2), "shares must be two numbers"),
        ((-0.1, 0.2), r"shares\[0\] must be finite, at least 0 and at most 1"),
        ((0.2, 0.2), "targets must have a row for each of 3 parts, got 2"),
    ],
)
def test_other_shares_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        split_of(Task("y", "regression"), [1.0, 2.0], shares)


def test_parts_are_rows_of_the_frame():
    """Where some have no target, rows are others than the places of targets."""
    frame = pandas.DataFrame({"y": [None, "a", "b"] * 20})
    task = Task.fit(frame, "y")
    targets = task.targets(frame)
    split = task.split(targets, seed=0)
    assert [len(rows) for rows in split.parts.values()] == [28, 4, 8]
    for rows in split.parts.values():
        assert task.decoded(targets.of(rows)).tolist() == frame["y"][rows].tolist()
    assert targets.of(split.train[::-1]).tolist() == targets.of(split.train)[::-1].tolist()
    assert split.notes == targets.notes != []
    with pytest.raises(ValueError, match="rows must have a target each, got row 3 without one"):
        targets.of([1, 3])
    with pytest.raises(TypeError, match="rows must be an array of integers, got dtype bool"):
        targets.of(frame["y"] == "a")
    with pytest.raises(TypeError, match=r"targets must be what Task\.targets gives, got ndarray"):
        task.split(targets.y)


def test_the_score_of_a_constant():
    task, _ = fitted(["a", "b"] * 2)
    assert task.constant_score([1, 1, 0], [1, 0, 0, 0]) == 0.25
    assert Task("y", "regression").constant_score([1.0, 3.0], [1.0, 5.0]) == -0.25
