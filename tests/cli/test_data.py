"""`fastmlp train` on people's own CSV files, the rows that it sets apart, and `fastmlp data`."""

import csv
import os

import numpy as np
import pytest
from cli_helpers import categories, found
from table_helpers import CLASSES, COLUMNS, blobs, write_csv

from fastmlp import NeuralNetwork
from fastmlp.cli import sources
from fastmlp.datasets import download

pytestmark = pytest.mark.application


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_file_of_ones_own(run, tmp_path, delimiter, encoding):
    X, labels = blobs()
    write_csv(tmp_path / "train.csv", X, labels, delimiter=delimiter, encoding=encoding)
    trained = found(run("train", "--data", "train.csv", "--label", "colour", "--json"))
    assert trained["test_accuracy"] == 1.0
    assert trained["n_test"] == 20
    model = tmp_path / "runs" / "train-adam" / "model.npz"
    net = NeuralNetwork.load(model)
    assert (net.class_names, net.feature_names, net.hidden_sizes) == (CLASSES, COLUMNS, [64])
    # a tenth validates and a tenth tests, always the same; what is left trains, and is what everything is measured by
    data = sources.load("train.csv", None, "colour")
    sizes = {name: array.shape for name, array in data.arrays.items()}
    assert sizes == {
        f"{array}_{part}": (n, 3) if array == "X" else (n,)
        for part, n in (("train", 160), ("val", 20), ("test", 20))
        for array in "Xy"
    }
    everything = np.concatenate([data.arrays[f"X_{part}"] for part in sources.PARTS])
    np.testing.assert_array_equal(np.sort(everything, axis=0), np.sort(X, axis=0))
    np.testing.assert_allclose(net.standardizer.mean_, data.arrays["X_train"].mean(axis=0), rtol=1e-12)
    # other rows: columns in another order, some that are not wanted, no labels
    with (tmp_path / "test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", *COLUMNS[::-1], "note"])
        writer.writerows([i, *row[::-1], "x"] for i, row in enumerate(X.tolist()))
    result = run("predict", model, "test.csv", "--out", "found.csv")
    assert (result.exit_code, result.output) == (0, "wrote 200 predictions to found.csv\n")
    assert categories((tmp_path / "found.csv").read_text()) == [CLASSES[k] for k in labels]
    result = run("predict", model, "test.csv", "--numbers", "--out", "-")
    assert categories(result.stdout) == [str(k) for k in labels]
    assert result.stderr == "wrote 200 predictions to -\n"
    # the only other column is that of the classes
    assert found(run("evaluate", model, "train.csv", "--json"))["accuracy"] == 1.0
    result = run("predict", model, "train.csv", "--label", "colour")
    assert result.output == "wrote 200 predictions to submission.csv; accuracy 1.0000\n"


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["2.0", "1", "3.00"], ["1", "2", "3"]),
        (["0", "1", "2"], None),
        (["yes", "no", "1"], ["1", "no", "yes"]),
        (["1", "01", "1.0"], ["01", "1"]),
        (["9" * 5000, "1" * 5000, "0"], ["0", "1" * 5000, "9" * 5000]),
        (["9007199254740992", "9007199254740993", "0"], ["0", "9007199254740992", "9007199254740993"]),
    ],
)
def test_what_classes_are_called(tmp_path, texts, names):
    rows = [f"{i},{texts[i % 3]}" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]) + "\n\n")
    data = sources.load(str(tmp_path / "a.csv"), None, "y")
    shown = names or ["0", "1", "2"]
    assert (data.class_names, data.n_classes) == (names, len(shown))
    for part in sources.PARTS:
        X, y = data.arrays[f"X_{part}"][:, 0], data.arrays[f"y_{part}"]
        same = [texts[int(x) % 3].removesuffix(".0").removesuffix(".00") for x in X]
        assert [shown[k] for k in y] == same


def test_columns_can_be_left_out(run, tmp_path):
    X, labels = blobs()
    write_csv(tmp_path / "a.CSV", X, labels, columns=["length", "width, mm", "number"])
    assert run("train", "--data", "a.CSV", "--label", "colour", "--ignore", "number", "--out", "a").exit_code == 0
    assert NeuralNetwork.load(tmp_path / "a" / "model.npz").feature_names == ["length", "width, mm"]
    result = run("train", "--data", "a.CSV", "--label", "colour", "--ignore", "x", "--ignore", "number")
    assert result.exit_code == 2
    assert "--ignore must name columns, some of 'length', 'width, mm', 'number', 'colour', got 'x'" in result.stderr


def test_delimiters_in_names_do_not_count(tmp_path):
    (tmp_path / "a.csv").write_text('"a, b, c, d";class\n' + "1;x\n2;y\n" * 20)
    assert sources.load(str(tmp_path / "a.csv"), None, "class").feature_names == ["a, b, c, d"]


@pytest.mark.parametrize("suffix", ["npz", "csv"])
@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c", "d, e"],
        ["0", "1", "2", "3"],
        ["3", "7", "1", "0"],
        ["1", "abc", "0", "-"],
        ["9" * 30, "0", "3", "2"],
        ["a", "a\0", "$^$", "$_$"],
    ],
)
def test_the_test_can_be_made_again(run, tmp_path, names, suffix):
    """A file's test rows are kept, with the classes by their names."""
    random = np.random.RandomState(0)
    X, y = random.randn(300, 3), random.randint(4, size=300)
    if suffix == "npz":
        np.savez(tmp_path / "my.npz", X=X, y=np.array(names)[y])
    else:
        with (tmp_path / "my.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["p", "q", "r", "class"], *([*X[i], names[y[i]]] for i in range(300))])
    label = ["--label", "class"] if suffix == "csv" else []
    trained = found(run("train", "--data", f"my.{suffix}", *label, "--epochs", "3", "--json"))
    assert trained["files"][-1] == "runs/my-adam/test.npz"
    again = sources.load(trained["files"][-1], None, None)
    assert again.class_names == NeuralNetwork.load(trained["files"][0]).class_names
    again = found(run("evaluate", trained["files"][0], trained["files"][-1], "--json"))
    assert (again["accuracy"], again["n_rows"]) == (trained["test_accuracy"], 30)
    assert 0 < again["accuracy"] < 0.7
    again = found(run("predict", trained["files"][0], trained["files"][-1], "--json"))
    assert again == {"n_rows": 30, "accuracy": trained["test_accuracy"], "out": "submission.csv"}


def test_a_long_name_is_kept_once(tmp_path):
    rows = [f"{i},{('a', 'b', 'c' * 100_000 if i == 2 else 'b')[i % 3]}" for i in range(3000)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]))
    sources.write_test_rows(tmp_path / "test.npz", sources.load(str(tmp_path / "a.csv"), None, "y"))
    assert (tmp_path / "test.npz").stat().st_size < 500_000


GOOD = "a,b,class\n1,2,x\n3,4,y\n5,6,x\n"
BAD_CSV = {
    "no label": (GOOD, None, "--label must name the column of classes, one of 'a', 'b', 'class', got no --label"),
    "unknown label": (GOOD, "c", "one of 'a', 'b', 'class', got --label c"),
    "label in no header": (
        "1,2,x\n3,4,y\n",
        "class",
        "got --label class; are these the columns' names? The first line",
    ),
    "text": (GOOD + "7,cat,y\n", "class", "line 5: column 'b' must hold numbers, got 'cat'; leave the column out by"),
    "decimal comma": (
        "a;class\n1,5;x\n",
        "class",
        "column 'a' must hold numbers, got '1,5'; write decimals with a point",
    ),
    "one class": ("a,class\n1,x\n2,x\n3,x\n", "class", "class in a.csv must hold two classes or more, got only 'x'"),
    "index of pandas": (",a,class\n0,1,x\n1,2,y\n2,3,x\n", "class", "got none for number 1; pandas writes its index"),
    "gap": (GOOD + "7,,y\n", "class", "line 5: column 'b' must hold numbers, got nothing; fill in a number"),
    "no class": (GOOD + "7,8,\n", "class", "line 5: column 'class' must hold a class, got nothing"),
    "short row": (GOOD + "7,8\n", "class", "line 5: must have 3 fields as its header, got 2"),
    "long row": (GOOD + "7,8,y,9\n", "class", "line 5: must have 3 fields as its header, got 4"),
    "infinite": (GOOD + "7,inf,y\n", "class", "line 5: column 'b' must be finite, got inf"),
    "missing": (GOOD + "\nnan,8,y\n", "class", "line 6: column 'a' must be finite, got nan"),
    "empty": ("", "class", "must start with a line of column names, got an empty one"),
    "header alone": ("a,b,class\n", "class", "must have at least one row below its header line, got none"),
    "same name twice": ("a,a,class\n1,2,x\n", "class", "must have different names for its columns, got 'a' more than"),
    "one column": ("class\nx\ny\n", "class", "must have columns of features beside 'class', got none"),
    "too few rows": ("a,b,class\n1,2,x\n3,4,y\n", "class", "must have at least 3 rows to train on, got 2"),
    "too large": (
        "a,class\n1e200,x\n2e200,y\n3e200,x\n",
        "class",
        "a.csv: X must be finite, got NaN, an infinity or numbers too large to be squared in column 0",
    ),
    "no classes": (
        "a,y\n1,0.5\n2,0.7\n3,1\n4,2\n",
        "y",
        "y in a.csv must hold classes, texts or whole numbers, got 4 different numbers, as 0.5; name another",
    ),
}


@pytest.mark.parametrize("what", BAD_CSV)
def test_what_is_wrong_with_a_csv_file_is_said(run, tmp_path, what):
    text, label, message = BAD_CSV[what]
    (tmp_path / "a.csv").write_text(text)
    result = run("train", "--data", "a.csv", *([] if label is None else ["--label", label]))
    assert result.exit_code == (2 if "label" in what else 1)
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert os.listdir(tmp_path) == ["a.csv"]


def test_data_downloads_cifar10(run, tmp_path, monkeypatch):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name in download.ARCHIVES["binary"].files:
        (tmp_path / "cifar-10-batches-bin" / name).touch()
    result = run("data", "cifar10", "--folder", tmp_path)
    assert (result.exit_code, result.output) == (0, f"{tmp_path}/cifar-10-batches-bin\n")
    result = run("data", "cifar10", "--folder", tmp_path, "--layout", "python")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: http://127.0.0.1:9/cifar-10-batches-py.tar.gz cannot be had: ")
    assert run("data", "cifar10", "--layout", "matlab").exit_code == 2
    assert "cifar10" in run("data", "--help").output
