"""`fastmlp train` on people's own files, and `fastmlp data`."""

import csv
import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import CLASSES, COLUMNS, blobs, categories, found, write_csv

import fastmlp
from fastmlp import NeuralNetwork
from fastmlp.datasets import download

for library in ("click", "tqdm", "matplotlib"):
    pytest.importorskip(library)
sources = pytest.importorskip("fastmlp.cli.sources")

pytestmark = pytest.mark.application

# ---- CSV


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
    (tmp_path / "a.csv").write_text('"a, b, c, d";class\n1;x\n2;y\n3;x\n')
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


def test_a_file_s_numbers_count_in_its_own_names(run, tmp_path):
    """Which may be in another order than the network's; a network that has no names counts itself."""
    net = NeuralNetwork(2, [], 2, seed=0)
    X = np.random.RandomState(0).randn(9, 2)
    y = net.predict(X)
    np.savez(tmp_path / "my.npz", X=X, y=1 - y, class_names=["b", "a"])
    for names, accuracy in ((["a", "b"], 1), (["b", "a"], 0), (None, 0)):
        net.class_names = names
        net.save(tmp_path / "model.npz")
        assert found(run("predict", "model.npz", "my.npz", "--json"))["accuracy"] == accuracy


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
        "y in a.csv must hold classes, texts or whole numbers, got 0.5",
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


def zipped(name, content, place=None):
    """An .npz file with this member, or with one that is said to be at another place."""
    info, target = zipfile.ZipInfo(name), io.BytesIO()
    if place is not None:
        info.extra = struct.pack("<HHQ", 1, 8, place)
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(info, content)
    whole = bytearray(target.getvalue())
    if place is not None:
        at = whole.rindex(b"PK\x01\x02") + 42
        whole[at : at + 4] = b"\xff" * 4  # see the extra field
    return bytes(whole)


def npy_header(descr, shape):
    """The beginning of an .npy file, whatever it says."""
    target = io.BytesIO()
    np.lib.format.write_array_header_1_0(target, {"descr": descr, "fortran_order": False, "shape": shape})
    return target.getvalue()


EIGHT_PB = npy_header("<f8", (2**50,))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,class\n1,\xff\xfe\n", "a.csv is not a CSV file in UTF-8: "),
        ("a.csv", b'a,class\n1,"' + b"x" * 200_000, "a.csv is not a CSV file in UTF-8: field larger than"),
        ("a.npz", b"a letter", "a.npz is not a file of NumPy arrays: "),
        ("a.npz", b"PK\x03\x04", "a.npz is not a file of NumPy arrays: "),
        ("a.npz", zipped("y.npy", b"a letter"), "a.npz is not a file of NumPy arrays: y.npy: the magic"),
        ("a.npz", zipped("y.npy", b"", 2**63 - 1), "a.npz is not a file of NumPy arrays: "),
        (
            "a.npz",
            zipped("X.npy", EIGHT_PB),
            "a.npz is not a file of NumPy arrays: X.npy: it says that it holds an array",
        ),
        ("a.npz", EIGHT_PB, "a.npz is not a file of NumPy arrays: it says that it holds an array"),
        ("a.txt", b"1 2 3", "a.txt must end in .csv, .tsv or .npz to train on it"),
    ],
)
def test_files_of_something_else_are_refused(run, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    result = run("train", "--data", name, *(["--label", "class"] if name.endswith("csv") else []))
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("save", [np.savez, np.save])
def test_memory_that_is_too_short_is_no_damage(run, tmp_path, monkeypatch, save):
    def exhausted(*args, **options):
        raise MemoryError

    with (tmp_path / "a.npz").open("wb") as file:
        save(file, np.ones((9, 2)))
    monkeypatch.setattr(np.lib.format, "read_array", exhausted)
    result = run("train", "--data", "a.npz")
    assert (result.exit_code, result.stderr) == (1, "Error: the memory is not enough\n")


# ---- NumPy's files


def test_an_npz_file_of_ones_own(run, tmp_path):
    X, labels = blobs()
    np.savez(tmp_path / "my.npz", X=X, y=labels + 1)
    trained = found(run("train", "--data", "my.npz", "--optimizer", "SGD", "--json"))
    assert trained["test_accuracy"] == 1.0
    model = Path(trained["files"][0])
    assert NeuralNetwork.load(model).class_names == ["1", "2", "3"]
    assert found(run("evaluate", model, "my.npz", "--json"))["n_rows"] == 200
    np.save(tmp_path / "rows.npy", X)
    assert run("predict", model, "rows.npy", "--out", "a.csv").output == "wrote 200 predictions to a.csv\n"
    assert categories((tmp_path / "a.csv").read_text()) == [str(k + 1) for k in labels]
    result = run("evaluate", model, "rows.npy")
    assert (result.exit_code, "rows.npy must hold the classes of its rows" in result.stderr) == (1, True)


def test_labels_of_no_characters(run, tmp_path):
    """NumPy's texts are numbers until they are looked at."""
    np.savez(tmp_path / "my.npz", X=np.ones((9, 2)), y=np.full(9, 2**31 - 1, np.uint32).view("U1"))
    result = run("train", "--data", "my.npz")
    assert (result.exit_code, "y in my.npz must hold texts of characters" in result.stderr) == (1, True)


def test_an_npz_file_with_parts_of_its_own(run, tmp_path):
    """As others call them, with images in place of rows."""
    images, labels = fastmlp.load_digits()
    images = images.reshape(-1, 8, 8)
    names = [f"digit {i}" for i in range(11)]
    parts = {"x_train": images[:1200], "y_train": labels[:1200], "x_test": images[1200:], "y_test": labels[1200:, None]}
    np.savez_compressed(tmp_path / "my.npz", class_names=names, **parts)
    trained = found(run("train", "--data", "my.npz", "--json"))
    assert (trained["n_test"], trained["network"][:22]) == (597, "NeuralNetwork(64-64-11")
    assert trained["test_accuracy"] > 0.9
    result = found(run("evaluate", trained["files"][0], "my.npz", "--json"))
    assert (result["accuracy"], result["class_names"]) == (trained["test_accuracy"], names)
    # a class that no row has makes no difference to a search
    tuned = run("tune", "--data", "my.npz", "--param", "learning_rate", "0.1", "--epochs", "1", "--out", "t")
    assert tuned.exit_code == 0, tuned.output
    accuracy = found(run("evaluate", "t/best.npz", "my.npz", "--json"))["accuracy"]
    assert f"test accuracy of the best {accuracy:.4f} on 597 rows" in tuned.output


X, Y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
BAD_NPZ = {
    "nothing": ({"a": X}, "must hold X and y, or X_train and y_train, got 'a'"),
    "no labels": ({"X": X}, "must hold X and y"),
    "one dimension": (
        {"X": X[0], "y": Y},
        r"X in my.npz must have shape (n_rows, n_features), none of them 0, got (2,)",
    ),
    "no rows": ({"X": X[:0], "y": Y[:0]}, "got (0, 2)"),
    "complex": ({"X": X * 1j, "y": Y}, "X in my.npz must be an array of real numbers, got dtype complex128"),
    "objects": (
        {"X": np.array([{}]), "y": Y},
        "my.npz is not a file of NumPy arrays: X.npy: Object arrays cannot be loaded",
    ),
    "NaN": ({"X": X * np.nan, "y": Y}, "X in my.npz, row 0: column 0 must be finite, got nan"),
    "fewer labels": ({"X": X, "y": Y[:3]}, "y in my.npz must be 4 numbers or texts, one for each row, got int64 (3,)"),
    "other features": (
        {"X_train": X, "y_train": Y, "X_test": X[:, :1], "y_test": Y},
        "X_test in my.npz must have 2 features as X_train, got 1",
    ),
    "one class": ({"X": X, "y": Y * 0}, "y in my.npz must hold two classes or more, got only '0'"),
    "numbers for names": (
        {"X": X, "y": Y, "class_names": ["a", "0"]},
        "class_names in my.npz must be words, which numbers in y count from 0, got '0'",
    ),
    **{
        f"{text[:2]} for names": (
            {"X": X, "y": Y, "class_names": text},
            "class_names in my.npz must be an array of words, or a list of texts in JSON",
        )
        for text in ("a, b", "[" * 100_000, '["a", 1]', '{"a": "b"}')
    },
    "same name in capitals": (
        {"x": X, "X": X, "y": Y},
        "my.npz must have different names for its arrays, also in small letters, got 'x', 'X'",
    ),
    "same name twice": (
        {"X": X, "y": Y, "class_names": ["a", "a"]},
        "class_names in my.npz must be different from each other, got 'a', 'a'",
    ),
    "too few names": (
        {"X": X, "y": Y, "class_names": ["a"]},
        "y in my.npz must hold classes that are known, '0', got '1'",
    ),
}


@pytest.mark.parametrize("what", BAD_NPZ)
def test_what_is_wrong_with_an_npz_file_is_said(run, tmp_path, what):
    arrays, message = BAD_NPZ[what]
    np.savez(tmp_path / "my.npz", **arrays)
    result = run("train", "--data", "my.npz")
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["my.npz"]


def test_names_of_no_bytes_are_not_counted(run, tmp_path):
    """A small file may have any number of them."""
    np.savez(tmp_path / "my.npz", X=X, y=Y)
    with zipfile.ZipFile(tmp_path / "my.npz", "a") as archive:
        archive.writestr("class_names.npy", npy_header("<U0", (20_000_000,)))
    tracemalloc.start()
    result = run("train", "--data", "my.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "class_names in my.npz must be 20000000 numbers or texts, one for each row, got <U0" in result.stderr
    assert peak < 1e7


# ---- data


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
