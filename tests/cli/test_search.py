"""`fastmlp compare` and `fastmlp tune`."""

import json
import os
import re
import sys

import numpy as np
import pytest
from cli_helpers import interrupted_in_epoch

import fastmlp
from fastmlp.cli import sources

pytestmark = pytest.mark.application


def test_compare_trains_four_networks(run, tmp_path):
    result = run("compare", "--epochs", "3", "--seed", "1")
    assert result.exit_code == 0, result.output
    out = tmp_path / "runs" / "digits-compare"
    figures = [f"compare_{name}.png" for name in ("2layer", "3layer", "all")]
    submissions = {
        f"{n} layers, {optimizer}": f"nn_{n}layer_{optimizer.lower()}_submission.csv"
        for n in (2, 3)
        for optimizer in ("SGD", "Adam")
    }
    assert sorted(os.listdir(out)) == sorted([*figures, "histories.json", *submissions.values()])
    for name in figures:
        assert (out / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    found = json.loads((out / "histories.json").read_text())
    assert found["environment"]["numpy"] == np.__version__
    assert list(found["runs"]) == list(submissions)
    rows = [line.split() for line in result.output.splitlines() if re.match(r" +[23] ", line)]
    for (name, one), row in zip(found["runs"].items(), rows, strict=True):
        n_layers, optimizer = int(name[0]), name.split()[-1]
        assert row[:2] == [str(n_layers), optimizer] == [str(n_layers), one["settings"]["optimizer"]]
        assert one["network"].startswith("NeuralNetwork(64" + "-64" * (n_layers - 1) + "-10")
        validation = one["history"]["val_accuracy"]
        assert len(validation) == 3
        shown = [float(text.replace(",", "")) for text in row[2:]]
        expected = [validation[-1], max(validation), one["test_accuracy"], one["seconds"], one["samples_per_second"]]
        assert shown == pytest.approx(expected, abs=0.51)
        assert shown[:3] == pytest.approx(expected[:3], abs=5e-5)
    # what is submitted is what was tested
    labels = sources.load("digits", None, None).arrays["y_test"]
    for name, file in submissions.items():
        lines = (out / file).read_text().splitlines()
        assert lines[0] == "id,category"
        predictions = [int(line.split(",")[1]) for line in lines[1:]]
        assert np.mean(predictions == labels) == pytest.approx(found["runs"][name]["test_accuracy"])


@pytest.mark.parametrize("target", ["kind", "price"])
def test_compare_writes_predictions_of_a_table_as_predict_does(run, tmp_path, target):
    """With the numbers of its rows, those of the test, which stay the same where a line in front of one is left out."""
    lines = [f"{i % 9},{'ab'[i % 9 > 4]},{i % 9 / 4}" for i in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["size,kind,price", *lines[:30], ",,", *lines[30:]]))
    options = ("--data", "a.csv", "--target", target, "--ignore", {"kind": "price", "price": "kind"}[target])
    assert run("compare", *options, "--epochs", "9", "--out", "a").exit_code == 0
    assert run("train", *options, "--epochs", "9", "--out", "b").exit_code == 0
    expected = run("predict", "b/model.npz", "a.csv", "--out", "-").stdout.splitlines()
    found = (tmp_path / "a" / "nn_2layer_adam_submission.csv").read_text().splitlines()
    assert found[0] == expected[0] == f"id,{target}"
    numbers = json.loads((tmp_path / "b" / "history.json").read_text())["rows"]["test"]
    assert found[1:] == [expected[1 + number] for number in numbers]


def test_compare_gives_what_train_gives(run, tmp_path):
    options = ("--epochs", "2", "--dtype", "float64", "--threads", "1", "--seed", "3")
    assert run("compare", *options, "--out", "both").exit_code == 0
    assert run("train", *options, "--optimizer", "SGD", "--out", "one").exit_code == 0
    both, one = (
        json.loads((tmp_path / "both" / "histories.json").read_text()),
        json.loads((tmp_path / "one" / "history.json").read_text()),
    )
    same = both["runs"]["2 layers, SGD"]
    assert same["history"]["train_loss"] == one["history"]["train_loss"]
    assert same["settings"] == one["settings"]


def test_compare_trains_with_another_activation(run, tmp_path):
    assert run("compare", "--epochs", "1", "--activation", "tanh", "--out", "a").exit_code == 0
    found = json.loads((tmp_path / "a" / "histories.json").read_text())["runs"]
    assert [one["activation"] for one in found.values()] == ["tanh"] * 4


@pytest.mark.parametrize("last", [5, 6], ids=["in the first epoch", "later"])
def test_compare_keeps_what_was_trained_before_an_interruption(run, tmp_path, last):
    with interrupted_in_epoch(last):
        result = run("compare", "--epochs", "2", "--out", "a")
    assert (result.exit_code, "interrupted in the training of 3 layers, SGD; the" in result.stderr) == (130, True)
    found = json.loads((tmp_path / "a" / "histories.json").read_text())["runs"]
    assert {name: len(one["history"]["seconds"]) for name, one in found.items()} == {
        "2 layers, SGD": 2,
        "2 layers, Adam": 2,
        **({"3 layers, SGD": 1} if last == 6 else {}),
    }
    assert (tmp_path / "a" / "compare_all.png").exists()


def test_compare_says_what_is_missing(run, tmp_path):
    result = run("compare", "--data", "cifar10")
    assert result.exit_code == 1
    assert "FASTMLP_DATA" in result.output
    assert run("compare", "--epochs", "0").exit_code == 2
    assert os.listdir(tmp_path) == []


def trials_of(out):
    return [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()[1:]]


def test_tune_searches_a_grid_and_goes_on(run, tmp_path):
    options = ("tune", "--epochs", "2", "--param", "learning_rate", "0.1,0.3", "--param", "hidden_sizes", "[8],[8, 4]")
    first = run(*options)
    assert first.exit_code == 0, first.output
    out = tmp_path / "runs" / "digits-tune"
    assert sorted(os.listdir(out)) == ["best.npz", "curves.png", "grid.png", "trials.jsonl"]
    tried = [
        (one["hyper_parameters"]["learning_rate"], one["hyper_parameters"]["hidden_sizes"]) for one in trials_of(out)
    ]
    assert sorted(tried) == [(0.1, [8]), (0.1, [8, 4]), (0.3, [8]), (0.3, [8, 4])]
    before = (out / "trials.jsonl").read_bytes()
    again = run(*options)
    assert again.output == first.output
    assert (out / "trials.jsonl").read_bytes() == before
    data = sources.load("digits", None, None).arrays
    accuracy = fastmlp.NeuralNetwork.load(out / "best.npz").score(data["X_test"], data["y_test"])
    assert f"test accuracy of the best {accuracy:.4f} on 300 rows" in first.output
    rows = [line.split() for line in first.output.splitlines() if re.match(r" *0\.\d{4}  ", line)]
    assert len(rows) == 4
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)


@pytest.mark.parametrize(
    ("options", "activations"),
    [
        ((), ["relu"]),
        (("--activation", "Tanh"), ["tanh"]),
        (("--param", "activation", "relu,tanh,Logistic"), ["relu", "tanh", "logistic"]),
    ],
)
def test_tune_takes_an_activation_or_searches_for_one(run, tmp_path, options, activations):
    result = run("tune", "--epochs", "1", "--param", "hidden_sizes", "[8]", *options, "--out", "a")
    assert result.exit_code == 0, result.output
    found = trials_of(tmp_path / "a")
    assert sorted(one["hyper_parameters"]["activation"] for one in found) == sorted(activations)
    assert sorted(one["training"]["activation"] for one in found) == sorted(activations)
    assert fastmlp.NeuralNetwork.load(tmp_path / "a" / "best.npz").activation in activations


def test_tune_searches_for_dropout_and_for_an_activation_of_each_layer(run, tmp_path):
    params = ("--param", "dropout", "0,[0.125,0.25,0.5]", "--param", "activation", "gelu,[ReLU, tanh]")
    result = run("tune", "--epochs", "1", "--param", "hidden_sizes", "[8,4]", *params, "--out", "a")
    assert result.exit_code == 0, result.output
    rates, activations = (0, [0.125, 0.25, 0.5]), ("gelu", ["relu", "tanh"])
    for kind in ("hyper_parameters", "training"):
        tried = [(one[kind]["dropout"], one[kind]["activation"]) for one in trials_of(tmp_path / "a")]
        assert len(tried) == 4
        assert all((rate, activation) in tried for rate in rates for activation in activations)
    assert re.search(r"\d +gelu +0\.125-0\.25-0\.5\n", result.output)
    assert re.search(r"\d +relu-tanh +0\n", result.output)


def test_tune_gives_all_trials_the_options(run, tmp_path):
    options = ("tune", "--epochs", "1", "--param", "hidden_sizes", "[8],[4]", "--dropout", "0.125,0.25", "--out", "a")
    result = run(*options, "--label-smoothing", "0.25")
    assert result.exit_code == 0, result.output
    found = trials_of(tmp_path / "a")
    assert [one[kind]["dropout"] for one in found for kind in ("hyper_parameters", "training")] == [[0.125, 0.25]] * 4
    network = fastmlp.NeuralNetwork.load(tmp_path / "a" / "best.npz")
    assert network.dropout == (0.125, 0.25)
    result = run(*options, "--replace")
    assert result.exit_code == 1
    assert "is of another search: its label_smoothing is 0.25, this one's 0.0; choose another folder" in result.output


def test_tune_searches_for_a_weight_decay(run, tmp_path):
    options = ("--optimizer", "AdamW", "--epochs", "1", "--param", "weight_decay", "0,0.5", "--out", "a")
    assert run("tune", *options).exit_code == 0
    found = trials_of(tmp_path / "a")
    assert sorted(one["training"]["weight_decay"] for one in found) == [0, 0.5]
    assert len({one["history"]["train_loss"][-1] for one in found}) == 2


def test_tune_at_random_with_halving(run, tmp_path):
    options = (
        "--random",
        "4",
        "--halving",
        "2",
        "--epochs",
        "4",
        "--optimizer",
        "Adam",
        "--workers",
        "2",
        "--seed",
        "5",
    )
    result = run("tune", *options, "--param", "learning_rate", "loguniform(1e-4, 1e-1)", "--out", "a")
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path / "a")) == ["best.npz", "curves.png", "trials.jsonl"]
    found = trials_of(tmp_path / "a")
    assert [one["training"]["epochs"] for one in found] == [1] * 4 + [2] * 2 + [4]
    assert {one["hyper_parameters"]["optimizer"] for one in found} == {"Adam"}
    assert all(1e-4 <= one["hyper_parameters"]["learning_rate"] <= 1e-1 for one in found)


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (("--param", "rate", "1"), 1, "must be one of 'num_layers', "),
        (("--param", "learning_rate", "fast"), 1, "learning_rate must be a number, got 'fast'"),
        (("--param", "learning_rate", "loguniform(0, 1)"), 1, "learning_rate must have two bounds, "),
        (("--param", "learning_rate", "uniform(0, 1)"), 1, "must be a list of choices where n_trials is not given"),
        (("--param", "learning_rate", ""), 1, "learning_rate"),
        (("--param", "batch_size", "8", "--param", "batch_size", "16"), 1, "--param batch_size must be given once"),
        (("--param", "epochs", "1,2", "--epochs", "3"), 1, "epochs must be given by --epochs or by --param epochs"),
        (("--param", "activation", "tanh", "--activation", "relu"), 1, "activation must be given by --activation or"),
        (("--param", "activation", "relu,softmax"), 1, "activation must be one of 'identity', "),
        (
            ("--param", "activation", "[relu,softmax]"),
            1,
            "activation must be one name, or 1, one for each hidden layer",
        ),
        (("--param", "activation", "[relu"), 1, "activation must be one of 'identity', "),
        (
            ("--param", "dropout", "0.5", "--dropout", "0"),
            1,
            "dropout must be given by --dropout or by --param dropout",
        ),
        (("--param", "dropout", "0.5,1"), 1, "dropout must be finite, at least 0 and below 1, got 1"),
        (("--param", "dropout", "[0.5]"), 1, "dropout must be one number for the hidden layers, or 2"),
        (("--halving", "1"), 2, "--halving"),
        (("--workers", "0"), 2, "--workers"),
        (("--param", "learning_rate"), 2, "--param"),
    ],
)
def test_tune_says_what_it_cannot_search(options, exit_code, message, run, tmp_path):
    result = run("tune", *options)
    assert result.exit_code == exit_code, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("**/trials.jsonl"))


def test_tune_leaves_the_results_of_another_search_alone(run, tmp_path):
    options = ("tune", "--epochs", "1", "--param", "learning_rate", "0.1", "--out", "a")
    assert run(*options).exit_code == 0
    before = (tmp_path / "a" / "trials.jsonl").read_bytes()
    result = run(*options, "--seed", "7", "--replace")
    assert result.exit_code == 1
    assert "is of another search: its seed is 0, this one's 7; choose another folder" in result.output
    assert (tmp_path / "a" / "trials.jsonl").read_bytes() == before


def test_tune_takes_no_network_that_diverged(run, tmp_path):
    """Also where the loss was finite to the end."""
    options = ("tune", "--optimizer", "Adam", "--epochs", "2")
    result = run(*options, "--param", "learning_rate", "1e9,0.01", "--out", "a")
    assert result.exit_code == 0
    assert re.search(r"\n    nan +2 +1e\+09\n", result.output)
    assert [len(one["history"]["seconds"]) for one in sorted(trials_of(tmp_path / "a"), key=str)] == [2, 1]
    result = run(*options, "--param", "learning_rate", "1e9", "--out", "b")
    assert (result.exit_code, "diverged with all of the 1 combinations" in result.stderr) == (1, True)
    assert os.listdir(tmp_path / "b") == ["trials.jsonl"]


def test_tune_says_what_it_cannot_have(run, monkeypatch):
    def greedy(*arguments, **options):
        raise MemoryError("Unable to allocate 279. GiB")

    monkeypatch.setattr(sys.modules["fastmlp.cli.tune"], "search", greedy)
    result = run("tune", "--epochs", "1", "--out", "a")
    assert (result.exit_code, result.output) == (1, "Error: Unable to allocate 279. GiB\n")
