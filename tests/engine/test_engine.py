"""Buffers: where they lie, when they grow, and that they are reused."""

import copy
import functools
import itertools

import numpy as np
import pytest
from conftest import SHAPES, assert_same, at_place, batch, interrupted_at, trained_state

from fastmlp import NeuralNetwork, Standardizer, _kernels
from fastmlp.functions.optimizers import checked_optimizer
from fastmlp.validation import class_labels, row_indices


def test_buffers_start_on_a_cache_line():
    net = NeuralNetwork(5, [3], 2)
    for copied in (net, copy.deepcopy(net)):
        copied.forward(np.ones((1, 5)))
        copied.backward([0])
        arrays = [*copied.params.values(), *copied.gradients.values()]
        assert [array.ctypes.data % 64 for array in arrays] == [0] * 8


def test_workspace_is_reused_by_smaller_batches_and_grows_for_larger_ones():
    net = NeuralNetwork(5, [3], 2)
    net.forward(np.ones((20, 5)))
    first = net.outputs["h1"].ctypes.data
    net.forward(np.ones((7, 5)))
    assert net.outputs["h1"].ctypes.data == first
    assert net.outputs["h1"].shape == (7, 3)
    net.forward(np.ones((21, 5)))
    assert net.outputs["h1"].shape == (21, 3)


def test_array_that_needs_no_conversion_is_not_copied():
    X = np.ones((4, 5))
    net = NeuralNetwork(5, [3], 2)
    net.forward(X)
    assert np.shares_memory(net.outputs["X"], X)
    net.forward(X.astype(np.float32))
    assert net.outputs["X"].dtype == np.float64
    assert not np.shares_memory(net.outputs["X"], X)


@pytest.mark.parametrize("name", ["outputs h1", "outputs scores", "gradients W1", "params W1"])
def test_the_nets_own_memory_as_a_batch(name):
    """What the passes or updates write over is copied first."""
    y = np.arange(6)
    nets = [NeuralNetwork(6, [6], 6, seed=0) for _ in range(2)]
    for net in nets:
        net.forward(np.random.RandomState(0).randn(6, 6))
        net.backward(y)
    attribute, key = name.split()
    own = getattr(nets[0], attribute)[key]
    losses = []
    for net, X in zip(nets, (own, own.copy()), strict=True):
        net.forward(X)
        for _ in range(2):
            losses.append(net.backward(y, 0.1))
            net.update(0.1)
    assert losses[:2] == losses[2:]
    assert_same(nets[0].params, nets[1].params)


def test_labels_and_order_are_copied_before_they_are_checked():
    """The kernels index with them, while another thread may write to the array that was passed."""
    y = np.arange(3)
    for copied in (class_labels("y", y, 3, 3), row_indices("order", y, 3)):
        assert copied.dtype == np.intp
        assert not np.shares_memory(copied, y)


def test_labels_that_call_the_net_while_they_become_an_array():
    net = NeuralNetwork(40, [8], 3, seed=0)
    net.forward(np.ones((300, 40)))

    class Labels:
        def __array__(self, dtype=None, copy=None):
            net.forward(np.ones((1, 40)))
            return np.zeros(300, np.intp)

    with pytest.raises(ValueError, match=r"y must have shape \(1,\), one label for each row, got \(300,\)"):
        net.backward(Labels())


def gaps(arrays):
    """The bytes of padding between arrays that lie one after the other in one buffer."""
    arrays = sorted(arrays, key=lambda array: array.ctypes.data)
    owner = arrays[0]
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    memory = owner.reshape(-1).view(np.uint8)
    for array, following in itertools.pairwise(arrays):
        start = array.ctypes.data + array.nbytes - memory.ctypes.data
        end = following.ctypes.data - memory.ctypes.data
        if start < end < start + 64:
            yield memory[start:end]


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "n_rows"), [*SHAPES.values(), ((600, 100, 10), 2000)], ids=[*SHAPES, "over rows, fewer rows over inputs"]
)
def test_kernels_write_only_where_they_should(sizes, n_rows, dtype, n_threads, no_gate):
    """Padding between parameters, gradients and outputs keeps its bytes, and so do the rows beyond a smaller batch."""
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=0, dtype=dtype, n_threads=n_threads)
    X, y = batch(n_rows, sizes[0], sizes[-1], dtype=dtype)
    net.forward(X)
    net.backward(y, 0.1)
    outputs = {name: array for name, array in net.outputs.items() if name != "X"}
    padding = [*gaps(net.params.values()), *gaps(net.gradients.values()), *gaps(outputs.values())]
    assert padding or n_rows > 1
    for gap in padding:
        gap[...] = 0xA5
    for n in (n_rows, -(-n_rows // 2), -(-n_rows // 4), 1):
        beyond = {name: array[n:].copy() for name, array in outputs.items()}
        net.forward(X[:n])
        net.backward(y[:n], 0.1)
        assert_same({name: array[n:] for name, array in outputs.items()}, beyond)
    for gap in padding:
        assert (gap == 0xA5).all()


def test_refused_batch_leaves_the_last_one_in_place():
    X, y = batch(4, 5, 2)
    net = NeuralNetwork(5, [3], 2)
    net.forward(X)
    with pytest.raises(ValueError, match="X must have shape"):
        net.forward(np.ones((4, 6)))
    loss = net.backward(y)
    net.forward(X)
    assert net.backward(y) == loss


def test_each_optimizer_keeps_its_own_moments():
    X, y = batch(4, 5, 2)
    mixed, plain = (NeuralNetwork(5, [3], 2, seed=0) for _ in range(2))
    for net, updates in (
        (mixed, [("Momentum", 0.1), ("Adam", 0.0), ("SGD", 0.0), ("Momentum", 0.1)]),
        (plain, [("Momentum", 0.1), ("Momentum", 0.1)]),
    ):
        for optimizer, rate in updates:
            net.forward(X)
            net.backward(y)
            net.update(rate, opt=optimizer)
    assert_same(mixed.params, plain.params)
    assert mixed.snapshot()["n_updates"] == 4


def test_restore_goes_back_to_before_the_first_use_of_an_optimizer():
    X, y = batch(4, 5, 2)
    net, fresh = (NeuralNetwork(5, [3], 2, seed=0) for _ in range(2))
    before = net.snapshot()
    for _ in range(3):
        net.forward(X)
        net.backward(y)
        net.update(0.1, opt="Adam")
    net.restore(before)
    assert_same(net.params, fresh.params)
    for other in (net, fresh):
        other.forward(X)
        other.backward(y)
        other.update(0.1, opt="Adam")
    assert_same(net.params, fresh.params)


def trained(seed):
    X, y = batch(4, 5, 2)
    net = NeuralNetwork(5, [3], 2, seed=seed)
    for optimizer in ("Adam", "Momentum") if seed else ("Adam", "SGD", "Adam"):
        net.forward(X)
        net.backward(y)
        net.update(0.1, opt=optimizer)
    return net


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sizes": (5, 4, 2)}, ValueError, r"of a network of sizes \(5, 3, 2\), got one of \(5, 4, 2\)"),
        ({"n_updates": -1}, ValueError, "n_updates"),
        ({"n_updates": "1"}, ValueError, "n_updates"),
        ({"flat_params": 0}, ValueError, "dtype float64"),
        ({"flat_params": np.zeros(7)}, ValueError, "dtype float64"),
        ({"moments": {"Adam": []}}, ValueError, "dtype float64"),
        ({"moments": {"adam": []}}, TypeError, "adam"),
        ({"moments": {"Momentum": [np.zeros(2, np.float32)]}}, ValueError, "dtype float64"),
        ({"moments": None}, TypeError, "snapshot must come from snapshot"),
    ],
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(changes, error, message):
    net = trained(0)
    before = net.snapshot()
    with pytest.raises(error, match=message):
        net.restore({**trained(1).snapshot(), **changes})
    for nothing in ({}, None, 3):
        with pytest.raises(TypeError, match="snapshot must come from snapshot"):
            net.restore(nothing)
    after = net.snapshot()
    assert after.pop("moments").keys() == before["moments"].keys()
    np.testing.assert_equal(after, {name: before[name] for name in after})


def whole_state(net):
    """Parameters, moments but for those that are zero, number of updates, and standardizer, as bytes."""
    standardizer = net.standardizer
    statistics = {} if standardizer is None else {"mean": standardizer.mean_, "scale": standardizer.scale_}
    return {name: array.tobytes() for name, array in {**trained_state(net), **statistics}.items() if np.any(array)}


def of_one(net):
    """Whether predictions, parameters and standardizer are those of one and the same network."""
    made = NeuralNetwork(5, [3], 2, standardizer=net.standardizer)
    made.params = net.params.copy()
    X, _ = batch(4, 5, 2)
    return np.array_equal(made.forward(X), net.predict_proba(X)) and np.array_equal(made.forward(X), net.forward(X))


@pytest.mark.parametrize("name", ["snapshot", "params", "standardizer", "no standardizer"])
def test_an_interrupted_call_is_done_or_not_begun(name):
    """A signal is raised at each line of Python that there is on the way."""
    values = {
        "snapshot": trained(1).snapshot(),
        "params": trained(1).params.copy(),
        "standardizer": Standardizer().fit(batch(9, 5, 2)[0]),
        "no standardizer": None,
    }

    def call(net):
        if name == "snapshot":
            net.restore(values[name])
        else:
            setattr(net, name.removeprefix("no "), values[name])

    before = trained(0)
    if name == "no standardizer":
        before.standardizer = values["standardizer"]
    after = copy.deepcopy(before)
    call(after)
    states = [whole_state(net) for net in (before, after)]
    assert states[0] != states[1]
    found = set()
    for n in itertools.count():
        net = copy.deepcopy(before)
        of_one(net)  # there are workspaces
        over = not interrupted_at(n, functools.partial(call, net))
        found.add(states.index(whole_state(net)))
        assert of_one(net)
        if over:
            break
    assert found == {0, 1}
    assert n > 3


def test_a_roll_back_needs_a_back_up():
    with pytest.raises(RuntimeError, match="nothing has been backed up"):
        NeuralNetwork(5, [3], 2)._engine.roll_back()


@pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning")
def test_a_shape_that_changes_after_it_was_checked_changes_nothing():
    """Callers have the array that they have given, and may be called in between."""
    net, X = NeuralNetwork(4, [3], 3, seed=0), np.ones((2000, 4))
    expected = net.forward(X)
    X.shape = (1, 8000)
    with pytest.raises(ValueError, match=r"y must have shape \(2000,\)"):
        net.backward([0])
    assert net.backward(np.zeros(2000, int)) > 0
    assert len(net.outputs["X"]) == 2000

    class Labels:
        def __array__(self, dtype=None, copy=None):
            X.shape = (8000, 1)
            return np.zeros(2000, int)

    for call in (net.evaluate, net.train_epoch, net.fit):
        X.shape = (2000, 4)
        call(X, Labels())
    X.shape = (2000, 4)
    history = net.fit(
        X, np.zeros(2000, int), epochs=2, callbacks=[lambda net, history: setattr(X, "shape", (8000, 1))], seed=0
    )
    assert len(history) == 2
    X.shape = (2000, 4)
    assert net.forward(X).shape == expected.shape


def test_kernels_refuse_what_has_another_length():
    """As where a signal's handler gives a batch of its own to a network that is at work."""
    net = NeuralNetwork(4, [3], 3, seed=0)
    net.forward(np.ones((5, 4)))
    passes, labels = net._engine._batch.passes, np.zeros(6, np.intp)
    with pytest.raises(RuntimeError, match="y: 5 were needed, and there are 6"):
        passes.backward(labels, None, 0.0, 5, None, 1)
    with pytest.raises(RuntimeError, match="row: 4 were needed, and there are 3"):
        passes.forward(np.ones((5, 3)), None, 1)
    with pytest.raises(RuntimeError, match="prediction: 5 were needed, and there are 6"):
        passes.predict(np.ones((5, 4)), 1, None, labels, None, None)
    update = net._engine._updater(checked_optimizer("SGD", 0, 0, 0))
    for X, steps, n_scores, found in (
        (np.ones((5, 3)), np.ones((1, 4)), 1, "row"),
        (np.ones((5, 4)), np.ones((1, 4)), 1, "y: 5 were needed, and there are 6"),
        (np.ones((6, 4)), np.ones((2, 4)), 1, "steps: 1 were needed, and there are 2"),
        (np.ones((6, 4)), np.ones((1, 4)), 3, "scores: 1 were needed, and there are 3"),
    ):
        with pytest.raises(RuntimeError, match=found):
            _kernels.EpochRun(
                passes,
                update,
                None,
                X,
                labels,
                None,
                np.zeros(5, np.intp),
                5,
                steps,
                np.zeros(n_scores),
                checked_optimizer("SGD", 0, 0, 0).options,
                1,
                0,
            )


def test_a_network_that_is_constructed_again_is_not_trained_on():
    """As by what is called during a training."""
    X, y = np.ones((40, 4)), np.full(40, 1999)

    def shrink(net, history=None):
        net.__init__(4, [], 2, seed=0)

    class Order:
        def __array__(self, dtype=None, copy=None):
            shrink(net)
            return np.arange(40)

    net = NeuralNetwork(4, [], 2000, seed=0)
    with pytest.raises(RuntimeError, match="constructed again while it was being trained"):
        net.fit(X, y, epochs=2, callbacks=[shrink])
    net.__init__(4, [], 2000, seed=0)
    with pytest.raises(RuntimeError, match="constructed again while it was being trained"):
        net.train_epoch(X, y, Order())
    net.train_epoch(X, y % 2)


def test_rows_are_converted_for_the_standardizer_that_they_meet():
    """One that is taken away during a prediction, wherever that is, is at work to its end or not at all."""
    X = (2**30 + np.random.RandomState(0).randint(9, size=(30, 4))).astype(np.int64)
    standardizer = Standardizer().fit(X)
    net = NeuralNetwork(4, [3], 3, dtype="float32", seed=0, standardizer=standardizer)
    plain = NeuralNetwork(4, [3], 3, dtype="float32", seed=0)
    expected = [one.predict_proba(X).tobytes() for one in (net, plain)]
    found = []
    for n in itertools.count():
        net.standardizer = standardizer
        predict, take_away = (
            lambda: found.append(expected.index(net.predict_proba(X).tobytes())),
            lambda: setattr(net, "standardizer", None),
        )
        if not at_place(n, predict, take_away):
            break
    assert set(found) == {0, 1}


def test_weights_changed_between_forward_and_backward_are_used():
    """No stale or packed copy of a weight is kept."""
    X, y = batch(6, 5, 3)
    net = NeuralNetwork(5, [4], 3, seed=0)
    net.forward(X)
    net.params["W2"] *= 2
    net.backward(y)
    delta = net.outputs["scores"].copy()
    delta[np.arange(6), y] -= 1
    expected = X.T @ ((delta / 6) @ net.params["W2"].T * (net.outputs["h1"] > 0))
    np.testing.assert_allclose(net.gradients["W1"], expected, rtol=1e-12, atol=1e-15)
