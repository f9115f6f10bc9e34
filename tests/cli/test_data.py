"""`fastmlp train` on people's own CSV files, the rows that it sets apart, and `fastmlp data`."""

import csv
import json
import os

import numpy as np
import pytest
from cli_helpers import categories, found
from table_helpers import CLASSES, COLUMNS, blobs, write_csv

from fastmlp import NeuralNetwork
from fastmlp.cli import sources
from fastmlp.datasets import download

pytestmark = pytest.mark.application


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_a_csv_file_of_ones_own(run, tmp_path, delimiter, encoding):
    X, labels = blobs()
    write_csv(tmp_path / "train.csv", X, labels, delimiter=delimiter, encoding=encoding)
    trained = found(run("train", "--data", "train.csv", "--label", "colour", "--json"))
    assert trained["test_accuracy"] == 1.0
    assert (trained["n_test"], trained["target"]) == (40, "colour")
    model = tmp_path / "runs" / "train-adam" / "model.npz"
    net = NeuralNetwork.load(model)
    assert (net.class_names, net.feature_names, net.hidden_sizes) == (CLASSES, COLUMNS, [100])
    # what trains is what everything is measured by
    rows = trained["rows"]
    assert {part: len(numbers) for part, numbers in rows.items()} == {"train": 140, "val": 20, "test": 40}
    assert sorted(rows["train"] + rows["val"] + rows["test"]) == list(range(200))
    np.testing.assert_allclose(net.standardizer.mean_, X[rows["train"]].mean(axis=0), rtol=1e-12)
    # each class has its share of each part
    for numbers in rows.values():
        np.testing.assert_allclose(np.bincount(labels[numbers]) / len(numbers), np.bincount(labels) / 200, atol=0.06)
    # other rows: columns in another order, some that are not wanted, no labels
    with (tmp_path / "test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", *COLUMNS[::-1], "note"])
        writer.writerows([i, *row[::-1], "x"] for i, row in enumerate(X.tolist()))
    result = run("predict", model, "test.csv", "--out", "found.csv")
    assert (result.exit_code, result.stdout) == (0, "wrote 200 predictions to found.csv\n")
    assert categories((tmp_path / "found.csv").read_text(), "colour") == [CLASSES[k] for k in labels]
    result = run("predict", model, "test.csv", "--numbers", "--out", "-")
    assert categories(result.stdout, "colour") == [str(k) for k in labels]
    assert result.stderr.endswith("wrote 200 predictions to -\n")
    assert found(run("evaluate", model, "train.csv", "--json"))["accuracy"] == 1.0
    result = run("predict", model, "train.csv", "--label", "colour")
    assert result.stdout == "wrote 200 predictions to submission.csv; accuracy 1.0000\n"
    result = run("evaluate", model, "train.csv", "--target", "height")
    assert (result.exit_code, "--target must be 'colour', which the network predicts" in result.stderr) == (2, True)


@pytest.fixture
def shop(tmp_path):
    """A table as people have them: an index without a name, texts, gaps, a constant, decimal commas; and its frame."""
    import pandas

    random = np.random.RandomState(0)
    size, kind = random.rand(300) * 10, random.choice(["old", "new", "rare"], 300)
    frame = pandas.DataFrame(
        {
            "code": [f"c-{i}" for i in random.permutation(300)],
            "size": [f"{value:.3f}".replace(".", ",") for value in size],
            "kind": kind,
            "land": "AT",
            "price": [f"{a + 5 * (k == 'old'):.2f}".replace(".", ",") for a, k in zip(size, kind, strict=True)],
            "sold": np.where(size + 3 * (kind == "new") > 6, "yes", "no"),
        }
    )
    frame.loc[random.choice(300, 20), ["size", "kind"]] = None
    frame.loc[[5, 7, 250], ["price", "sold"]] = None
    frame.to_csv(tmp_path / "shop.csv", sep=";")
    return frame


@pytest.mark.parametrize(
    ("target", "task", "score"), [("price", "regression", "R2"), ("sold", "classification", "accuracy")]
)
def test_a_table_is_understood_and_predicted_as_it_is(run, tmp_path, shop, target, task, score):
    other = {"price": "sold", "sold": "price"}[target]
    options = ("--data", "shop.csv", "--target", target, "--ignore", other)
    shown = run("train", *options, "--out", "shown").stdout
    for text in (
        "shop.csv: 300 rows, 6 columns\nFields are separated by semicolons.\n",
        "Decimals are written with a comma, in columns 'size', 'price'.",
        "left out: has only the value 'AT'",
        "left out: has another value in each row",
        f"3 of 300 rows have no '{target}' and are left out.",
    ):
        assert text in shown.replace("Of '", "\nOf '").replace("3 of 300 Rows", "3 of 300 rows")
    trained = found(run("train", *options, "--json", "--out", "a"))
    assert trained["task"] == task
    rows = trained["rows"]
    assert sorted(rows["train"] + rows["val"] + rows["test"]) == [i for i in range(300) if i not in (5, 7, 250)]
    assert trained["test_score"] == trained[f"test_{score}"] > max(0.7, trained["constant_score"] + 0.1)
    constant = {"R2": "mean", "accuracy": "most frequent class"}[score]
    assert shown.splitlines()[-1].startswith(
        f"test {score} {trained['test_score']:.4f} on {len(rows['test'])} rows; constant predictor "
        f"({constant}) {trained['constant_score']:z.4f}. "
    )
    assert found(run("evaluate", "a/model.npz", trained["files"][-1], "--json"))[score] == trained["test_score"]
    assert "fits: train " in shown.splitlines()[-1]
    # the raw file again, in another order of columns, with a value that was not seen
    shop.iloc[rows["test"], ::-1].to_csv(tmp_path / "test.csv", index=False)
    assert found(run("evaluate", "a/model.npz", "test.csv", "--decimal", ",", "--json"))[score] == pytest.approx(
        trained["test_score"]
    )
    shop.assign(kind="unseen")[["kind", "size", "code"]].to_csv(tmp_path / "new.csv", index=False)
    assert run("predict", "a/model.npz", "new.csv", "--id", "code", "--out", "b.csv").exit_code == 0
    with (tmp_path / "b.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["code", target]
    assert [line[0] for line in lines] == shop["code"].tolist()
    assert all(line[1] in ("yes", "no") if task == "classification" else np.isfinite(float(line[1])) for line in lines)


def test_probabilities_are_written_before_the_class(run, tmp_path, shop):
    trained = found(run("train", "--data", "shop.csv", "--target", "sold", "--weights", "balanced", "--json"))
    assert run("predict", trained["files"][0], "shop.csv", "--proba", "--out", "b.csv").exit_code == 0
    with (tmp_path / "b.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["id", "probability of no", "probability of yes", "sold"]
    for _, no, yes, name in lines:
        assert float(no) + float(yes) == pytest.approx(1, abs=1e-6)
        assert name == ("no" if float(no) > float(yes) else "yes")


def test_describe_shows_columns_and_remedies_name_options(run, tmp_path):
    (tmp_path / "a.csv").write_text(
        "day,price,note,y\n" + "".join(f"2024-01-{i % 28 + 1:02},{i % 9 + 1},{i},{i % 2}\n" for i in range(60))
    )
    lines = run("describe", "a.csv", "--target", "y", "--ignore", "price,note").stdout.splitlines()
    shown = {line.split()[0]: line for line in lines if line}
    assert "date" in shown["day"]
    assert "refused: has dates, such as" in shown["day"]
    assert shown["price"].endswith("ignored")
    assert shown["y"].endswith("target")
    result = run("train", "--data", "a.csv", "--target", "y")
    assert (result.exit_code, result.stderr.endswith("Or leave them out: --ignore day\n")) == (1, True)


def test_a_header_that_is_not_recognised_may_be_said(run, tmp_path):
    (tmp_path / "a.csv").write_text("2020,2021,2022\n" + "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(60)))
    assert "named column 1, column 2, ...; if it is one, say --header." in run("describe", "a.csv").stdout
    result = run("train", "--data", "a.csv", "--target", "2022")
    remedy = "got '2022'; if the first line of the file names its columns, say --header\n"
    assert (result.exit_code, result.stderr.endswith(remedy)) == (2, True)
    assert run("train", "--data", "a.csv", "--target", "2022", "--header", "--epochs", "1").exit_code == 0


def test_describe_shows_what_the_target_would_be(run, tmp_path):
    (tmp_path / "a.csv").write_text(
        "day,price,y\n" + "".join(f"2024-01-0{i % 9 + 1},{i / 8},{i % 2}\n" for i in range(60))
    )
    options = ("describe", "a.csv", "--target", "y")
    assert run(*options).stdout.endswith(
        "Of 'y', 2 classes are learnt: '0', '1'; a number is learnt by --task regression.\n"
    )
    shown = found(run(*options, "--json", "--ignore", "price"))
    assert [(one["name"], one["use"]) for one in shown["columns"]] == [
        ("day", "refused"),
        ("price", "ignored"),
        ("y", "target"),
    ]
    assert (shown["n_rows"], shown["task"]["kind"], shown["task"]["class_names"]) == (60, "classification", ["0", "1"])
    assert found(run(*options, "--json", "--task", "regression"))["task"]["kind"] == "regression"
    assert found(run("describe", "a.csv", "--json"))["task"] is None
    result = run("describe", "a.csv", "--target", "day")
    assert (result.exit_code, "price   number" in result.stdout) == (1, True)
    assert "target 'day' has dates" in result.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_table_is_read_again_as_in_the_training(run, tmp_path, command):
    """With the options that were given there, unless others are given."""
    rows = "".join(f"{i % 7},5!{'none' if i % 5 == 0 else i % 3}!{'ab'[i % 7 > 3]}\n" for i in range(70))
    (tmp_path / "a.txt").write_text(rows, "cp1252")
    options = ("--delimiter", "!", "--decimal", ",", "--missing", "none", "--encoding", "cp1252", "--no-header")
    trained = found(run("train", "--data", "a.txt", *options, "--target", "column 3", "--epochs", "2", "--json"))
    model = trained["files"][0]
    net = NeuralNetwork.load(model)
    expected = {"delimiter": "!", "decimal": ",", "missing": ["none"], "encoding": "cp1252", "header": False}
    assert net.schema.reading == expected
    assert net.feature_names == ["column 1", "column 2", "column 2 (missing)"]
    again = found(run(command, model, "a.txt", "--target", "column 3", "--json"))
    assert again["n_rows"] == 70
    (tmp_path / "b.txt").write_text(rows.replace("!", "&"))
    result = run(command, model, "b.txt")
    assert result.exit_code == 1
    assert "--missing '5&none&a') (read as in the training, with --decimal ,, --missing none, --enc" in result.stderr
    other = found(run(command, model, "b.txt", "--target", "column 3", "--delimiter", "&", "--json"))
    assert other["accuracy"] == again["accuracy"]


def test_evaluate_compares_with_what_the_training_says_most_often(run, tmp_path, shop):
    for target, rows in (("sold", shop["sold"] == "yes"), ("price", shop.index < 40)):
        trained = found(run("train", "--data", "shop.csv", "--target", target, "--epochs", "2", "--json"))
        model = trained["files"][0]
        schema = NeuralNetwork.load(model).schema
        known, y, _ = targets = schema.targets(shop)
        in_training = targets.of(trained["rows"]["train"])
        assert schema.constant_prediction == (
            np.bincount(in_training).argmax() if target == "sold" else in_training.mean()
        )
        assert (
            found(run("evaluate", model, trained["files"][-1], "--json"))["constant_score"] == trained["constant_score"]
        )
        # other rows, of which another class is the most frequent one
        shop[rows].to_csv(tmp_path / "some.csv", index=False)
        again = found(run("evaluate", model, "some.csv", "--json"))
        y = y[np.isin(known, np.flatnonzero(rows))]
        expected = np.mean(y == schema.constant_prediction)
        if target == "price":
            expected = 1 - np.sum((y - schema.constant_prediction) ** 2) / np.sum((y - y.mean()) ** 2)
        assert again["constant_score"] == pytest.approx(expected)
        assert again["n_rows"] == len(y)


def test_searches_and_comparisons_of_tables(run, tmp_path, shop):
    options = ("--data", "shop.csv", "--target", "sold", "--out")
    result = run("tune", *options, "a", "--param", "hidden_size", "8,16")
    assert result.exit_code == 0, result.output
    trials = [json.loads(line)["training"] for line in (tmp_path / "a" / "trials.jsonl").read_text().splitlines()[1:]]
    # 209 rows to train
    assert [one["epochs"] for one in trials] == [2000 // -(-209 // one["batch_size"]) for one in trials]
    assert len(trials) == 2
    assert found(run("evaluate", "a/best.npz", "shop.csv", "--json"))["accuracy"] > 0.8
    result = run("compare", *options, "b", "--epochs", "2", "--weights", "balanced")
    assert result.exit_code == 0, result.output
    records = json.loads((tmp_path / "b" / "histories.json").read_text())["runs"].values()
    assert [one["weights"] for one in records] == ["balanced"] * 4
    result = run("tune", *options, "c", "--weights", "balanced", "--param", "hidden_size", "8", "--epochs", "2")
    assert "each class counts alike" in result.output
    data = sources.load("shop.csv", None, "sold").arrays
    right = NeuralNetwork.load("c/best.npz").predict(data["X_test"]) == data["y_test"]
    recall = np.mean([right[data["y_test"] == number].mean() for number in range(2)])
    assert f"; mean recall of the classes {recall:.4f}, constant predictor 0.5000." in result.output
    identity = json.loads((tmp_path / "c" / "trials.jsonl").read_text().splitlines()[0])
    assert sum(1 / weight for weight in identity["class_weights"]) == pytest.approx(2)
    result = run("compare", "--data", "shop.csv", "--target", "price", "--weights", "balanced")
    assert (result.exit_code, "--weights is for classes, and a regression is learnt" in result.stderr) == (2, True)


@pytest.mark.parametrize("first", [0, 1e9, -2_459_000])
def test_large_numbers_with_a_small_spread_are_told_apart(run, tmp_path, first):
    """Where float32 would round all of them to a few different ones, the default is float64."""
    lines = [f"{i % 97},{first + i % 97 / 8}" for i in range(400)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *lines]))
    options = ("--data", "a.csv", "--target", "y")
    trained = found(run("train", *options, "--json"))
    assert trained["test_score"] > 0.95
    dtype = "float64" if first else "float32"
    assert dtype in trained["network"]
    assert run("tune", *options, "--epochs", "1", "--param", "hidden_size", "8", "--out", "a").exit_code == 0
    assert NeuralNetwork.load("a/best.npz").dtype == dtype
    assert run("compare", *options, "--epochs", "20", "--out", "b").exit_code == 0
    networks = [one["network"] for one in json.loads((tmp_path / "b" / "histories.json").read_text())["runs"].values()]
    assert all(dtype in network for network in networks)
    assert "float32" in found(run("train", *options, "--dtype", "float32", "--epochs", "1", "--json"))["network"]


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["2.0", "1", "3.00"], ["1", "2", "3"]),
        (["0", "1", "2"], ["0", "1", "2"]),
        (["yes", "no", "1"], ["1", "no", "yes"]),
    ],
)
def test_what_classes_are_called(tmp_path, texts, names):
    rows = [f"{i % 3}.5,{texts[i % 3]}" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]) + "\n\n")
    data = sources.load(str(tmp_path / "a.csv"), None, "y")
    assert (data.class_names, data.n_outputs) == (names, len(names))
    for part in ("train", "val", "test"):
        X, y = data.arrays[f"X_{part}"][:, 0], data.arrays[f"y_{part}"]
        same = [texts[int(x) % 3].removesuffix(".0").removesuffix(".00") for x in X]
        assert [names[k] for k in y] == same


def test_targets_that_are_too_large_are_said(run, tmp_path):
    (tmp_path / "far.csv").write_text("x,y\n" + "".join(f"{i % 7},{i}.5e300\n" for i in range(1, 40)))
    result = run("train", "--data", "far.csv", "--target", "y")
    assert result.exit_code == 1
    assert "Error: target 'y' must be finite in float32, and at most 3" in result.stderr


def test_columns_can_be_left_out(run, tmp_path):
    X, labels = blobs()
    write_csv(tmp_path / "a.CSV", X, labels, columns=["length", "width, mm", "number"])
    assert run("train", "--data", "a.CSV", "--label", "colour", "--ignore", "number", "--out", "a").exit_code == 0
    assert NeuralNetwork.load(tmp_path / "a" / "model.npz").feature_names == ["length", "width, mm"]
    result = run("train", "--data", "a.CSV", "--label", "colour", "--ignore", "x", "--ignore", "number")
    assert result.exit_code == 2
    assert "--ignore must name columns to leave out, some of 'length', 'width, mm', 'number', " in result.stderr


def test_delimiters_in_names_do_not_count(tmp_path):
    (tmp_path / "a.csv").write_text('"a, b, c, d";class\n' + "1;x\n2;y\n" * 20)
    assert sources.load(str(tmp_path / "a.csv"), None, "class").feature_names == ["a, b, c, d"]


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
def test_the_test_can_be_made_again(run, tmp_path, names):
    """A file's test rows are kept, with the classes by their names."""
    random = np.random.RandomState(0)
    X, y = random.randn(300, 3), random.randint(4, size=300)
    np.savez(tmp_path / "my.npz", X=X, y=np.array(names)[y])
    trained = found(run("train", "--data", "my.npz", "--epochs", "3", "--json"))
    assert trained["files"][-1] == "runs/my-adam/test.npz"
    again = sources.load(trained["files"][-1], None, None)
    assert again.class_names == NeuralNetwork.load(trained["files"][0]).class_names
    again = found(run("evaluate", trained["files"][0], trained["files"][-1], "--json"))
    assert (again["accuracy"], again["n_rows"]) == (trained["test_accuracy"], 30)
    assert 0 < again["accuracy"] < 0.7
    again = found(run("predict", trained["files"][0], trained["files"][-1], "--json"))
    assert again == {"n_rows": 30, "accuracy": trained["test_accuracy"], "out": "submission.csv", "notes": []}


def test_a_long_name_is_kept_once(tmp_path):
    rows = [f"{i % 7},{('a', 'b', 'c' * 100_000 if i == 2 else 'b')[i % 3]}" for i in range(3000)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]))
    sources.load(str(tmp_path / "a.csv"), None, "y").save_test_rows(tmp_path / "test.npz")
    assert (tmp_path / "test.npz").stat().st_size < 500_000


GOOD = "a,b,class\n" + "1,2,x\n3,4,y\n5,6,x\n" * 9
BAD_CSV = {
    "no label": (GOOD, None, "--target must name the column to be predicted, one of 'a', 'b', 'class', got none"),
    "unknown label": (GOOD, "c", "--target must name the column to be predicted, one of 'a', 'b', 'class', got 'c'"),
    "text": (
        GOOD + "".join(f"7,{i},y\n" for i in range(20)) + "7,cat,y\n",
        "class",
        "column 'b' has numbers, but 'cat' in line 49: write a number there, or say that it is a gap (--missing cat). "
        "Or leave them out: --ignore b",
    ),
    "one class": ("a,class\n1,x\n2,x\n3,x\n", "class", "target 'class' has only the value 'x': name another column"),
    "short row": (GOOD + "7,8\n", "class", "line 29: must have 3 fields as most lines, separated by commas, got 2"),
    "long row": (GOOD + "7,8,y,9\n", "class", "line 29: must have 3 fields as most lines, separated by commas, got 4"),
    "empty": ("", "class", "a.csv is empty"),
    "header alone": ("a,b,class\n", "class", "must have rows below its header line, got none"),
    "one column": (
        "class\n" + "x\ny\n" * 9,
        "class",
        "a.csv must have a column to learn from besides 'class', got none",
    ),
    "too few rows": ("a,class\n1,x\n2,y\n4,x\n3,y\n", "class", "must have rows to train, to validate and to test with"),
    "too large": (
        "a,class\n" + "1e200,x\n2e200,y\n3e200,x\n" * 9,
        "class",
        "a.csv: X must be finite, got NaN, an infinity or numbers too large to be squared in column 0",
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
