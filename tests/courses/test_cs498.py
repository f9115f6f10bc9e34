"""Other editions' networks, each against its own formulas in NumPy."""

import copy
import pickle

import numpy as np
import pytest
from choices import OPTIMIZERS, quoted
from conftest import SHAPES, assert_near, assert_same, batch
from course_helpers import cross_entropy, gradients_of, numerical, penalty_of, scores_of

from fastmlp import NeuralNetwork, eval_numerical_gradient, rel_error
from fastmlp.courses import EarlierNeuralNetwork, FirstNeuralNetwork, LaterNeuralNetwork, TwoLayerNet
from fastmlp.functions import activations


def targets(n_rows, n_outputs, dtype=np.float64):
    return np.random.RandomState(4).rand(n_rows, n_outputs).astype(dtype)


def squared_error(scores, y, half):
    """Mean of (sigmoid(scores) - y)**2, or half of it, and the gradient of the scores."""
    p = 1 / (1 + np.exp(-scores))
    factor = (0.5 if half else 1) / y.size
    return factor * np.square(p - y).sum(), factor * 2 * (p - y) * p * (1 - p)


class TestFirst:
    @pytest.mark.parametrize(
        ("nonlinearity", "functions"),
        [
            ("relu", (activations.relu, activations.relu_grad)),
            ("sigmoid", (activations.logistic, activations.logistic_grad)),
        ],
    )
    @pytest.mark.parametrize("sizes", [[10], [10, 10], []])
    def test_loss_and_gradients_agree_with_numpy_and_with_differences(self, sizes, nonlinearity, functions):
        X, y = batch(5, 4, 3)
        net = FirstNeuralNetwork(4, sizes, 3, len(sizes) + 1, nonlinearity)
        value, derivative = functions
        scores, inputs = scores_of(net.params, X, value)
        loss, dscores = cross_entropy(scores, y)
        found, grads = net.loss(X, y, 0.08)
        np.testing.assert_allclose(net.loss(X), scores, rtol=1e-12)
        assert found == pytest.approx(loss + penalty_of(net.params, 0.08), rel=1e-13)
        assert_near(grads, gradients_of(net.params, inputs, dscores, 0.08, derivative), 1e-12)
        for name, gradient in numerical(net, lambda: net.loss(X, y, 0.08)[0]).items():
            assert rel_error(grads[name], gradient) < 1e-6

    def test_weights_are_those_of_the_network(self):
        np.random.seed(0)
        first = FirstNeuralNetwork(4, [10, 10], 3, 3, "sigmoid")
        np.random.seed(0)
        assert_same(first.params, NeuralNetwork(4, [10, 10], 3, 3).params)

    def test_training_is_sgd_with_half_the_regularisation_of_cs231n(self):
        X, y = batch(8, 4, 3)
        net, other = FirstNeuralNetwork(4, [10], 3), TwoLayerNet(4, 10, 3)
        other.params = net.params
        found = []
        for one, reg in ((net, 0.2), (other, 0.1)):
            np.random.seed(1)
            found.append(one.train(X, y, X[:4], y[:4], 0.1, 0.9, reg, 7, batch_size=2))
        assert found[0] == found[1]
        assert [len(values) for values in found[0].values()] == [7, 2, 2]
        assert_same(net.params, other.params)

    @pytest.mark.parametrize("nonlinearity", ["relu", "sigmoid"])
    def test_learns(self, nonlinearity):
        X, y = batch(5, 4, 3)
        net = FirstNeuralNetwork(4, [20], 3, 2, nonlinearity)
        stats = net.train(X, y, X, y, 1.0, 1.0, 0.0, num_iters=300, batch_size=5)
        assert stats["loss_history"][-1] < 0.1 * stats["loss_history"][0]
        assert net.predict(X).tolist() == y.tolist()

    def test_bad_settings_are_named(self):
        with pytest.raises(ValueError, match="nonlinearity must be one of 'relu', 'sigmoid', got 'tanh'"):
            FirstNeuralNetwork(4, [10], 3, 2, "tanh")
        with pytest.raises(TypeError, match="reg must be a number"):
            FirstNeuralNetwork(4, [10], 3).loss(np.ones((1, 4)), [0], "strong")


@pytest.mark.parametrize(
    ("cls", "name", "instead"),
    [
        (FirstNeuralNetwork, "nonlinearity", "pass it where the network is made"),
        (FirstNeuralNetwork, "reg", "pass it to loss and train"),
        (EarlierNeuralNetwork, "reg", "pass it to backward"),
        (LaterNeuralNetwork, "half", "pass it where the network is made"),
        (LaterNeuralNetwork, "reg", "this edition has no regularisation"),
    ],
)
def test_an_attribute_that_would_be_ignored_is_refused(cls, name, instead):
    net = cls(4, [10], 3)
    with pytest.raises(AttributeError, match=f"{cls.__name__} would ignore an attribute '{name}': {instead}"):
        setattr(net, name, 0.1)
    net.note = "any other"
    assert not hasattr(net, name)


class TestEarlier:
    def test_weights_and_outputs_are_those_of_the_network(self):
        X, _ = batch(5, 4, 3)
        np.random.seed(0)
        earlier = EarlierNeuralNetwork(4, [10, 10], 3, 3)
        np.random.seed(0)
        net = NeuralNetwork(4, [10, 10], 3, 3)
        assert_same(earlier.params, net.params)
        np.testing.assert_array_equal(earlier.forward(X), net.forward(X))
        assert repr(earlier) == "EarlierNeuralNetwork(4-10-10-3, float64, 193 parameters)"

    @pytest.mark.parametrize("sizes", [[10], [10, 10], []])
    def test_one_call_is_loss_gradients_and_update(self, sizes):
        X, y = batch(5, 4, 3)
        net = EarlierNeuralNetwork(4, sizes, 3, seed=0)
        before = copy.deepcopy(net.params)
        scores, inputs = scores_of(before, X)
        loss, dscores = cross_entropy(scores, y)
        gradients = gradients_of(before, inputs, dscores, reg=0.08)
        assert net.backward(X, y, 0.1, 0.08) == pytest.approx(loss + penalty_of(before, 0.08), rel=1e-13)
        assert_near(net.gradients, gradients, 1e-12)
        assert_near(net.params, {name: before[name] - 0.1 * gradients[name] for name in before}, 1e-13)

    def test_gradient_check(self):
        X, y = batch(5, 4, 3)
        net = EarlierNeuralNetwork(4, [10, 10], 3, seed=0)
        # without a learning rate, its loss can be had
        expected = numerical(net, lambda: net.backward(X, y, 0.0, 0.08))
        net.backward(X, y, 0.0, 0.08)
        for name, gradient in net.gradients.items():
            assert rel_error(gradient, expected[name]) < 1e-5

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"lr": "fast"}, "lr must be a number"),
            ({"lr": np.inf}, "lr must be finite"),
            ({"reg": None}, "reg must be a number"),
            ({"y": [0, 1, 2, 3, 0]}, "y must hold integer labels from 0 to 2, got 3 at index 3"),
            ({"X": np.ones((5, 3))}, r"X must have shape \(n_rows, 4\)"),
        ],
    )
    def test_bad_input_changes_nothing(self, change, message):
        X, y = batch(5, 4, 3)
        net = EarlierNeuralNetwork(4, [10], 3, seed=0)
        before = copy.deepcopy(net.params)
        with pytest.raises((TypeError, ValueError), match=message):
            net.backward(**({"X": X, "y": y, "lr": 0.1} | change))
        assert_same(net.params.copy(), before)


class TestLater:
    @pytest.mark.parametrize("half", [False, True])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_passes_agree_with_numpy_for_any_number_of_threads(self, shape, dtype, half, no_gate):
        sizes, n_rows = SHAPES[shape]
        X, _ = batch(n_rows, sizes[0], sizes[-1], dtype=dtype)
        y = targets(n_rows, sizes[-1], dtype)
        found = []
        for n_threads in (1, 2, 5):
            net = LaterNeuralNetwork(
                sizes[0], sizes[1:-1], sizes[-1], dtype=dtype, seed=1, n_threads=n_threads, half=half
            )
            outputs = net.forward(X)
            found.append({"loss": np.array(net.backward(y)), "outputs": outputs, **net.gradients})
        assert_same(found[1], found[0])
        assert_same(found[2], found[0])
        params = {name: w.astype(np.float64) for name, w in net.params.items()}
        scores, inputs = scores_of(params, X.astype(np.float64))
        loss, dscores = squared_error(scores, y, half)
        expected = {"loss": np.array(loss), "outputs": 1 / (1 + np.exp(-scores))}
        expected |= gradients_of(params, inputs, dscores)
        assert_near(found[0], expected, {"float64": 1e-12, "float32": 5e-5}[dtype])

    @pytest.mark.parametrize("half", [False, True])
    @pytest.mark.parametrize("sizes", [[10], [10, 10]])
    def test_gradient_check(self, sizes, half):
        X, _ = batch(5, 4, 3)
        y = targets(5, 3)
        net = LaterNeuralNetwork(4, sizes, 3, len(sizes) + 1, "SGD", half=half, seed=0)

        def loss():
            net.forward(X)
            return net.backward(y)

        expected = numerical(net, loss)
        loss()
        for name, gradient in net.gradients.items():
            assert rel_error(gradient, expected[name]) < 1e-5

    @pytest.mark.parametrize("opt", OPTIMIZERS)
    def test_updates_are_those_of_the_network(self, opt):
        X, labels = batch(5, 4, 3)
        later = LaterNeuralNetwork(4, [10], 3, 2, opt, seed=0)
        net = NeuralNetwork(4, [10], 3, 2, seed=0)
        for _ in range(3):
            later.forward(X)
            later.backward(targets(5, 3))
            later.update(0.1, 0.7, 0.8, 1e-7)
            net.forward(X)
            net.backward(labels)
            for name in net.gradients:
                net.gradients[name][...] = later.gradients[name]
            net.update(0.1, 0.7, 0.8, 1e-7, opt)
        assert_same(later.params, net.params)

    def test_an_optimizer_for_one_update(self):
        nets = [LaterNeuralNetwork(4, [10], 3, 2, opt, seed=0) for opt in ("Adam", "SGD", "SGD")]
        for net in nets:
            net.forward(batch(5, 4, 3)[0])
            net.backward(targets(5, 3))
        nets[0].update(0.1, 0.7, 0.8, 1e-7)
        nets[1].update(0.1, 0.7, 0.8, 1e-7, "adam")
        nets[2].update(0.1, b1=0.7, b2=0.8, eps=1e-7, opt="Adam")
        assert_same(nets[1].params, nets[0].params)
        assert_same(nets[2].params, nets[0].params)
        assert nets[1].opt == "SGD"
        before = nets[1].params.copy()
        nets[1].update(0.1)
        assert_near(nets[1].params, {name: w - 0.1 * nets[1].gradients[name] for name, w in before.items()}, 1e-15)
        with pytest.raises(ValueError, match=f"opt must be one of {quoted(OPTIMIZERS)}, got 'adagrad'"):
            nets[1].update(0.1, opt="adagrad")

    def test_helpers_by_finite_differences(self):
        random, later = np.random.RandomState(0), LaterNeuralNetwork
        z, y = 3 * random.randn(5, 3), targets(5, 3)
        p = later.sigmoid(z)

        def checked(gradient, f, x):
            assert gradient.shape == x.shape
            assert rel_error(gradient, eval_numerical_gradient(f, x)) < 1e-7

        checked(later.sigmoid_grad(z), lambda z: later.sigmoid(z).sum(), z)
        checked(later.mse_sigmoid_grad(y, p), lambda z: later.mse(y, later.sigmoid(z)), z)
        checked(later.mse_grad(y, p), lambda p: later.mse(y, p), p)

    @pytest.mark.parametrize("helper", ["mse", "mse_grad", "mse_sigmoid_grad"])
    def test_helpers_refuse_to_broadcast(self, helper):
        with pytest.raises(ValueError, match=r"y and p must have the same shape, got \(5,\) and \(5, 1\)"):
            getattr(LaterNeuralNetwork, helper)(np.ones(5), np.ones((5, 1)))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_outputs_of_extreme_scores(self, dtype):
        scores = np.array([[-np.inf, -1e4, -90, -30, -1, -1e-3, 0, 1e-3, 1, 30, 90, 1e4, np.inf, np.nan]], dtype)
        net = LaterNeuralNetwork(1, [], scores.size, dtype=dtype)
        net.params["b1"] = scores[0]
        net.params["W1"][...] = 0
        found = net.forward([[1]])
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-scores.astype(np.longdouble)))
        normal = expected > np.finfo(dtype).tiny
        assert (np.abs(found[normal] / expected[normal] - 1) < 4 * np.finfo(dtype).eps).all()
        assert (found[expected <= np.finfo(dtype).tiny] == 0).all()
        assert np.isnan(found[0, -1])
        # to what NumPy's way gives
        np.testing.assert_allclose(LaterNeuralNetwork.sigmoid(scores), found, rtol=4 * np.finfo(dtype).eps, atol=1e-37)

    def test_a_vector_of_targets_for_a_single_output(self):
        X, y = np.ones((3, 2)), np.array([0.0, 0.5, 1.0])
        net = LaterNeuralNetwork(2, [4], 1, seed=0)
        outputs = net.forward(X)
        assert net.backward(y) == pytest.approx(LaterNeuralNetwork.mse(y[:, None], outputs), rel=1e-14)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.zeros((4, 3)), r"y must have shape \(5, 3\), a target for each output, got \(4, 3\)"),
            (np.zeros(5), r"y must have shape \(5, 3\)"),
            (np.full((5, 3), np.nan), "y must be finite in float32"),
            (np.full((5, 3), 1e300), "y must be finite in float32"),
            (np.full((5, 3), "a"), "y must be an array of real numbers"),
        ],
    )
    def test_bad_targets_are_named_and_change_nothing(self, y, message):
        net = LaterNeuralNetwork(4, [10], 3, dtype="float32", seed=0)
        with pytest.raises(RuntimeError, match="backward needs the scores of a batch"):
            net.backward(targets(5, 3))
        net.forward(batch(5, 4, 3)[0])
        loss = net.backward(targets(5, 3))
        before = {name: gradient.copy() for name, gradient in net.gradients.items()}
        with pytest.raises((TypeError, ValueError), match=message):
            net.backward(y)
        assert_same(dict(net.gradients.items()), before)
        assert net.backward(targets(5, 3)) == loss

    def test_bad_settings_are_named(self):
        with pytest.raises(ValueError, match=f"opt must be one of {quoted(OPTIMIZERS)}, got 'adagrad'"):
            LaterNeuralNetwork(4, [10], 3, 2, "adagrad")
        net = LaterNeuralNetwork(4, [10], 3, 2, "Adam")
        with pytest.raises(RuntimeError, match="update needs gradients"):
            net.update(0.1)
        with pytest.raises(TypeError, match="half must be True or False, got 'no'"):
            LaterNeuralNetwork(4, [10], 3, 2, half="no")
        with pytest.raises(ValueError, match="b1 must be finite, at least 0 and below 1"):
            net.update(0.1, 1)
        net.opt = "sg"
        with pytest.raises(ValueError, match=f"opt must be one of {quoted(OPTIMIZERS)}, got 'sg'"):
            net.update(0.1)

    def test_copies_and_pickles_keep_the_loss(self):
        X, _ = batch(5, 4, 3)
        net = LaterNeuralNetwork(4, [10], 3, 2, "Adam", half=True, seed=0)
        net.forward(X)
        loss = net.backward(targets(5, 3))
        for other in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))):
            other.forward(X)
            assert (other.opt, other.backward(targets(5, 3))) == ("Adam", loss)
