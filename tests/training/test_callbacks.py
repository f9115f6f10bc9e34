"""The callbacks that come with the package: a file of epochs, and Optuna's pruning."""

import csv
import os

import pytest
from conftest import batch

from fastmlp import NeuralNetwork, callbacks, reference, tuning
from fastmlp.callbacks import csv_log, optuna_pruning

pytestmark = pytest.mark.application

X, Y = batch(60, 5, 3)
SETTINGS = {"batch_size": 20, "learning_rate": 0.3, "learning_rate_decay": 0.5, "seed": 0}


def network():
    return NeuralNetwork(5, [8], 3, seed=0)


def assert_logged(path, history):
    """The file is all of the history, to the last digit."""
    columns = history.to_dict()
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["epoch", *columns]
    assert [int(row[0]) for row in rows] == list(range(1, len(history) + 1))
    found = [[float(cell) if cell else None for cell in row[1:]] for row in rows]
    assert found == [list(row) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("validation", [{}, {"X_val": X[:9], "y_val": Y[:9]}])
@pytest.mark.parametrize("optimizer", [{"optimizer": "lbfgs"}, {"optimizer": "Adam", **SETTINGS}])
def test_the_log_is_whole_after_each_epoch(tmp_path, optimizer, validation):
    path, n_seen = tmp_path / "log.csv", []

    def look(network, history):
        assert_logged(path, history)
        n_seen.append(len(history))

    history = network().fit(X, Y, epochs=4, callbacks=[csv_log(path), look], **optimizer, **validation)
    assert len(history) == 4
    assert n_seen == [1, 2, 3, 4]
    assert_logged(path, history)
    assert b"\r" not in path.read_bytes()


def test_the_log_of_a_regression_has_scores(tmp_path):
    path = tmp_path / "log.csv"
    net = reference.NeuralNetwork(5, [8], 1, loss="squared_error", seed=0)
    assert_logged(path, net.fit(X, X[:, 0], epochs=2, callbacks=[csv_log(str(path))], seed=0))
    assert path.read_text().startswith("epoch,train_loss,train_score,val_loss,val_score,")


def test_a_log_that_is_there_is_replaced_by_the_first_epoch(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old\n" * 50)
    log = csv_log(path)
    with pytest.raises(ValueError, match="y must"):
        network().fit(X, Y[1:], callbacks=[log])
    assert path.read_text() == "old\n" * 50
    network().fit(X, Y, epochs=5, callbacks=[log], **SETTINGS)
    again = network().fit(X, Y, epochs=3, callbacks=[log], **SETTINGS)
    assert_logged(path, again)


def test_the_log_of_a_resumed_training_is_whole(tmp_path):
    path, other = tmp_path / "log.csv", tmp_path / "other.csv"
    log = csv_log(path)

    def stop(network, history):
        if len(history) == 3:
            raise KeyboardInterrupt

    options = {**SETTINGS, "epochs": 5, "checkpoint": tmp_path / "net.npz", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, callbacks=[log, stop], **options)
    path.write_text("damaged")
    history = network().fit(X, Y, callbacks=[log, csv_log(other)], **options)
    assert_logged(path, history)
    assert_logged(other, history)


@pytest.mark.parametrize("change", ["unlink", "rename", "empty"])
def test_the_log_is_whole_again_where_the_file_was_taken_away(tmp_path, change):
    path = tmp_path / "log.csv"
    take_away = {
        "unlink": path.unlink,
        "rename": lambda: path.rename(tmp_path / "old"),
        "empty": lambda: os.truncate(path, 0),
    }

    def disturb(network, history):
        if len(history) == 3:
            take_away[change]()

    assert_logged(path, network().fit(X, Y, epochs=5, callbacks=[csv_log(path), disturb], **SETTINGS))


@pytest.mark.parametrize("every", [1, 2])
def test_a_log_may_be_called_twice_or_not_after_each_epoch(tmp_path, every):
    path = tmp_path / "log.csv"
    log = csv_log(path)

    def twice(network, history):
        if len(history) % every == 0:
            log(network, history)
            log(network, history)

    assert_logged(path, network().fit(X, Y, epochs=4, callbacks=[twice], **SETTINGS))


def test_the_log_stays_in_the_folder_where_it_was_begun(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    log = csv_log("log.csv")
    history = network().fit(X, Y, epochs=2, callbacks=[lambda net, history: os.chdir(tmp_path / "other"), log])
    assert_logged(tmp_path / "log.csv", history)
    assert os.listdir(tmp_path / "other") == []


@pytest.mark.parametrize("name", ["", "missing/log.csv", "file/log.csv"])
def test_a_log_that_cannot_be_written_is_refused_at_once(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=str(tmp_path / name)):
        csv_log(tmp_path / name)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_log_to_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe or a device cannot be used as a file"):
        csv_log(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write to every file")
def test_a_log_to_a_file_that_is_read_only_is_refused_at_once(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old")
    path.chmod(0o400)
    with pytest.raises(PermissionError, match=str(path)):
        csv_log(path)


def test_pruning_needs_validation_data():
    pytest.importorskip("optuna")
    with pytest.raises(ValueError, match="optuna_pruning needs validation data"):
        network().fit(X, Y, callbacks=[optuna_pruning(object())])


def test_pruning_of_a_study_that_minimizes_is_refused():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with pytest.raises(ValueError, match="trial must be one of a study that maximizes"):
        optuna_pruning(optuna.create_study(direction="minimize").ask())
    optuna_pruning(optuna.trial.FixedTrial({}))


def test_optuna_prunes_what_is_worse():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    y = (X[:, 0] > 0).astype(int)
    start = network().score(X, y)

    def objective(trial):
        rate = trial.suggest_categorical("learning_rate", [0.3, 0.0])
        settings = {"epochs": 10, "batch_size": 20, "learning_rate": rate, "callbacks": [optuna_pruning(trial)]}
        return network().fit(X, y, X_val=X, y_val=y, seed=0, **settings)[-1].val_accuracy

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.GridSampler({"learning_rate": [0.3, 0.0]}, seed=0),
        pruner=optuna.pruners.ThresholdPruner(lower=start + 0.1, n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=2)
    states = {
        trial.params["learning_rate"]: (trial.state.name, len(trial.intermediate_values)) for trial in study.trials
    }
    assert states == {0.3: ("COMPLETE", 10), 0.0: ("PRUNED", 3)}


def test_pruning_is_found_where_it_was():
    with pytest.warns(
        DeprecationWarning, match=r"^fastmlp\.tuning\.optuna_pruning is now fastmlp\.callbacks"
    ) as caught:
        assert tuning.optuna_pruning is callbacks.optuna_pruning
    assert caught[0].filename == __file__
    with pytest.raises(AttributeError, match="'not_there'"):
        _ = tuning.not_there
