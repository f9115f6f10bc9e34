"""What `fit` does where nothing is said: Adam, as many epochs as make about 2,000 updates, and an offer to scale X."""

import warnings

import numpy as np
import pytest
from checkpoint_helpers import X, Y, make
from conftest import assert_same, batch, trained_state

from fastmlp import NeuralNetwork, Standardizer, reference
from fastmlp.courses import EarlierNeuralNetwork


@pytest.mark.parametrize(
    ("n_rows", "n_epochs"), [(1, 400), (200, 400), (201, 200), (2001, 182), (4000, 100), (40_000, 10)]
)
def test_epochs_make_two_thousand_updates(n_rows, n_epochs):
    X, y = batch(n_rows, 2, 2)
    net, seen = NeuralNetwork(2, [], 2, seed=0), []
    net.fit(X, y, callbacks=[lambda net, history: seen.append(len(history))])
    assert len(seen) == n_epochs
    assert net.snapshot()["n_updates"] == n_epochs * -(-n_rows // 200)


def test_rows_that_are_held_out_make_no_updates():
    X, y = batch(4100, 2, 2)
    assert len(NeuralNetwork(2, [], 2, seed=0).fit(X, y, validation_fraction=0.1)) == 106  # of 19 batches


def test_given_epochs_and_batches_count():
    assert len(make().fit(X, Y, epochs=3)) == 3
    assert len(make().fit(X, Y, batch_size=5)) == 100
    assert len(make().fit(X, Y, optimizer="lbfgs", regularization=0.1, epochs=2)) == 2


@pytest.mark.parametrize("made", [make, lambda: reference.NeuralNetwork(5, [7], 3, seed=0)])
def test_fit_is_by_adam(made):
    usual, adam = made(), made()
    usual.fit(X, Y, epochs=3, seed=0)
    adam.fit(X, Y, epochs=3, seed=0, optimizer="Adam", learning_rate=0.001, batch_size=200)
    assert_same(dict(usual.params), dict(adam.params))


def test_one_epoch_is_by_adam_too():
    usual, adam = make(), make()
    usual.train_epoch(X, Y)
    adam.train_epoch(X, Y, optimizer="Adam")
    assert_same(trained_state(usual), trained_state(adam))


def test_the_assignments_own_calls_stay_with_plain_descent():
    net, course = make(), EarlierNeuralNetwork(5, [7], 3, seed=0)
    net.forward(X)
    net.backward(Y)
    net.update()
    course.backward(X, Y, 0.001)
    assert_same(dict(net.params), dict(course.params))
    assert list(net.snapshot()["moments"]) in ([], ["SGD"])


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        (
            {"optimizer": "SGD", "epochs": 10},
            r"optimizer must be 'SGD', as in .*, got 'Adam' \(the default is 'Adam', and was 'SGD' until version 0.2\)",
        ),
        (
            {"optimizer": "Adam", "epochs": 10},
            r"epochs must be 10, as in .*, got 400 \(the default follows from .*, and was 10 until version 0.2\)",
        ),
    ],
)
def test_a_checkpoint_of_the_old_defaults_says_what_has_changed(earlier, message, tmp_path):
    make().fit(X, Y, seed=0, checkpoint=tmp_path / "net", **earlier)
    net = make()
    before = trained_state(net)
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, seed=0, checkpoint=tmp_path / "net", resume=True)
    assert_same(trained_state(net), before)
    assert len(net.fit(X, Y, seed=0, checkpoint=tmp_path / "net", resume=True, **earlier)) == 10


def test_a_training_of_usual_length_is_resumed(tmp_path):
    whole, resumed = make(), make()
    whole.fit(X, Y, seed=0, checkpoint=tmp_path / "net")
    assert len(resumed.fit(X, Y, seed=0, checkpoint=tmp_path / "net", resume=True)) == 400
    assert_same(trained_state(resumed), trained_state(whole))


class TestOfferOfAStandardizer:
    @pytest.mark.parametrize(
        ("factors", "means", "column"),
        [([0.03, 0.01, 0.01, 0.01, 0.01], 0, 0), ([1, 1, 100, 1, 1], 0, 2), ([1, 1, 1, 0.01, 1], [0, 0, 0, 5, 0], 3)],
    )
    def test_rows_far_from_standard_get_one_sentence(self, factors, means, column):
        net, rows = make(), X * factors + means
        message = f"^X is far from standard: column {column} has mean .* standardizer=Standardizer"
        with pytest.warns(UserWarning, match=message) as found:
            net.fit(rows, Y, epochs=1)
        assert len(found) == 1
        assert found[0].filename == __file__
        with warnings.catch_warnings(action="error"):
            net.fit(rows, Y, epochs=1)  # not again

    @pytest.mark.parametrize(
        ("options", "rows"),
        [
            ({"standardizer": Standardizer().fit(100 * X)}, 100 * X),
            ({}, 0 * X),
            ({}, np.eye(5)[np.arange(100) % 5]),
            ({}, X / 5),
            ({}, np.column_stack([X[:, :4], np.full(100, 7.3)])),  # a constant column
            ({}, np.round(X + 5)),
        ],
    )
    def test_others_get_none(self, options, rows):
        with warnings.catch_warnings(action="error"):
            make(**options).fit(rows, Y, epochs=1)

    def test_bad_rows_are_an_error_alone(self):
        rows = 100 * X
        rows[0, 0] = np.nan
        with pytest.raises(ValueError, match="X must be finite, got nan in row 0, column 0"):
            make().fit(rows, Y, epochs=1)
