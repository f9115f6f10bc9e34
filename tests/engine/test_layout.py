"""Where parameters lie in their buffer, and their first values."""

import itertools

import numpy as np
import pytest
from conftest import assert_same

from fastmlp import NeuralNetwork
from fastmlp.architecture import Architecture
from fastmlp.engine.parameters import (
    ALIGNMENT,
    Layout,
    aligned_empty,
    aligned_offsets,
    initialize,
    l2_penalty,
)

SIZES = [(1, 1), (7, 3), (13, 9, 5), (17, 11, 7, 3), (9, 13, 11, 7, 5)]
DTYPES = ["float64", "float32"]


def make(sizes=(4, 6, 3), **options):
    return NeuralNetwork(sizes[0], list(sizes[1:-1]), sizes[-1], len(sizes) - 1, **options)


# ---- the layout


def test_offsets_are_aligned_and_close():
    assert aligned_offsets([1, 8, 9, 0, 3], 8) == ([0, 8, 16, 32, 32], 40)
    assert aligned_offsets([1, 16, 17], 4) == ([0, 16, 32], 64)
    assert aligned_offsets([], 8) == ([], 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_layout_has_a_place_for_each_array(sizes, dtype):
    layout = Layout(Architecture.of(sizes, np.dtype(dtype)))
    names = [f"{letter}{i}" for i in range(1, len(sizes)) for letter in "Wb"]
    assert list(layout.shapes) == list(layout.offsets) == names
    assert layout.n_parameters == sum(n_in * n_out + n_out for n_in, n_out in itertools.pairwise(sizes))
    buffer = layout.zeros()
    assert (len(buffer), buffer.dtype) == (layout.size, dtype)
    assert not buffer.any()
    views, end = layout.views(buffer), 0
    for number, (name, view) in enumerate(views.items(), 1):
        assert view.shape == layout.shapes[name]
        assert layout.offsets[name] * layout.dtype.itemsize % ALIGNMENT == 0
        assert end <= layout.offsets[name] < end + ALIGNMENT // layout.dtype.itemsize
        end = layout.offsets[name] + view.size
        view[...] = number
    assert end <= layout.size
    for number, (name, view) in enumerate(views.items(), 1):
        assert (view == number).all()
        assert view.ctypes.data == buffer.ctypes.data + layout.offsets[name] * layout.dtype.itemsize
    assert np.count_nonzero(buffer) == layout.n_parameters


@pytest.mark.parametrize("n", [1, 5, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_aligned_empty(n, dtype):
    kept = [aligned_empty(n, np.dtype(dtype)) for _ in range(20)]
    for array in kept:
        assert array.shape == (n,)
        assert array.dtype == dtype
        assert array.ctypes.data % ALIGNMENT == 0
        array.fill(1)


# ---- first values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_initial_weights_are_those_of_numpy_and_nothing_else_is_drawn(sizes, dtype):
    np.random.seed(5)
    params = make(sizes, dtype=dtype).params
    _, keys, *rest = np.random.get_state()
    np.random.seed(5)
    names = []
    for i in range(1, len(sizes)):
        weights = np.random.randn(sizes[i - 1], sizes[i]) / np.sqrt(sizes[i - 1])
        np.testing.assert_array_equal(params[f"W{i}"], weights.astype(dtype), strict=True)
        np.testing.assert_array_equal(params[f"b{i}"], np.zeros(sizes[i], dtype), strict=True)
        names += [f"W{i}", f"b{i}"]
    assert list(params) == list(params.keys()) == names
    _, expected_keys, *expected = np.random.get_state()
    assert rest == expected
    np.testing.assert_array_equal(keys, expected_keys)


def test_seed_draws_from_a_generator_of_its_own():
    before = np.random.get_state()[1:3]
    net, same, other = (make(seed=seed) for seed in (3, 3, 4))
    np.testing.assert_equal(np.random.get_state()[1:3], before)
    np.testing.assert_array_equal(net.params["W1"], np.random.RandomState(3).randn(4, 6) / np.sqrt(4))
    assert_same(net.params, same.params)
    assert (net.params["W1"] != other.params["W1"]).all()


@pytest.mark.parametrize(("init", "variance"), [("assignment", 1 / 400), ("he", 2 / 400), ("glorot", 2 / (400 + 300))])
def test_initializers(init, variance):
    net = make((400, 300, 10), seed=0, init=init)
    assert net.params["W1"].std() == pytest.approx(np.sqrt(variance), rel=0.02)
    assert abs(net.params["W1"].mean()) < 0.02 * np.sqrt(variance)
    assert not net.params["b1"].any()


def test_initialize_draws_weights_in_order_and_leaves_biases():
    params = {"W1": np.empty((3, 2)), "b1": np.full(2, 5.0), "W2": np.empty((2, 4))}
    initialize(params, "he", np.random.RandomState(1))
    random = np.random.RandomState(1)
    np.testing.assert_array_equal(params["W1"], random.randn(3, 2) * np.sqrt(2 / 3))
    np.testing.assert_array_equal(params["W2"], random.randn(2, 4) * np.sqrt(2 / 2))
    assert params["b1"].tolist() == [5, 5]


def test_l2_penalty_counts_weights_only():
    params = {"W1": np.array([[1.0, -2]]), "b1": np.array([100.0]), "W2": np.array([[3.0]]), "b2": np.array([7.0])}
    assert l2_penalty(params, 0.5) == 0.25 * (1 + 4 + 9)
    assert l2_penalty({"W1": np.array([[np.inf]])}, 0) == 0


def test_l2_penalty_adds_up_in_double_precision():
    squared = float(np.float32(1e25)) ** 2  # beyond float32
    assert l2_penalty({"W1": np.full((1, 2), 1e25, np.float32)}, 0.5) == pytest.approx(0.5 * squared, rel=1e-15)
