"""Rows that are not finite: refused by all that says something about them, with the place; `forward` is as NumPy."""

import numpy as np
import pytest
from conftest import assert_same, batch, trained_state

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.courses import TwoLayerNet
from fastmlp.engine.engine import BLOCK_ROWS

CALLS = {
    "predict": lambda net, X, y: net.predict(X),
    "predict_proba": lambda net, X, y: net.predict_proba(X),
    "score": lambda net, X, y: net.score(X, y),
    "evaluate": lambda net, X, y: net.evaluate(X, y),
    "train_epoch": lambda net, X, y: net.train_epoch(X, y, learning_rate=0.01),
    "fit": lambda net, X, y: net.fit(X, y, epochs=2, seed=0),
}


def network(dtype="float64", standardized=False, n_threads=None):
    standardizer = Standardizer().fit(batch(20, 7, 3)[0]) if standardized else None
    return NeuralNetwork(7, [5], 3, dtype=dtype, seed=0, standardizer=standardizer, n_threads=n_threads)


def odd(X, stored):
    """X in another type or layout."""
    return np.asfortranarray(X) if stored == "F" else X[:, :] if stored == "view" else X.astype(stored)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stored", ["f8", "f4", ">f8", "f2", "g", "F"])
def test_a_row_that_is_not_finite_is_named(call, standardized, dtype, stored):
    net = network(dtype, standardized)
    for n_rows, value in ((1, np.nan), (40, np.inf), (700, -np.inf)):
        X, y = batch(n_rows, 7, 3)
        X[n_rows // 2, 3] = value
        with pytest.raises(ValueError, match=f"^X must be finite, got {value} in row {n_rows // 2}, column 3$"):
            CALLS[call](net, odd(X, stored), y)


@pytest.mark.parametrize("row", [0, 511, 512, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 600])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_every_tile_of_every_member_is_looked_at(row, n_threads, no_gate):
    net, (X, _) = network(n_threads=n_threads), batch(BLOCK_ROWS + 601, 7, 3)
    whole = net.predict_proba(X)
    X[row, 6] = np.nan
    with pytest.raises(ValueError, match=f"got nan in row {row}, column 6"):
        net.predict(X)
    X[row, 6] = 0
    assert np.array_equal(np.delete(net.predict_proba(X), row, 0), np.delete(whole, row, 0))


@pytest.mark.parametrize("sizes", [(800, 60, 3), (90, 60, 3), (90, 1500, 3)])
@pytest.mark.parametrize("row", [0, 200, 399])
def test_every_block_of_a_batch_is_looked_at(sizes, row):
    """The first layer's product is cut along its terms, its rows, or its outputs."""
    X, _ = batch(400, sizes[0], 3)
    X[row, -1] = np.inf
    with pytest.raises(ValueError, match=f"got inf in row {row}, column {sizes[0] - 1}"):
        NeuralNetwork(sizes[0], sizes[1:-1], 3, seed=0).predict(X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_rows", [1, 5, 600])
def test_weights_of_zero_hide_nothing(n_rows, value):
    net, (X, _) = network(), batch(n_rows, 7, 3)
    for array in net.params.values():
        array[:] = 0
    X[n_rows // 2, 5] = value
    with pytest.raises(ValueError, match=f"got {value} in row {n_rows // 2}, column 5"):
        net.predict(X)


def test_finite_rows_may_overflow():
    X = np.full((3, 7), np.finfo(np.float64).max)
    assert not np.isfinite(network().predict_proba(X)).all()


@pytest.mark.parametrize("n_columns", [1, 31, 32, 33, 4095, 4097])
def test_every_column_is_looked_at(n_columns):
    net, X = NeuralNetwork(n_columns, [], 2), np.zeros((3, n_columns))
    for column in {0, n_columns // 2, n_columns - 1}:
        X[2, column] = -np.inf
        with pytest.raises(ValueError, match=f"got -inf in row 2, column {column}"):
            net.predict(X)
        X[2, column] = 0


def test_numbers_beyond_the_networks_type_are_named():
    X = np.zeros((5, 7))
    X[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"^X must be finite in float32, got 1e\+300 in row 3, column 1$"):
        network("float32").predict(X)
    with pytest.raises(ValueError, match="finite in float32, once it is standardised, got 1e"):
        network("float32", standardized=True).predict(X)
    network("float64").predict(X)


@pytest.mark.parametrize("call", ["fit", "train_epoch"])
def test_a_training_that_data_have_ended_leaves_the_network_as_it_was(call):
    """But for the batches before in `train_epoch`, which cannot know; the generator apart, as at every error."""
    net, (X, y) = network(), batch(40, 7, 3)
    net.fit(X, y, epochs=1, optimizer="Adam", seed=0)
    before = trained_state(net)
    X[0, 2] = np.nan
    with pytest.raises(ValueError, match="row 0, column 2"):
        CALLS[call](net, X, y)
    assert_same(trained_state(net), before)


@pytest.mark.parametrize("error", [ValueError, RuntimeError])
def test_what_a_users_function_raises_in_an_epoch_undoes_nothing(error):
    net, (X, y) = network(), batch(40, 7, 3)

    def progress(n_batches):
        raise error("of the user's own")

    with pytest.raises(error, match="of the user's own"):
        net.fit(X, y, epochs=1, batch_size=10, progress=progress, seed=0)
    assert net.snapshot()["n_updates"] == 4


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("row", range(12))
def test_the_data_are_to_blame_wherever_the_training_notices(row, value):
    """An infinity may leave its batch's loss finite, where a ReLU makes 0 of it, and spoil the next one's."""
    X, y = batch(12, 7, 3)
    X[row, 4] = value
    with pytest.raises(ValueError, match=f"got {value} in row {row}, column 4"):
        network().fit(X, y, epochs=3, batch_size=2, learning_rate=0.1, seed=0)


def test_rows_that_are_not_trained_on_may_be_anything():
    X, y = batch(12, 7, 3)
    X[5] = np.nan
    network().train_epoch(X, y, [i for i in range(12) if i != 5])


@pytest.mark.parametrize("row", [0, 8])
def test_validation_rows_are_refused_before_the_training(row):
    net, (X, y), before = network(), batch(40, 7, 3), trained_state(network())
    X_val = X[:9].copy()
    X_val[row, 6] = np.nan
    state = np.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match=f"^X_val must be finite, got nan in row {row}, column 6$"):
        net.fit(X, y, X_val=X_val, y_val=y[:9])
    assert_same(trained_state(net), before)
    assert net.history is None
    assert np.random.get_state()[1].tolist() == state


def test_forward_is_as_numpy():
    X, y = batch(5, 7, 3)
    X[1, 2] = np.nan
    net = network()
    assert np.isnan(net.forward(X)).all(axis=1).tolist() == [False, True, False, False, False]
    assert np.isnan(net.backward(y))


def test_other_editions_predict_no_class_for_them_either():
    with pytest.raises(ValueError, match="got nan in row 0, column 3"):
        TwoLayerNet(4, 5, 3).predict([[1, 2, 3, np.nan]])


@pytest.mark.parametrize("name", ["X", "X_val"])
def test_the_training_of_another_course_refuses_them_at_once(name):
    net, (X, y) = TwoLayerNet(7, 5, 3, std=0.1, seed=0), batch(40, 7, 3)
    before, arrays = trained_state(net), {"X": X, "X_val": X.copy()}
    arrays[name][39, 1] = np.nan
    with pytest.raises(ValueError, match=f"^{name} must be finite, got nan in row 39, column 1"):
        net.train(arrays["X"], y, arrays["X_val"], y, num_iters=1, batch_size=2)
    assert_same(trained_state(net), before)
