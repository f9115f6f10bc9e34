"""Members that a user has replaced, by a subclass, a patch or an attribute: they run, or the call is refused."""

import copy
import inspect
from contextlib import contextmanager, nullcontext
from unittest import mock

import numpy as np
import pytest
from conftest import assert_same, batch, trained_state

from fastmlp import NeuralNetwork, reference
from fastmlp.courses import (
    EarlierNeuralNetwork,
    FirstNeuralNetwork,
    FullyConnectedNet,
    LaterNeuralNetwork,
    TwoLayerNet,
)
from fastmlp.training import Settings

X, Y = batch(20, 4, 3)
TARGETS = np.eye(3)[Y]

MAKE = {
    NeuralNetwork: lambda cls: cls(4, [5], 3, seed=0),
    reference.NeuralNetwork: lambda cls: cls(4, [5], 3, seed=0),
    FirstNeuralNetwork: lambda cls: cls(4, [5], 3, seed=0),
    EarlierNeuralNetwork: lambda cls: cls(4, [5], 3, seed=0),
    LaterNeuralNetwork: lambda cls: cls(4, [5], 3, seed=0),
    TwoLayerNet: lambda cls: cls(4, 5, 3, seed=0),
    FullyConnectedNet: lambda cls: cls([5], 4, 3, seed=0),
}

FORWARD, BACKWARD = {"linear", "relu", "softmax"}, {"linear_grad", "relu_grad", "softmax_grad", "cross_entropy"}
LATER_BACKWARD = {"linear_grad", "relu_grad", "sigmoid_grad", "mse", "mse_grad", "mse_sigmoid_grad"}
STEPS = FORWARD | BACKWARD | {"forward", "backward", "update"}
EVALUATION = FORWARD | {"cross_entropy", "forward", "predict_proba", "predict"}

# By class and call: how it is made, the members that it would ignore, and those that it calls, besides itself.
CALLS = {
    NeuralNetwork: {
        "forward": (lambda net: net.forward(X), FORWARD, set()),
        "backward": (lambda net: net.backward(Y, 0.1), BACKWARD, set()),
        "update": (lambda net: net.update(0.1), set(), set()),
        "predict_proba": (lambda net: net.predict_proba(X), FORWARD | {"forward"}, set()),
        "predict": (lambda net: net.predict(X), FORWARD | {"forward", "predict_proba"}, set()),
        "evaluate": (lambda net: net.evaluate(X, Y), EVALUATION, set()),
        "score": (lambda net: net.score(X, Y), EVALUATION, {"evaluate"}),
        "train_epoch": (lambda net: net.train_epoch(X, Y), STEPS, set()),
        "fit": (lambda net: net.fit(X, Y, epochs=2), STEPS | {"train_epoch"}, set()),
        "fit, validated": (
            lambda net: net.fit(X, Y, epochs=2, X_val=X, y_val=Y),
            STEPS | EVALUATION | {"train_epoch"},
            {"evaluate"},
        ),
    },
    EarlierNeuralNetwork: {
        "forward": (lambda net: net.forward(X), FORWARD, set()),
        "backward": (lambda net: net.backward(X, Y, 0.1), FORWARD | BACKWARD | {"forward"}, set()),
    },
    LaterNeuralNetwork: {
        "forward": (lambda net: net.forward(X), {"linear", "relu", "sigmoid"}, set()),
        "backward": (lambda net: net.backward(TARGETS), LATER_BACKWARD, set()),
        "update": (lambda net: net.update(0.1), set(), set()),
    },
    FirstNeuralNetwork: {
        "loss": (lambda net: net.loss(X, Y), set(), set()),
        "train": (lambda net: net.train(X, Y, X, Y, num_iters=2), {"loss"}, {"predict"}),
        "predict": (lambda net: net.predict(X), {"loss"}, set()),
    },
    TwoLayerNet: {
        "loss": (lambda net: net.loss(X, Y), set(), set()),
        "train": (lambda net: net.train(X, Y, X, Y, num_iters=2), {"loss"}, {"predict"}),
        "predict": (lambda net: net.predict(X), {"loss"}, set()),
    },
    FullyConnectedNet: {"loss": (lambda net: net.loss(X, Y), set(), set())},
    reference.NeuralNetwork: {
        "forward": (lambda net: net.forward(X), set(), FORWARD),
        "backward": (lambda net: net.backward(Y, 0.1), set(), BACKWARD),
        "update": (lambda net: net.update(0.1), set(), set()),
        "predict_proba": (lambda net: net.predict_proba(X), set(), FORWARD | {"forward"}),
        "predict": (lambda net: net.predict(X), set(), FORWARD | {"forward", "predict_proba"}),
        "evaluate": (lambda net: net.evaluate(X, Y), set(), EVALUATION),
        "score": (lambda net: net.score(X, Y), set(), EVALUATION | {"evaluate"}),
        "fit": (lambda net: net.fit(X, Y, epochs=2), set(), STEPS),
        "fit, validated": (
            lambda net: net.fit(X, Y, epochs=2, X_val=X, y_val=Y),
            set(),
            STEPS | EVALUATION | {"evaluate"},
        ),
    },
}
# What is replaced is all that is called or ignored by any of the class's calls, these themselves, and what has no part.
MEMBERS = {
    cls: {"restore", *(call.partition(",")[0] for call in calls)}.union(
        *(found for _, *two in calls.values() for found in two)
    )
    for cls, calls in CALLS.items()
}


def name(value):
    return value if isinstance(value, str) else f"{value.__module__.removeprefix('fastmlp.')}.{value.__name__}"


@contextmanager
def replaced(cls, member, way):
    """A network with a batch and gradients, with a member replaced by one that lists its calls and does the same."""
    original, calls = getattr(cls, member), []
    static = isinstance(inspect.getattr_static(cls, member), staticmethod)

    def other(*arguments, **options):
        calls.append(member)
        return original(*arguments, **options)

    namespace = {member: staticmethod(other) if static else other}
    if way == "subclass":
        net = with_gradients(type("Mine", (cls,), namespace), cls)
    elif way == "mixin":
        net = with_gradients(type("Mine", (type("Mixin", (), namespace), cls), {}), cls)
    else:
        net = with_gradients(cls, cls)
    bound = other if static else other.__get__(net)
    if way == "attribute":
        setattr(net, member, bound)
    calls.clear()
    with mock.patch.object(cls, member, namespace[member]) if way == "patched class" else nullcontext():
        yield net, calls


def with_gradients(cls, base):
    """A network that has been through a step but for the update, whatever it has replaced."""
    net = MAKE[base](cls)
    passes = net if base is reference.NeuralNetwork else net._engine
    passes.forward(X)
    passes.backward(TARGETS if base is LaterNeuralNetwork else Y, 0.0)
    return net


def state(net):
    """Copies of all that a call may change."""
    arrays = {f"d{name}": array for name, array in net.gradients.items()} | net.outputs
    if isinstance(net, reference.NeuralNetwork):
        arrays |= {**net.params, "n_updates": np.array(net.n_updates)}
    else:
        arrays |= trained_state(net)
    return {name: array.copy() for name, array in arrays.items()} | {"random": np.random.get_state()[1]}


@pytest.mark.parametrize("way", ["subclass", "mixin", "patched class", "attribute"])
@pytest.mark.parametrize(("cls", "call"), [(cls, call) for cls, calls in CALLS.items() for call in calls], ids=name)
def test_what_is_replaced_is_called_or_refused(cls, call, way):
    act, ignored, called = CALLS[cls][call]
    np.random.seed(1)
    expected = with_gradients(cls, cls)
    act(expected)
    after = state(expected)
    for member in sorted(MEMBERS[cls]):
        np.random.seed(1)
        with replaced(cls, member, way) as (net, calls):
            before = state(net)
            if member in ignored:
                where = "this network" if way == "attribute" else type(net).__name__
                message = rf"^{cls.__name__}\.\w+ would ignore the replaced '{member}' of {where}, since its compiled"
                with pytest.raises(TypeError, match=message):
                    act(net)
                assert calls == []
                assert_same(state(net), before)
                assert getattr(net, "history", None) is None
            else:
                act(net)
                assert (member in calls) == (member in called or member == call.partition(",")[0]), member
                assert_same(state(net), after)


# ---- what is no replacement


def test_what_has_been_taken_back_is_not_replaced(monkeypatch):
    net, expected = (MAKE[NeuralNetwork](NeuralNetwork) for _ in range(2))
    members = ("forward", "update", "predict", "relu")
    kept = {member: getattr(net, member) for member in members}
    with monkeypatch.context() as patch:
        for member in members:
            patch.setattr(NeuralNetwork, member, None)
            setattr(net, member, None)
    vars(net).update(kept)  # bound, where they are methods
    for each in (net, expected):
        each.fit(X, Y, X_val=X, y_val=Y, seed=0)
    assert_same(trained_state(net), trained_state(expected))
    with pytest.raises(TypeError, match="replaced 'forward' of this network"):
        copy.copy(net).fit(X, Y)  # whose forward is the other's


def test_a_subclass_may_add_what_nothing_goes_past(tmp_path):
    class Mine(NeuralNetwork):
        @NeuralNetwork.params.setter
        def params(self, values):
            self.note = "assigned"
            self._engine.params.assign(values)

        def fit(self, *arguments, **options):
            return super().fit(*arguments, **options, epochs=2)

        def save(self, path):
            super().save(path)

        def sigmoid(self, scores):
            return 1 / (1 + np.exp(-scores))

        def __repr__(self):
            return "mine"

    net = MAKE[NeuralNetwork](Mine)
    net.params = net.params.copy()
    assert len(net.fit(X, Y, X_val=X, y_val=Y)) == 2
    net.save(tmp_path / "net.npz")
    assert Mine.load(tmp_path / "net.npz").params == net.params
    assert (net.note, repr(net)) == ("assigned", "mine")


@pytest.mark.parametrize("member", ["params", "gradients"])
@pytest.mark.parametrize("base", [NeuralNetwork, LaterNeuralNetwork, TwoLayerNet])
def test_a_class_cannot_replace_the_arrays_of_the_kernels(base, member):
    for namespace in ({member: property(lambda self: {})}, {member: {}}):
        for bases in ((base,), (type("Mixin", (), namespace), base)):
            with pytest.raises(TypeError, match=rf"^Mine cannot replace '{member}', since .*: write into the arrays"):
                type("Mine", bases, namespace if len(bases) == 1 else {})


# ---- while a training is under way, and the ways out


def test_what_a_callback_replaces_ends_the_training():
    net, expected = (MAKE[NeuralNetwork](NeuralNetwork) for _ in range(2))

    def replace(net, history):
        net.update = print

    with pytest.raises(TypeError, match="would ignore the replaced 'update' of this network"):
        net.fit(X, Y, epochs=3, seed=0, callbacks=[replace])
    expected.fit(X, Y, epochs=1, seed=0)
    assert len(net.history) == 1
    assert_same(net.params, expected.params)


def test_whoever_replaces_both_is_not_refused():
    class Mine(NeuralNetwork):
        def predict(self, X):
            return np.zeros(len(X), int)

        def evaluate(self, X, y, reg=0.0):
            return 0.0, float(np.mean(self.predict(X) == y))

    net = MAKE[NeuralNetwork](Mine)
    assert (
        net.fit(X, Y, epochs=2, X_val=X, y_val=Y).val_accuracy.tolist()
        == [net.score(X, Y)] * 2
        == [(Y == 0).mean()] * 2
    )


def test_three_calls_by_hand_run_what_replaces_them():
    class Mine(NeuralNetwork):
        def forward(self, X):
            return super().forward(2 * X)

        def backward(self, y, reg=0.0):
            loss = super().backward(y, reg)
            for gradient in self.gradients.values():
                np.clip(gradient, -0.01, 0.01, out=gradient)
            return loss

        def update(self, *arguments, **options):
            super().update(*arguments, **options)
            self.params["b1"][...] = 0

    net, expected = MAKE[NeuralNetwork](Mine), MAKE[NeuralNetwork](NeuralNetwork)
    for _ in range(3):
        net.forward(X)
        net.backward(Y)
        net.update(0.5)
        expected.forward(2 * X)
        expected.backward(Y)
        for name, gradient in expected.gradients.items():
            expected.params[name] -= 0.5 * np.clip(gradient, -0.01, 0.01)
        expected.params["b1"] = np.zeros(5)
    for name, array in net.params.items():
        np.testing.assert_allclose(array, expected.params[name], rtol=1e-12, err_msg=name)


def test_the_reference_runs_a_function_in_each_layer():
    calls = []

    class Mine(reference.NeuralNetwork):
        @staticmethod
        def linear_grad(W, X, dout):
            calls.append(W.shape)
            return reference.NeuralNetwork.linear_grad(W, X, dout)

    net = Mine(4, [6, 5], 3, seed=0)
    net.forward(X)
    net.backward(Y)
    assert calls == [(5, 3), (6, 5), (4, 6)]


def test_the_reference_validates_by_a_prediction_of_ones_own():
    class Mine(reference.NeuralNetwork):
        def predict(self, X):
            self.forward(np.zeros((7, 4)))  # what it does with the network has no part in the loss
            return np.zeros(len(X), int)

    net, expected = (MAKE[reference.NeuralNetwork](cls) for cls in (Mine, reference.NeuralNetwork))
    history = net.fit(X, Y, epochs=10, seed=0, X_val=X, y_val=Y)
    assert history.val_loss.tolist() == expected.fit(X, Y, epochs=10, seed=0, X_val=X, y_val=Y).val_loss.tolist()
    assert history.val_accuracy.tolist() == [(Y == 0).mean()] * 10
    assert net.score(X, Y) == (Y == 0).mean()


def test_predictions_of_the_reference_leave_the_batch_alone():
    net, expected = (MAKE[reference.NeuralNetwork](reference.NeuralNetwork) for _ in range(2))
    for each in (net, expected):
        each.forward(X)
    net.score(X[:3], Y[:3])
    net.predict(X[:5])
    assert net.backward(Y) == expected.backward(Y)
    assert_same(net.gradients, expected.gradients)


def test_the_reference_is_fitted_as_the_compiled_network():
    settings = inspect.signature(NeuralNetwork.fit).parameters
    defaults = {name: settings[name].default for name in vars(Settings())}
    net, same, compiled = (MAKE[cls](cls) for cls in (*2 * [reference.NeuralNetwork], NeuralNetwork))
    losses = [
        net.fit(X, Y, seed=0, X_val=X, y_val=Y).val_loss,
        same.fit(X, Y, seed=0, X_val=X, y_val=Y, **defaults).val_loss,
    ]
    np.testing.assert_array_equal(*losses)
    np.testing.assert_allclose(losses[0], compiled.fit(X, Y, seed=0, X_val=X, y_val=Y).val_loss, rtol=1e-12)
    np.testing.assert_array_equal(net.predict(X), compiled.predict(X))
    assert net.score(X, Y) == compiled.score(X, Y)
