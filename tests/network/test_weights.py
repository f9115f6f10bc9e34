"""Weights of rows and of classes: a row that weighs 2 is as good as two rows, one that weighs 0 is as good as none."""

import itertools

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import assert_near, assert_same, trained_state
from epoch_helpers import fused, three_calls
from loss_helpers import each_loss, make, rows
from process_helpers import run_python

from fastmlp import DivergenceError, NeuralNetwork, reference
from fastmlp.functions import scores

WEIGHTS = np.random.RandomState(3).randint(0, 4, 700).astype(float)


@each_loss
def test_a_weight_is_as_good_as_that_number_of_rows(options):
    X, y = rows(options, 60)
    weights = WEIGHTS[:60]
    repeated = np.repeat(np.arange(60), weights.astype(int))
    weighted, plain = make(options), make(options)
    weighted.forward(X), plain.forward(X[repeated])
    assert weighted.backward(y, 0.1, sample_weight=weights) == pytest.approx(
        plain.backward(y[repeated], 0.1), rel=1e-13
    )
    assert_near(weighted.gradients, plain.gradients, 1e-13)
    np.testing.assert_allclose(
        weighted.evaluate(X, y, 0.1, sample_weight=weights), plain.evaluate(X[repeated], y[repeated], 0.1), rtol=1e-12
    )
    assert weighted.score(X, y, weights) == pytest.approx(plain.score(X[repeated], y[repeated]), rel=1e-12)


@pytest.mark.parametrize("batch_size", [16, 700])
@each_loss
def test_it_trains_as_the_reference_does(options, batch_size):
    X, y = rows(options, 700)
    nets = [make(options), make(options, reference)]
    weighted = {"sample_weight": WEIGHTS / 3, "X_val": X[:50], "y_val": y[:50], "sample_weight_val": WEIGHTS[:50]}
    histories = [net.fit(X, y, **weighted, epochs=2, batch_size=batch_size, regularization=0.1, seed=0) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-9)
    for name in ("train_loss", "train_score", "val_loss", "val_score"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-9)


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("batch_size", [100, 600])  # within a chunk of rows, and in two of them
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_loss
def test_all_ways_and_all_numbers_of_threads_give_the_same_bits(options, dtype, batch_size):
    X, y = rows(options, 700)
    weights, order, states = WEIGHTS / 3, np.random.RandomState(1).permutation(700), []
    weights[order[batch_size : 2 * batch_size]] = 0  # a batch that is skipped
    for n_threads in (1, 2, 3, 7):
        for way in (fused, three_calls):
            net = make(options, dtype=dtype, n_threads=n_threads)
            for optimizer in OPTIMIZERS:
                found = way(net, X, y, order, batch_size, 0.1, optimizer, sample_weight=weights)
            states.append(
                {**trained_state(net), "loss": np.array(found[0]), "n": np.array(net.snapshot()["n_updates"])}
            )
    assert states[0]["n"] == {100: 6, 600: 1}[batch_size] * len(OPTIMIZERS)
    for state in states[1:]:
        np.testing.assert_allclose(state.pop("loss"), states[0]["loss"], rtol=1e-6)
        assert_same(state, {name: array for name, array in states[0].items() if name != "loss"})


def test_threads_wait_for_each_other_where_batches_are_skipped():
    run_python("""
        import numpy as np
        from fastmlp import NeuralNetwork
        from fastmlp.engine import threads

        threads.SERIAL_WORK = 0  # small nets use threads too
        X, y = np.random.RandomState(0).randn(700, 5), np.arange(700) % 3
        weights = np.where(np.arange(700) % 50 == 0, 1, 0)
        nets = [NeuralNetwork(5, [8, 6], 3, n_threads=n_threads, seed=0) for n_threads in (1, 3)]
        for net in nets:
            for _ in range(20):
                net.train_epoch(X, y, sample_weight=weights, batch_size=1)
            assert net.snapshot()["n_updates"] == 20 * 14
        assert (nets[0].snapshot()["flat_params"] == nets[1].snapshot()["flat_params"]).all()
    """)


@pytest.mark.parametrize("dtype", ["float64", "float16"])  # rows that the kernels gather, and rows that are converted
def test_weights_of_1_change_no_bit(dtype):
    X, y = rows({}, 100)
    nets = [make({}), make({})]
    for net, weights in zip(nets, (None, np.ones(100, np.int8)), strict=True):
        net.fit(X.astype(dtype), y, sample_weight=weights, epochs=3, batch_size=32, seed=0)
    assert_same(trained_state(nets[0]), trained_state(nets[1]))
    assert nets[0].history.to_dict()["train_loss"] == nets[1].history.to_dict()["train_loss"]


def test_rows_that_weigh_0_need_no_finite_loss():
    net = NeuralNetwork(1, [], 2, seed=0)
    net.params["W1"] = [[1e200, -1e200]]
    X, y = [[1e-200], [1e200]], [0, 1]
    assert np.isfinite(net.train_epoch(X, y, sample_weight=[1, 0], learning_rate=0)[0])
    assert np.isfinite(net.evaluate(X, y, sample_weight=[1, 0])[0])
    with pytest.raises(DivergenceError):
        net.train_epoch(X, y, learning_rate=0)


def test_an_epoch_without_weight_changes_nothing():
    X, y = rows({}, 3)
    net = make({})
    states = [trained_state(net)]
    # the first row has all the weight, and a batch of two leaves one row of three out
    history = net.fit(
        *(X, y),
        **{"sample_weight": [1, 0, 0], "epochs": 9, "batch_size": 2, "drop_last": True, "optimizer": "Adam", "seed": 0},
        callbacks=[lambda net, history: states.append(trained_state(net))],
    )
    without = np.isnan(history.train_loss)
    np.testing.assert_array_equal(np.isnan(history.train_score), without)
    assert {*without} == {True, False}
    for (before, after), skipped in zip(itertools.pairwise(states), without, strict=True):
        if skipped:
            assert_same(after, before)
        else:
            assert after["n_updates"] == before["n_updates"] + 1
            assert (after["params"] != before["params"]).any()


@pytest.mark.parametrize("module", [None, reference])
def test_targets_are_standardized_with_their_weights(module):
    X, y = rows({"loss": "squared_error"}, 60)
    y = 100 + 30 * y
    y[0] = 1e6
    weights = WEIGHTS[:60].copy()
    weights[0] = 0
    repeated = np.repeat(np.arange(60), weights.astype(int))
    nets = [make({"loss": "squared_error"}, module) for _ in range(2)]
    nets[0].fit(X, y, sample_weight=weights, epochs=3, batch_size=60)
    nets[1].fit(X[repeated], y[repeated], epochs=3, batch_size=len(repeated))
    assert_near(nets[0].params, nets[1].params, 1e-9)
    np.testing.assert_allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-9)


def test_labels_of_class_weights_may_be_what_labels_may_be():
    X, y = rows({}, 20)
    nets = [make({}) for _ in range(3)]
    for net, mapping in zip(nets, ({0: 3.0, 1: 2.0}, {0.0: 3, np.float64(1): 2}, {False: 3, np.True_: 2}), strict=True):
        net.fit(X, y, class_weight=mapping, epochs=1, seed=0)
    for net in nets[1:]:
        assert_same(trained_state(net), trained_state(nets[0]))


def test_balanced_classes_have_the_same_total_weight():
    X, _ = rows({}, 90)
    y = np.repeat([0, 1, 1], 30)
    y[:3] = 2
    balanced, weighted = make({}), make({})
    counts = np.bincount(y)
    history = balanced.fit(X, y, class_weight="balanced", epochs=3, seed=0, X_val=X, y_val=y)
    weighted.fit(X, y, sample_weight=(90 / (3 * counts))[y], epochs=3, seed=0)
    assert_same(trained_state(balanced), trained_state(weighted))
    # of a constant prediction, a third is right
    balanced.params = {name: np.zeros(array.shape) for name, array in balanced.params.items()}
    history = balanced.fit(X, y, class_weight="balanced", epochs=1, seed=0, X_val=X, y_val=y, learning_rate=0.0)
    assert history.train_accuracy[0] == pytest.approx(1 / 3)
    assert history.val_accuracy[0] == pytest.approx(1 / 3)
    assert balanced.train_epoch(X, y, class_weight="balanced", learning_rate=0)[1] == pytest.approx(1 / 3)


def test_classes_that_a_mapping_leaves_out_weigh_1():
    X, y = rows({}, 60)
    by_class, by_row = make({}), make({})
    by_class.fit(X, y, class_weight={2: 3.0, np.int64(0): 0.5}, sample_weight=WEIGHTS[:60], epochs=2, seed=0)
    by_row.fit(X, y, sample_weight=WEIGHTS[:60] * np.array([0.5, 1, 3])[y], epochs=2, seed=0)
    assert_same(trained_state(by_class), trained_state(by_row))


def test_one_output_that_decides_has_two_classes():
    X, y = rows({"loss": "binary_cross_entropy"}, 60)
    nets = [NeuralNetwork(5, [4], 1, loss="binary_cross_entropy", seed=0) for _ in range(2)]
    nets[0].fit(X, y[:, 0], class_weight={1: 4}, epochs=2, seed=0)
    nets[1].fit(X, y[:, 0], sample_weight=1 + 3 * y[:, 0], epochs=2, seed=0)
    assert_same(trained_state(nets[0]), trained_state(nets[1]))


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.RandomState(0)
    weights = WEIGHTS[:41]
    y = random.poisson(3, 41).astype(float)
    outputs = y * 0.7 + random.uniform(0.1, 2, 41)
    for ours, theirs in (
        (scores.r2, metrics.r2_score),
        (scores.d2_poisson, lambda *arrays, **given: metrics.d2_tweedie_score(*arrays, power=1, **given)),
    ):
        assert ours(outputs, y, weights) == pytest.approx(theirs(y, outputs, sample_weight=weights))
    repeated = np.repeat(np.arange(41), weights.astype(int))
    assert scores.d2_absolute_error(outputs, y, weights) == pytest.approx(
        metrics.d2_absolute_error_score(y[repeated], outputs[repeated])
    )
    right = metrics.accuracy_score(y > 2, outputs > 2, sample_weight=weights)
    assert scores.accuracy(outputs > 2, y > 2, weights) == pytest.approx(right)
    assert scores.subset_accuracy(outputs > 2, y > 2, weights) == pytest.approx(right)


def test_a_checkpoint_is_resumed_with_its_weights_only(tmp_path):
    X, y = rows({}, 60)
    path = {"checkpoint": tmp_path / "net.npz", "seed": 0}
    make({}).fit(X, y, sample_weight=WEIGHTS[:60], epochs=1, **path)
    for weights in (None, 2 * WEIGHTS[:60]):
        with pytest.raises(ValueError, match=r"^X, y, weights and the standardizer must be those of .*, got others"):
            make({}).fit(X, y, sample_weight=weights, epochs=2, resume=True, **path)
    resumed, whole = make({}), make({})
    resumed.fit(X, y, sample_weight=WEIGHTS[:60], epochs=2, resume=True, **path)
    whole.fit(X, y, sample_weight=WEIGHTS[:60], epochs=2, seed=0)
    assert_same(trained_state(resumed), trained_state(whole))


CALLS = {
    "fit": lambda net, X, y, given: net.fit(X, y, epochs=1, **given),
    "train_epoch": lambda net, X, y, given: net.train_epoch(X, y, **given),
    "backward": lambda net, X, y, given: (net.forward(X), net.backward(y, **given)),
    "evaluate": lambda net, X, y, given: net.evaluate(X, y, **given),
    "score": lambda net, X, y, given: net.score(X, y, **given),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2, -1], "must be 0, or from 1e-100 to 1e+12, got -1 at index 2"),
        ([1, np.nan, 2], "must be 0, or from 1e-100 to 1e+12, got nan at index 1"),
        ([np.inf, 1, 2], "must be 0, or from 1e-100 to 1e+12, got inf at index 0"),
        ([0, 0, 0], "must have a weight above zero, got 3 times 0"),
        ([1, 1], "must have shape (3,), one weight for each row, got (2,)"),
        (1.0, "must have shape (3,), one weight for each row, got ()"),
        (["a", "b", "c"], "must be an array of weights, got dtype <U1, texts such as 'a' at index 0"),
    ],
)
def test_weights_that_make_no_sense_are_refused(call, weights, message):
    X, y = rows({}, 3)
    net = make({})
    before = trained_state(net)
    with pytest.raises((TypeError, ValueError)) as caught:
        CALLS[call](net, X, y, {"sample_weight": weights})
    assert str(caught.value) == f"sample_weight {message}"
    assert_same(trained_state(net), before)


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        (
            {},
            {"class_weight": "even"},
            "class_weight must be 'balanced' or a mapping from labels to weights, got 'even'",
        ),
        (
            {},
            {"class_weight": [1, 2, 3]},
            "class_weight must be 'balanced' or a mapping from labels to weights, got [1",
        ),
        ({}, {"class_weight": {3: 1.0}}, "a label of class_weight must be at most 2, got 3"),
        ({}, {"class_weight": {"a": 1.0}}, "a label of class_weight must be an integer of at least 0, got 'a'"),
        ({}, {"class_weight": {1: -1.0}}, "class_weight[1] must be finite, at least 0 and at most 1e+12, got -1.0"),
        (
            {},
            {"class_weight": {0: 0, 1: 0, 2: 0}},
            "class_weight of the rows of y must have a weight above zero, got 6 times 0",
        ),
        ({"loss": "huber"}, {"class_weight": "balanced"}, "class_weight must be None for loss='huber' with 3 outputs,"),
        ({}, {"sample_weight_val": [1]}, "X_val and y_val must be given together with sample_weight_val, got None"),
    ],
)
def test_weights_of_classes_that_make_no_sense_are_refused(options, arguments, message):
    X, y = rows(options, 6)
    for module in (None, reference):
        with pytest.raises((TypeError, ValueError)) as caught:
            make(options, module).fit(X, y, epochs=1, **arguments)
        assert str(caught.value).startswith(message)


def test_an_order_without_weight_is_refused():
    X, y = rows({}, 3)
    with pytest.raises(ValueError, match=r"^order must have a row that weighs more than 0, got none$"):
        make({}).train_epoch(X, y, [0, 1], sample_weight=[0, 0, 1])
