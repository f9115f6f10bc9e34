"""The loop over epochs: the same numbers as the notebook's, and what surrounds it."""

import copy
import functools
import json
import math
import pickle
import re
import sys

import numpy as np
import pytest
from choices import LEARNING_RATES, OPTIMIZERS
from conftest import assert_near, assert_same, batch
from refusals import refuses

from fastmlp import DivergenceError, NeuralNetwork, reference
from fastmlp.diagnosis import Facts
from fastmlp.training import Epoch, History


def notebook_loop(net, X, y, epochs, batch_size, optimizer, rate, decay, reg):
    """The assignment's cell: whole batches only, Adam's time step is the epoch."""
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        indices = np.random.permutation(len(X))
        for i in range(0, len(X) // batch_size * batch_size, batch_size):
            net.forward(X[indices[i : i + batch_size], :])
            losses[epoch] += net.backward(y[indices[i : i + batch_size],], reg)
            net.update(rate, 0.7, 0.79, 1e-8, optimizer, epoch + 1)
        rate *= decay
    return losses / (len(X) // batch_size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sizes", [(7, 5, 3), (700, 60, 50, 10), (50, 4)])
def test_fit_is_the_notebook_loop_at_any_number_of_threads(sizes, optimizer, dtype):
    rate = LEARNING_RATES[optimizer]
    X, y = batch(430, sizes[0], sizes[-1], dtype=dtype)

    def make(n_threads=None):
        np.random.seed(2)
        return NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], dtype=dtype, n_threads=n_threads)

    loop = make()
    losses = notebook_loop(loop, X, y, 3, 100, optimizer, rate, 0.85, 0.01)
    for n_threads in (1, 2, 3, 4, 7):
        net = make(n_threads)
        history = net.fit(
            X, y, epochs=3, batch_size=100, learning_rate=rate, learning_rate_decay=0.85, regularization=0.01,
            optimizer=optimizer, beta1=0.7, beta2=0.79, time_step="epoch", drop_last=True,
        )  # fmt: skip
        assert_same(net.params, loop.params)
        np.testing.assert_allclose(history.train_loss, losses, rtol=1e-14)


def test_loss_and_input_gradient_are_taken_before_the_weights_change():
    """With a rate of 1 the weights after the update are far from those before it."""
    X, y = batch(60, 9, 4)
    net, expected = (make(9, [8, 7], 4, seed=0) for make in (NeuralNetwork, reference.NeuralNetwork))
    settings = {"epochs": 3, "batch_size": 20, "learning_rate": 1.0, "regularization": 0.1}
    history = net.fit(X, y, **settings, seed=3)
    reference_history = expected.fit(X, y, **settings, seed=3)
    np.testing.assert_allclose(history.train_loss, reference_history.train_loss, rtol=1e-12)
    assert_near(net.params, expected.params, 1e-11)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("time_step", ["update", "epoch"])
def test_fit_drives_engine_and_reference_alike(optimizer, time_step):
    X, y = batch(130, 9, 4)
    X_val, y_val = batch(40, 9, 4, seed=1)
    settings = {"epochs": 4, "batch_size": 32, "regularization": 0.01, "optimizer": optimizer, "time_step": time_step}
    nets = [make(9, [8], 4, seed=0) for make in (NeuralNetwork, reference.NeuralNetwork)]
    histories = [net.fit(X, y, **settings, seed=0, X_val=X_val, y_val=y_val) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-11)
    for name in Epoch._fields[:-1]:
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-11)


def test_history_holds_means_of_rows():
    """The last batch is smaller; a rate of 0 makes every epoch see the same net."""
    X, y = batch(25, 6, 3)
    net = NeuralNetwork(6, [5], 3, seed=0)
    history = net.fit(X, y, epochs=2, batch_size=10, learning_rate=0, regularization=0.5, X_val=X, y_val=y)
    loss, accuracy = net.evaluate(X, y, 0.5)
    np.testing.assert_allclose(history.train_loss, loss, rtol=1e-14)
    np.testing.assert_allclose(history.train_accuracy, accuracy, rtol=1e-14)
    np.testing.assert_allclose(history.val_loss, loss, rtol=1e-14)
    np.testing.assert_allclose(history.val_accuracy, accuracy, rtol=1e-14)
    assert (history.seconds > 0).all()


def test_rate_of_each_epoch_is_the_one_that_was_used():
    X, y = batch(20, 6, 3)
    history = NeuralNetwork(6, [], 3).fit(X, y, epochs=3, learning_rate=0.5, learning_rate_decay=0.1)
    np.testing.assert_allclose(history.learning_rate, [0.5, 0.05, 0.005])


@pytest.mark.parametrize(("optimizer", "rate"), [("SGD", 0.05), ("Momentum", 0.01), ("Adam", 0.001)])
def test_default_rate_depends_on_the_optimizer(optimizer, rate):
    X, y = batch(20, 6, 3)
    history = NeuralNetwork(6, [], 3).fit(X, y, epochs=1, optimizer=optimizer)
    assert history.learning_rate[0] == rate


def test_shuffles_with_the_global_generator_or_with_its_own():
    X, y = batch(50, 6, 3)
    nets = [NeuralNetwork(6, [5], 3, seed=0) for _ in range(4)]
    options = {"epochs": 2, "batch_size": 8, "learning_rate": 0.5}
    np.random.seed(7)
    nets[0].fit(X, y, **options)
    np.random.seed(7)
    nets[1].fit(X, y, **options)
    assert_same(nets[0].params, nets[1].params)
    before = np.random.get_state()[1].copy()
    nets[2].fit(X, y, seed=7, **options)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert_same(nets[2].params, nets[0].params)  # both are RandomState(7) underneath
    nets[3].fit(X, y, seed=8, **options)
    assert np.any(nets[3].params["W1"] != nets[2].params["W1"])


def test_second_fit_goes_on_where_the_first_ended():
    X, y = batch(50, 6, 3)
    once, twice = (NeuralNetwork(6, [5], 3, seed=0) for _ in range(2))
    np.random.seed(1)
    once.fit(X, y, epochs=4, batch_size=8, optimizer="Adam")
    np.random.seed(1)
    twice.fit(X, y, epochs=2, batch_size=8, optimizer="Adam")
    twice.fit(X, y, epochs=2, batch_size=8, optimizer="Adam")
    assert_same(once.params, twice.params)


def test_callbacks_see_each_epoch_and_can_stop():
    X, y = batch(20, 6, 3)
    seen = []
    net = NeuralNetwork(6, [], 3)

    def note(network, history):
        seen.append((network is net, len(history)))

    def score(network, history):  # what else a callback returns, says nothing
        return network.score(X, y), np.ones(2), 1

    history = net.fit(X, y, epochs=10, callbacks=[score, lambda network, history: np.bool_(len(history) == 3), note])
    assert seen == [(True, 1), (True, 2), (True, 3)]
    assert len(history) == 3


def test_interrupted_training_keeps_its_history_and_a_usable_net():
    X, y = batch(20, 6, 3)
    net = NeuralNetwork(6, [5], 3)

    def interrupt(network, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, epochs=10, callbacks=[interrupt])
    assert len(net.history) == 2
    assert net.gradients == {}
    net.fit(X, y, epochs=1)


def test_what_a_callback_computed_is_forgotten_at_the_end():
    X, y = batch(20, 6, 3)

    def look(network, history):
        network.forward(X)
        network.backward(y)

    net = NeuralNetwork(6, [5], 3)
    net.fit(X, y, epochs=1, callbacks=[look])
    assert net.gradients == {}
    assert net.outputs == {}


def test_a_callback_that_trains_too_leaves_the_history_alone():
    X, y = batch(20, 6, 3)

    def train(network, history):
        network.fit(X, y, epochs=2, learning_rate=7, learning_rate_decay=0.1, seed=0)

    net = NeuralNetwork(6, [5], 3, seed=0)
    history = net.fit(X, y, epochs=3, learning_rate=1, learning_rate_decay=0.5, callbacks=[train], seed=0)
    assert history.learning_rate.tolist() == [1, 0.5, 0.25]
    assert net.history is history


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_divergence_is_reported_and_undone(optimizer):
    """The second half of the rows is far too large, and comes up at random within each epoch."""
    X, y = batch(60, 6, 3)
    net = NeuralNetwork(6, [5], 3, seed=0)
    net.fit(X, y, epochs=2, optimizer=optimizer)
    before, moments = net.params.copy(), net.snapshot()
    X[40] = np.finfo(np.float64).max
    with np.errstate(all="ignore"), pytest.raises(DivergenceError) as caught:
        net.fit(X, y, epochs=3, batch_size=7, optimizer=optimizer, learning_rate=0.25, seed=0)
    error = caught.value
    position = int(np.flatnonzero(np.random.RandomState(0).permutation(60) == 40)[0])
    assert (error.epoch, error.batch, error.learning_rate) == (1, position // 7 + 1, 0.25)
    assert f"epoch 1, batch {error.batch}, learning rate 0.25" in str(error)
    assert len(error.history) == 0
    assert_same(net.params, before)
    after = net.snapshot()
    assert after["n_updates"] == moments["n_updates"]
    for name, arrays in moments["moments"].items():
        for a, b in zip(after["moments"][name], arrays, strict=True):
            np.testing.assert_array_equal(a, b)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_divergence_keeps_the_epochs_before():
    X, y = batch(30, 6, 3)
    net = NeuralNetwork(6, [5], 3, seed=0)
    kept = {}

    def poison(network, history):
        if len(history) == 2:
            kept.update(network.params.copy())
            X[:] = np.finfo(np.float64).max

    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="as after epoch 2") as caught:
        net.fit(X, y, epochs=5, callbacks=[poison])
    assert len(caught.value.history) == len(net.history) == 2
    assert_same(net.params, kept)


@pytest.mark.parametrize("make", [NeuralNetwork, reference.NeuralNetwork])
def test_parameters_that_overflow_in_the_last_update_are_noticed(make):
    X, y = batch(10, 6, 3)
    net = make(6, [5], 3, seed=0)
    before = {name: array.copy() for name, array in net.params.items()}
    with np.errstate(all="ignore"), pytest.raises(DivergenceError, match="the end of epoch 1"):
        net.fit(X * 1e3, y, epochs=1, learning_rate=1e308, batch_size=10)
    assert_same(net.params, before)


@pytest.mark.parametrize("index", ["loss", "train_loss", 1.5, None, ("train_loss", 0)])
def test_a_history_that_is_read_as_another_librarys_says_what_it_has(index):
    past = History([Epoch(2.3, 0.1, 2.2, 0.2, 0.1, 1.0)])
    with pytest.raises(TypeError, match="indexed by the numbers of epochs, got ") as caught:
        past[index]
    for name in past.to_dict():
        assert f"history.{name}" in str(caught.value)
    assert "history.to_dict()" in str(caught.value)


@pytest.mark.parametrize("name", ["history", "loss_curve_", "loss", "best_loss_", "_repr_svg_"])
def test_attributes_of_another_librarys_history_say_what_there_is(name):
    past = History([Epoch(2.3, 0.1, 2.2, 0.2, 0.1, 1.0)])
    assert not hasattr(past, name)
    with pytest.raises(AttributeError, match=f"no '{name}'; its columns are arrays, history.train_loss, .*to_dict"):
        getattr(past, name)


def test_a_part_of_a_history_is_one():
    past = History(Epoch(3.0 - i, 0.1, 2.2, 0.2, 0.1, 1.0) for i in range(3))
    past.facts = Facts((), 1.0, 0.1, 10)
    assert type(past[1:]) is History
    assert past[1:].train_loss.tolist() == [2.0, 1.0]
    assert past[1:].facts is None
    assert past[np.int64(-1)] == past[-1] == past.epochs[2]
    with pytest.raises(IndexError):
        past[3]
    for same in (copy.copy(past), copy.deepcopy(past), pickle.loads(pickle.dumps(past))):
        assert (same.epochs, same.facts) == (past.epochs, past.facts)


def test_history_is_readable_and_survives_json_and_pickle():
    history = History([Epoch(2.0, 0.25, math.nan, math.nan, 0.1, 0.5), Epoch(1.0, 0.5, math.nan, math.nan, 0.1, 0.5)])
    assert repr(history) == "History(2 epochs, train loss 1, accuracy 0.5000)"
    assert repr(History()) == "History(0 epochs)"
    assert [epoch.train_loss for epoch in history] == [2.0, 1.0]
    assert history[-1].train_accuracy == 0.5
    assert json.loads(json.dumps(history.to_dict(), allow_nan=False))["val_loss"] == [None, None]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(history)).train_loss, [2.0, 1.0])
    np.testing.assert_array_equal(np.asarray(history).T, [getattr(history, name) for name in Epoch._fields])


def test_repr_shows_validation_where_there_is_one():
    assert repr(History([Epoch(2.0, 0.25, 1.5, 0.75, 0.1, 0.5)])).endswith("accuracy 0.2500, validation 0.7500)")


def test_repr_is_short_whatever_the_score():
    diverged = History([Epoch(1e140, -1.5e140, 3e140, float("-inf"), 0.1, 0.5)], "R2")
    assert repr(diverged) == "History(1 epoch, train loss 1e+140, R2 -1.5e+140, validation -inf)"
    diverged.append(Epoch(2.0, -99.5, 3.0, -1000.25, 0.1, 0.5), 0.1)
    assert repr(diverged) == "History(2 epochs, train loss 2, R2 -99.5000, validation -1000)"


def test_progress_bar_counts_batches(capsys):
    pytest.importorskip("tqdm")
    X, y = batch(25, 6, 3)
    NeuralNetwork(6, [], 3).fit(X, y, epochs=2, batch_size=10, progress=True)
    assert "6/6" in capsys.readouterr().err


@pytest.mark.parametrize("validates", [False, True])
@pytest.mark.parametrize("settings", [{"epochs": 2, "batch_size": 10}, {"epochs": 3, "optimizer": "lbfgs"}])
def test_a_progress_bar_shows_the_last_epoch(settings, validates, capsys):
    pytest.importorskip("tqdm")
    X, y = batch(25, 6, 3)
    validation = {"X_val": X, "y_val": y} if validates else {}
    history = NeuralNetwork(6, [], 3, seed=0).fit(X, y, **settings, **validation, seed=0, progress=True)
    text = f"epoch {len(history)}/{settings['epochs']}, loss {history[-1].train_loss:.4g}, "
    text += f"accuracy {history[-1].train_score:.4f}"
    text += f", validation {history[-1].val_score:.4f}" if validates else ""
    *_, last = capsys.readouterr().err.split("\r")
    assert f", {text} [" in last


def test_a_progress_bar_is_full_where_training_stops_early(capsys):
    pytest.importorskip("tqdm")
    X, y = batch(25, 6, 3)
    options = {"epochs": 50, "batch_size": 10, "seed": 0, "progress": True}
    NeuralNetwork(6, [], 3, seed=0).fit(X, y, **options, patience=1, tol=100)
    *_, last = capsys.readouterr().err.split("\r")
    assert re.match(r"█+\| 00:0\d<00:00, epoch 2/50, .* \[6/6, ", last)
    with pytest.raises(DivergenceError):
        NeuralNetwork(6, [], 3, seed=0).fit(1e200 * X, y, **options, learning_rate=1e200, optimizer="SGD")
    assert "/150," in capsys.readouterr().err.split("\r")[-1]


def test_a_progress_bar_goes_on_from_a_checkpoint(tmp_path, capsys):
    pytest.importorskip("tqdm")
    X, y = batch(25, 6, 3)
    for n_epochs in (2, 5):
        net = NeuralNetwork(6, [], 3, seed=0)
        net.fit(
            X, y, epochs=n_epochs, batch_size=10, seed=0, checkpoint=tmp_path / "a", resume=n_epochs > 2, progress=True
        )
    bars = capsys.readouterr().err.split("\r")
    assert "[6/15, " in next(bar for bar in bars if "/15, " in bar)
    assert "[15/15, " in bars[-1]


def test_a_progress_bar_may_be_switched_off(monkeypatch, capsys):
    module = pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(module, "tqdm", functools.partial(module.tqdm, disable=True))
    X, y = batch(25, 6, 3)
    history = NeuralNetwork(6, [], 3, seed=0).fit(X, y, epochs=50, seed=0, progress=True, patience=1, tol=100)
    assert len(history) == 2
    assert capsys.readouterr().err == ""


def test_a_progress_function_is_called_with_batches_alone():
    X, y = batch(25, 6, 3)
    called = []
    NeuralNetwork(6, [], 3, seed=0).fit(X, y, epochs=2, batch_size=10, progress=lambda *given: called.append(given))
    assert sum(n for (n,) in called) == 6


def test_a_progress_bar_may_use_the_network():
    X, y = batch(60, 5, 3)
    X = (100 * X).astype(np.int16)  # which is converted, and told of, a batch at a time
    plain, used = (NeuralNetwork(5, [4], 3, seed=0) for _ in range(2))
    settings = {"epochs": 2, "batch_size": 10, "learning_rate": 0.01, "optimizer": "SGD", "seed": 1}
    plain.fit(X, y, **settings)

    def progress(n_batches):
        used.forward(X[:20])
        used.backward(y[:20])
        used.update(0.0)

    used.fit(X, y, progress=progress, **settings)
    assert_same(used.params, plain.params)
    assert used.snapshot()["n_updates"] == 24


def test_missing_progress_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    X, y = batch(25, 6, 3)
    message = r"^progress=True needs tqdm: pip install 'fastmlp\[progress\]'$"
    # before the held-out rows are drawn
    options = {"patience": 3, "validation_fraction": 0.2, "progress": True}
    refuses(NeuralNetwork(6, [], 3, seed=0), lambda net: net.fit(X, y, **options), ImportError, message)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_assignment_net_gives_the_same_bits_at_any_number_of_threads(dtype):
    X, y = batch(450, 3072, 10, dtype=dtype)

    def train(n_threads):
        net = NeuralNetwork(3072, [120, 120], 10, dtype=dtype, seed=0, n_threads=n_threads)
        history = net.fit(
            X, y, epochs=2, optimizer="Adam", regularization=1e-4, seed=0, X_val=X[:99], y_val=y[:99]
        )  # fmt: skip
        return {**net.params, "loss": history.train_loss, "val_loss": history.val_loss}

    expected = train(1)
    for n_threads in (2, 3, 4, 7):
        assert_same(train(n_threads), expected)
