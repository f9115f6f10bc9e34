"""The `fastmlp` command: the options of a network, which `train`, `compare` and `tune` share."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS
from cli_helpers import found

import fastmlp
from fastmlp.functions.losses import LOSSES

pytestmark = pytest.mark.application

COMMANDS = ["train", "compare", "tune"]
OF_CLASSES = [name for name, row in LOSSES.items() if row.of_classes]
OF_NUMBERS = [name for name, row in LOSSES.items() if not row.of_classes and not row.decides]


def record(folder):
    return json.loads(Path(folder, "history.json").read_text())


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_activation(run, activation):
    options = ("--epochs", "1", "--hidden-sizes", "8", "--out", "a", "--json")
    trained = found(run("train", *options, "--activation", activation.upper()))
    assert trained["activation"] == record("a")["activation"] == activation
    assert fastmlp.NeuralNetwork.load("a/model.npz").activation == activation


def test_another_activation_is_another_training(run):
    assert run("train", "--epochs", "1", "--out", "a").exit_code == 0
    assert record("a")["activation"] == "relu"
    result = run("train", "--epochs", "2", "--out", "a", "--resume", "--activation", "tanh")
    assert result.exit_code == 1
    assert "activations must be ('relu', 'softmax'), as in the checkpoint" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_activations(run, command):
    assert f"--activation [{'|'.join(HIDDEN_ACTIVATIONS)}]" in run(command, "--help").output


@pytest.mark.parametrize(
    ("options", "dropout"),
    [
        ((), 0.0),
        (("--dropout", "0.3"), 0.3),
        (("--dropout", "0.1,0.3"), [0.1, 0.3]),
        (("--dropout", "0, 0.25, 0.5", "--hidden-sizes", "9,8"), [0.0, 0.25, 0.5]),
        (("--dropout", "0.2", "--hidden-sizes", "9,8"), 0.2),
        (("--dropout", "[0.25]", "--layers", "1"), [0.25]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_dropout(run, options, dropout):
    trained = found(run("train", "--epochs", "1", *options, "--out", "a", "--json"))
    assert trained["dropout"] == record("a")["dropout"] == dropout
    network = fastmlp.NeuralNetwork.load("a/model.npz")
    assert network.dropout == (tuple(dropout) if isinstance(dropout, list) else dropout)
    losses = [record("a")["history"]["train_loss"]]
    sizes = [text for text in options if text not in ("--dropout", *options[1:2])]
    assert run("train", "--epochs", "1", *sizes, "--out", "b").exit_code == 0
    losses.append(record("b")["history"]["train_loss"])
    assert (losses[0] == losses[1]) == (dropout == 0)


def test_label_smoothing(run):
    assert run("train", "--epochs", "20", "--out", "plain").exit_code == 0
    trained = found(run("train", "--epochs", "20", "--label-smoothing", "0.5", "--out", "smooth", "--json"))
    assert trained["label_smoothing"] == record("smooth")["label_smoothing"] == 0.5
    assert record("plain")["label_smoothing"] == 0
    X = fastmlp.load_digits()[0]
    sure = [
        fastmlp.NeuralNetwork.load(f"{name}/model.npz").predict_proba(X).max(axis=1).mean()
        for name in ("plain", "smooth")
    ]
    assert sure[1] < 0.7 < 0.95 < sure[0]


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_loss(run, loss):
    trained = found(run("train", "--epochs", "1", "--loss", loss.upper(), "--out", "a", "--json"))
    assert trained["loss"] == record("a")["loss"] == fastmlp.NeuralNetwork.load("a/model.npz").loss == loss


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_a_loss_of_numbers_is_for_a_regression(run, tmp_path, command, loss):
    result = run(command, "--loss", loss.upper())
    assert result.exit_code == 2
    assert f"--loss must be one of cross_entropy for classification, got {loss}" in result.stderr
    assert os.listdir(tmp_path) == []
    X = np.random.RandomState(0).rand(60, 2)
    np.savez("a.npz", X=X, y=X.sum(axis=1))
    options = ("--data", "a.npz", "--task", "regression", "--loss", loss, "--epochs", "2", "--out", "a")
    result = run(command, *options)
    assert result.exit_code == 0, result.output
    assert "test R2" in result.output.replace("test  R2", "test R2")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (("--loss", "hinge"), 2, "'hinge' is not "),
        (("--label-smoothing", "1"), 2, "Invalid value for '--label-smoothing'"),
        (("--label-smoothing", "-0.1"), 2, "Invalid value for '--label-smoothing'"),
        (("--label-smoothing", "nan"), 1, "label_smoothing must be finite, at least 0 and below 1, got nan"),
        (("--dropout", "1"), 2, "Invalid value for '--dropout': '1' is not a rate of at least 0 and below 1"),
        (("--dropout", "-0.5"), 2, "'-0.5' is not a rate of at least 0 and below 1 such as 0.5, or a list"),
        (("--dropout", "nan"), 2, "'nan' is not a rate"),
        (("--dropout", "half"), 2, "'half' is not a rate"),
        (("--dropout", ""), 2, "'' is not a rate"),
        (("--dropout", "0.1,,0.2"), 2, "'0.1,,0.2' is not a rate"),
        (("--dropout", "[0.1"), 2, "'[0.1' is not a rate"),
        (("--dropout", "0.1,0.2,0.3,0.4"), 1, "dropout must be one number for the hidden layers, or "),
    ],
)
def test_bad_values_are_named_before_anything_is_written(run, tmp_path, command, options, exit_code, message):
    result = run(command, *options)
    assert result.exit_code == exit_code, result.output
    assert message in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dropout", "0.5"), "dropout_rates must be (0.0, 0.0), as in the checkpoint"),
        (("--label-smoothing", "0.5"), "loss_option must be 0.0, as in the checkpoint"),
    ],
)
def test_another_network_is_another_training(run, options, message):
    assert run("train", "--epochs", "1", "--out", "a").exit_code == 0
    result = run("train", "--epochs", "2", "--out", "a", "--resume", *options)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_training_with_dropout_goes_on_from_its_checkpoint(run):
    options = ("--dropout", "0.3", "--label-smoothing", "0.1")
    assert run("train", "--epochs", "3", "--out", "whole", *options).exit_code == 0
    for n_epochs, resume in ((1, ()), (3, ("--resume",))):
        assert run("train", "--epochs", n_epochs, "--out", "parts", *options, *resume).exit_code == 0
    assert Path("whole/model.npz").read_bytes() == Path("parts/model.npz").read_bytes()


def test_compare_gives_all_four_networks_the_options(run):
    options = ("--dropout", "0.25", "--label-smoothing", "0.1", "--loss", "cross_entropy")
    assert run("compare", "--epochs", "1", *options, "--out", "a").exit_code == 0
    records = json.loads(Path("a/histories.json").read_text())["runs"].values()
    assert [(one["loss"], one["label_smoothing"], one["dropout"]) for one in records] == [
        ("cross_entropy", 0.1, 0.25)
    ] * 4


def test_compare_trains_none_where_a_list_of_rates_does_not_fit_all(run, tmp_path):
    result = run("compare", "--epochs", "1", "--dropout", "0.1,0.2")
    assert result.exit_code == 1
    assert "dropout must be one number for the hidden layers, or 3, one for the inputs" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_losses_and_defaults(run, command):
    text = " ".join(run(command, "--help").output.split())
    assert all(loss in text for loss in OF_CLASSES + OF_NUMBERS)
    for option, default in {"--loss": "cross_entropy", "--label-smoothing": "0.0;", "--dropout": "0;"}.items():
        described = text.partition(f" {option} ")[2].partition(" --")[0]
        assert f"[default: {default}" in described
