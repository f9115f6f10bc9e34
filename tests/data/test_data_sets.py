"""Data to train on, from a table and from arrays, and rows of files for networks."""

import pickle

import numpy as np
import pandas
import pytest

from fastmlp import NeuralNetwork
from fastmlp.data import DataSet, Rows
from fastmlp.files.csv_files import csv_text
from fastmlp.tables import Schema, Table, columns_of, description_of, read_table, uses_of

pytestmark = pytest.mark.application

RANDOM = np.random.RandomState(0)
SIZE = RANDOM.rand(100)
FRAME = pandas.DataFrame({"size": SIZE, "kind": np.where(SIZE > 0.4, "big", "little"), "price": SIZE * 3})


def data_set(target, **options):
    return DataSet.of_table(Table(FRAME), target=target, seed=0, **options)


@pytest.mark.parametrize(("target", "other"), [("kind", "price"), ("price", "kind")])
def test_a_table_becomes_three_parts(target, other):
    table = Table(FRAME, reading={"decimal": "."})
    data = DataSet.of_table(table, target=target, ignore=[other], shares=(0.2, 0.3), seed=0)
    assert {part: len(rows) for part, rows in data.split.parts.items()} == {"train": 50, "val": 20, "test": 30}
    np.testing.assert_array_equal(data.arrays["X_train"][:, 0], SIZE[data.split.parts["train"]])
    for part, rows in data.split.parts.items():
        targets = data.task.decoded(data.arrays[f"y_{part}"])
        np.testing.assert_array_equal(targets, FRAME[target][rows])
    y_train, y_test = (FRAME[target][data.split.parts[part]] for part in ("train", "test"))
    if target == "kind":
        assert data.task.class_names[data.schema.constant_prediction] == y_train.mode()[0]
        assert data.constant_score == np.mean(y_test == y_train.mode()[0])
    else:
        assert data.schema.constant_prediction == pytest.approx(y_train.mean())
        assert data.constant_score == pytest.approx(
            1 - np.sum((y_test - y_train.mean()) ** 2) / np.sum((y_test - y_test.mean()) ** 2)
        )
    assert data.schema.reading == {"decimal": "."}
    net = data.network([3], seed=0)
    assert (net.schema, net.class_names) == (data.schema, data.class_names)
    np.testing.assert_allclose(net.standardizer.mean_, SIZE[data.split.parts["train"]].mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "weight"}, "frame must have a column 'weight', got 'size', 'kind', 'price'"),
        ({"target": "kind", "ignore": ["weight"]}, "frame must have a column 'weight'"),
        ({"target": "kind", "ignore": ["kind"]}, "ignore must not have the target, got 'kind'"),
        (
            {"target": "kind", "shares": (0, 0.2)},
            "frame must have rows to train, to validate and to test with, got 80, 0",
        ),
    ],
)
def test_what_is_wrong_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        data_set(**options)


@pytest.mark.parametrize(("task", "kind"), [(None, "classification"), ("Regression", "regression")])
def test_arrays_are_classes_unless_the_task_is_said(tmp_path, task, kind):
    np.savez(tmp_path / "a.npz", X=SIZE[:, None], y=np.arange(100) % 4)
    assert DataSet.of_arrays(tmp_path / "a.npz", task).task.kind == kind
    with pytest.raises(ValueError, match="task must be one of 'classification', 'regression', got 'numbers'"):
        DataSet.of_arrays(tmp_path / "a.npz", "numbers")


def test_losses_are_those_of_the_task():
    assert [data_set(target).loss() for target in ("kind", "price")] == ["cross_entropy", "squared_error"]
    assert data_set("price").loss("huber") == "huber"
    with pytest.raises(ValueError, match="loss must be one of cross_entropy for classification, got huber"):
        data_set("kind").loss("huber")


def test_test_rows_are_rows_of_a_file_again(tmp_path):
    data = data_set("kind", ignore=["price"])
    net = data.network([3], seed=0)
    data.save_test_rows(tmp_path / "test.npz")
    rows = Rows.of_file(net, tmp_path / "test.npz")
    np.testing.assert_array_equal(rows.X, data.arrays["X_test"])
    np.testing.assert_array_equal(rows.y, data.arrays["y_test"])
    assert data.score(rows.predictions()) == rows.task.score(rows.predictions(), rows.y)
    assert rows.constant_prediction == data.schema.constant_prediction


def test_rows_without_a_target_are_predicted_but_not_judged(tmp_path):
    net = data_set("kind", ignore=["price"]).network([3], seed=0)
    FRAME.assign(kind=FRAME["kind"].where(SIZE < 0.8)).to_csv(tmp_path / "a.csv", index=False)
    rows = Rows.of_table(net, tmp_path / "a.csv")
    np.testing.assert_array_equal(rows.known, np.flatnonzero(SIZE < 0.8))
    assert rows.predictions().shape == (100,)
    np.testing.assert_array_equal(rows.with_truth().X[:, 0], SIZE[SIZE < 0.8])
    assert Rows.of_table(net, tmp_path / "a.csv", with_targets=False).y is None
    with pytest.raises(ValueError, match="target must be 'kind', which the network predicts, got 'price'"):
        Rows.of_table(net, tmp_path / "a.csv", target="price")


@pytest.mark.parametrize("scale", [1, 1e300])
def test_predictions_that_are_not_finite_are_refused(scale):
    """Those of classes are the same for each row where the numbers overflow."""
    net = NeuralNetwork(1, [], 2, seed=0)
    net.params["W1"][:] = [[1e10, -1e10]]
    rows = Rows.of_arrays(net, "a", np.array([[1.0], [scale]]), None)
    if scale == 1:
        assert rows.probabilities().shape == (2, 2)
    else:
        with pytest.raises(ValueError, match="row 1 of a has no finite probabilities: its numbers are too large"):
            rows.predictions()


def test_what_becomes_of_columns_is_said(tmp_path):
    (tmp_path / "a.csv").write_text(
        "day;p;land;y;\x1b\n" + "".join(f"2024-05-0{i + 1};{i},5;AT;{i % 2};{i}\n" for i in range(6))
    )
    table = read_table(tmp_path / "a.csv")
    found = uses_of(columns_of(table.frame), "y", ["\x1b"], {"p": "is not wanted"})
    assert [one["use"] for one in found] == ["refused", "left out", "left out", "target", "ignored"]
    lines = description_of("a.csv", table, found)
    assert lines[0] == "a.csv: 6 rows, 5 columns"
    assert "Fields are separated by semicolons." in lines
    (line,) = (line for line in lines if line.startswith("p "))
    assert line.split("  ")[-1].strip() == "left out: is not wanted"
    assert any(line.startswith(r"\x1b") for line in lines)
    assert [one["name"] for one in uses_of(columns_of(table.frame), ignored="py") if one["use"] == "ignored"] == []


def test_a_frame_is_a_table():
    data, again = (DataSet.of_table(one, target="kind") for one in (FRAME, Table(FRAME)))
    assert (data.schema, data.uses) == (again.schema, again.uses)
    assert pickle.loads(pickle.dumps(data)).schema == data.schema
    with pytest.raises(TypeError, match="frame must be a frame of pandas, Polars or pyarrow, got str"):
        DataSet.of_table("pets.csv", target="kind")


def test_a_data_set_is_no_tuple():
    """Whose length would be taken for the number of rows, and whose comparison fails at the first array."""
    data = data_set("kind")
    with pytest.raises(TypeError, match=r"has no len"):
        len(data)
    assert data != data_set("kind")
    assert data.columns[0] != data.columns[1]


def test_a_data_set_says_what_became_of_each_column():
    data = DataSet.of_table(Table(FRAME.assign(land="AT"), ("It has no index.",)), target="kind", ignore=["price"])
    assert [column.name for column in data.columns] == ["size", "kind", "price", "land"]
    assert [one["use"] for one in data.uses] == ["input", "target", "ignored", "left out"]
    assert data.description[:2] == ("table: 100 rows, 4 columns", "It has no index.")
    assert data.description[-1] == data.task.in_words


def test_texts_of_any_characters_are_read_again(tmp_path):
    import csv

    names = ["a,b", 'c"d', "e\nf", "g\rh", " i ", ""]
    (tmp_path / "a.csv").write_text(csv_text([("who\r", names), ("n", np.arange(6) / 3)]), newline="")
    with (tmp_path / "a.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["who\r", "n"]
    assert [row[0] for row in rows] == names
    assert [float(row[1]) for row in rows] == (np.arange(6) / 3).tolist()


def test_a_minus_is_a_value_where_it_was_one_in_the_training(tmp_path):
    """Rows of one sign alone look like gaps; "-" of other columns is one."""
    frame = pandas.DataFrame({"size": [1, 2, 3, 4], "charge": [*"+-+-"], "spin": [*"-+-+"]})
    net = NeuralNetwork(3, [3], 2)
    net.schema = Schema.fit(frame, target="spin")
    path = tmp_path / "later.csv"
    path.write_text("size,charge,spin\n2,-,-\n-,-,-\n")
    rows = Rows.of_table(net, path)
    assert rows.X.tolist() == [[2, 0, 1], [2.5, 0, 1]]
    assert rows.y.tolist() == [1, 1]
    assert net.schema.task.class_names == ("+", "-")


@pytest.mark.parametrize(
    ("text", "reading", "size"),
    [("8,234", {}, 8234), ("8,5", {}, 8.5), ("8.5", {}, 8.5), ("8,234", {"decimal": ","}, 8.234)],
)
def test_numbers_mean_what_they_meant_in_the_training(tmp_path, text, reading, size):
    """Thousands of one column look like decimals in a file of few rows; a mark that is found is for other numbers."""
    frame = pandas.DataFrame({"size": ["8,000.5", "9,000.25", "2", "1"], "sold": ["yes", "no"] * 2})
    schema = Schema.fit(frame, target="sold")
    net = NeuralNetwork(1, [3], 2)
    net.schema = schema
    path = tmp_path / "later.csv"
    path.write_text(f"size;town\n{text};Graz\n")
    assert Rows.of_table(net, path, reading=reading, with_targets=False).X.tolist() == [[size]]


def test_targets_may_have_another_decimal_mark_than_in_the_training(tmp_path):
    """Also where the inputs have none, and so are read as they were."""
    frame = pandas.DataFrame({"size": ["1", "2", "4", "5"] * 9, "price": ["1.5", "2.25", "7", "8"] * 9})
    net = NeuralNetwork(1, [3], 1, loss="squared_error")
    net.schema = Schema.fit(frame, target="price", task="regression")
    (tmp_path / "b.csv").write_text("size;price\n1;1,5\n4;7,25\n")
    assert Rows.of_table(net, tmp_path / "b.csv").y.tolist() == [1.5, 7.25]


def test_options_of_texts_are_not_for_columns_with_types(tmp_path):
    """Given, they are refused; those of a training on texts are not meant for a Parquet file."""
    pytest.importorskip("pyarrow", exc_type=ImportError)
    path = tmp_path / "later.parquet"
    pandas.DataFrame({"size": [1.0, 2.0]}).to_parquet(path)
    for name, value in {"delimiter": ";", "encoding": "utf-8", "header": False}.items():
        with pytest.raises(
            ValueError, match=rf"^{name} must not be given for .*later.parquet, whose columns have types"
        ):
            read_table(path, **{name: value})
    frame = pandas.DataFrame({"size": [1, 2, 3, 4], "sold": ["yes", "no"] * 2})
    net = NeuralNetwork(1, [3], 2)
    net.schema = Schema.fit(frame, target="sold", reading={"delimiter": ";", "missing": ["x"], "decimal": ","})
    assert Rows.of_table(net, path, with_targets=False).X.tolist() == [[1], [2]]


# the table of a training, one that is predicted, what its columns are, and a column of the first that is wanted
LATER = {
    "blanks in the only column": (
        "city,y\nNew York,a\nSan Jose,b\n",
        "city\nNew York\nSan Jose\nNew York\n",
        "city",
        ["New York", "San Jose", "New York"],
    ),
    "thousands in the only column": ("size,y\n806 965,a\n12 001,b\n", "size\n806 965\n", "size", ["806 965"]),
    "commas in the only column": ("x;y\n1,5;a\n2,5;b\n", "x\n1,5\n2,5\n", "x", ["1,5", "2,5"]),
    "commas in the only column, trained on commas": ("x,y\n1.5,a\n2.5,b\n", "x\n1,5\n2,5\n", "x", ["1,5", "2,5"]),
    "a column without a name": (",y\n7,a\n9,b\n", ",y\n7,a\n9,b\n", "column 1", ["7", "9"]),
    "one row, with another delimiter": ("c|y\n'u|v'|a\nw|b\n".replace("'", '"'), "c\nu|v\n", "c", ["u|v"]),
    "another delimiter": ("x,c,y\n1,u,a\n2,v,b\n", "c;x\nu v;1,5\nv;2\n", "x", ["1,5", "2"]),
    "a comment as header": ("# c,y\nu v,1\nw v,2\n", "# c\nu v\n", "c", ["u v"]),
    "a title": ("x,c,y\n1,u,a\n2,v,b\n", "# made today\nx;c\n1;v\n", "c", ["v"]),
    "a header of numbers": ("2019,2020,y\n1,2,a\n3,4,b\n", "2019,2020\n5,6\n7,8\n", "2020", ["6", "8"]),
    "no header": ("1.5,u,a\n2.5,v,b\n2.5,v,a\n", "3.5,v\n", "column 2", ["v"]),
    "no header, and blanks": ("New York,5\nSan Jose,6\nNew York,6\n", "San Jose\n", "column 1", ["San Jose"]),
    "no header, and the target": ("New York;u\nSan Jose;v\nNew York;v\n", "San Jose;v\n", "column 1", ["San Jose"]),
    "comments like rows": ("c,y\nu,a\nv,b\n", "#by,hand\n#c,y\nv,a\n", "c", ["v"]),
    "names in place of no header": (
        "1.5,u,a\n2.5,v,b\n2.5,v,a\n",
        "column 2,column 1\nv,3.5\n",
        "column 1",
        ["3.5"],
    ),
    "single quotes that were kept": ("c,y\n'u',a\nv,b\n", "c\n'u'\n'u'\n", "c", ["'u'", "'u'"]),
    "single quotes that were dropped": ("'c','y'\n'u','a'\n'v','b'\n", "'c'\n'v'\n", "c", ["v"]),
}


@pytest.mark.parametrize(("trained", "later", "name", "values"), LATER.values(), ids=LATER)
def test_files_to_predict_are_read_as_that_of_the_training(tmp_path, trained, later, name, values):
    """Where a few rows alone would be read in another way."""
    first, rows = trained.split("\n", 1)
    (tmp_path / "a.csv").write_text(f"{first}\n{rows * 9}")
    (tmp_path / "b.csv").write_text(later)
    table = read_table(tmp_path / "a.csv")
    schema = Schema.fit(table.frame, target=table.frame.columns[-1], reading=table.reading)
    net = NeuralNetwork(len(schema.feature_names), [3], 2)
    net.schema = schema
    rows = Rows.of_table(net, tmp_path / "b.csv", with_targets=False)
    assert rows.frame[name].tolist() == values
    assert rows.column(name) == values


def test_names_of_features_are_looked_for_without_a_schema(tmp_path):
    net = NeuralNetwork(2, [3], 2)
    net.feature_names = ["2020", "2019"]
    (tmp_path / "a.csv").write_text("2019,2020\n5,6\n7,8\n")
    assert Rows.of_table(net, tmp_path / "a.csv").X.tolist() == [[6, 5], [8, 7]]


def test_markers_of_gaps_are_for_columns_with_types_too(tmp_path):
    pytest.importorskip("pyarrow", exc_type=ImportError)
    path = tmp_path / "a.parquet"
    frame = pandas.DataFrame(
        {"n": [1, -99, 3], "x": [-99.0, 0.5, 2], "t": ["NA", "unknown", "-99"], "b": [True, False, True]}
    )
    frame.to_parquet(path)
    table = read_table(path, missing=["-99", "unknown", "-9"])
    found, notes, reading = table.frame, table.notes, table.reading
    assert reading == {"missing": ["-9", "-99", "unknown"]}
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        [1, None, "NA", True],
        [None, 0.5, None, False],
        [3, 2, None, True],
    ]
    values = ("No value: 1 field of 'n'.", "No value: 1 field of 'x'.", "No value: 2 fields of 't'.")
    assert notes == (*values, "No field is '-9', given as no value.")
    assert read_table(path, missing="-99", verbatim="n").frame["n"].tolist() == [1, -99, 3]
