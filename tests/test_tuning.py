"""The search for hyper-parameters: what is searched, what is found, and what a folder keeps of it."""

import errno
import fcntl
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import fastmlp
from fastmlp import NeuralNetwork
from fastmlp.training import Epoch
from fastmlp.tuning import HYPER_PARAMETERS, ResultsFileError, optuna_pruning, search
from fastmlp.tuning.results import ResultsFile, Trial
from fastmlp.tuning.search import _rounds
from fastmlp.tuning.space import combinations, plan
from fastmlp.tuning.trainer import Trainer

SEED = 3
SPACE = {"num_layers": [2, 3], "hidden_size": 8, "learning_rate": [0.01, 0.3, 0.1], "epochs": 3, "batch_size": 30}


@pytest.fixture(scope="module")
def data():
    """Three clouds of points: X, y, X_val, y_val."""
    generator = np.random.RandomState(0)
    y = generator.randint(3, size=400)
    X = (generator.randn(400, 5) + np.eye(3, 5)[y]).astype(np.float32)
    return X[:300], y[:300], X[300:], y[300:]


@pytest.fixture
def trained(monkeypatch):
    """The keys of all that is trained."""
    keys, train = [], Trainer.train

    def noted(self, one):
        keys.append(one.key)
        return train(self, one)

    monkeypatch.setattr(Trainer, "train", noted)
    return keys


def with_key(**wanted):
    """A plan, and a trial of it."""
    return plan(wanted), Trial(wanted, 1, fastmlp.History([Epoch(1.0, 0.5, 1.0, 0.5, 0.1, 0.0)]))


def without_time(trials):
    return [(trial.hyper_parameters, trial.epochs, [epoch[:-1] for epoch in trial.history]) for trial in trials]


def lines(folder):
    return Path(folder, "trials.jsonl").read_bytes().splitlines(keepends=True)


def test_grid_has_every_combination_once_in_order():
    found = combinations(SPACE | {"hidden_size": (8, np.int64(8), 9)}, None, 0)
    wanted = [(n, size, rate) for n in (2, 3) for size in (8, 9) for rate in (0.01, 0.3, 0.1)]
    assert [(one["num_layers"], one["hidden_size"], one["learning_rate"]) for one in found] == wanted
    json.dumps(found)


def test_the_same_network_in_other_words_is_the_same_training():
    assert plan({"regularization": -0.0}).key == plan({"regularization": 0}).key
    assert plan({"num_layers": 3, "hidden_size": 7}).key == plan({"hidden_sizes": [7, 7], "learning_rate": 0.05}).key
    assert plan({"hidden_sizes": [7, 8]}).key != plan({"hidden_sizes": [8, 7]}).key


def test_all_that_the_notebook_names_can_be_searched():
    for name, value in {
        "hidden_sizes": (20, 10), "init": "he", "learning_rate": 0.2, "learning_rate_decay": 0.9, "beta2": 0.9,
        "regularization": 0.01, "batch_size": 50, "epochs": 4, "optimizer": "Adam", "beta1": 0.8, "epsilon": 1e-6,
        "time_step": "epoch", "drop_last": True, "num_layers": 4, "hidden_size": 3,
    }.items():  # fmt: skip
        (found,) = combinations({name: [value]}, None, 0)
        assert plan(found).key != plan({}).key
        assert name in HYPER_PARAMETERS


def test_random_combinations_differ_and_come_from_the_seed():
    space = {"hidden_size": range(2, 60), "learning_rate": scipy.stats.loguniform(1e-3, 1e-1)}
    found = combinations(space, 30, seed=5)
    assert found == combinations(space, 30, seed=5)
    assert found != combinations(space, 30, seed=6)
    assert len({plan(one).key for one in found}) == 30
    assert all(1e-3 <= one["learning_rate"] <= 1e-1 for one in found)
    logs = np.log10([one["learning_rate"] for one in found])
    assert (logs < -2).sum() > 5
    assert (logs > -2).sum() > 5
    json.dumps(found)


def test_random_search_of_a_small_space_ends_with_all_of_it():
    found = combinations({"hidden_size": [2, 3], "num_layers": [2, 3]}, 100, seed=0)
    assert sorted((one["hidden_size"], one["num_layers"]) for one in found) == [(2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space must be a mapping with at least one hyper-parameter, got {}"),
        (["learning_rate"], "space must be a mapping with at least one"),
        ({"hidden_sizes": [[8]], "rate": [1]}, "space's hyper-parameter must be one of 'num_layers', .*, got 'rate'"),
        ({"learning_rate": []}, r"space\['learning_rate'\] must have at least one choice, got none"),
        ({"learning_rate": ["fast"]}, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": [0.1, -1]}, "learning_rate must be finite, at least 0, got -1"),
        ({"batch_size": [2.5]}, "batch_size must be a positive integer, got 2.5"),
        ({"optimizer": "LBFGS"}, "optimizer must be one of 'SGD', 'Momentum', 'Adam', got 'LBFGS'"),
        ({"init": ["zeros"]}, "init must be one of"),
        ({"drop_last": ["yes"]}, "drop_last must be True or False, got 'yes'"),
        ({"hidden_sizes": [8]}, "hidden_sizes must be a sequence of positive integers, got 8"),
        ({"hidden_sizes": [[8]], "hidden_size": [8]}, "leave out num_layers and hidden_size"),
        ({"learning_rate": scipy.stats.loguniform(1e-3, 1)}, "must be a list of choices where n_trials is not given"),
        ({"batch_size": [500], "drop_last": True}, "batch_size must be at most the 300 rows"),
        ({"learning_rate": [Decimal("0.1")]}, r"learning_rate must be a number, .* got Decimal\('0.1'\)"),
        ({"hidden_sizes": [[8, 8.5]]}, r"hidden_sizes\[1\] must be a positive integer, got 8.5"),
    ],
)
def test_bad_spaces_are_refused_before_anything_is_trained(space, message, data, trained, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        search(space, *data, folder=tmp_path / "new")
    assert trained == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_trials": 0}, "n_trials must be a positive integer, got 0"),
        ({"halving": 1}, "halving must be an integer of at least 2, got 1"),
        ({"n_workers": 0}, "n_workers must be a positive integer, got 0"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"dtype": np.float16}, "dtype must be float32 or float64"),
        ({"X": np.zeros((0, 5))}, r"X must have at least one row and one column, got \(0, 5\)"),
        ({"X": np.zeros(5)}, r"X must have shape \(n_rows, 1\), got \(5,\)"),
        ({"y": np.zeros(7, int)}, r"y must have shape \(300,\)"),
        ({"X_val": np.zeros((100, 4))}, r"X_val must have shape \(n_rows, 5\)"),
        ({"y_val": np.full(100, -3)}, "y_val must hold integer labels from 0 .*, got -3 at index 0"),
        ({"y_val": np.full(100, 0.5)}, "y_val must hold integer labels from 0 .*, got 0.5 at index 0"),
        ({"X_test": np.zeros((1, 5))}, "X_test and y_test must be given together"),
        ({"X_test": np.zeros((0, 5)), "y_test": []}, "X_test must have at least one row, got none"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_trained(change, message, data, trained, tmp_path):
    arguments = dict(zip(("X", "y", "X_val", "y_val"), data, strict=True)) | change
    with pytest.raises((TypeError, ValueError), match=message):
        search(SPACE, folder=tmp_path / "new", **arguments)
    assert trained == []
    assert not (tmp_path / "new").exists()


def test_each_trial_is_a_fit_of_its_own(data):
    X, y, X_val, y_val = data
    found, n_compared = search(SPACE, *data, seed=SEED), 0
    assert [trial.hyper_parameters for trial in found.trials] == combinations(SPACE, None, 0)
    for trial in found.trials:
        wanted = trial.hyper_parameters
        net = NeuralNetwork(5, [8] * (wanted["num_layers"] - 1), 3, dtype=np.float32, seed=SEED)
        rate = wanted["learning_rate"]
        history = net.fit(X, y, epochs=3, batch_size=30, learning_rate=rate, seed=SEED, X_val=X_val, y_val=y_val)
        assert [epoch[:-1] for epoch in trial.history] == [epoch[:-1] for epoch in history]
        if trial.hyper_parameters == found.best.hyper_parameters:
            n_compared += 1
            np.testing.assert_array_equal(net.params["W1"], found.network.params["W1"])
    assert n_compared == 1
    assert found.best.val_accuracy == max(trial.val_accuracy for trial in found.trials)
    assert found.network.n_threads is None
    assert math.isnan(found.test_accuracy)


def test_results_do_not_depend_on_the_number_of_workers(data):
    space = SPACE | {"hidden_size": [4, 16, 64], "optimizer": ["SGD", "Adam"]}
    found = [search(space, *data, n_workers=n, seed=SEED, halving=2) for n in (1, 2, 5)]
    for other in found[1:]:
        assert without_time(other.trials) == without_time(found[0].trials)
        assert other.best.hyper_parameters == found[0].best.hyper_parameters
        np.testing.assert_array_equal(other.network.params["W2"], found[0].network.params["W2"])


def test_data_are_used_as_they_are(data):
    X, y, X_val, y_val = data
    trainer = Trainer(X, y, X_val, y_val, None, None, np.dtype(np.float32), None, None, None, 0)
    assert trainer.X is X
    assert trainer.X_val is X_val
    pixels = np.zeros((4, 5), np.uint8)
    labels = np.arange(4)
    assert Trainer(pixels, labels, pixels, labels, None, None, np.dtype(np.float32), None, None, None, 0).X is pixels


def test_rows_are_standardised_on_their_way(data, tmp_path):
    X, y, X_val, y_val = data
    raw = [X * 50 + 3, y, X_val * 50 + 3, y_val]
    standardizer = fastmlp.Standardizer().fit(raw[0])
    found = search(SPACE, *raw, standardizer=standardizer, folder=tmp_path, dtype="float64")
    expected = search(SPACE, standardizer.transform(raw[0]), y, standardizer.transform(raw[2]), y_val, dtype="float64")
    assert found.best.val_accuracy == expected.best.val_accuracy > search(SPACE, *raw).best.val_accuracy
    loaded = fastmlp.NeuralNetwork.load(tmp_path / "best.npz")
    assert loaded.score(raw[2], y_val) == found.best.val_accuracy
    with pytest.raises(ResultsFileError, match="is of another search: its data is"):
        search(SPACE, *raw, folder=tmp_path, dtype="float64")
    for wrong, message in ((X, "must be a fitted"), (fastmlp.Standardizer().fit(X[:, 1:]), "fitted to rows of")):
        with pytest.raises((TypeError, ValueError), match=message):
            search(SPACE, *raw, standardizer=wrong)


def test_networks_know_their_names(data, tmp_path):
    names = {"class_names": ["a", "b", "c", "none of them"], "feature_names": list("vwxyz")}
    network = search(SPACE | {"epochs": 1}, *data, **names, folder=tmp_path).network
    for net in (network, fastmlp.NeuralNetwork.load(tmp_path / "best.npz")):
        assert (net.class_names, net.feature_names, net.output_size) == (*names.values(), 4)
    for wrong, message in (
        ({"class_names": ["a", "b"]}, "3 names, .* got 2"),
        ({"feature_names": ["v"]}, "5 different"),
    ):
        with pytest.raises(ValueError, match=message):
            search(SPACE, *data, **wrong)


def test_equal_trials_are_decided_by_loss_and_then_by_order(data):
    def trial(accuracy, loss, **wanted):
        epoch = Epoch(1.0, 0.5, loss, accuracy, 0.1, 0.0)
        return Trial(wanted, 1, fastmlp.History([epoch]))

    assert trial(0.6, 2.0).rank > trial(0.5, 1.0).rank
    assert trial(0.5, 1.0).rank > trial(0.5, 2.0).rank
    # SGD ignores beta1
    found = search(SPACE | {"learning_rate": 0.3, "beta1": [0.5, 0.4, 0.6]}, *data, n_workers=3)
    assert {t.rank for t in found.trials if t.hyper_parameters["num_layers"] == 2} == {found.trials[0].rank}
    assert found.best.hyper_parameters["beta1"] == 0.5


@pytest.mark.parametrize(
    ("n", "factor", "wanted"),
    [
        (1, 2, [(1, 1)]),
        (8, 2, [(8, 8), (4, 4), (2, 2), (1, 1)]),
        (27, 3, [(27, 27), (9, 9), (3, 3), (1, 1)]),
        (24, 3, [(24, 9), (8, 3), (2, 1)]),
        (5, 7, [(5, 1)]),
    ],
)
def test_rounds_of_a_halving(n, factor, wanted):
    assert _rounds(n, factor) == wanted


def test_halving_trains_the_best_for_longer(data, trained):
    space = SPACE | {"learning_rate": [1e-4, 0.3, 1e-3, 0.1], "epochs": 7}
    found = search(space, *data, halving=2, seed=SEED)
    assert [trial.epochs for trial in found.trials] == [1] * 8 + [2] * 4 + [4] * 2 + [7]
    assert [len(trial.history) for trial in found.trials] == [trial.epochs for trial in found.trials]
    assert len(trained) == len(set(trained)) == 15
    for this, after in ((found.trials[:8], found.trials[8:12]), (found.trials[8:12], found.trials[12:14])):
        kept = [trial.hyper_parameters for trial in after]
        worst = min(trial.rank for trial in this if trial.hyper_parameters in kept)
        assert all(trial.rank <= worst for trial in this if trial.hyper_parameters not in kept)
    assert found.best == found.trials[-1]


def test_halving_goes_on_where_it_was_killed(data, trained, tmp_path):
    space = SPACE | {"learning_rate": [1e-4, 0.3, 1e-3, 0.1], "epochs": 7}
    found = search(space, *data, halving=2, folder=tmp_path)
    content = lines(tmp_path)
    for n in (3, 9, 13):
        Path(tmp_path, "trials.jsonl").write_bytes(b"".join(content[:n]))
        trained.clear()
        again = search(space, *data, halving=2, folder=tmp_path)
        assert len(trained) == 1 + 15 - n
        assert without_time(again.trials) == without_time(found.trials)
        np.testing.assert_array_equal(again.network.params["W1"], found.network.params["W1"])


def test_halving_passes_over_a_finalist_that_diverges(data, monkeypatch):
    train = Trainer.train
    space = SPACE | {"learning_rate": [1e-4, 0.3, 1e-3, 0.1], "num_layers": 2, "epochs": 4}
    whole = search(space, *data, halving=2)
    best = whole.best.hyper_parameters["learning_rate"]

    def diverging(self, one):
        history, network = train(self, one)
        if one.settings.learning_rate == best and one.settings.epochs == 4:
            history = fastmlp.History(list(history)[:2])
        return history, network

    monkeypatch.setattr(Trainer, "train", diverging)
    found = search(space, *data, halving=2)
    assert [trial.epochs for trial in found.trials] == [1] * 4 + [2] * 2 + [4] * 2
    assert [trial.diverged for trial in found.trials] == [False] * 6 + [True, False]
    second = [trial.hyper_parameters["learning_rate"] for trial in whole.trials[4:6]]
    assert found.best.hyper_parameters["learning_rate"] in set(second) - {best}
    assert found.best is found.trials[-1]


def test_the_same_folder_for_another_space_gives_what_a_new_folder_does(data, trained, tmp_path):
    spaces = [
        (SPACE, None),
        ({"hidden_sizes": [[8], [8, 8], [4]], "learning_rate": 0.3, "epochs": 3, "batch_size": 30}, None),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2]}, 2),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2], "epochs": [2, 3]}, 2),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2], "epochs": 2}, None),
        (SPACE | {"learning_rate": 1e-9, "num_layers": 2}, None),
    ]
    for i, (space, halving) in enumerate(spaces):
        found = search(space, *data, halving=halving, folder=tmp_path / "one")
        alone = search(space, *data, halving=halving, folder=tmp_path / str(i))
        assert without_time(found.trials) == without_time(alone.trials)
        assert found.best.hyper_parameters == alone.best.hyper_parameters
        for name in ("one", str(i)):
            kept = NeuralNetwork.load(tmp_path / name / "best.npz")
            np.testing.assert_array_equal(kept.params["W1"], alone.network.params["W1"])
        np.testing.assert_array_equal(found.network.params["W1"], alone.network.params["W1"])
    content = [json.loads(line)["training"] for line in lines(tmp_path / "one")[1:]]
    assert len({json.dumps(one) for one in content}) == len(content)


def test_halving_does_not_train_the_same_short_trial_twice(data, trained):
    search(SPACE | {"epochs": [1, 2]}, *data, halving=2)
    assert len(trained) == len(set(trained))


def test_what_diverges_is_worse_than_everything(data, tmp_path):
    space = SPACE | {"learning_rate": [1e30, 1e-12], "num_layers": 3}
    with np.errstate(all="ignore"):
        found = search(space, *data, folder=tmp_path)
        assert [trial.diverged for trial in found.trials] == [True, False]
        assert math.isnan(found.trials[0].val_accuracy)
        assert found.best == found.trials[1]
        again = search(space, *data, folder=tmp_path)
        assert without_time(again.trials) == without_time(found.trials)
        with pytest.raises(RuntimeError, match="diverged with all of the 1 combinations"):
            search(space | {"learning_rate": 1e30}, *data)


def test_the_best_network_is_tested_and_kept(data, tmp_path):
    X, y, X_val, y_val = data
    found = search(SPACE, *data, X_test=X[:50], y_test=y[:50], folder=tmp_path)
    assert found.test_accuracy == found.network.score(X[:50], y[:50])
    kept = NeuralNetwork.load(tmp_path / "best.npz")
    np.testing.assert_array_equal(kept.predict_proba(X_val), found.network.predict_proba(X_val))
    assert kept.score(X_val, y_val) == found.best.val_accuracy


def test_a_finished_search_is_read_back(data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    n_trained, before = len(trained), lines(tmp_path)
    again = search(SPACE, *data, folder=tmp_path)
    assert len(trained) == n_trained
    assert without_time(again.trials) == without_time(found.trials)
    assert lines(tmp_path) == before
    np.testing.assert_array_equal(again.network.params["W1"], found.network.params["W1"])


def test_a_larger_space_trains_only_what_is_new(data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    search(SPACE | {"learning_rate": [0.01, 0.3, 0.2]}, *data, folder=tmp_path)
    assert len(trained) == len(set(trained)) == 8
    assert len(lines(tmp_path)) == 1 + 8


@pytest.mark.parametrize("change", ["missing", "another", "broken"])
def test_a_lost_best_network_is_trained_again(change, data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    trained.clear()
    path = tmp_path / "best.npz"
    if change == "missing":
        path.unlink()
    elif change == "another":
        NeuralNetwork(5, [8], 3, dtype=np.float32, seed=99).save(path)
    else:
        path.write_bytes(path.read_bytes()[:100])
    again = search(SPACE, *data, folder=tmp_path)
    assert trained == [plan(found.best.hyper_parameters).key]
    np.testing.assert_array_equal(again.network.params["W1"], found.network.params["W1"])
    np.testing.assert_array_equal(NeuralNetwork.load(path).params["W1"], found.network.params["W1"])


@pytest.mark.parametrize("length", [1, 40, -1])
def test_a_torn_last_line_is_named_and_its_trial_runs_again(length, data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    Path(tmp_path, "trials.jsonl").write_bytes(b"".join([*before[:-1], before[-1][:length]]))
    trained.clear()
    with pytest.warns(UserWarning, match=r"trials.jsonl': the last line is torn") as caught:
        again = search(SPACE, *data, folder=tmp_path)
    assert caught[0].filename == __file__
    assert len(trained) == 1
    assert without_time(again.trials) == without_time(found.trials)
    assert lines(tmp_path)[:-1] == before[:-1]
    assert json.loads(lines(tmp_path)[-1])["hyper_parameters"] == json.loads(before[-1])["hyper_parameters"]


def test_a_search_that_was_killed_at_its_first_line_starts_anew(data, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    first = lines(tmp_path)[0]
    Path(tmp_path, "trials.jsonl").write_bytes(first[:20])
    search(SPACE, *data, folder=tmp_path)
    assert lines(tmp_path)[0] == first
    assert len(lines(tmp_path)) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a letter to my aunt", "no file of results: its first line is not whole"),
        (b"a letter to my aunt\n", "no file of results: "),
        (b'{"format": "nb"}\n', "no file of results: its format is 'nb'"),
        (b"[1, 2]\n", "no file of results: "),
    ],
)
def test_another_file_is_left_alone(content, message, data, trained, tmp_path):
    Path(tmp_path, "trials.jsonl").write_bytes(content)
    with pytest.raises(ResultsFileError, match=f"trials.jsonl' is {message}"):
        search(SPACE, *data, folder=tmp_path)
    assert Path(tmp_path, "trials.jsonl").read_bytes() == content
    assert trained == []


@pytest.mark.parametrize("change", ["seed", "dtype", "data"])
def test_results_of_another_search_are_refused(change, data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    trained.clear()
    X, y, X_val, y_val = data
    X = X + 1 if change == "data" else X
    arguments = {"seed": {"seed": 1}, "dtype": {"dtype": np.float64}, "data": {}}[change]
    with pytest.raises(ResultsFileError, match=f"is of another search: its {change} is"):
        search(SPACE, X, y, X_val, y_val, folder=tmp_path, **arguments)
    assert lines(tmp_path) == before
    assert trained == []


@pytest.mark.parametrize(
    "line", [b"{}\n", b"nothing\n", b'{"hyper_parameters": {}, "training": {"epochs": 1}}\n', b"\n", b"3\n"]
)
def test_a_damaged_line_is_named(line, data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    trained.clear()
    Path(tmp_path, "trials.jsonl").write_bytes(b"".join([*before[:3], line, *before[4:]]))
    with pytest.raises(ResultsFileError, match=r"trials.jsonl' is damaged in line 4: "):
        search(SPACE, *data, folder=tmp_path)
    assert lines(tmp_path) == [*before[:3], line, *before[4:]]
    assert trained == []


def test_two_searches_do_not_share_a_folder(data, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    with Path(tmp_path, "trials.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ResultsFileError, match="in use by another search"):
            search(SPACE, *data, folder=tmp_path)
    search(SPACE, *data, folder=tmp_path)


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_whole_lines(failing, monkeypatch, tmp_path):
    whole, calls, write = ResultsFile(tmp_path / "trials.jsonl", {}), itertools.count(), os.write
    one, trial = with_key(learning_rate=0.1, epochs=1)
    whole.add(one, trial)
    before = lines(tmp_path)

    def full(*arguments):
        if failing == "write" and next(calls) == 0:
            return write(arguments[0], arguments[1][:10])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match=r"No space left|full"):
            whole.add(one, trial)
    assert lines(tmp_path) == before
    whole.add(one, trial)
    assert lines(tmp_path) == [*before, before[-1]]
    whole.close()


def test_a_loss_that_is_no_number_decides_nothing(data):
    X, y, X_val, y_val = data
    X_val = X_val.copy()
    X_val[0] = np.nan
    space = SPACE | {"learning_rate": 0.3, "beta1": [0.5, 0.4, 0.6], "num_layers": 2}
    for n_workers in (1, 3):
        found = search(space, X, y, X_val, y_val, n_workers=n_workers)
        assert found.best.hyper_parameters["beta1"] == 0.5


def test_there_are_as_many_classes_as_any_label_says(data):
    X, y, X_val, y_val = data
    found = search(SPACE, X, y, X_val, np.where(y_val == 1, 4, y_val), X_test=X[:3], y_test=[0, 6, 0])
    assert found.network.output_size == 7


def test_an_error_in_a_worker_ends_the_search(data, monkeypatch, tmp_path):
    train = Trainer.train

    def failing(self, one):
        if one.settings.learning_rate == 0.3:
            raise MemoryError("too large")
        return train(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", failing)
        with pytest.raises(MemoryError, match="too large"):
            search(SPACE, *data, folder=tmp_path, n_workers=1)
    # those before it are kept
    assert len(lines(tmp_path)) >= 1 + 1
    found = search(SPACE, *data, folder=tmp_path)
    assert len(found.trials) == len(lines(tmp_path)) - 1 == 6


def test_pruning_needs_validation_data(data):
    pytest.importorskip("optuna")
    X, y, *_ = data
    with pytest.raises(ValueError, match="optuna_pruning needs validation data"):
        NeuralNetwork(5, [8], 3, seed=0).fit(X, y, callbacks=[optuna_pruning(object())])


def test_progress_bar_shows_the_best_so_far(data, capsys):
    pytest.importorskip("tqdm")
    found = search(SPACE, *data, progress=True)
    bar = capsys.readouterr().err
    assert "6/6" in bar
    assert f"best {found.best.val_accuracy:.4f}" in bar


SCRIPT = """
import json, sys
import numpy as np
from fastmlp.tuning import search
folder, space, n_workers = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
generator = np.random.RandomState(0)
y = generator.randint(3, size=400)
X = (generator.randn(400, 5) + np.eye(3, 5)[y]).astype(np.float32)
found = search(space, X[:300], y[:300], X[300:], y[300:], folder=folder, n_workers=n_workers)
print(found.best.hyper_parameters, found.network.params["W1"].sum())
"""


def start(folder, space, n_workers=2):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder), json.dumps(space), str(n_workers)]
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def finished(folder):
    try:
        return [line for line in lines(folder) if line.endswith(b"\n")][1:]
    except FileNotFoundError:
        return []


def test_a_search_that_is_killed_at_any_moment_goes_on(tmp_path):
    # more trials than ten rounds can finish
    space = {"num_layers": 2, "hidden_size": list(range(4, 84)), "learning_rate": 0.1, "epochs": 300}
    whole = start(tmp_path / "whole", space)
    wanted, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0
    chance, seen, folder = random.Random(1), [], tmp_path / "killed"
    for _ in range(10):
        process = start(folder, space)
        while process.poll() is None and len(finished(folder)) <= len(seen):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert finished(folder)[: len(seen)] == seen  # what was written down once stays
        seen = finished(folder)
    last = start(folder, space)
    found, _ = last.communicate(timeout=300)
    assert found == wanted
    trials = [json.loads(line)["hyper_parameters"]["hidden_size"] for line in finished(folder)]
    assert sorted(trials) == space["hidden_size"]
    assert 10 <= len(seen) < len(trials)


def test_ctrl_c_stops_the_workers_and_keeps_what_is_finished(tmp_path):
    # half of the trials would take hours
    space = {"num_layers": 2, "hidden_size": [4, 5, 6], "epochs": [1, 10**9]}
    process = start(tmp_path, space, n_workers=6)
    try:
        while process.poll() is None and len(finished(tmp_path)) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        # a second for the workers; the rest of the process's end is Python's own, on a machine that may be busy
        _, error = process.communicate(timeout=10)
    finally:
        process.kill()
    assert error.splitlines()[-1] == "KeyboardInterrupt"
    assert [json.loads(line)["training"]["epochs"] for line in finished(tmp_path)] == [1, 1, 1]


def test_optuna_prunes_what_is_worse(data):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, y, X_val, y_val = data

    def objective(trial):
        net = NeuralNetwork(5, [8], 3, seed=0)
        rate = trial.suggest_categorical("learning_rate", [0.3, 0.0])
        callbacks = [optuna_pruning(trial)]
        history = net.fit(X, y, learning_rate=rate, seed=0, X_val=X_val, y_val=y_val, callbacks=callbacks)
        return history[-1].val_accuracy

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.GridSampler({"learning_rate": [0.3, 0.0]}, seed=0),
        pruner=optuna.pruners.ThresholdPruner(lower=0.45, n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=2)
    states = {
        trial.params["learning_rate"]: (trial.state.name, len(trial.intermediate_values)) for trial in study.trials
    }
    assert states == {0.3: ("COMPLETE", 10), 0.0: ("PRUNED", 3)}
