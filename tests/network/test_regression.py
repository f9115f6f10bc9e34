"""Regression: as the reference computes it, in the units of the targets, and kept in files and copies."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from choices import LEARNING_RATES, OPTIMIZERS
from conftest import assert_near, assert_same, trained_state

from fastmlp import NeuralNetwork, reference
from fastmlp.functions import losses, scores

REGRESSIONS = [name for name, row in losses.LOSSES.items() if row.standardizes]


def prices(n=300, k=1, seed=0):
    """Targets near 1e5 that follow from the rows."""
    random = np.random.RandomState(seed)
    X = random.randn(n, 5)
    return X, 1e5 + 2e4 * np.tanh(X @ np.random.RandomState(9).randn(5, k)) + 1e3 * random.randn(n, k)


def make(k=1, module=None, **options):
    kind = NeuralNetwork if module is None else module.NeuralNetwork
    return kind(5, [12], k, **{"loss": "squared_error", "seed": 0, **options})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [1, 3])
def test_prices_are_learnt_and_predicted_in_their_units(k, dtype):
    X, y = prices(k=k)
    net = make(k, dtype=dtype)
    history = net.fit(X, y, epochs=60, batch_size=20, optimizer="Adam", learning_rate=0.01, seed=0, X_val=X, y_val=y)
    predicted = net.predict(X)
    assert predicted.shape == y.shape
    assert net.score(X, y) == pytest.approx(scores.r2(predicted, y), abs=1e-6)
    assert net.score(X, y) > 0.9
    assert history.score_name == "R2"
    assert history.val_score[-1] == pytest.approx(net.score(X, y), abs=1e-6)
    np.testing.assert_array_equal(net.forward(X), predicted)
    assert abs(history.train_score[-1] - history.val_score[-1]) < 0.05
    with pytest.raises(AttributeError, match=r"a History has no 'train_accuracy'; .* history\.train_score"):
        _ = history.train_accuracy


@pytest.mark.parametrize("module", [None, reference])
def test_predictions_have_as_many_dimensions_as_the_targets(module):
    X, y = prices()
    flat, column = make(module=module), make(module=module)
    flat.fit(X, y[:, 0], epochs=2, seed=0)
    column.fit(X, y, epochs=2, seed=0)
    assert (flat.predict(X).shape, column.predict(X).shape) == ((300,), (300, 1))
    assert flat.score(X, y[:, 0]) == column.score(X, y)
    np.testing.assert_array_equal(flat.predict(X), column.predict(X)[:, 0])
    with pytest.raises(ValueError, match=r"^epochs must be"):
        column.fit(X, y[:, 0], epochs=0)
    assert column.predict(X).shape == (300, 1)


def test_targets_are_standardized_unless_that_is_turned_off():
    X, y = prices()
    standardized = make()
    standardized.fit(X, y, epochs=3, seed=0)
    by_hand = make()
    by_hand.fit(X, (y - y.mean()) / y.std(), epochs=3, seed=0, standardize_targets=False)
    assert_near(standardized.params, by_hand.params, 1e-9)
    np.testing.assert_allclose(standardized.predict(X), by_hand.predict(X) * y.std() + y.mean(), rtol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("batch_size", [64, 1300])
@pytest.mark.parametrize("loss", REGRESSIONS)
def test_it_trains_as_the_reference_does(loss, batch_size, k, optimizer):
    X, y = prices(max(300, batch_size), k)
    nets = [make(k, loss=loss), make(k, reference, loss=loss)]
    options = {"epochs": 3, "batch_size": batch_size, "regularization": 0.01, "optimizer": optimizer, "seed": 0}
    histories = [net.fit(X, y, **options, X_val=X[:50], y_val=y[:50]) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-9)
    for name in ("train_loss", "train_score", "val_loss", "val_score"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-9)
    np.testing.assert_allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-11)
    np.testing.assert_allclose(nets[0].evaluate(X, y, 0.01), nets[1].evaluate(X, y, 0.01), rtol=1e-9)


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_all_ways_and_all_numbers_of_threads_give_the_same_bits(optimizer, dtype):
    X, y = prices(700, 2)
    states = []
    for n_threads, by_hand in itertools.product((1, 2, 3), (False, True)):
        net = make(2, dtype=dtype, n_threads=n_threads)
        net.fit(X, y, epochs=1, batch_size=700, optimizer=optimizer, seed=1)  # takes the targets' units
        order = np.random.RandomState(2).permutation(700)
        if by_hand:
            for start in range(0, 700, 100):
                rows = order[start : start + 100]
                net.forward(X[rows])
                net.backward(y[rows], 0.1)
                net.update(LEARNING_RATES[optimizer], opt=optimizer)
        else:
            net.fit(X, y, epochs=1, batch_size=100, regularization=0.1, optimizer=optimizer, seed=2)
        states.append({**trained_state(net), "predictions": net.predict(X)})
    for state in states[1:]:
        assert_same(state, states[0])


def test_units_are_kept_in_files_copies_and_snapshots(tmp_path):
    X, y = prices()
    net = make()
    before = net.snapshot()
    net.fit(X, y, epochs=2, seed=0)
    for suffix in ("npz", "safetensors"):
        if suffix == "safetensors":
            pytest.importorskip("safetensors")
        net.save(tmp_path / f"net.{suffix}")
        loaded = NeuralNetwork.load(tmp_path / f"net.{suffix}")
        assert loaded.loss == "squared_error"
        np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.predict(X), net.predict(X))
    trained = net.snapshot()
    net.restore(before)
    np.testing.assert_array_equal(net.predict(X), make().predict(X))  # (n,) again, as before the first fit
    net.restore(trained)
    np.testing.assert_array_equal(net.predict(X), loaded.predict(X))


def test_a_training_that_was_cut_off_is_continued(tmp_path):
    X, y = prices()
    whole, resumed = make(), make()
    whole.fit(X, y, epochs=4, seed=0)
    path = tmp_path / "checkpoint.npz"
    resumed.fit(X, y, epochs=4, seed=0, checkpoint=path, callbacks=[lambda net, history: len(history) == 2])
    resumed = make()
    resumed.fit(X, y, epochs=2, seed=0, checkpoint=path)
    again = make()
    history = again.fit(X, y, epochs=4, seed=0, checkpoint=path, resume=True)
    assert len(history) == 4
    assert history.score_name == "R2"
    assert_same(again.params, whole.params)
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((300, 2)), r"^y must have shape \(300,\) or \(300, 1\), a target for each output, got \(300, 2\)"),
        (
            np.full(300, np.nan),
            r"^y must be finite in float64, and at most 1e\+145 in size, got nan in row 0, column 0",
        ),
        (np.where(np.arange(300) == 7, 1e155, 0), r"got 1e\+155 in row 7, column 0"),
        (["cheap"] * 300, "^y must be an array of real numbers"),
    ],
)
def test_targets_that_are_none_are_refused(y, message):
    X, _ = prices()
    net = make()
    before = net.snapshot()
    with pytest.raises((TypeError, ValueError), match=message):
        net.fit(X, y)
    np.testing.assert_array_equal(net.snapshot()["flat_params"], before["flat_params"])
    assert net.snapshot()["target_units"] is None


def test_probabilities_are_of_classes():
    with pytest.raises(
        TypeError, match=r"^predict_proba needs a classifier, and this network has loss='squared_error': use predict"
    ):
        make().predict_proba(np.zeros((2, 5)))


def test_r2_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.RandomState(0)
    y = np.column_stack([random.randn(40), np.full(40, 3.0), np.full(40, 2.0)])
    outputs = np.column_stack([y[:, 0] + 0.3 * random.randn(40), np.full(40, 3.0), random.randn(40)])
    assert scores.r2(outputs, y) == pytest.approx(metrics.r2_score(y, outputs), rel=1e-13)


def test_a_first_fit_that_fails_leaves_no_units():
    X, y = prices()
    net, fresh = make(), make()
    spoiled = X.copy()
    spoiled[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"^X must be finite"):
        net.fit(spoiled, 1000 * y, seed=0)
    for trained in (net, fresh):
        trained.fit(X, y, epochs=3, seed=0)
    np.testing.assert_array_equal(net.predict(X), fresh.predict(X))


@pytest.mark.parametrize("module", [None, reference])
def test_a_trained_network_keeps_its_units(module):
    X, y = prices()
    net = make(module=module)
    net.fit(X, y / 1e5, epochs=3, standardize_targets=False, seed=0)
    before = net.predict(X)
    net.fit(X, y / 1e5, epochs=1, learning_rate=0.0, seed=0)
    np.testing.assert_array_equal(net.predict(X), before)


@pytest.mark.parametrize("module", [None, reference])
@pytest.mark.parametrize("standardize", [True, False])
def test_r2_of_training_and_of_the_same_rows_afterwards_are_the_same(standardize, module):
    X, y = prices(k=3)
    y[:, 1] = y[:, 1] / 1e4
    y[:, 2] = 7.0
    net = make(3, module=module)
    history = net.fit(X, y, epochs=1, learning_rate=0.0, seed=0, standardize_targets=standardize, X_val=X, y_val=y)
    assert history.train_score[0] == pytest.approx(history.val_score[0], rel=1e-9)
    assert net.score(X, y) == pytest.approx(history.val_score[0], rel=1e-9)


def test_a_snapshot_of_a_regression_is_refused_by_a_classifier():
    X, y = prices(k=2)
    regression, classifier = make(2), NeuralNetwork(5, [12], 2, seed=0)
    regression.fit(X, y, epochs=1, seed=0)
    with pytest.raises(
        ValueError, match=r"^snapshot must be of a network with loss='cross_entropy', got 'squared_error'"
    ):
        classifier.restore(regression.snapshot())
    assert classifier.snapshot()["target_units"] is None
