"""The fused step: the same numbers as the three calls, from rows of any kind."""

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import SHAPES, assert_same, batch, trained_state
from epoch_helpers import fused, three_calls

from fastmlp import DivergenceError, NeuralNetwork, Standardizer
from fastmlp.engine import engine


def assert_fused_is_three_calls(make, X, y, order, *arguments, threads=(1,)):
    """`make(n_threads)` gives a network."""
    expected = make(1)
    results = [three_calls(expected, X, y, order, *arguments) for _ in range(2)]
    for n_threads in threads:
        net = make(n_threads)
        assert [fused(net, X, y, order, *arguments) for _ in range(2)] == results
        assert_same(trained_state(net), trained_state(expected))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_epoch_is_the_three_calls(shape, optimizer, dtype, no_gate):
    sizes, n_rows = SHAPES[shape]
    X, y = batch(2 * n_rows + n_rows // 2, sizes[0], sizes[-1], dtype=dtype)
    order = np.random.RandomState(1).permutation(len(X))

    def make(n_threads):
        return NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype, n_threads=n_threads)

    assert_fused_is_three_calls(make, X, y, order, n_rows, 0.01, optimizer, threads=(1, 2, 5))


@pytest.mark.parametrize("regularization", [0, 0.3])
@pytest.mark.parametrize("t", [None, 3])
def test_regularization_and_time_step(regularization, t):
    X, y = batch(50, 6, 4)
    order = np.arange(50)
    assert_fused_is_three_calls(
        lambda n: NeuralNetwork(6, [7], 4, seed=0, n_threads=n), X, y, order, 8, regularization, "Adam", t
    )


def layouts(X):
    """The same numbers in every layout that an array may have."""
    spread = np.zeros((3 * len(X), 2 * X.shape[1]), X.dtype)
    spread[1::3, ::2] = X
    packed = np.zeros(len(X), [("skip", "u1"), ("x", X.dtype, X.shape[1])])
    packed["x"] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "C": X,
        "Fortran": np.asfortranarray(X),
        "strided": spread[1::3, ::2],
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "one row again and again": np.broadcast_to(X[:1], X.shape),
        "misaligned": packed["x"],
        "big-endian": X.astype(X.dtype.newbyteorder(">")),
        "read-only": read_only,
    }


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stored", ["uint8", "float32", "float64", "int16", "float16", "bool"])
def test_rows_of_every_kind(stored, dtype, standardized):
    """One pass gathers, casts and standardises: the same numbers as from an array that has been through all that."""
    random = np.random.RandomState(0)
    X, y = random.randint(0, 200, (45, 11)).astype(stored), random.randint(0, 4, 45)
    order = random.randint(0, 45, 70)
    for layout, rows in layouts(X).items():
        standardizer = Standardizer().fit(rows) if standardized else None
        converted = standardizer.transform(rows, dtype) if standardized else rows.astype(dtype)
        plain_net = NeuralNetwork(11, [8], 4, seed=0, dtype=dtype)
        net = NeuralNetwork(11, [8], 4, seed=0, dtype=dtype, standardizer=standardizer)
        expected = three_calls(plain_net, converted, y, order, 16, 0.01, "Adam")
        assert fused(net, rows, y, order, 16, 0.01, "Adam") == expected, layout
        assert_same(trained_state(net), trained_state(plain_net))
        np.testing.assert_array_equal(net.predict_proba(rows), plain_net.predict_proba(converted), strict=True)
        np.testing.assert_array_equal(net.forward(rows), plain_net.forward(converted), strict=True)
        np.testing.assert_array_equal(net.outputs["X"], converted, strict=True)
        assert net.backward(y) == plain_net.backward(y)
        assert_same(net.gradients, plain_net.gradients)


@pytest.mark.parametrize("shape", SHAPES)
def test_three_calls_on_gathered_rows(shape, no_gate):
    """`backward` finds the batch that `forward` gathered."""
    sizes, n_rows = SHAPES[shape]
    X, y = batch(n_rows, sizes[0], sizes[-1])
    X = (50 * X).astype(np.int8).view(np.uint8)
    nets = [NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype="float32", n_threads=3) for _ in range(3)]
    results = [call(net, rows, y, np.arange(n_rows), n_rows, 0.1, "SGD") for net, call, rows in
               zip(nets, (three_calls, fused, fused), (X, X, X.astype(np.float32)), strict=True)]  # fmt: skip
    assert results[0] == results[1] == results[2]
    for net in nets[1:]:
        assert_same(trained_state(net), trained_state(nets[0]))


def test_a_large_mean_costs_no_digits_in_any_layout():
    """What is not stored as the kernels want it keeps its precision until the mean is gone."""
    X = 1e8 + np.random.RandomState(0).randn(40, 3)
    expected = Standardizer().fit(X).transform(X, "float32")
    assert 0.9 < expected.std() < 1.1
    for layout in ("misaligned", "big-endian"):
        rows = layouts(X)[layout]
        standardizer = Standardizer().fit(rows)
        np.testing.assert_array_equal(standardizer.transform(rows, "float32"), expected)
        net = NeuralNetwork(3, [4], 2, dtype="float32", seed=0, standardizer=standardizer)
        bare = NeuralNetwork(3, [4], 2, dtype="float32", seed=0)
        y = np.arange(40) % 2
        np.testing.assert_array_equal(net.predict_proba(rows), bare.predict_proba(expected))
        assert net.train_epoch(rows, y, batch_size=7) == bare.train_epoch(expected, y, batch_size=7)
    whole = (1 << 28) + np.arange(5)[:, None]
    standardizer = Standardizer().fit(whole)
    expected = standardizer.transform(whole, "float32")
    np.testing.assert_allclose(expected[:, 0], np.arange(-2, 3) / np.sqrt(2), rtol=1e-6)
    net = NeuralNetwork(1, [], 2, dtype="float32", standardizer=standardizer)
    net.forward(whole)
    np.testing.assert_array_equal(net.outputs["X"], expected)


@pytest.mark.parametrize("name", ["X", "h1"])
def test_rows_may_lie_in_the_networks_own_workspace(name):
    X, y = batch(8, 5, 3)
    X = (50 * X).astype(np.int8).view(np.uint8)
    nets = [NeuralNetwork(5, [5], 3, seed=0) for _ in range(2)]
    for net in nets:
        net.forward(X)
    view = nets[0].outputs[name]
    copy = nets[1].outputs[name].copy()
    order = np.arange(8)[::-1]
    assert nets[0].train_epoch(view, y, order, batch_size=8) == nets[1].train_epoch(copy, y, order, batch_size=8)


def test_an_update_whose_penalty_overflows_is_counted():
    net = NeuralNetwork(2, [], 2, dtype="float64")
    net.params["W1"] = np.full((2, 2), 1e160)
    with pytest.raises(DivergenceError, match="batch 1"):
        net.train_epoch([[1e-160, 1e-160]], [0], regularization=1e-3)
    assert net.snapshot()["n_updates"] == 1


def test_rows_may_come_several_times_or_not_at_all():
    X, y = batch(20, 5, 3)
    order = np.array([3, 3, 3, 19, 0, 3])
    assert_fused_is_three_calls(lambda n: NeuralNetwork(5, [4], 3, seed=0), X, y, order, 4, 0.1, "Momentum")


def test_without_an_order_all_rows_come_in_turn():
    X, y = batch(20, 5, 3)
    nets = [NeuralNetwork(5, [4], 3, seed=0) for _ in range(2)]
    assert nets[0].train_epoch(X, y, batch_size=6) == nets[1].train_epoch(X, y, np.arange(20), batch_size=6)
    assert_same(trained_state(nets[0]), trained_state(nets[1]))


def wide():
    """So much work in a batch of four that the clock is looked at after each."""
    return NeuralNetwork(5, [30_000], 3, seed=0)


def test_an_epoch_in_many_spans_is_one_in_a_single_one(monkeypatch):
    X, y = batch(64, 5, 3)
    order = np.random.RandomState(0).permutation(64)
    nets = [wide() for _ in range(2)]
    whole = fused(nets[0], X, y, order, 4, 0.1, "Adam")
    monkeypatch.setattr(engine, "SPAN", 0.0)
    assert fused(nets[1], X, y, order, 4, 0.1, "Adam") == whole
    assert_same(trained_state(nets[1]), trained_state(nets[0]))


def test_what_was_done_before_an_interruption_is_counted(monkeypatch):
    """A progress bar, like Python itself on Ctrl-C, may raise between two spans."""
    monkeypatch.setattr(engine, "SPAN", 0.0)
    X, y = batch(40, 5, 3)
    interrupted, expected = wide(), wide()
    done = []

    def advance(n_batches):
        done.append(n_batches)
        if sum(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, y, epochs=1, batch_size=4, optimizer="Adam", seed=0, progress=advance)
    three_calls(expected, X, y, np.random.RandomState(0).permutation(40)[:12], 4, 0.0, "Adam")
    assert_same(trained_state(interrupted), trained_state(expected))


@pytest.mark.parametrize("stored", ["f8", ">f8"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_batch_that_diverges_changes_nothing(optimizer, stored):
    X, y = batch(40, 5, 3)
    X[22] = np.finfo(np.float64).max
    net, expected = (NeuralNetwork(5, [4], 3, seed=0) for _ in range(2))
    with pytest.raises(DivergenceError, match="diverged at batch 6, learning rate") as caught:
        fused(net, X.astype(stored), y, np.arange(40), 4, 0.1, optimizer)
    assert (caught.value.epoch, caught.value.batch, caught.value.history) == (None, 6, None)
    three_calls(expected, X, y, np.arange(20), 4, 0.1, optimizer)
    assert_same(trained_state(net), trained_state(expected))


def test_parameters_that_overflow_in_the_last_update_are_noticed():
    X, y = batch(10, 6, 3)
    with pytest.raises(DivergenceError, match="diverged at the end of the epoch"):
        NeuralNetwork(6, [5], 3, seed=0, dtype="float32").train_epoch(X, y, learning_rate=1e308)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"order": []}, TypeError, "order must be an array of integers, got dtype float64"),
        ({"order": np.zeros(0, int)}, ValueError, r"order must have shape \(n,\), n > 0, got \(0,\)"),
        ({"order": [[0]]}, ValueError, r"order must have shape \(n,\), n > 0, got \(1, 1\)"),
        ({"order": [0, 7]}, ValueError, "order must hold rows from 0 to 6, got 7 at index 1"),
        ({"order": [-1]}, ValueError, "order must hold rows from 0 to 6, got -1 at index 0"),
        ({"order": [0.5]}, TypeError, "order must be an array of integers, got dtype float64"),
        ({"batch_size": 0}, ValueError, "batch_size must be a positive integer, got 0"),
        ({"time_step": 0}, ValueError, "time_step must be a positive integer, got 0"),
        ({"optimizer": "sg"}, ValueError, "optimizer must be one of"),
        ({"X": np.ones((0, 3)), "y": []}, ValueError, "X must have at least one row to train on, got none"),
        ({"X": np.ones((7, 2))}, ValueError, r"X must have shape \(n_rows, 3\), got \(7, 2\)"),
        ({"y": np.ones(6, int)}, ValueError, r"y must have shape \(7,\)"),
    ],
)
def test_bad_arguments(arguments, error, message):
    net = NeuralNetwork(3, [4], 2, seed=0)
    before = trained_state(net)
    with pytest.raises(error, match=message):
        net.train_epoch(**{"X": np.ones((7, 3)), "y": np.zeros(7, int), **arguments})
    assert_same(trained_state(net), before)


def test_the_batch_of_forward_is_forgotten():
    X, y = batch(6, 3, 2)
    net = NeuralNetwork(3, [4], 2)
    net.forward(X)
    net.backward(y)
    net.train_epoch(X, y)
    assert net.gradients == {}
    with pytest.raises(RuntimeError, match="forward"):
        net.backward(y)


def test_a_memory_map_is_read_where_it_is_needed(tmp_path):
    """64 GiB of rows, of which a sparse file holds a few."""
    n_rows, n_in = 1 << 16, 1 << 20
    X = np.memmap(tmp_path / "X.bin", np.uint8, "w+", shape=(n_rows, n_in))
    order = np.array([5, n_rows - 1, 40_000])
    X[order] = np.random.RandomState(0).randint(0, 256, (3, n_in))
    y = np.arange(n_rows) % 3
    net = NeuralNetwork(n_in, [], 3, dtype="float32", seed=0)
    small = NeuralNetwork(n_in, [], 3, dtype="float32", seed=0)
    assert fused(net, X, y, order, 2, 0.0, "SGD") == fused(small, X[order], y[order], np.arange(3), 2, 0.0, "SGD")
    assert_same(trained_state(net), trained_state(small))
