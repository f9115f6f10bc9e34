"""A forward pass is used again where a second one would give the same, and only there."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from conftest import assert_same, batch

from fastmlp.courses import EarlierNeuralNetwork, passes
from fastmlp.engine import Engine, threads

X, Y = batch(12, 6, 3)
OTHER = batch(12, 6, 3, seed=1)[0]


@pytest.fixture
def forwarded(monkeypatch):
    """Rows that any engine has taken forward; passes of small networks are kept too."""
    rows, forward = [], Engine.forward

    def recorded(engine, X, training=False):
        rows.append(X)
        return forward(engine, X, training)

    monkeypatch.setattr(Engine, "forward", recorded)
    monkeypatch.setattr(passes, "MIN_WORK", 0)
    monkeypatch.setattr(threads, "SERIAL_WORK", 0)
    return rows


def trained(dtype="float64"):
    """A network whose last batch had the shape of X."""
    net = EarlierNeuralNetwork(6, [8, 5], 3, dtype=dtype, seed=0, n_threads=1)
    net.backward(X.astype(dtype), Y, 0.1)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_a_pass_of_the_same_rows_is_used_and_gives_the_same_bits(layout, dtype, forwarded):
    net, twin = trained(dtype), trained(dtype)
    forwarded.clear()
    for step in range(3):
        rows = np.array((X, OTHER)[step % 2], dtype, order=layout)
        net.forward(rows)
        found = net.backward(rows, Y, 0.1, 0.02)
        assert len(forwarded) == 1
        assert twin.backward(rows, Y, 0.1, 0.02) == found
        assert_same(net.params, twin.params)
        assert_same(net.gradients, twin.gradients)
        forwarded.clear()


def in_place(value):
    def change(net, rows):
        rows[7, 2] = value

    return change


def hold_a_weight(net, rows):
    net.params["W3"][0, 1] += 1e-9


def assign_a_weight(net, rows):
    net.params["b1"] = np.full(8, 0.1)


def restore(net, rows):
    net.restore(EarlierNeuralNetwork(6, [8, 5], 3, seed=1).snapshot())


def construct_again(net, rows):
    net.__init__(6, [8, 5], 3, seed=1)


def other_dtype(net, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a NumPy to come
        rows.dtype = np.int64


CHANGES = {
    "the dtype": other_dtype,
    "an element": in_place(3.0),
    "NaN": in_place(np.nan),
    "the sign of a zero": in_place(-0.0),
    "a weight, in place": hold_a_weight,
    "an assigned parameter": assign_a_weight,
    "a snapshot": restore,
    "another network": construct_again,
    "another batch": lambda net, rows: net.forward(OTHER),
    "another batch of another length": lambda net, rows: net.forward(OTHER[:5]),
    "a step": lambda net, rows: net.backward(rows, Y, 0.1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_taken_forward(change, forwarded):
    net, rows = trained(), X.copy()
    rows[7, 2] = 0.0
    net.forward(rows)
    CHANGES[change](net, rows)
    twin = copy.deepcopy(net)
    forwarded.clear()
    found = net.backward(rows, Y, 0.1)
    assert forwarded[0] is rows
    expected = twin.backward(rows.copy(), Y, 0.1)
    np.testing.assert_equal(found, expected)
    assert_same(net.params, twin.params)


@pytest.mark.parametrize(
    "other",
    [np.copy, np.ndarray.view, np.ndarray.tolist, lambda rows: rows.astype("float32"), lambda rows: rows.astype(">f8")],
    ids=["copy", "view", "list", "float32", "other byte order"],
)
def test_other_objects_are_taken_forward(other, forwarded):
    net, rows = trained(), X.copy()
    forwarded.clear()
    net.forward(rows)
    net.backward(other(rows), Y, 0.1)
    assert len(forwarded) == 2


@pytest.mark.parametrize("rows", [X.tolist(), X.astype("float32"), np.ma.array(X)], ids=["list", "float32", "masked"])
def test_passes_of_anything_but_arrays_of_the_networks_dtype_are_not_kept(rows, forwarded):
    net = trained()
    forwarded.clear()
    net.forward(rows)
    net.backward(rows, Y, 0.1)
    assert [found is rows for found in forwarded] == [True, True]


def test_a_change_that_is_taken_back_is_none(forwarded):
    net, rows = trained(), X.copy()
    forwarded.clear()
    net.forward(rows)
    rows[0] += 1
    rows[0] = X[0]
    net.backward(rows, Y, 0.1)
    assert len(forwarded) == 1


def test_a_refused_call_ends_it(forwarded):
    net, rows = trained(), X.copy()
    net.forward(rows)
    with pytest.raises(ValueError, match="y must have shape"):
        net.backward(rows, Y[:3], 0.1)
    net.forward(rows)
    rows.resize((6, 12), refcheck=False)
    with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 6\)"):
        net.backward(rows, Y, 0.1)


def test_rows_of_a_wrong_shape_are_named_after_a_long_batch_too(forwarded):
    net = trained()
    for rows in (np.array(1.0), np.ones(6), np.ones((12, 6, 1))):
        with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 6\), got"):
            net.forward(rows)


def test_copies_and_pickles_have_no_pass(forwarded):
    net, rows = trained(), X.copy()
    size = len(pickle.dumps(net))
    net.forward(rows)
    assert len(pickle.dumps(net)) == size
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        forwarded.clear()
        other.backward(rows, Y, 0.1)
        assert len(forwarded) == 1
    forwarded.clear()
    net.backward(rows, Y, 0.1)
    assert forwarded == []


def test_only_long_passes_of_the_last_batchs_shape_are_kept():
    rows, labels = batch(200, 300, 3)
    for n_hidden, is_kept in ((400, True), (20, False)):
        net = EarlierNeuralNetwork(300, [n_hidden], 3, n_threads=1)
        net.forward(rows)
        assert net._pass is None
        net.backward(rows, labels, 0.1)
        for n_rows in (200, 199):
            net.forward(rows[:n_rows])
            assert (net._pass is not None) == (is_kept and n_rows == 200)
