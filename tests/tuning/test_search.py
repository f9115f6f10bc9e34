"""The search: its trials, their order, and the best of them."""

import math
from pathlib import Path

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, LOSSES, quoted
from process_helpers import run_python
from tuning_helpers import SEED, SPACE, lines, without_time

import fastmlp
from fastmlp import NeuralNetwork
from fastmlp.training import Epoch
from fastmlp.tuning import Plan, ResultsFileError, search
from fastmlp.tuning.results import Trial
from fastmlp.tuning.runner import TrialRunner
from fastmlp.tuning.space import combinations

pytestmark = pytest.mark.application


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_trials": 0}, "n_trials must be a positive integer, got 0"),
        ({"halving": 1}, "halving must be an integer of at least 2, got 1"),
        ({"loss": "hinge"}, f"loss must be one of {quoted(LOSSES)}, got 'hinge'"),
        (
            {"loss": "squared_error", "y": np.zeros(299)},
            r"y must have shape \(300,\) or \(300, 1\), a target for each output",
        ),
        (
            {"loss": "squared_error", "y": np.zeros((300, 0))},
            r"y must have shape \(300,\) or \(300, 1\), a target for each output",
        ),
        ({"loss": "squared_error", "y": np.zeros((300, 2))}, r"y_val must have shape \(100, 2\), a target for each"),
        (
            {"loss": "squared_error", "y_val": np.full(100, np.nan)},
            r"y_val must be finite in float32, and at most 3.4e\+38 in size, got nan",
        ),
        ({"loss": "squared_error", "class_names": ["a", "b"]}, "class_names must be 1 different names"),
        ({"label_smoothing": 1}, "label_smoothing must be finite, at least 0 and below 1, got 1"),
        ({"label_smoothing": "some"}, "label_smoothing must be a number, got 'some'"),
        (
            {"loss": "squared_error", "label_smoothing": 0.1},
            "label_smoothing is an option of loss='cross_entropy', got loss='squared_error'",
        ),
        ({"loss": "huber", "delta": 0}, "delta must be finite, at least 1.17549e-38, got 0"),
        ({"class_weight": {3: 1.0}}, "a label of class_weight must be at most 2, got 3"),
        ({"n_workers": 0}, "n_workers must be a positive integer, got 0"),
        ({"progress": "no"}, "progress must be True or False, got 'no'"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"plan": {"seed": 1}}, r"plan must be a fastmlp.tuning.Plan, got {'seed': 1}"),
        ({"dtype": np.float16}, "dtype must be float32 or float64"),
        ({"X": np.zeros((0, 5))}, r"X must have at least one row and one column, got \(0, 5\)"),
        ({"X": np.zeros(5)}, r"X must have shape \(n_rows, 1\), got \(5,\)"),
        ({"y": np.zeros(7, int)}, r"y must have shape \(300,\)"),
        ({"X_val": np.zeros((100, 4))}, r"X_val must have shape \(n_rows, 5\)"),
        ({"y_val": np.full(100, -3)}, "y_val must hold integer labels from 0 .*, got -3 at index 0"),
        ({"y_val": np.full(100, 0.5)}, "y_val must hold integer labels from 0 .*, got 0.5 at index 0"),
        ({"X_val": np.full((100, 5), np.nan)}, "X_val must be finite, got nan in row 0, column 0"),
        ({"X_test": np.full((1, 5), np.inf), "y_test": [0]}, "X_test must be finite, got inf in row 0, column 0"),
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


@pytest.mark.parametrize("class_weight", [None, {0: 3.0, 2: 0.5}])
def test_each_trial_is_a_fit_of_its_own(data, class_weight):
    X, y, X_val, y_val = data
    found, n_compared = search(SPACE, *data, seed=SEED, class_weight=class_weight), 0
    assert [trial.hyper_parameters for trial in found.trials] == combinations(SPACE, None, 0)
    for trial in found.trials:
        wanted = trial.hyper_parameters
        net = NeuralNetwork(5, [8] * (wanted["num_layers"] - 1), 3, dtype=np.float32, seed=SEED)
        settings = {"epochs": 3, "batch_size": 30, "learning_rate": wanted["learning_rate"], "seed": SEED}
        history = net.fit(X, y, X_val=X_val, y_val=y_val, class_weight=class_weight, **settings)
        assert [epoch[:-1] for epoch in trial.history] == [epoch[:-1] for epoch in history]
        if trial.hyper_parameters == found.best.hyper_parameters:
            n_compared += 1
            np.testing.assert_array_equal(net.params["W1"], found.network.params["W1"])
    assert n_compared == 1
    assert found.best.val_accuracy == max(trial.val_accuracy for trial in found.trials)
    assert found.network.n_threads is None
    assert math.isnan(found.test_accuracy)


def test_activations_can_be_searched(data, tmp_path):
    X, y, X_val, y_val = data
    found = search(SPACE | {"num_layers": 2, "activation": HIDDEN_ACTIVATIONS}, *data, seed=SEED, folder=tmp_path)
    assert {trial.hyper_parameters["activation"] for trial in found.trials} == set(HIDDEN_ACTIVATIONS)
    best = found.best.hyper_parameters
    for network in (found.network, NeuralNetwork.load(tmp_path / "best.npz")):
        assert network.activation == best["activation"]
    net = NeuralNetwork(5, [8], 3, dtype=np.float32, seed=SEED, activation=best["activation"])
    options = {"epochs": 3, "batch_size": 30, "learning_rate": best["learning_rate"], "seed": SEED}
    history = net.fit(X, y, X_val=X_val, y_val=y_val, **options)
    assert [epoch[:-1] for epoch in found.best.history] == [epoch[:-1] for epoch in history]
    assert len({trial.history[-1].train_loss for trial in found.trials}) == len(found.trials)


def test_dropout_activations_of_each_layer_and_label_smoothing_are_those_of_a_fit_of_its_own(data, tmp_path):
    X, y, X_val, y_val = data
    choices = {"dropout": [0.0, 0.5, [0.25, 0.5, 0.125]], "activation": ["gelu", ["relu", "tanh"]]}
    space = {"hidden_sizes": [[8, 6]], "learning_rate": 0.1, "epochs": 3, "batch_size": 30} | choices
    found = search(space, *data, seed=SEED, label_smoothing=0.25, folder=tmp_path)
    assert [trial.hyper_parameters for trial in found.trials] == combinations(space, None, 0)
    assert len({trial.history[-1].train_loss for trial in found.trials}) == len(found.trials) == 6
    for trial in found.trials:
        options = {name: trial.hyper_parameters[name] for name in choices}
        net = NeuralNetwork(5, [8, 6], 3, dtype=np.float32, seed=SEED, label_smoothing=0.25, **options)
        settings = {"epochs": 3, "batch_size": 30, "learning_rate": 0.1, "seed": SEED}
        history = net.fit(X, y, X_val=X_val, y_val=y_val, **settings)
        assert [epoch[:-1] for epoch in trial.history] == [epoch[:-1] for epoch in history]
        if trial.hyper_parameters == found.best.hyper_parameters:
            for network in (found.network, NeuralNetwork.load(tmp_path / "best.npz")):
                assert (network.dropout, network.activation) == (net.dropout, net.activation)
                assert network.evaluate(X_val, y_val) == net.evaluate(X_val, y_val)


def test_results_do_not_depend_on_the_number_of_workers(data):
    space = SPACE | {"hidden_size": [4, 16, 64], "optimizer": ["SGD", "Adam"], "dropout": [0, 0.5]}
    found = [search(space, *data, n_workers=n, seed=SEED, halving=2) for n in (1, 2, 5)]
    for other in found[1:]:
        assert without_time(other.trials) == without_time(found[0].trials)
        assert other.best.hyper_parameters == found[0].best.hyper_parameters
        np.testing.assert_array_equal(other.network.params["W2"], found[0].network.params["W2"])


def test_options_are_the_plans_fields_and_replace_them(data):
    plan = Plan(seed=SEED, n_trials=3, dtype=np.float64)
    found = search(SPACE, *data, plan, n_trials=2)
    same = search(SPACE, *data, seed=SEED, n_trials=2, dtype="float64")
    assert found.network.dtype == np.float64
    assert without_time(found.trials) == without_time(same.trials)
    assert len(found.trials) == 2


def test_a_search_with_other_weights_of_classes_shares_no_trials(data, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    with pytest.raises(ResultsFileError, match="class_weights"):
        search(SPACE, *data, folder=tmp_path, class_weight={0: 2.0})


def test_data_are_used_as_they_are(data):
    X, y, X_val, y_val = data
    runner = TrialRunner(Plan(), X, y, X_val, y_val)
    assert runner.X.ctypes.data == X.ctypes.data
    assert runner.X_val.ctypes.data == X_val.ctypes.data
    pixels = np.zeros((4, 5), np.uint8)
    labels = np.arange(4)
    runner = TrialRunner(Plan(), pixels, labels, pixels, labels)
    assert runner.X.ctypes.data == pixels.ctypes.data


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
    space = SPACE | {"learning_rate": 0.3, "optimizer": "SGD", "beta1": [0.5, 0.4, 0.6]}
    found = search(space, *data, n_workers=3)
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
    assert Plan(halving=factor).rounds(n) == wanted


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
    fit = NeuralNetwork.fit
    space = SPACE | {"learning_rate": [1e-4, 0.3, 1e-3, 0.1], "num_layers": 2, "epochs": 4}
    whole = search(space, *data, halving=2)
    best = whole.best.hyper_parameters["learning_rate"]

    def spoil(network, history):
        if len(history) == 2:
            network.params["W2"][:] = np.inf

    def diverging(self, *arguments, learning_rate, epochs, **options):
        callbacks = [spoil] if (learning_rate, epochs) == (best, 4) else []
        return fit(self, *arguments, learning_rate=learning_rate, epochs=epochs, callbacks=callbacks, **options)

    monkeypatch.setattr(NeuralNetwork, "fit", diverging)
    found = search(space, *data, halving=2)
    assert [trial.epochs for trial in found.trials] == [1] * 4 + [2] * 2 + [4] * 2
    assert [trial.diverged for trial in found.trials] == [False] * 6 + [True, False]
    second = [trial.hyper_parameters["learning_rate"] for trial in whole.trials[4:6]]
    assert found.best.hyper_parameters["learning_rate"] in set(second) - {best}
    assert found.best is found.trials[-1]


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


def test_a_loss_that_is_no_number_decides_nothing(data):
    X, y, X_val, y_val = data
    X_val = X_val.copy()
    X_val[0] = np.finfo(np.float32).max
    space = SPACE | {"learning_rate": 0.3, "optimizer": "SGD", "beta1": [0.5, 0.4, 0.6], "num_layers": 2}
    for n_workers in (1, 3):
        found = search(space, X, y, X_val, y_val, n_workers=n_workers)
        assert found.best.hyper_parameters["beta1"] == 0.5


def test_there_are_as_many_classes_as_any_label_says(data):
    X, y, X_val, y_val = data
    found = search(SPACE, X, y, X_val, np.where(y_val == 1, 4, y_val), X_test=X[:3], y_test=[0, 6, 0])
    assert found.network.output_size == 7


def test_an_error_in_a_worker_ends_the_search(data, monkeypatch, tmp_path):
    fit = NeuralNetwork.fit

    def failing(self, *arguments, learning_rate, **options):
        if learning_rate == 0.3:
            raise MemoryError("too large")
        return fit(self, *arguments, learning_rate=learning_rate, **options)

    with monkeypatch.context() as patch:
        patch.setattr(NeuralNetwork, "fit", failing)
        with pytest.raises(MemoryError, match="too large"):
            search(SPACE, *data, folder=tmp_path, n_workers=1)
    # those before it are kept
    assert len(lines(tmp_path)) >= 1 + 1
    found = search(SPACE, *data, folder=tmp_path)
    assert len(found.trials) == len(lines(tmp_path)) - 1 == 6


@pytest.mark.parametrize("has_folder", [False, True])
def test_a_search_can_be_interrupted_at_any_moment(has_folder, tmp_path):
    folder = [tmp_path] if has_folder else []
    assert (
        run_python(Path(__file__).parent / "scripts" / "interrupted_search.py", *folder).split()
        == ["interrupted"] * 200
    )


def test_an_interrupted_choice_of_the_best_leaves_the_ledger_usable():
    assert run_python(Path(__file__).parent / "scripts" / "interrupted_choice.py") == "usable"


def test_an_interrupted_search_starts_no_workers_afterwards(data, monkeypatch):
    begun, trained = [], []

    def interrupted(function, arguments):
        begun.append((function, arguments))
        raise KeyboardInterrupt

    monkeypatch.setitem(search.__globals__, "start_new_thread", interrupted)
    monkeypatch.setattr(NeuralNetwork, "fit", lambda *arguments, **options: trained.append(arguments))
    with pytest.raises(KeyboardInterrupt):
        search(SPACE, *data)
    ((function, arguments),) = begun
    function(*arguments)
    assert trained == []


def test_progress_bar_shows_the_best_so_far(data, capsys):
    pytest.importorskip("tqdm")
    found = search(SPACE, *data, progress=True)
    bar = capsys.readouterr().err
    assert "6/6" in bar
    assert f"best {found.best.val_accuracy:.4f}" in bar
