"""The `fastmlp` command refuses labels that are no classes, before it trains."""

import csv

import numpy as np
import pytest
from cli_helpers import found

from fastmlp import NeuralNetwork

pytestmark = pytest.mark.application

COMMANDS = ["train", "compare", "tune"]
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(1000, 3)
CLASSES = RANDOM.randint(5, size=1000)
# labels of 1,000 rows, and how many different ones there are
NO_CLASSES = {
    "prices": RANDOM.randint(100_000, 500_000, size=1000),
    "whole floats": RANDOM.randint(0, 101, size=1000).astype(float) * 1000,
    "ids": np.arange(1000) // 2,
    "names": np.array([f"id {i}" for i in range(1000)]),
}


def write(path, y):
    if path.suffix == ".npz":
        np.savez(path, X=X[: len(y)], y=y)
        return []
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "c", "value"])
        rows.writerows([*row, label] for row, label in zip(X.tolist(), y.tolist(), strict=False))
    return ["--target", "value"]


def refused(run, tmp_path, command, *arguments):
    """What a command says that leaves nothing behind."""
    before = sorted(tmp_path.iterdir())
    result = run(command, *arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", NO_CLASSES)
def test_numbers_and_ids_are_no_classes(run, tmp_path, command, what):
    y = NO_CLASSES[what]
    write(tmp_path / "houses.npz", y)
    said = refused(run, tmp_path, command, "--data", "houses.npz")
    assert f"y in houses.npz must hold classes, 100 at most for its 1,000 rows, got {len(set(y)):,}," in said
    assert "group its values into a few classes; numbers are learnt with --task regression" in said


def test_numbers_of_an_npz_file_are_learnt_where_it_is_said(run, tmp_path):
    np.savez(tmp_path / "a.npz", X=X, y=X @ [1.0, 2.0, 3.0] * 1000)
    trained = found(run("train", "--data", "a.npz", "--task", "regression", "--json"))
    assert (trained["task"], trained["test_score"] > 0.99) == ("regression", True)
    again = found(run("evaluate", *trained["files"][:1], trained["files"][-1], "--json"))
    assert again["R2"] == trained["test_R2"] == trained["test_score"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (NO_CLASSES["names"], "target 'value' has another value in each row: name another column"),
        (np.arange(1000), "target 'value' numbers the rows: name another column to be predicted"),
        (
            np.array([f"k{i}" for i in range(200)])[np.arange(1000) % 200],
            "for each class on average, got 1,000 rows with 200",
        ),
        (np.full(1000, "x"), "target 'value' has only the value 'x': name another column"),
    ],
    ids=["names", "ids", "many", "one"],
)
def test_what_is_no_target_of_a_table_is_said(run, tmp_path, command, y, message):
    target = write(tmp_path / "a.csv", y)
    assert message in refused(run, tmp_path, command, "--data", "a.csv", *target)


def test_the_parts_of_an_npz_file_are_counted_together(run, tmp_path):
    """One of which has classes."""
    parts = {"X_train": X[:600], "y_train": CLASSES[:600], "X_test": X[600:], "y_test": 5 + np.arange(400)}
    np.savez(tmp_path / "my.npz", **parts)
    said = refused(run, tmp_path, "train", "--data", "my.npz")
    assert "y in my.npz must hold classes, 100 at most for its 1,000 rows, got 405" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_class_must_be_trained(run, tmp_path, command):
    """Also of a few rows, each with an id of its own, of which some are set apart to validate and to test."""
    write(tmp_path / "a.npz", np.arange(15) + 100)
    said = refused(run, tmp_path, command, "--data", "a.npz")
    assert "in a.npz must have each of its 15 classes in the 13 of its 15 rows that train, got none of '1" in said
    assert "add or leave out rows of these classes, or" in said


def test_every_class_of_the_test_must_be_trained(run, tmp_path):
    names = ["a", "b", "c", "d", "e", "f", "no row's"]
    parts = {"X_train": X, "y_train": CLASSES, "X_test": X[:9], "y_test": [0, 1, 2, 3, 4, 5, 5, 5, 5]}
    np.savez(tmp_path / "my.npz", class_names=names, **parts)
    said = refused(run, tmp_path, "train", "--data", "my.npz")
    assert "must have each of its 6 classes in the 900 of its 1,009 rows that train, got none of 'f' there" in said


@pytest.mark.parametrize(("n", "n_classes"), [(1000, 100), (180, 20)])
def test_many_classes_may_be_classes(run, tmp_path, n, n_classes):
    np.savez(tmp_path / "my.npz", X=X[:n], y=np.arange(n) % n_classes)
    trained = found(run("train", "--data", "my.npz", "--epochs", "1", "--json"))
    assert f"-{n_classes}, float32" in trained["network"]
    np.savez(tmp_path / "my.npz", X=X[:n], y=np.arange(n) % (n_classes + 1))
    assert f"{n_classes} at most for its {n:,} rows, got {n_classes + 1}," in refused(
        run, tmp_path, "train", "--data", "my.npz", "--out", "other"
    )


def test_signs_and_decimal_points_make_no_other_classes(run, tmp_path):
    """As LIBSVM writes labels."""
    (tmp_path / "a.csv").write_text(
        "a,label\n" + "".join(f"{i % 7},{('+1', '-1', '1.0', '-1')[i % 4]}\n" for i in range(100))
    )
    assert run("train", "--data", "a.csv", "--label", "label", "--epochs", "1", "--out", "a").exit_code == 0
    assert NeuralNetwork.load(tmp_path / "a" / "model.npz").class_names == ["-1", "1"]


def test_fractions_are_counted(run, tmp_path):
    write(tmp_path / "a.npz", RANDOM.rand(1000))
    said = refused(run, tmp_path, "train", "--data", "a.npz")
    assert "y in a.npz must hold classes, texts or whole numbers, got 1,000 different numbers, as 0.0" in said
