"""The live parameters, what NumPy makes of them, and the copies that train on buffers of their own."""

import copy
import io
import pickle

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import assert_same, batch, trained_state

from fastmlp import NeuralNetwork
from fastmlp.engine.parameters import (
    ALIGNMENT,
    Parameters,
)

SIZES = [(1, 1), (7, 3), (13, 9, 5), (17, 11, 7, 3), (9, 13, 11, 7, 5)]
DTYPES = ["float64", "float32"]


def make(sizes=(4, 6, 3), **options):
    return NeuralNetwork(sizes[0], list(sizes[1:-1]), sizes[-1], len(sizes) - 1, **options)


def train(net, n_steps=4):
    X, y = batch(9, net.input_size, net.output_size, seed=2)
    for i in range(n_steps):
        net.forward(X)
        net.backward(y, 0.01)
        net.update(0.01, opt=OPTIMIZERS[-1 - i % len(OPTIMIZERS)])


def copies(arrays):
    return {name: np.array(array) for name, array in arrays.items()}


# ---- the live mapping


def test_writes_in_place_are_seen_by_the_next_call():
    net, (X, y) = make((4, 6, 5, 3), seed=0), batch(5, 4, 3)
    W1, b3 = net.params["W1"], net.params["b3"]
    net.forward(X)
    net.backward(y)
    net.update(0.1, opt="Adam")
    for _ in range(2):
        W1[2, 3] += 1.0
        b3[...] = [1, 2, 3]
        net.params["W2"] *= 2
        fresh = make((4, 6, 5, 3), seed=1)
        fresh.params = net.params
        np.testing.assert_array_equal(net.predict_proba(X), fresh.predict_proba(X))
        np.testing.assert_array_equal(net.forward(X), fresh.forward(X))
        assert net.backward(y, 0.1) == fresh.backward(y, 0.1)
        assert_same(net.gradients, fresh.gradients)
        W1[...] = 0  # between forward and backward: only the penalty and the first layer's own term change
        assert net.backward(y, 0.1) < fresh.backward(y, 0.1)
        W1[...] = fresh.params["W1"]


VALUES = np.arange(24).reshape(4, 6) / 8 - 1


@pytest.mark.parametrize(
    "given",
    [
        VALUES.astype(np.float16),
        VALUES.astype(np.float32),
        VALUES.astype(np.longdouble),
        VALUES.astype(">f8"),
        np.asfortranarray(VALUES),
        np.repeat(VALUES, 2, axis=1)[:, ::2],
        VALUES[::-1, ::-1].copy()[::-1, ::-1],
        VALUES.tolist(),
    ],
    ids=["float16", "float32", "longdouble", "big-endian", "Fortran", "strided", "negative strides", "lists"],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_assignment_copies(given, dtype):
    net = make(dtype=dtype)
    live = net.params["W1"]
    net.params["W1"] = given
    assert net.params["W1"] is live
    np.testing.assert_array_equal(live, VALUES.astype(dtype), strict=True)
    if isinstance(given, np.ndarray):
        assert not np.shares_memory(live, given)
    rest = {name: array for name, array in net.params.items() if name != "W1"}
    net.params = {"W1": given, **copies(rest)}
    np.testing.assert_array_equal(live, VALUES.astype(dtype), strict=True)


@pytest.mark.parametrize(
    ("name", "value", "error", "match"),
    [
        ("W1", np.ones((6, 4)), ValueError, r"W1 must have shape \(4, 6\), got \(6, 4\)"),
        ("W1", np.ones((1, 4, 6)), ValueError, r"W1 must have shape \(4, 6\), got \(1, 4, 6\)"),
        ("W1", np.ones(6), ValueError, r"W1 must have shape \(4, 6\), got \(6,\)"),
        ("b2", 0.0, ValueError, r"b2 must have shape \(3,\), got \(\)"),
        ("b2", np.ones((1, 3)), ValueError, r"b2 must have shape \(3,\), got \(1, 3\)"),
        ("b2", [1j, 2, 3], TypeError, "b2 must be .*real.*, got dtype complex128"),
        ("b2", ["a", "b", "c"], TypeError, "b2 must be .*real.*, got dtype <U1"),
        ("b2", [None] * 3, TypeError, "b2 must be .*real.*, got dtype object"),
        ("W3", np.ones((3, 3)), KeyError, "W3.* is not one of W1, b1, W2, b2"),
        ("w1", np.ones((4, 6)), KeyError, "w1.* is not one of"),
    ],
)
def test_refused_assignment_changes_nothing(name, value, error, match):
    net = make()
    before = copies(net.params)
    with pytest.raises(error, match=match):
        net.params[name] = value
    assert_same(net.params, before)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda d: d.pop("b1"), ValueError, r"params must have exactly the keys W1, b1, W2, b2; missing: \['b1'\]"),
        (lambda d: d.update(W3=np.ones(2)), ValueError, r"params must have exactly the keys .* unknown: \['W3'\]"),
        (lambda d: d.update(b2=np.ones(4)), ValueError, r"b2 must have shape \(3,\), got \(4,\)"),
        (lambda d: d.update(b2=["a", "b", "c"]), TypeError, "b2 must be .*real"),
        (lambda d: d.update(b2=[[1], [2, 3]]), (TypeError, ValueError), "b2"),
        (lambda d: d.clear(), ValueError, "missing: .*'W1'"),
    ],
    ids=["missing", "unknown", "shape", "text", "ragged", "empty"],
)
def test_all_of_a_mapping_is_checked_first(change, error, match):
    net = make()
    before = copies(net.params)
    given = {name: array + 1 for name, array in before.items()}
    change(given)
    with pytest.raises(error, match=match):
        net.params = given
    assert_same(net.params, before)


@pytest.mark.parametrize("value", [None, [1, 2], "W1"], ids=repr)
def test_params_must_be_a_mapping(value):
    with pytest.raises(TypeError, match=f"params must be a mapping of arrays, not {type(value).__name__}"):
        make().params = value


def test_assigned_mapping_keeps_moments_and_count():
    net, (X, y) = make(seed=0), batch(5, 4, 3)
    train(net)
    before = net.snapshot()
    expected, values = copy.deepcopy(net), copies(make(seed=1).params)
    net.params = values
    for name, value in values.items():
        expected.params[name][...] = value
        assert not np.shares_memory(net.params[name], value)
    assert_same(net.params, values)
    after = net.snapshot()
    assert after["n_updates"] == before["n_updates"] == 4
    np.testing.assert_equal(after["moments"], before["moments"])
    for each in (net, expected):
        each.forward(X)
        each.backward(y)
        each.update(0.01, opt="Adam")
    assert_same(net.params, expected.params)


def test_mapping_of_a_networks_own_arrays_may_swap_them():
    net = make((3, 3, 3))
    first, second = net.params["W1"].copy(), net.params["W2"].copy()
    net.params = {**net.params, "W1": net.params["W2"], "W2": net.params["W1"]}
    assert_same({"W1": net.params["W1"], "W2": net.params["W2"]}, {"W1": second, "W2": first})


@pytest.mark.parametrize(
    "act",
    [
        lambda params: params.__delitem__("W1"),
        lambda params: params.pop("W1"),
        lambda params: params.popitem(),
        lambda params: params.clear(),
        lambda params: params.update(c1=np.ones(2)),
        lambda params: params.setdefault("c1", np.ones(2)),
    ],
    ids=["del", "pop", "popitem", "clear", "update", "setdefault"],
)
def test_keys_are_fixed(act):
    net = make()
    before = copies(net.params)
    with pytest.raises((TypeError, KeyError), match=r"cannot delete|is not one of"):
        act(net.params)
    assert_same(net.params, before)


def test_mapping_behaves_like_a_dict():
    params = make().params
    assert len(params) == 4
    assert "b2" in params
    assert "b3" not in params
    assert params.get("b3") is None
    with pytest.raises(KeyError, match="b3"):
        params["b3"]
    params.update(b2=[1, 2, 3], b1=range(6))
    assert [params["b2"].tolist(), params["b1"].tolist()] == [[1, 2, 3], [0, 1, 2, 3, 4, 5]]
    for part in ("W1 (4, 6)", "b2 (3,)"):
        assert part in repr(params)


# ---- what NumPy makes of a mapping


def kept_in_a_file(save):
    def kept(mapping):
        file = io.BytesIO()
        save(file, mapping)
        file.seek(0)
        loaded = np.load(file, allow_pickle=True)
        return loaded if isinstance(loaded, np.ndarray) else loaded["arr_0"]

    return kept


TAKEN = {
    "asarray": np.asarray,
    "array": np.array,
    "asarray of objects": lambda mapping: np.asarray(mapping, dtype=object),
    "array of objects": lambda mapping: np.array(mapping, np.dtype("O")),
    "array of two": lambda mapping: np.array([mapping, mapping])[1:],
    "stack": lambda mapping: np.stack([mapping, mapping])[1:],
    "save": kept_in_a_file(np.save),
    "savez": kept_in_a_file(np.savez),
    "savez_compressed": kept_in_a_file(np.savez_compressed),
    "save of a list": kept_in_a_file(lambda file, mapping: np.save(file, [mapping])),
}


@pytest.mark.parametrize("source", ["params", "gradients", "outputs"])
@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_numpy_takes_a_mapping_for_an_object(taken, source):
    net, (X, y) = make(), batch(9, 4, 3)
    net.forward(X)
    net.backward(y)
    live = getattr(net, source)
    array = taken(live)
    assert array.dtype == object
    assert_same(dict(array.item()), copies(live))


def test_arrays_in_an_object_are_copies_that_can_be_put_back():
    net = make()
    kept, before = np.array(net.params), copies(net.params)
    train(net)
    assert_same(kept.item(), before)
    with pytest.raises(TypeError, match=r"params must be a mapping of arrays, not ndarray: take .item\(\) of it"):
        net.params = kept
    net.params = kept.item()
    assert_same(net.params, before)


def test_a_snapshot_goes_through_a_file_of_numpy():
    net = make()
    train(net)
    snapshot, before = net.snapshot(), trained_state(net)
    train(net)
    net.restore(kept_in_a_file(np.save)(snapshot).item())
    assert_same(trained_state(net), before)


@pytest.mark.parametrize("dtype", [np.float64, "float32", int, complex, "O,O"], ids=str)
def test_a_mapping_is_no_array_of_numbers(dtype):
    net = make()
    for convert in (np.asarray, np.array, lambda params, dtype: np.array([params], dtype)):
        with pytest.raises(TypeError, match=r"not one array of .*params\['W1'\].*dict\(params\).*save\(path\)"):
            convert(net.params, dtype)
    with pytest.raises(ValueError, match=r"without a copy: take dict\(params\)"):
        net.params.__array__(copy=False)


def test_mappings_are_equal_where_all_their_arrays_are():
    net, same, other, larger = make(seed=0), make(seed=0), make(seed=1), make((4, 7, 3), seed=0)
    assert net.params == same.params == copies(net.params) == net.params
    same.params["b2"][2] = 1
    for unequal in (same.params, other.params, larger.params, {"W1": net.params["W1"]}, {}, None, 1):
        assert net.params != unequal
        assert unequal != net.params
    for compare in (np.array_equal, np.testing.assert_array_equal):  # as of dicts of arrays, that's ambiguous
        with pytest.raises(ValueError, match="ambiguous"):
            compare(net.params, other.params)


# ---- copies


@pytest.mark.parametrize("source", ["params", "gradients"])
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, copy.copy, lambda p: p.copy(), lambda p: pickle.loads(pickle.dumps(p))],
    ids=["deepcopy", "copy", "method", "pickle"],
)
def test_copies_of_a_mapping_are_plain_and_their_own(copied, source):
    net = make()
    train(net, 1)
    live = getattr(net, source)
    assert isinstance(live, Parameters)
    result, before = copied(live), copies(live)
    assert type(result) is dict
    assert_same(result, before)
    assert not any(np.shares_memory(result[name], live[name]) for name in live)
    train(net, 1)
    assert_same(result, before)
    result["W1"][...] = 0
    assert live["W1"].any()


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), copy.copy],
    ids=["deepcopy", "pickle", "copy"],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_copied_network_trains_on_its_own(dtype, copied):
    net, (X, _) = make((4, 6, 5, 3), seed=0, dtype=dtype, n_threads=1), batch(5, 4, 3)
    train(net, 5)
    net.my_note = ["mine"]
    other = copied(net)
    assert (type(other), repr(other), other.dtype, other.n_threads) == (NeuralNetwork, repr(net), net.dtype, 1)
    assert other.my_note == ["mine"]
    assert_same(other.params, net.params)
    assert_same(other.gradients, net.gradients)
    for arrays in (other.params, other.gradients):
        assert all(array.ctypes.data % ALIGNMENT == 0 for array in arrays.values())
    before = copies(net.params)
    for each in (other, net):
        each.update(0.1)  # with the gradients that came along
        train(each, 5)
        if each is other:
            assert_same(net.params, before)
    assert_same(net.params, other.params)
    other.params["W1"][...] = 0
    assert (net.forward(X) != other.forward(X)).any()


def test_attributes_of_any_name_can_be_set():
    net = make()
    net.my_note, net.best_val = "first try", {"W1": 3}
    assert (net.my_note, copy.deepcopy(net).best_val) == ("first try", {"W1": 3})
