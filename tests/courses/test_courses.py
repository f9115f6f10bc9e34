"""Other editions' networks, each against its own formulas in NumPy."""

import copy
import pickle

import numpy as np
import pytest
from choices import OPTIMIZERS, quoted
from conftest import SHAPES, assert_near, assert_same, batch

from fastmlp import NeuralNetwork, eval_numerical_gradient, rel_error
from fastmlp.courses import EarlierNeuralNetwork, FullyConnectedNet, LaterNeuralNetwork, TwoLayerNet


def targets(n_rows, n_outputs, dtype=np.float64):
    return np.random.RandomState(4).rand(n_rows, n_outputs).astype(dtype)


def scores_of(params, X):
    """Scores of a network with ReLUs, and the input of each layer."""
    inputs = [X]
    n_layers = len(params) // 2
    for i in range(1, n_layers + 1):
        z = inputs[-1] @ params[f"W{i}"] + params[f"b{i}"]
        inputs.append(np.maximum(z, 0) if i < n_layers else z)
    return inputs.pop(), inputs


def gradients_of(params, inputs, dscores, reg=0.0):
    """Gradients of a loss + 0.5 * reg * sum(W**2), from those of the loss's scores."""
    gradients, dz = {}, dscores
    for i in range(len(inputs), 0, -1):
        W, h = params[f"W{i}"], inputs[i - 1]
        gradients |= {f"b{i}": dz.sum(axis=0), f"W{i}": h.T @ dz + reg * W}
        dz = (dz @ W.T) * (h > 0)
    return {name: gradients[name] for name in params}


def cross_entropy(scores, y):
    """Its mean over rows, and the gradient of the scores."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p - np.eye(scores.shape[1])[y]) / len(y)


def squared_error(scores, y, half):
    """Mean of (sigmoid(scores) - y)**2, or half of it, and the gradient of the scores."""
    p = 1 / (1 + np.exp(-scores))
    factor = (0.5 if half else 1) / y.size
    return factor * np.square(p - y).sum(), factor * 2 * (p - y) * p * (1 - p)


def numerical(net, loss):
    """The gradients of a network's loss by finite differences."""
    return {name: eval_numerical_gradient(lambda w: loss(), net.params[name]) for name in net.params}


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
        penalty = 0.04 * sum(np.square(w).sum() for name, w in before.items() if name.startswith("W"))
        assert net.backward(X, y, 0.1, 0.08) == pytest.approx(loss + penalty, rel=1e-13)
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


# of the toy network, as the course's notebook prints them
SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]
LOSS = 1.30378789133


class TestTwoLayerNet:
    """The toy network of the course."""

    @pytest.fixture
    def toy(self):
        np.random.seed(0)
        net = TwoLayerNet(4, 10, 3, std=1e-1)
        np.random.seed(1)
        return net, 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])

    def test_printed_scores_and_loss(self, toy):
        net, X, y = toy
        np.testing.assert_allclose(net.loss(X), SCORES, atol=5e-9)
        loss, _ = net.loss(X, y, reg=0.05)
        assert loss == pytest.approx(LOSS, abs=1e-11)

    def test_gradients_agree_with_numpy_and_with_differences(self, toy):
        net, X, y = toy
        scores, inputs = scores_of(net.params, X)
        expected = gradients_of(net.params, inputs, cross_entropy(scores, y)[1], reg=2 * 0.05)
        _, grads = net.loss(X, y, reg=0.05)
        assert_near(grads, expected, 1e-12)
        # as the course's cell does it: calls of loss in between leave the gradients alone
        for name, gradient in numerical(net, lambda: net.loss(X, y, reg=0.05)[0]).items():
            assert rel_error(grads[name], gradient) < 1e-5

    def test_training_is_sgd_on_drawn_batches(self, toy):
        net, X, y = toy
        twin = {name: w.copy() for name, w in net.params.items()}
        np.random.seed(2)
        stats = net.train(X, y, X[:3], y[:3], learning_rate=0.1, reg=5e-6, num_iters=7, batch_size=2)
        np.random.seed(2)
        rate, losses, accuracies = 0.1, [], []
        for step in range(7):
            rows = np.random.choice(5, 2)
            scores, inputs = scores_of(twin, X[rows])
            loss, dscores = cross_entropy(scores, y[rows])
            losses.append(loss + 5e-6 * sum(np.square(twin[name]).sum() for name in ("W1", "W2")))
            for name, gradient in gradients_of(twin, inputs, dscores, reg=1e-5).items():
                twin[name] -= rate * gradient
            if step % 2.5 == 0:
                rate *= 0.95
                accuracies.append((scores_of(twin, X[:3])[0].argmax(axis=1) == y[:3]).mean())
        np.testing.assert_allclose(stats["loss_history"], losses, rtol=1e-12)
        assert stats["val_acc_history"] == accuracies
        assert len(stats["train_acc_history"]) == 2
        assert_near(net.params, twin, 1e-12)

    def test_learns_the_toy_data(self, toy, capsys):
        net, X, y = toy
        stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=101, verbose=True)
        assert stats["loss_history"][-1] < 0.02  # the course's own figure
        assert net.predict(X).tolist() == y.tolist()
        assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
            "iteration 0 / 101",
            "iteration 100 / 101",
        ]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"batch_size": 0}, "batch_size must be a positive integer"),
            ({"num_iters": 1.5}, "num_iters must be a positive integer"),
            ({"y_val": [0, 1, 2, 2, 3]}, "y_val must hold integer labels"),
            ({"X_val": np.ones(3)}, r"X_val must have shape \(n_rows, 4\)"),
            ({"X": np.ones((0, 4)), "y": []}, "X must have at least one row"),
            ({"X_val": np.ones((0, 4)), "y_val": []}, "X_val must have at least one row"),
            ({"learning_rate": "a"}, "learning_rate must be a number"),
        ],
    )
    def test_bad_input_is_named_before_anything_changes(self, change, message, toy):
        net, X, y = toy
        before, state = copy.deepcopy(net.params), np.random.get_state()[2]
        with pytest.raises((TypeError, ValueError), match=message):
            net.train(**({"X": X, "y": y, "X_val": X, "y_val": y} | change))
        assert_same(net.params.copy(), before)
        assert np.random.get_state()[2] == state

    def test_bad_sizes_are_named(self):
        with pytest.raises(ValueError, match="hidden_size must be a positive integer, got 0"):
            TwoLayerNet(4, 0, 3)
        with pytest.raises(ValueError, match="std must be finite, at least 0, got -1"):
            TwoLayerNet(4, 5, 3, std=-1)


class TestFullyConnectedNet:
    @pytest.mark.parametrize("reg", [0, 3.14])
    def test_gradient_check(self, reg):
        np.random.seed(231)
        X, y = np.random.randn(2, 15), np.random.randint(10, size=2)
        net = FullyConnectedNet([20, 30], input_dim=15, reg=reg, weight_scale=5e-2, dtype=np.float64)
        scores, inputs = scores_of(net.params, X)
        loss, dscores = cross_entropy(scores, y)
        penalty = 0.5 * reg * sum(np.square(w).sum() for name, w in net.params.items() if name.startswith("W"))
        found, grads = net.loss(X, y)
        np.testing.assert_allclose(net.loss(X), scores, rtol=1e-12)
        assert found == pytest.approx(loss + penalty, rel=1e-13)
        assert_near(grads, gradients_of(net.params, inputs, dscores, reg), 1e-12)
        for name, gradient in numerical(net, lambda: net.loss(X, y)[0]).items():
            assert rel_error(grads[name], gradient) < 1e-4

    def test_weights_come_from_the_global_generator_or_from_a_seed(self):
        np.random.seed(3)
        expected = {"W1": 0.01 * np.random.randn(6, 5), "W2": 0.01 * np.random.randn(5, 4)}
        np.random.seed(3)
        drawn = FullyConnectedNet([5], 6, 4, dtype="float64")
        seeded = FullyConnectedNet([5], 6, 4, dtype="float64", seed=3)
        for name, w in expected.items():
            np.testing.assert_array_equal(drawn.params[name], w)
            np.testing.assert_array_equal(seeded.params[name], w)
        assert FullyConnectedNet([5]).params["W1"].dtype == np.float32

    def test_rows_may_have_any_shape(self):
        X = np.random.RandomState(0).randn(3, 2, 4, 2)
        net = FullyConnectedNet([5], 16, seed=0)
        np.testing.assert_array_equal(net.loss(X), net.loss(X.reshape(3, 16)))

    def test_a_solver_that_writes_its_own_updates(self):
        """The course's Solver: a rule gives each parameter's next value, from the value and its gradient."""
        X, y = batch(20, 6, 3)
        net, velocity = FullyConnectedNet([12], 6, 3, weight_scale=0.3, dtype=np.float64, seed=0), {}
        losses = []
        for _ in range(300):
            loss, grads = net.loss(X, y)
            losses.append(loss)
            for name, w in net.params.items():
                velocity[name] = 0.9 * velocity.get(name, 0) - 0.1 * grads[name]
                net.params[name] = w + velocity[name]
        best = {name: w.copy() for name, w in net.params.items()}
        assert losses[-1] < 0.2 * losses[0]
        net.params["W1"][...] = 0
        net.params = best
        assert net.loss(X, y)[0] < losses[-1]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"dropout_keep_ratio": 0.5}, "dropout_keep_ratio must be 1"),
            ({"normalization": "batchnorm"}, "normalization must be None"),
            ({"hidden_dims": 5}, "hidden_dims must be a sequence of positive integers, got 5"),
            ({"hidden_dims": [5, 0]}, r"hidden_dims\[1\] must be a positive integer, got 0"),
            ({"input_dim": 0}, "input_dim must be a positive integer"),
            ({"num_classes": -1}, "num_classes must be a positive integer"),
            ({"reg": "strong"}, "reg must be a number"),
            ({"weight_scale": -1}, "weight_scale must be finite, at least 0"),
        ],
    )
    def test_bad_settings_are_named(self, options, message):
        with pytest.raises((TypeError, ValueError), match=message):
            FullyConnectedNet(**({"hidden_dims": [5]} | options))

    def test_bad_rows_are_named(self):
        net = FullyConnectedNet([5], 6)
        for X in (np.ones(6), np.ones((2, 5)), np.ones((2, 3, 3))):
            with pytest.raises(ValueError, match="X must have rows of 6 numbers, got shape"):
                net.loss(X)
