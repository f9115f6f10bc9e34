"""The `fastmlp` command: schedules, clipping and early stopping of `train`, schedules of `tune`, presets of tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import found
from table_helpers import blobs, write_csv

import fastmlp
from fastmlp.cli.presets import preset
from fastmlp.schedules import SCHEDULES

pytestmark = pytest.mark.application


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_takes_the_place_of_the_decay(run, schedule):
    trained = found(run("train", "--epochs", "3", "--schedule", schedule.upper(), "--out", "a", "--json"))
    settings = trained["settings"]
    assert (settings["schedule"], settings["learning_rate_decay"]) == (schedule, 1.0)
    rates = SCHEDULES[schedule]().rates(0.003, 41, 3)
    history = json.loads(Path("a/history.json").read_text())["history"]
    expected, loss = [], None
    for epoch_loss in history["val_loss"]:
        expected.append(float(np.ravel(rates.send(loss))[-1]))
        loss = epoch_loss
    assert history["learning_rate"] == pytest.approx(expected, rel=1e-12)


def test_a_schedule_and_a_decay_are_refused(run):
    result = run("train", "--schedule", "cosine", "--learning-rate-decay", "0.9")
    assert result.exit_code == 2
    assert "learning_rate_decay must be left out with a schedule" in result.stderr


def test_early_stopping_says_what_it_has_kept(run):
    result = run("train", "--learning-rate", "0.02", "--patience", "3", "--out", "a")
    record = json.loads(Path("a/history.json").read_text())
    history = record["history"]
    best = int(np.argmin(history["val_loss"])) + 1
    assert record["best_epoch"] == best
    assert best < len(history["val_loss"]) < 40
    assert f"\nThe parameters are those after epoch {best} of {len(history['val_loss'])}, which has" in result.output
    again = found(run("train", "--learning-rate", "0.02", "--patience", "3", "--out", "b", "--json"))
    assert (again["best_epoch"], again["epochs"]) == (best, len(history["val_loss"]))
    assert found(run("evaluate", "a/model.npz", "digits", "--json"))["accuracy"] == again["test_accuracy"]


def test_clipping_is_a_setting(run):
    norms = ("0.001", "1e9")
    trained = [found(run("train", "--epochs", "2", "--clip-norm", norm, "--out", norm, "--json")) for norm in norms]
    assert [one["settings"]["clip_norm"] for one in trained] == [0.001, 1e9]
    plain = found(run("train", "--epochs", "2", "--out", "plain", "--json"))
    assert trained[1]["test_accuracy"] == plain["test_accuracy"]
    nets = [fastmlp.NeuralNetwork.load(f"{folder}/model.npz") for folder in (*norms, "plain")]
    assert np.array_equal(nets[1].params["W1"], nets[2].params["W1"])
    assert not np.array_equal(nets[0].params["W1"], nets[2].params["W1"])
    assert run("train", "--clip-norm", "0").exit_code == 2


def test_schedules_can_be_searched(run):
    result = run("tune", "--epochs", "2", "--param", "schedule", "cosine,step", "--param", "hidden_size", "8")
    assert result.exit_code == 0
    assert "2 trials on digits" in result.output
    assert "cosine" in result.output


@pytest.mark.parametrize(("n_rows", "batch_size"), [(100, 32), (3000, 60), (10**6, 200)])
def test_presets_of_tables_follow_the_number_of_rows(n_rows, batch_size):
    settings = preset("table", "Adam", n_rows).checked()
    assert (settings.batch_size, settings.regularization) == (batch_size, 3 / n_rows)


def test_each_command_trains_a_table_by_the_preset_of_its_rows(run, tmp_path):
    write_csv(tmp_path / "a.csv", *blobs())
    options = ("--data", "a.csv", "--target", "colour", "--split", "0.2,0.2", "--epochs", "1")
    settings = [found(run("train", *options, "--json"))["settings"]]
    assert run("compare", *options, "--out", "b").exit_code == 0
    settings += [one["settings"] for one in json.loads(Path("b/histories.json").read_text())["runs"].values()]
    assert run("tune", *options, "--param", "learning_rate", "0.1", "--out", "c").exit_code == 0
    settings.append(json.loads(Path("c/trials.jsonl").read_text().splitlines()[1])["hyper_parameters"])
    assert [(one["batch_size"], one["regularization"]) for one in settings] == [(32, 3 / 120)] * 6


def test_a_network_that_is_no_better_than_a_constant_is_called_so(run, tmp_path):
    X, labels = blobs()
    useless = ("--regularization", "1000", "--epochs", "20")
    for name, classes, options in (("a.csv", np.arange(len(X)) % 10 == 0, useless), ("b.csv", labels, ())):
        write_csv(tmp_path / name, X, np.int64(classes))
        last = run("train", "--data", name, "--target", "colour", *options).output.splitlines()[-1]
        assert (" The network is no better than that." in last) == (name == "a.csv")
        assert (" It never predicts 'green': with --weights balanced, rare classes" in last) == (name == "a.csv")


def test_weights_are_for_classes_that_are_rare(run, tmp_path):
    X, _ = blobs()
    write_csv(tmp_path / "a.csv", X, np.int64(np.arange(len(X)) % 20 < 9))
    options = ("--data", "a.csv", "--target", "colour", "--regularization", "1e6", "--epochs", "60")
    last = run("train", *options).output.splitlines()[-1]
    assert " It never predicts '" in last
    assert "balanced" not in last


def test_weighted_classes_are_judged_by_their_recalls(run, tmp_path):
    X, labels = blobs()
    write_csv(tmp_path / "a.csv", X, np.int64(labels == 0))
    options = ("--data", "a.csv", "--target", "colour", "--weights", "balanced")
    last = run("train", *options, "--out", "b").output.splitlines()[-1]
    scores = found(run("evaluate", "b/model.npz", "b/test.npz", "--json"))
    recall = np.mean(scores["recall"])
    assert f"; mean recall of the classes {recall:.4f}, constant predictor 0.5000. The network neither" in last
    assert last.endswith(", where each class counts alike.")
    last = run("train", *options, "--learning-rate", "1e-9", "--epochs", "5").output.splitlines()[-1]
    assert "no better than that" in last
    assert "never predicts" not in last


@pytest.mark.parametrize(
    ("n_rows", "noise", "options", "state"),
    [
        (150, 0.0, (), "The network neither over- nor underfits: train R2 "),
        (3000, 50.0, ("--learning-rate", "0.1"), "The network underfits: train R2 "),  # though the loss is noisy
        (150, 3.0, ("--dropout", "0", "--hidden-sizes", "300", "--learning-rate", "0.003"), "the network overfits"),
    ],
)
def test_the_last_line_always_says_whether_the_network_fits(run, tmp_path, n_rows, noise, options, state):
    random = np.random.RandomState(0)
    X = random.randn(n_rows, 8)
    table = np.column_stack([X, X.sum(axis=1) + noise * random.randn(n_rows)])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="a,b,c,d,e,f,g,h,y", comments="")
    last = run("train", "--data", "a.csv", "--target", "y", *options).output.splitlines()[-1]
    assert state in last
    assert (", of only 15 rows." in last) == ("neither" in state)


def test_a_constant_score_is_never_minus_zero(run, tmp_path):
    rows = [f"{i % 7},{y}" for i, y in enumerate(1000 * [1.5, 2.5, 7.25])]
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *rows]))
    options = ("--data", "a.csv", "--target", "y", "--epochs", "2")
    assert -0.00005 < found(run("train", *options, "--json"))["constant_score"] < 0
    for command in (("train",), ("compare",), ("tune", "--param", "learning_rate", "0.1")):
        said = next(
            line for line in run(*command, *options).output.splitlines() if "constant predictor (mean) " in line
        )
        assert "-0.0000 " not in said
