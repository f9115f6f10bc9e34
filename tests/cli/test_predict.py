"""`fastmlp predict` and `fastmlp evaluate`."""

import csv
import json
import os

import numpy as np
import pytest
from cli_helpers import categories, found
from conftest import python
from table_helpers import CLASSES, COLUMNS, blobs, write_csv

import fastmlp
from fastmlp import NeuralNetwork
from fastmlp.cli import sources
from fastmlp.data import Rows
from fastmlp.functions.class_scores import roc_auc_of_classes

pytestmark = pytest.mark.application

# ---- there and back


def round_trip(folder, data):
    """Train, then predict and evaluate in processes of their own."""
    command = ["-m", "fastmlp"]
    done = python(*command, "train", "--data", data, "--epochs", "2", "--out", "a", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    evaluated = python(*command, "evaluate", "a/model.npz", data, "--json", folder=folder)
    assert json.loads(evaluated.stdout)["accuracy"] == trained["test_accuracy"]
    predicted = python(*command, "predict", "a/model.npz", data, "--out", "b.csv", "--json", folder=folder)
    expected = {"n_rows": trained["n_test"], "accuracy": trained["test_accuracy"], "out": "b.csv", "notes": []}
    assert json.loads(predicted.stdout) == expected
    labels = [int(text) for text in categories((folder / "b.csv").read_text())]
    return trained["test_accuracy"], np.array(labels)


def test_digits_there_and_back(tmp_path):
    accuracy, labels = round_trip(tmp_path, "digits")
    assert np.mean(labels == sources.load("digits", None, None).arrays["y_test"]) == pytest.approx(accuracy)


def test_cifar10_there_and_back(tmp_path):
    folder = os.environ.get("FASTMLP_DATA")
    if not folder:
        pytest.skip("needs CIFAR-10: set FASTMLP_DATA")
    accuracy, labels = round_trip(tmp_path, folder)
    assert accuracy > 0.4
    expected = fastmlp.get_CIFAR10_data(1, 0, folder=folder, dtype="uint8")["y_test"]
    assert np.mean(labels == expected) == pytest.approx(accuracy)
    assert NeuralNetwork.load(tmp_path / "a" / "model.npz").class_names[3] == "cat"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
def test_networks_of_other_tasks_are_for_python(run, command, loss):
    NeuralNetwork(3, [4], 2, loss=loss).save("model.npz")
    np.savez("rows.npz", X=np.ones((3, 3)))
    result = run(command, "model.npz", "rows.npz")
    assert result.exit_code == 1
    assert f"one class or one number a row, got loss='{loss}' and 2 outputs: use it in Python" in result.stderr


def test_two_classes_of_one_output(run, tmp_path):
    net = NeuralNetwork(2, [4], 1, loss="binary_cross_entropy", seed=0)
    net.feature_names = ["a", "b"]
    net.class_names = ["no", 'y,"e\n"s']
    net.save(tmp_path / "model.npz")
    X = np.random.RandomState(0).randn(20, 2)
    write_csv(tmp_path / "a.csv", X, np.zeros(20, int), ["a", "b"], label="who")
    options = ("predict", "model.npz", "a.csv", "--id", "who", "--proba", "--target", "who", "--out", "b.csv")
    result = run(*options)
    assert "target 'who' must have one of the classes 'no', 'y,\"e\\n\"s' in line 2, got 'blue, dark'" in result.stderr
    assert run(*options[:-4], "--out", "b.csv").exit_code == 0
    with (tmp_path / "b.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["who", "probability of no", 'probability of y,"e\n"s', "category"]
    p = net.predict_proba(X).ravel()
    assert [line[0] for line in lines] == [CLASSES[0]] * 20
    np.testing.assert_allclose([[float(one) for one in line[1:3]] for line in lines], np.column_stack([1 - p, p]))
    assert [line[3] for line in lines] == net.predict_names(X).tolist()
    np.savez(tmp_path / "a.npz", X=X, y=net.predict(X))
    assert found(run("evaluate", "model.npz", "a.npz", "--json"))["accuracy"] == 1


def test_digits_are_taken_as_before():
    """X / 16, to the last bit."""
    data = sources.load("digits", None, None)
    X = data.arrays["X_train"]
    assert X.dtype == np.uint8
    net = data.network([7], dtype="float32", seed=0)
    plain = NeuralNetwork(64, [7], 10, dtype="float32", seed=0)
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(X.astype("float32") / 16))


# ---- predict and evaluate


@pytest.fixture
def model(tmp_path):
    """A network of three features and classes with names."""
    net = NeuralNetwork(3, [], 3, seed=0)
    net.class_names, net.feature_names = CLASSES, COLUMNS
    net.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (("predict",), 2, "Missing argument 'MODEL'"),
        (("predict", "nowhere.npz", "digits"), 2, "'nowhere.npz' does not exist"),
        (
            ("predict", "model.npz", "nowhere"),
            2,
            "'nowhere' is neither digits nor cifar10, nor an existing file or folder",
        ),
        (("predict", "rows.npy", "digits"), 1, "'rows.npy' is not a whole fastmlp model file: "),
        (("predict", "model.npz", "digits"), 1, "digits must have rows of 3 features, as the network, got 64"),
        (("predict", "model.npz", "wide.npy"), 1, "wide.npy must have rows of 3 features, as the network, got 4"),
        (("predict", "model.npz", "."), 1, "CIFAR-10 is not in "),
        (("predict", "model.npz", "model.npz"), 1, "model.npz must hold X, or X_test, got "),
        (
            ("predict", "model.npz", "other.csv"),
            1,
            "other.csv must have the columns of the training, got none that are called 'width, mm'",
        ),
        (
            ("predict", "model.npz", "a.txt"),
            1,
            "a.txt is empty",
        ),
        (("predict", "plain.npz", "rows.npy", "--names"), 2, "--names needs a network with class names"),
        (("predict", "model.npz", "rows.npy", "--out", "."), 2, "'.' is a directory"),
        (
            ("evaluate", "model.npz", "more.csv"),
            2,
            "--target must name the column to be predicted, one of 'length', ",
        ),
        (
            ("evaluate", "model.npz", "gap.csv", "--label", "a"),
            1,
            "column 'height' must have a number in line 3, got none",
        ),
        (
            ("evaluate", "model.npz", "y.npz"),
            1,
            "y in y.npz must hold classes that are known, 'blue, dark', 'green', 'red'",
        ),
    ],
)
def test_what_cannot_be_predicted_is_said(run, tmp_path, model, options, exit_code, message):
    rows = np.ones((2, 3))
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "wide.npy", np.ones((2, 4)))
    np.savez(tmp_path / "y.npz", X=rows, y=["red", "yellow"])
    (tmp_path / "other.csv").write_text("length,height\n1,2\n")
    (tmp_path / "more.csv").write_text('length,"width, mm",height,a,b\n1,2,3,4,5\n')
    (tmp_path / "gap.csv").write_text('length,"width, mm",height,a\n1,2,3,red\n1,2,,red\n')
    np.save(tmp_path / "huge.npy", np.array([[1, 1, 1], [1e308, -1e308, 1e308]]) * 1.0)
    NeuralNetwork(64, [], 3).save(tmp_path / "small.npz")
    (tmp_path / "a.txt").write_text("")
    NeuralNetwork(3, [], 3).save(tmp_path / "plain.npz")
    before = sorted(os.listdir(tmp_path))
    result = run(*options)
    assert result.exit_code == exit_code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert sorted(os.listdir(tmp_path)) == before


def test_networks_without_a_schema_take_the_columns_that_they_name(run, tmp_path, model):
    """As earlier versions wrote them."""
    X, labels = blobs(50)
    order = [2, 0, 1]
    write_csv(tmp_path / "a.csv", X[:, order], labels, columns=[COLUMNS[i] for i in order])
    predictions = NeuralNetwork.load(model).predict(X)
    assert run("predict", model, "a.csv", "--out", "b.csv").exit_code == 0
    assert categories((tmp_path / "b.csv").read_text()) == [CLASSES[k] for k in predictions]
    # the only other column is that of the classes
    assert found(run("evaluate", model, "a.csv", "--json"))["accuracy"] == np.mean(predictions == labels)


def test_evaluate_shows_the_errors_of_numbers(run, tmp_path):
    net = NeuralNetwork(2, [], 1, loss="squared_error", seed=0)
    net.save(tmp_path / "model.npz")
    X, y = np.random.RandomState(0).rand(2, 30, 2)
    y = y[:, 0]
    np.savez(tmp_path / "a.npz", X=X, y=y)
    errors = net.predict(X).ravel() - y
    result = found(run("evaluate", "model.npz", "a.npz", "--json"))
    assert result["R2"] == pytest.approx(1 - np.sum(errors**2) / np.sum((y - y.mean()) ** 2))
    assert (result["MAE"], result["RMSE"]) == pytest.approx((np.abs(errors).mean(), np.sqrt(np.mean(errors**2))))
    assert result["constant_score"] == pytest.approx(0, abs=1e-12)
    text = run("evaluate", "model.npz", "a.npz").output
    assert f"R2 {result['R2']:.4f} on 30 rows" in text
    (line,) = [line for line in text.splitlines() if line.startswith("constant predictor (mean) ")]
    assert float(line.split()[-1]) == pytest.approx(y.std(), rel=1e-5)
    assert (tmp_path / "predicted.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_shows_what_was_taken_for_what(run, tmp_path, model):
    X, labels = blobs(50)
    names = [CLASSES[k] for k in labels]
    np.savez(tmp_path / "a.npz", X=X, y=names)
    predictions = NeuralNetwork.load(model).predict(X)
    counts = [[int(np.sum((labels == i) & (predictions == j))) for j in range(3)] for i in range(3)]
    result = found(run("evaluate", model, "a.npz", "--json"))
    assert result["confusion"] == counts
    assert result["class_names"] == CLASSES
    assert result["accuracy"] == np.trace(counts) / 50
    assert result["loss"] == NeuralNetwork.load(model).evaluate(X, labels)[0]
    areas = roc_auc_of_classes(NeuralNetwork.load(model).predict_proba(X), labels)
    assert result["roc_auc"] == pytest.approx(areas.mean())
    assert f"area under the ROC curve {result['roc_auc']:.4f}" in run("evaluate", model, "a.npz").output
    assert result["constant_score"] == np.bincount(labels).max() / 50
    assert result["figure"] == str(tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    text = run("evaluate", model, "a.npz", "--figure", "other.png").output
    assert f"accuracy {result['accuracy']:.4f} on 50 rows, loss {result['loss']:.4f}" in text
    for i, name in enumerate(CLASSES):
        (line,) = [line for line in text.splitlines() if line.startswith(name)]
        *cells, precision, recall, f1 = line[len(name) :].split()
        assert cells == [str(n) for n in counts[i]]
        n_predicted, right = sum(row[i] for row in counts), counts[i][i]
        precise = right / n_predicted if n_predicted else None
        expected = [precise, right / sum(counts[i]), 2 * right / (n_predicted + sum(counts[i]))]
        assert [precision, recall, f1] == ["-" if share is None else f"{share:.4f}" for share in expected]
        assert [result[name][i] for name in ("precision", "recall", "f1")] == expected
    assert (tmp_path / "other.png").exists()


def test_a_figure_that_cannot_be_written_costs_nothing_else(run, tmp_path, model):
    X, labels = blobs(50)
    np.savez(tmp_path / "a.npz", X=X, y=labels, X_test=X[:9], y_test=labels[:9])
    (tmp_path / "confusion.png").mkdir()
    result = run("evaluate", model, "a.npz", "--json")
    assert result.exit_code == 1
    assert "confusion.png" in result.stderr
    assert json.loads(result.stdout)["n_rows"] == 9, "X_test comes before X"
    assert run("evaluate", model, "a.npz", "--figure", "new/folder/a.png").exit_code == 0
    assert (tmp_path / "new" / "folder" / "a.png").exists()


@pytest.mark.parametrize("n", [3, 30])
def test_names_do_not_command_the_terminal(run, tmp_path, n):
    """Nor matplotlib, to which a $ begins a formula; JSON escapes them itself."""
    net = NeuralNetwork(2, [], n, seed=0)
    net.class_names = ["a\x1b[2J", "b\n\x9b2J", "$^$", *map(chr, range(0x732B, 0x732B + n - 3))]  # no font has these
    net.save(tmp_path / "model.npz")
    np.savez(tmp_path / "$^$\x1b[2J.npz", X=np.random.RandomState(0).randn(99, 2), y=np.arange(99) % 3)
    result = run("evaluate", "model.npz", "$^$\x1b[2J.npz")
    assert result.exit_code == 0, result.output
    assert r"a\x1b[2J  " in result.output
    assert r"b\n\x9b2J" in result.output
    assert result.output.replace("\n", "").isprintable()
    assert found(run("evaluate", "model.npz", "$^$\x1b[2J.npz", "--json"))["class_names"] == net.class_names
    np.savez(tmp_path / "\x1b.npz", a=1)
    result = run("predict", "model.npz", "\x1b.npz")
    assert result.stderr == "Error: \\x1b.npz must hold X, or X_test, got 'a'\n"


def test_the_name_of_a_file_does_not_command_the_terminal(run, tmp_path):
    np.savez(tmp_path / "\x1b[2J.npz", X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    result = run("train", "--data", "\x1b[2J.npz", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert result.output.replace("\n", "").isprintable()
    assert os.listdir("runs") == [r"\x1b[2J-adam"]


def test_many_classes_are_summed_up(run, tmp_path):
    net = NeuralNetwork(2, [], 60, seed=0)
    net.params["W1"][:] = 0
    net.params["b1"] = -np.arange(60.0)
    net.save(tmp_path / "model.npz")
    np.savez(tmp_path / "a.npz", X=np.ones((120, 2)), y=np.repeat(np.arange(40), 3))
    lines = run("evaluate", "model.npz", "a.npz").output.splitlines()
    assert "confused most often:" in lines
    assert "       3  1  0" in lines
    np.savez(tmp_path / "b.npz", X=np.ones((3, 2)), y=np.zeros(3))
    assert "nothing is confused" in run("evaluate", "model.npz", "b.npz").output


def test_rows_keep_their_numbers_where_others_hold_nothing(model, run, tmp_path):
    (tmp_path / "a.csv").write_text('length,"width, mm",height\n1,2,3\n,,\n-7,8,9\n')
    result = run("predict", "model.npz", "a.csv", "--out", "b.csv")
    assert result.stderr == "1 row without a value left out.\n"
    assert [line.split(",")[0] for line in (tmp_path / "b.csv").read_text().splitlines()] == ["id", "0", "2"]
    (tmp_path / "a.csv").write_text('length,"width, mm",height\n1,2,3\n,,\n-7,x,9\n')
    assert "must have a number in line 4, got 'x'" in run("predict", "model.npz", "a.csv").stderr


@pytest.mark.parametrize(
    ("command", "option", "place"),
    [
        ("predict", "--out", "submission.csv"),
        ("predict", "--out", "model.npz"),
        ("predict", None, "submission.csv"),
        ("evaluate", "--figure", "submission.csv"),
        ("evaluate", "--figure", "model.npz"),
    ],
)
def test_no_result_takes_the_place_of_what_is_read(model, run, command, option, place):
    write_csv("submission.csv", *blobs(20))
    with open(place, "rb") as file:
        before = file.read()
    result = run(command, "model.npz", "submission.csv", *([option, f"./{place}"] if option else []))
    assert result.exit_code == 2
    assert f"{option or '--out'} must not put a result in the place of {place}, which is read" in result.stderr
    with open(place, "rb") as file:
        assert file.read() == before


@pytest.fixture
def trained(run, tmp_path):
    """A network of a number t, which is 0 to 118, and a category g with the values 1, 2 and A."""
    rows = "".join(f"{2 * i},{'12A'[i % 3]},{'no' if i % 3 else 'yes'}\n" for i in range(60))
    (tmp_path / "a.csv").write_text("t,g,y\n" + rows)
    return found(run("train", "--data", "a.csv", "--target", "y", "--epochs", "1", "--json"))


@pytest.mark.parametrize("command", [("predict",), ("evaluate", "--target", "y")])
def test_what_is_replaced_is_said(run, tmp_path, trained, command):
    (tmp_path / "b.csv").write_text("t,g,y\n4500,B,no\n30,1.0,no\n-70,C,no\n,B,yes\n")
    number = NeuralNetwork.load(trained["files"][0]).schema.inputs[0]
    low, high = number.limits
    notes = [
        f"Column 't': 1 row has a gap, where the training had none: the median, {number.fill:g}, is taken; 2 rows have "
        f"a number beyond the {low:g} to {high:g} of the training, such as 4500: the nearer limit is taken.",
        "Column 'g': 3 rows have a value that the training had not, such as 'B': counted as none.",
    ]
    assert run(command[0], trained["files"][0], "b.csv", *command[1:]).stderr.splitlines()[:2] == notes
    result = run(command[0], trained["files"][0], "b.csv", *command[1:], "--json")
    assert (found(result)["notes"], result.stderr) == (notes, "")
    (tmp_path / "b.csv").write_text("t,g,y\n30,01,no\n31,2.0,yes\n")
    assert "Column" not in run(command[0], trained["files"][0], "b.csv", *command[1:]).output


def test_values_that_cannot_be_read_are_said_with_an_option(run, tmp_path, trained):
    (tmp_path / "b.csv").write_text("t,g,y\n1,1,no\nn. a.,2,no\n")
    result = run("predict", trained["files"][0], "b.csv")
    message = (
        "b.csv: column 't' must have a number in line 3, got 'n. a.' (correct it, or say that it is a gap: "
        "--missing 'n. a.')"
    )
    assert (result.exit_code, message in result.stderr) == (1, True)
    assert run("predict", trained["files"][0], "b.csv", "--missing", "n. a.").exit_code == 0
    with pytest.raises(ValueError, match=r"b\.csv: column 't' must .* gap: missing=\['n\. a\.'\]\)"):
        Rows.of_table(NeuralNetwork.load(trained["files"][0]), "b.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("t,g\n1,1\n", "the truth of its rows, got 't', 'g'"),
        ("t,g,y\n1,1,\n", "a value of 'y'"),
    ],
)
def test_the_truth_must_be_there(run, tmp_path, trained, rows, message):
    """To evaluate a network; in Python it is taken where it is."""
    (tmp_path / "b.csv").write_text(rows)
    assert message in run("evaluate", trained["files"][0], "b.csv").stderr
    net = NeuralNetwork.load(trained["files"][0])
    assert Rows.of_table(net, tmp_path / "b.csv").y is None
    with pytest.raises(ValueError, match=message):
        Rows.of_table(net, tmp_path / "b.csv", target="y")


@pytest.mark.parametrize("options", [(), ("--delimiter", "!")])
def test_ids_stand_as_in_the_file(run, tmp_path, trained, options):
    """Also those that are gaps elsewhere; and where the column is an input, in which they stay gaps."""
    ids = ["NA", "-", "01", "null", "", "1e3"]
    rows = ["name,t,g", *(f"{text},3,{text or 'NA'}" for text in ids)]
    (tmp_path / "b.csv").write_text("\n".join(rows).replace(",", "!" if options else ","))
    written = {}
    for name in ("name", "g"):
        result = run("predict", trained["files"][0], "b.csv", "--proba", "--id", name, "--out", "-", *options)
        assert result.exit_code == 0, result.stderr
        written[name] = list(zip(*csv.reader(result.stdout.splitlines()), strict=True))
    assert written["name"][0] == ("name", *ids)
    assert written["g"][0] == ("g", *(text or "NA" for text in ids))
    assert written["g"][1:] == written["name"][1:]
