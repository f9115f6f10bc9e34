"""Early stopping: the parameters of the best epoch come back, however the training ends."""

import contextlib
import copy
import functools
import itertools

import numpy as np
import pytest
from checkpoint_helpers import make
from conftest import assert_same, batch, interrupted_at, trained_state

from fastmlp import DivergenceError, NeuralNetwork, reference
from fastmlp.early_stopping import EarlyStopping, held_out_rows
from fastmlp.history import Epoch

# rows that a network learns by heart, so that the loss of others soon rises
X, Y = batch(60, 5, 3)
X_VAL, Y_VAL = batch(40, 5, 3, seed=1)
SETTINGS = {"epochs": 60, "batch_size": 10, "learning_rate": 0.02, "optimizer": "Adam", "seed": 3, "patience": 4}
VALIDATION = {"X_val": X_VAL, "y_val": Y_VAL}


def trained(net=None, **changes):
    """A network, its history and copies of its state after each epoch."""
    net, states = net or make(), []
    history = net.fit(X, Y, **{**SETTINGS, **changes}, callbacks=[lambda net, _: states.append(net.snapshot())])
    return net, history, states


def assert_state(net, snapshot):
    other = make(dtype=net.dtype)
    other.restore(snapshot)
    assert_same(trained_state(net), trained_state(other))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("validation", [VALIDATION, {"validation_fraction": 0.3}, {}])
def test_the_best_epoch_is_kept(validation, dtype):
    # without validation data, a high rate makes the training loss jump
    rate = SETTINGS["learning_rate"] if validation else 0.5
    net, history, states = trained(make(dtype=dtype), learning_rate=rate, **validation)
    losses = history.val_loss if validation else history.train_loss
    best = int(losses.argmin())
    assert history.best_epoch == best + 1 < len(history) < SETTINGS["epochs"]
    assert_state(net, states[best])
    name = "validation" if validation else "train"
    assert history.kept == (
        f"The parameters are those after epoch {best + 1} of {len(history)}, which has the lowest {name} loss, "
        f"{losses[best]:.4g}."
    )
    assert f"best epoch {best + 1})" in repr(history)
    if validation == VALIDATION:
        assert net.evaluate(X_VAL, Y_VAL)[0] == losses.min()


def test_without_it_the_last_epoch_is_kept():
    net, history, states = trained(patience=None, **VALIDATION)
    assert (len(history), history.best_epoch, history.kept) == (60, None, "")
    assert_state(net, states[-1])


def test_early_stopping_alone_has_a_patience_of_ten():
    _, history, _ = trained(early_stopping=True, patience=None, **VALIDATION)
    assert len(history) == history.best_epoch + 10


@pytest.mark.parametrize("make_network", [NeuralNetwork, reference.NeuralNetwork])
def test_the_reference_stops_alike(make_network):
    _, history, _ = trained(make_network(5, [7], 3, seed=0), validation_fraction=0.25)
    _, expected, _ = trained(validation_fraction=0.25)
    assert history.best_epoch == expected.best_epoch
    np.testing.assert_allclose(history.val_loss, expected.val_loss, rtol=1e-9)


def test_patience_and_tol():
    def n_recorded(losses, patience, tol):
        stopping = EarlyStopping(patience, tol, "train_loss")
        epochs = [Epoch(loss, 0.0, 0.0, 0.0, 0.0, 0.0) for loss in losses]
        n = next((n for n, epoch in enumerate(epochs, 1) if stopping.record(n, epoch, lambda: {})), len(losses))
        best = stopping.best_of(n)
        return n, best and best.epoch

    assert n_recorded([3, 2, 1, 1, 1, 1], 3, 0) == (6, 3)
    assert n_recorded([3, 2, 1, 1, 0.5, 1], 3, 0) == (6, 5)
    # small steps are kept, and do not count
    assert n_recorded([3, 2.95, 2.9, 2.85], 3, 0.1) == (4, 4)
    assert n_recorded([3, 2.95, 2.8, 2.85], 3, 0.1) == (4, 3)
    assert n_recorded([np.nan, 2, 1, np.nan, np.nan], 2, 0) == (5, 3)
    assert n_recorded([np.nan, np.nan], 5, 0) == (2, None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("where", ["callbacks", "progress"])
def test_the_best_epoch_comes_back_after_an_interruption(where, error):
    _, whole, states = trained(**VALIDATION)
    places = itertools.count(1)

    def interrupt(*arguments):
        if len(net.history) > whole.best_epoch and next(places) == 2:
            raise error

    net = make()
    with pytest.raises(error):
        net.fit(X, Y, **SETTINGS, **VALIDATION, **{where: [interrupt] if where == "callbacks" else interrupt})
    assert net.history.best_epoch == whole.best_epoch < len(net.history)
    assert_state(net, states[whole.best_epoch - 1])
    assert net.gradients == {}


@pytest.mark.parametrize("validation", [VALIDATION, {"validation_fraction": 0.3}])
def test_an_interruption_at_any_moment_leaves_the_best_epoch(validation):
    settings = {**SETTINGS, **validation, "epochs": 4, "learning_rate": 0.2, "patience": 3}
    states = []
    history = make().fit(X, Y, **settings, callbacks=[lambda net, _: states.append(net.snapshot())])
    assert history.best_epoch < len(history)
    n, seen = 0, set()
    while True:
        net = make()
        if not interrupted_at(n, functools.partial(net.fit, X, Y, **settings)):
            break
        n, seen = n + 1, seen | {net.history.best_epoch if net.history else 0}
        if net.history:
            assert len(net.history.rates) == len(net.history)
            assert net.history.best_epoch == net.history.val_loss.argmin() + 1
            assert_state(net, states[net.history.best_epoch - 1])
    assert seen >= {0, 1, history.best_epoch}


def test_the_best_epoch_comes_back_after_divergence():
    def explode(epoch, step):
        return 1e200 if epoch == 6 else 0.02

    _, whole, states = trained(**VALIDATION, epochs=6, patience=50)
    net = make()
    with pytest.raises(DivergenceError, match=f"parameters are as after epoch {whole.best_epoch};") as caught:
        net.fit(X, Y, **SETTINGS | {"patience": 50}, **VALIDATION, schedule=explode)
    assert caught.value.history.best_epoch == whole.best_epoch < 6
    assert_state(net, states[whole.best_epoch - 1])


@pytest.mark.parametrize("never", [np.nan, np.inf])
def test_a_loss_that_is_no_number_is_never_the_best(never, monkeypatch):
    """Nor is the training loss taken in its place."""
    net, losses = make(), [2.0, never, 1.9, never, 1.95]
    # the network's own way to validate
    monkeypatch.setattr(NeuralNetwork, "evaluate", lambda *arguments, **options: (losses[len(net.history)], 0.5))
    history = net.fit(X, Y, **SETTINGS | {"epochs": 5}, **VALIDATION)
    assert (history.best_epoch, len(history)) == (3, 5)
    assert "which has the lowest validation loss, 1.9." in history.kept
    assert history[:2].best_epoch is None


def test_a_callback_may_end_it_too():
    net, states = make(), []

    def stop(net, history):
        states.append(net.snapshot())
        return len(history) == 11

    history = net.fit(X, Y, **SETTINGS | {"patience": 50}, **VALIDATION, callbacks=[stop])
    assert len(history) == 11
    assert_state(net, states[int(history.val_loss.argmin())])


@pytest.mark.parametrize("ending", ["net.npz", "net.safetensors"])
@pytest.mark.parametrize("validation", [VALIDATION, {"validation_fraction": 0.3}])
@pytest.mark.parametrize("seed", [3, None])
def test_a_resumed_training_has_the_bits_of_an_uninterrupted_one(seed, validation, ending, tmp_path):
    if ending == "net.safetensors":
        pytest.importorskip("safetensors")
    settings, path = {**SETTINGS, **validation, "seed": seed}, tmp_path / ending
    np.random.seed(5)
    whole = make()
    history = whole.fit(X, Y, **settings)
    after = np.random.rand()
    for n_done in (0, 1, history.best_epoch, history.best_epoch + 2, len(history)):

        def cut(net, history, n_done=n_done):
            if len(history) > n_done:  # after n_done checkpoints, and the one at the start
                raise KeyboardInterrupt

        np.random.seed(5)
        net, resumed = make(), make(seed=9)
        path.unlink(missing_ok=True)
        try:
            net.fit(X, Y, checkpoint=path, callbacks=[cut], **settings)
        except KeyboardInterrupt:
            np.random.seed(99)
        loaded = NeuralNetwork.load(path)
        assert len(loaded.history) == n_done
        if n_done:
            losses = loaded.history.val_loss
            assert loaded.history.best_epoch == losses.argmin() + 1
            if validation == VALIDATION:
                assert loaded.evaluate(X_VAL, Y_VAL)[0] == losses.min()
        again = resumed.fit(X, Y, checkpoint=path, resume=True, **settings)
        assert_same(trained_state(resumed), trained_state(whole))
        assert (again.best_epoch, again.kept) == (history.best_epoch, history.kept)
        np.testing.assert_array_equal(again.val_loss, history.val_loss)
        assert seed is not None or np.random.rand() == after
        assert_same(trained_state(NeuralNetwork.load(path)), trained_state(whole))


@pytest.mark.parametrize("n_done", [1, 2, 7, 12])
def test_callbacks_that_change_the_network_change_no_best_epoch(n_done, tmp_path):
    def clip(net, history):
        np.clip(net.params["W1"], -0.05, 0.05, out=net.params["W1"])
        if stops and len(history) > n_done:
            raise KeyboardInterrupt

    settings = {**SETTINGS, **VALIDATION, "patience": 20, "epochs": 12, "callbacks": [clip]}
    stops, whole = False, make()
    whole.fit(X, Y, **settings)
    stops = n_done < 12
    with contextlib.suppress(KeyboardInterrupt):
        make().fit(X, Y, checkpoint=tmp_path / "net", **settings)
    stops, resumed = False, make()
    resumed.fit(X, Y, checkpoint=tmp_path / "net", resume=True, **settings)
    assert_same(trained_state(resumed), trained_state(whole))


def test_a_training_that_was_longer_goes_on_from_its_last_epoch(tmp_path):
    """Not from the best one, which is kept until the end."""
    settings = {**SETTINGS, **VALIDATION, "patience": 30}
    whole, resumed = make(), make()
    history = whole.fit(X, Y, **settings)
    make().fit(X, Y, checkpoint=tmp_path / "net", **{**settings, "epochs": 20})
    assert history.best_epoch < 20
    again = resumed.fit(X, Y, checkpoint=tmp_path / "net", resume=True, **settings)
    np.testing.assert_array_equal(again.val_loss, history.val_loss)
    assert_same(trained_state(resumed), trained_state(whole))


def test_the_loss_that_it_follows_stays(tmp_path):
    settings = {**SETTINGS, "epochs": 5, "checkpoint": tmp_path / "net"}
    make().fit(X, Y, **settings, **VALIDATION)
    with pytest.raises(ValueError, match="the loss that early stopping follows must be 'val_loss', as in the check"):
        make().fit(X, Y, **settings, resume=True)


def test_a_row_that_is_held_out_and_not_finite_is_named_before_a_checkpoint_is_replaced(tmp_path):
    path, rows = tmp_path / "net", X.copy()
    make().fit(X, Y, checkpoint=path, epochs=1)
    content = path.read_bytes()
    held_out = held_out_rows(Y, 60, 0.3, int(np.random.RandomState(3).randint(2**32, dtype=np.uint32)))
    rows[held_out[1], 2] = np.inf
    with pytest.raises(ValueError, match=f"X must be finite, got inf in row {held_out[1]}, column 2"):
        make().fit(rows, Y, checkpoint=path, validation_fraction=0.3, seed=3)
    assert path.read_bytes() == content


class TestHeldOutRows:
    @pytest.mark.parametrize("fraction", [0.01, 0.1, 0.25, 0.5, 0.9])
    def test_each_class_has_its_share(self, fraction):
        labels = np.repeat([0, 1, 2], [500, 300, 100])
        rows = held_out_rows(labels, 900, fraction, 1)
        assert len(rows) == len(set(rows.tolist())) == round(900 * fraction)
        counts = np.bincount(labels[rows], minlength=3)
        assert (np.abs(counts - fraction * np.array([500, 300, 100])) <= 1 + fraction).all()

    @pytest.mark.parametrize("fraction", [0.5, 0.99])
    def test_each_class_is_left_to_train_on(self, fraction):
        labels = np.array([0, 1, 1, 2, 2, 2] + [3] * 20)
        rows = held_out_rows(labels, 26, fraction, 0)
        assert set(np.delete(labels, rows)) == {0, 1, 2, 3}

    @pytest.mark.parametrize("labels", [None, np.arange(100) % 2])
    def test_rows_are_drawn_by_the_seed(self, labels):
        first, same, other = (held_out_rows(labels, 100, 0.3, seed).tolist() for seed in (1, 1, 2))
        assert first == same != other
        assert len(first) == 30

    def test_they_do_not_train(self):
        """A row that is held out may have any number but one that is not finite."""
        changed, seed = X.copy(), np.random.RandomState(3).randint(2**32, dtype=np.uint32)
        changed[held_out_rows(Y, 60, 0.3, int(seed))] *= 100
        nets = make(), make()
        for net, rows in zip(nets, (X, changed), strict=True):
            net.fit(rows, Y, epochs=3, validation_fraction=0.3, seed=3)
        assert_same(trained_state(nets[0]), trained_state(nets[1]))

    def test_the_weights_of_rows_go_with_them(self):
        weights = np.random.RandomState(0).rand(60) + 0.5
        net = make()
        net.fit(X, Y, sample_weight=weights, epochs=2, validation_fraction=0.3, seed=3)
        held_out = held_out_rows(Y, 60, 0.3, int(np.random.RandomState(3).randint(2**32, dtype=np.uint32)))
        expected = net.evaluate(X[held_out], Y[held_out], sample_weight=weights[held_out])
        assert (net.history.val_loss[-1], net.history.val_score[-1]) == expected

    @pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
    @pytest.mark.parametrize("seed", range(5))
    def test_both_parts_have_rows_with_a_weight(self, seed, loss):
        """Or their mean losses, and the units of targets, would be NaN."""
        weights = np.isin(np.arange(60), np.flatnonzero(Y == 1)[:3])
        net = NeuralNetwork(5, [7], 3 if loss == "cross_entropy" else 1, loss=loss, seed=0)
        history = net.fit(X, Y, sample_weight=weights * 1.0, epochs=2, validation_fraction=0.3, seed=seed)
        assert np.isfinite([history.train_loss, history.val_loss]).all()

    def test_targets_are_standardized_by_the_rows_that_train(self):
        y = np.random.RandomState(0).rand(60) * 100
        net = NeuralNetwork(5, [7], 1, loss="squared_error", seed=0)
        net.fit(X, y, epochs=2, validation_fraction=0.3, seed=3)
        rows = held_out_rows(None, 60, 0.3, int(np.random.RandomState(3).randint(2**32, dtype=np.uint32)))
        assert net.snapshot()["target_units"][0] == pytest.approx(np.delete(y, rows).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patience": 0}, "patience must be a positive integer, got 0"),
        ({"early_stopping": "yes"}, "early_stopping must be True or False, got 'yes'"),
        ({"tol": -1}, "tol must be finite, at least 0, got -1"),
        ({"validation_fraction": 0}, "validation_fraction must be above 0"),
        ({"validation_fraction": 1}, "validation_fraction must be finite, at least 0 and below 1, got 1"),
        (
            {"validation_fraction": 0.2, **VALIDATION},
            "validation_fraction must be None where X_val and y_val are given",
        ),
        ({"X": X[:3], "y": [0, 1, 2], "validation_fraction": 0.2}, "validation_fraction must leave rows to train"),
        (
            {"sample_weight": np.eye(60)[0], "validation_fraction": 0.2},
            "validation_fraction must leave rows to train and rows to validate, got 0.2 of 1 rows that weigh more",
        ),
        ({"validation_fraction": 0.1, "batch_size": 58, "drop_last": True}, "batch_size must be at most the 54 rows"),
        ({"optimizer": "lbfgs"}, "patience must be left out with optimizer='lbfgs'"),
        ({"optimizer": "lbfgs", "patience": None, "validation_fraction": 0.2}, "validation_fraction must be left out"),
    ],
)
def test_bad_input_is_named_before_anything_changes(change, message):
    net, usual = make(), {"X": X, "y": Y, "patience": 4}
    before, drawn = copy.deepcopy(trained_state(net)), np.random.get_state()[2]
    with pytest.raises((TypeError, ValueError), match=message):
        net.fit(**{**usual, **change})
    assert_same(trained_state(net), before)
    assert np.random.get_state()[2] == drawn
