"""`fastmlp` on people's own `.npz` and `.npy` files, and on files of something else."""

import io
import json
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import categories, found
from conftest import npy_header
from table_helpers import blobs

import fastmlp
from fastmlp import NeuralNetwork

pytestmark = pytest.mark.application


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


EIGHT_PB = npy_header("<f8", (2**50,))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"a,class\n1,\0\n", "a.csv, line 2: must be text, got a NUL byte"),
        ("a.csv", b'a,class\n1,"' + b"x" * 200_000, "a.csv, line 2 or below: field larger than field limit"),
        ("a.npz", b"a letter", "a.npz is not a file of NumPy arrays: "),
        ("a.npz", b"PK\x03\x04", "a.npz is not a file of NumPy arrays: "),
        ("a.npz", zipped("y.npy", b"a letter"), "a.npz is not a file of NumPy arrays: its member 'y.npy': the magic"),
        ("a.npz", zipped("y.npy", b"", 2**63 - 1), "a.npz is not a file of NumPy arrays: "),
        (
            "a.npz",
            zipped("X.npy", EIGHT_PB),
            "a.npz is not a file of NumPy arrays: its member 'X.npy': it says that it holds",
        ),
        ("a.npz", EIGHT_PB, "a.npz is not a file of NumPy arrays: it says that it holds an array"),
        ("a.npy", b"1 2 3", "a.npy must be a table or an .npz file to train on it"),
        ("a.xlsx", b"1 2 3", "a.xlsx must be a table in a file with a suffix of .csv, "),
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
    assert (result.exit_code, result.stderr) == (1, "Error: out of memory\n")


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
    assert (result.exit_code, "rows.npy must hold the truth of its rows" in result.stderr) == (1, True)


def test_labels_of_no_characters(run, tmp_path):
    """NumPy's texts are numbers until they are looked at."""
    np.savez(tmp_path / "my.npz", X=np.ones((9, 2)), y=np.full(9, 2**31 - 1, np.uint32).view("U1"))
    result = run("train", "--data", "my.npz")
    assert (result.exit_code, "y in my.npz must hold texts of valid characters" in result.stderr) == (1, True)


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
        "my.npz is not a file of NumPy arrays: its member 'X.npy': Object arrays",
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
        for text in ("a, b", "[" * 100_000, '["a", 1]', '{"a": "b"}', "[]", '["a", "\\ud800"]')
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


def test_a_file_s_numbers_count_in_its_own_names(run, tmp_path):
    """Which may be in another order than the network's."""
    net = NeuralNetwork(2, [], 2, seed=0)
    X = np.random.RandomState(0).randn(9, 2)
    y = net.predict(X)
    np.savez(tmp_path / "my.npz", X=X, y=1 - y, class_names=["b", "a"])
    for names, accuracy in ((["a", "b"], 1), (["b", "a"], 0)):
        net.class_names = names
        net.save(tmp_path / "model.npz")
        assert found(run("predict", "model.npz", "my.npz", "--json"))["accuracy"] == accuracy
    net.class_names = None
    net.save(tmp_path / "model.npz")
    result = run("predict", "model.npz", "my.npz")
    assert "y in my.npz must hold classes that are known, '0', '1', got 'a'" in result.stderr
    # numbers may be names too
    for names, accuracy in ((["1", "0"], 1), (["0", "1"], 0)):
        np.savez(tmp_path / "my.npz", X=X, y=1 - y, class_names=json.dumps(names))
        assert found(run("predict", "model.npz", "my.npz", "--json"))["accuracy"] == accuracy


def test_names_that_are_the_same_number_are_two_classes(run, tmp_path):
    net = NeuralNetwork(2, [], 2, seed=0)
    net.class_names = ["1.0", "1"]
    net.save(tmp_path / "model.npz")
    X = np.random.RandomState(0).randn(9, 2)
    np.savez(tmp_path / "my.npz", X=X, y=net.predict(X), class_names=json.dumps(net.class_names))
    assert found(run("predict", "model.npz", "my.npz", "--json"))["accuracy"] == 1
