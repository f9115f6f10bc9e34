"""`fit(optimizer="lbfgs")`: SciPy's L-BFGS on the gradient of all rows."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch, trained_state
from loss_helpers import each_loss, make, rows

from fastmlp import DivergenceError, NeuralNetwork, Standardizer, load_digits, reference
from fastmlp.engine.batches import Examples
from fastmlp.engine.engine import BLOCK_ROWS
from fastmlp.training import Settings


@each_loss
def test_it_trains_as_the_reference_does(options):
    X, y = rows(options, 200)
    nets = [make(options, module, activation="tanh") for module in (None, reference)]
    data = {"sample_weight": np.arange(200) % 3, "X_val": X[:50], "y_val": y[:50]}
    histories = [net.fit(X, y, **data, optimizer="lbfgs", epochs=8, regularization=1e-3) for net in nets]
    assert_near(nets[0].params, nets[1].params, 1e-6)
    for name in ("train_loss", "train_score", "val_loss", "val_score"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-6)
    # what is recorded is what the network has
    found = nets[0].evaluate(X, y, 1e-3, sample_weight=data["sample_weight"])
    np.testing.assert_allclose(found, (histories[0].train_loss[-1], histories[0].train_score[-1]), rtol=1e-9)
    assert (np.diff(histories[0].train_loss) <= 0).all()


def test_the_gradient_of_blocks_is_that_of_all_rows():
    n = 2 * BLOCK_ROWS + 5
    X, y = batch(n, 5, 3)
    weights = np.arange(n) % 4
    weights[BLOCK_ROWS : 2 * BLOCK_ROWS] = 0  # a block that is skipped
    engine = make({})._engine
    settings = Settings(regularization=0.1).of_epoch(1.0, None)
    loss, score, gradient = engine.full_gradient(Examples(X, y, weights.astype(float)), settings)
    found = engine.layout.views(gradient)
    net = make({})
    net.forward(X)
    assert loss == pytest.approx(net.backward(y, 0.1, sample_weight=weights), rel=1e-12)
    assert_near(dict(found), dict(net.gradients), 1e-12)
    assert score == pytest.approx(net.score(X, y, weights), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_learns_the_digits(dtype):
    X, y = load_digits()
    net = NeuralNetwork(64, [32], 10, dtype=dtype, seed=0)
    history = net.fit(X[:1200] / 16, y[:1200], optimizer="LBFGS", epochs=200, regularization=1e-3)
    assert net.score(X[:1200] / 16, y[:1200]) == 1
    assert net.score(X[1200:] / 16, y[1200:]) > 0.9
    assert history.learning_rate[0] == 1


def test_it_ends_where_nothing_improves():
    net = NeuralNetwork(2, [], 1, loss="squared_error", seed=0)
    X = np.random.RandomState(0).randn(50, 2)
    history = net.fit(X, X @ [2, -1] + 3, optimizer="lbfgs", epochs=1000)
    assert len(history) < 30
    assert net.score(X, X @ [2, -1] + 3) == pytest.approx(1, abs=1e-6)


def test_rows_are_not_copied():
    X, y = np.random.RandomState(0).rand(40_000, 100), np.arange(40_000) % 2
    net = NeuralNetwork(100, [4], 2, seed=0)
    net.fit(X[:9], y[:9], optimizer="lbfgs", epochs=1)  # imports SciPy
    tracemalloc.start()
    net.fit(X, y, optimizer="lbfgs", epochs=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


def test_rows_are_standardized_and_targets_too():
    X = 100 + 30 * np.random.RandomState(0).randn(300, 5)
    y = 1e4 * X[:, 0] + 1e3 * X[:, 1]
    net = NeuralNetwork(5, [8], 1, loss="squared_error", activation="tanh", standardizer=Standardizer().fit(X), seed=0)
    net.fit(X, y, optimizer="lbfgs", epochs=50)
    assert net.score(X, y) > 0.999
    assert abs(net.predict(X) - y).mean() < 1e4


def test_a_callback_may_end_it():
    X, y = rows({})
    net, states = make({}), []

    def third(network, history):
        states.append(trained_state(network))
        return len(history) == 3

    assert len(net.fit(X, y, optimizer="lbfgs", epochs=100, callbacks=[third])) == 3
    assert_same(trained_state(net), states[2])
    assert net.snapshot()["n_updates"] == 3


def test_a_callback_may_end_it_with_other_parameters_but_not_go_on_from_them():
    X, y = rows({})

    def restore(network, history):
        if len(history) == 2:
            network.restore(first)
        return len(history) == 2 and stops

    for stops in (True, False):
        net = make({})
        first = net.snapshot()
        if stops:
            net.fit(X, y, optimizer="lbfgs", epochs=5, callbacks=[restore])
            np.testing.assert_array_equal(net.snapshot()["flat_params"], first["flat_params"])
        else:
            with pytest.raises(RuntimeError, match="a callback has changed the parameters"):
                net.fit(X, y, optimizer="lbfgs", epochs=5, callbacks=[restore])


@pytest.mark.parametrize("where", ["callbacks", "progress"])
def test_what_a_callback_raises_comes_through(where):
    X, y = rows({})

    def stop(*arguments):
        raise StopIteration

    with pytest.raises(StopIteration):
        make({}).fit(X, y, optimizer="lbfgs", epochs=5, **{where: [stop] if where == "callbacks" else stop})


@pytest.mark.parametrize("place", ["callback", "gradient"])
def test_an_interruption_leaves_the_best_accepted_parameters(place, monkeypatch):
    X, y = rows({})
    net, states, n_calls = make({}), [], 0
    original = net._engine.full_gradient

    def interrupt(*arguments):
        nonlocal n_calls
        n_calls += 1
        if place == "gradient" and n_calls == 9:
            net._engine.flat_params[...] = 7  # as in the middle of a line search
            raise KeyboardInterrupt
        return original(*arguments)

    def callback(network, history):
        states.append(trained_state(network))
        if place == "callback" and len(history) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(net._engine, "full_gradient", interrupt)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, optimizer="lbfgs", epochs=100, callbacks=[callback])
    assert len(net.history) == len(states) > 3
    assert_same(trained_state(net), states[-1])


def test_a_second_fit_goes_on_from_there():
    X, y = rows({})
    net = make({})
    first = net.fit(X, y, optimizer="lbfgs", epochs=5)
    second = net.fit(X, y, optimizer="lbfgs", epochs=5)
    assert second.train_loss[-1] < first.train_loss[-1]
    third = net.fit(X, y, optimizer="SGD", epochs=1, seed=0)
    assert third.train_loss[0] < first.train_loss[0]


def test_a_line_search_survives_a_loss_that_is_not_finite(monkeypatch):
    X, y = batch(40, 3, 2)
    net = NeuralNetwork(3, [4], 1, loss="poisson", seed=0, dtype="float32")
    found, original = [], net._engine.full_gradient
    monkeypatch.setattr(net._engine, "full_gradient", lambda *given: found.append(original(*given)) or found[-1])
    history = net.fit(30 * X, 1.0 + y, optimizer="lbfgs", epochs=20)
    assert not all(np.isfinite(loss) for loss, _, _ in found)
    assert np.isfinite(history.train_loss).all()
    assert history.train_loss[-1] < history.train_loss[0]
    assert all(np.isfinite(array).all() for array in net.params.values())


def test_a_loss_that_is_not_finite_at_the_start_is_an_error():
    net = NeuralNetwork(3, [4], 1, loss="poisson", seed=0)
    before = trained_state(net)
    with pytest.raises(DivergenceError, match="the loss is not finite"):
        net.fit(1e4 * np.eye(3), [0, 1, 2], optimizer="lbfgs")
    assert_same(trained_state(net), before)
    with pytest.raises(ValueError, match="X must be finite, got nan in row 0, column 1"):
        net.fit([[1, np.nan, 1]], [0], optimizer="lbfgs")
    assert_same(trained_state(net), before)


# each setting that makes no sense without batches, with another value than its default
OTHERS = {
    "learning_rate": 0.1,
    "schedule": "cosine",
    "clip_norm": 1.0,
    "time_step": "epoch",
    "drop_last": True,
    "early_stopping": True,
    "patience": 3,
    "validation_fraction": 0.1,
}
OF_BATCHES = {
    field.name: OTHERS[field.name] if field.name in OTHERS else type(field.default)(field.default / 2)
    for field in dataclasses.fields(Settings)
    if field.name not in ("epochs", "regularization", "optimizer", "standardize_targets")
}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            ({name: value}, f"{name} must be left out with optimizer='lbfgs', which takes all rows, got {value!r}")
            for name, value in OF_BATCHES.items()
        ),
        ({"checkpoint": "net.npz"}, "checkpoint must be None with optimizer='lbfgs', which cannot be resumed"),
        ({"checkpoint": "net.npz", "resume": True}, "checkpoint must be None with optimizer='lbfgs'"),
    ],
)
def test_what_makes_no_sense_without_batches_is_refused(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = rows({})
    net = make({})
    before = trained_state(net)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        net.fit(X, y, optimizer="lbfgs", **given)
    assert str(caught.value).startswith(message)
    assert_same(trained_state(net), before)
    assert not list(tmp_path.iterdir())


def test_networks_with_dropout_and_calls_for_batches_refuse_it():
    X, y = rows({})
    with pytest.raises(ValueError, match=r"^dropout must be 0 with optimizer='lbfgs', whose steps need one loss, got"):
        make({}, dropout=0.2).fit(X, y, optimizer="lbfgs")
    net = make({})
    with pytest.raises(ValueError, match=r"^optimizer must be one that takes batches, got 'lbfgs', which takes all"):
        net.train_epoch(X, y, optimizer="lbfgs")
    net.forward(X)
    net.backward(y)
    with pytest.raises(
        ValueError, match=r"^opt must be one that takes batches, got 'lbfgs', which takes all rows: call"
    ):
        net.update(opt="lbfgs")
