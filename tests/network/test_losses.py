"""Every loss: gradients, the numbers of the reference, the same bits by all ways to train, scores, and targets."""

import copy
import pickle

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import assert_near, assert_same, trained_state
from epoch_helpers import fused, three_calls
from loss_helpers import each_loss, make, rows

from fastmlp import NeuralNetwork, reference
from fastmlp.functions import scores


@pytest.mark.parametrize("batch_size", [16, 700])
@pytest.mark.parametrize("optimizer", ["Adam", "Nesterov"])
@each_loss
def test_it_trains_as_the_reference_does(options, optimizer, batch_size):
    X, y = rows(options, 700)
    nets = [make(options), make(options, reference)]
    settings = {"epochs": 3, "batch_size": batch_size, "regularization": 0.01, "optimizer": optimizer, "seed": 0}
    histories = [net.fit(X, y, **settings, X_val=X[:50], y_val=y[:50]) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-9)
    for name in ("train_loss", "train_score", "val_loss", "val_score"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-9)
    assert nets[0].predict(X).dtype == nets[1].predict(X).dtype
    np.testing.assert_allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-9)
    np.testing.assert_allclose(nets[0].evaluate(X, y, 0.01), nets[1].evaluate(X, y, 0.01), rtol=1e-9)


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("batch_size", [100, 600])  # within a chunk of rows, and in two of them
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_loss
def test_all_ways_and_all_numbers_of_threads_give_the_same_bits(options, dtype, batch_size):
    X, y = rows(options, 700)
    order, states = np.random.RandomState(1).permutation(700), []
    for n_threads in (1, 2, 3, 7):
        for way in (fused, three_calls):
            net = make(options, dtype=dtype, n_threads=n_threads)
            for optimizer in OPTIMIZERS:
                way(net, X, y, order, batch_size, 0.1, optimizer)
            states.append(trained_state(net))
    for state in states[1:]:
        assert_same(state, states[0])


@each_loss
def test_the_score_of_training_and_of_the_same_rows_afterwards_are_the_same(options):
    X, y = rows(options)
    net = make(options)
    history = net.fit(X, y, epochs=1, learning_rate=0.0, seed=0, X_val=X, y_val=y)
    assert history.train_score[0] == pytest.approx(history.val_score[0], rel=1e-9)
    assert net.score(X, y) == pytest.approx(history.val_score[0], rel=1e-9)
    assert history.train_loss[0] == pytest.approx(history.val_loss[0], rel=1e-9)


@each_loss
def test_it_learns(options):
    X, y = rows(options, 300)
    net = make(options)
    net.fit(X, y, epochs=60, batch_size=20, optimizer="Adam", learning_rate=0.01, seed=0)
    assert net.score(X, y) > (0.3 if net.loss == "poisson" else 0.7)


@each_loss
def test_it_is_kept_in_files_and_copies(options, tmp_path):
    X, y = rows(options)
    net = make(options)
    net.save(tmp_path / "net.npz")
    for other in (NeuralNetwork.load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.loss == net.loss
        assert other.evaluate(X, y) == net.evaluate(X, y)


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.RandomState(0)
    y = np.column_stack([random.poisson(3, 40), random.poisson(1, 40)]).astype(float)
    outputs = y * 0.7 + random.uniform(0.1, 2, y.shape)
    assert scores.d2_absolute_error(outputs, y) == pytest.approx(metrics.d2_absolute_error_score(y, outputs))
    expected = [metrics.d2_tweedie_score(y[:, j], outputs[:, j], power=1) for j in range(2)]
    assert scores.d2_poisson(outputs, y) == pytest.approx(np.mean(expected))
    assert scores.subset_accuracy(outputs > 2, y > 2) == metrics.accuracy_score(y > 2, outputs > 2)


def test_labels_of_a_row_are_predicted_as_0_and_1_with_their_probabilities():
    X, y = rows({"loss": "binary_cross_entropy"}, 300)
    net = make({"loss": "binary_cross_entropy"})
    net.fit(X, y, epochs=5, seed=0)
    np.testing.assert_array_equal(net.predict(X), (net.predict_proba(X) > 0.5).astype(int))
    two = NeuralNetwork(5, [8], 1, loss="binary_cross_entropy", seed=0)
    history = two.fit(X, y[:, 0], epochs=20, batch_size=20, learning_rate=0.01, optimizer="Adam", seed=0)
    assert two.predict(X).shape == (300,)
    assert set(two.predict(X)) == {0, 1}
    assert history.train_accuracy[-1] > 0.9


def test_counts_are_never_standardized():
    X, y = rows({"loss": "poisson"})
    net = make({"loss": "poisson"})
    net.fit(X, y, epochs=1, seed=0)
    assert net.snapshot()["target_units"] is None
    assert (net.predict(X) > 0).all()


def test_huber_with_a_large_delta_is_half_the_squared_error():
    X, y = rows({"loss": "huber"})
    nets = [make({"loss": "huber", "delta": 1e6}), make({"loss": "half_squared_error"})]
    for net in nets:
        net.fit(X, y, epochs=2, seed=0)
    assert_same(nets[0].params, nets[1].params)


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "poisson"}, [[1, 2, -1]], r"^y must be counts, at least 0, got -1.0 in row 0, column 2$"),
        ({"loss": "binary_cross_entropy"}, [[1, 0, 2]], r"^y must be 0 or 1, .*, got 2.0 in row 0, column 2$"),
        ({"loss": "binary_cross_entropy"}, [1], r"^y must have shape \(1, 3\), a target for each output, got \(1,\)$"),
        ({"loss": "huber", "delta": 0}, None, r"^delta must be finite, at least \S+, got 0$"),
        ({"delta": 2.0}, None, r"^delta is an option of loss='huber', got loss='cross_entropy'$"),
        ({"label_smoothing": 1}, None, r"^label_smoothing must be finite, at least 0 and below 1, got 1$"),
        (
            {"label_smoothing": 0.1, "loss": "huber"},
            None,
            r"^label_smoothing is an option of loss='cross_entropy', got loss='huber'$",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, y, message):
    for module in (None, reference):
        with pytest.raises(ValueError, match=message):
            make(options, module).fit(np.ones((1, 5)), y)
