"""The networks of CS231n, each against its own formulas in NumPy."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch
from course_helpers import cross_entropy, gradients_of, numerical, penalty_of, scores_of

from fastmlp import rel_error
from fastmlp.courses import FullyConnectedNet, TwoLayerNet
from fastmlp.functions.dropout import scaled_mask

IMAGES = {"input_dim": 16, "hidden_dim": 10, "num_classes": 3}

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
        assert len(stats["val_acc_history"]) == 101  # a batch of 200 is more than an epoch
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
            ({"X": np.full((5, 4), np.nan)}, "X must be finite, got nan in row 0, column 0"),
            ({"X_val": np.full((5, 4), np.inf)}, "X_val must be finite, got inf in row 0, column 0"),
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

    def test_its_reg_is_an_argument(self, toy):
        net = toy[0]
        with pytest.raises(AttributeError, match="a TwoLayerNet of the older class has no attribute reg"):
            net.reg = 0.1
        with pytest.raises(AttributeError, match="pass reg to loss and train"):
            print(net.reg)

    @pytest.mark.parametrize("module", [b"fastmlp.courses.cs231n", b"fastmlp.compat.cs231n"])
    def test_pickles_of_the_time_before_the_modular_one(self, module):
        content = Path(__file__).with_name("two_layer_net_0.2.0.pickle").read_bytes()
        net = pickle.loads(content.replace(b"fastmlp.courses.cs231n", module))
        expected = TwoLayerNet(4, 5, 3, std=0.1, seed=0)
        X, y = batch(5, 4, 3)
        assert net.loss(X, y, reg=0.05)[0] == expected.loss(X, y, reg=0.05)[0]
        assert not hasattr(net, "reg")


class TestModularTwoLayerNet:
    @pytest.mark.parametrize("reg", [0.0, 0.7])
    def test_gradient_check(self, reg):
        X, y = np.random.randn(5, 4, 2, 2), np.random.randint(3, size=5)
        net = TwoLayerNet(**IMAGES, weight_scale=0.3, reg=reg)
        scores, inputs = scores_of(net.params, X.reshape(5, 16))
        loss, dscores = cross_entropy(scores, y)
        found, grads = net.loss(X, y)
        np.testing.assert_allclose(net.loss(X), scores, rtol=1e-12)
        assert net.predict(X).tolist() == scores.argmax(axis=1).tolist()
        assert found == pytest.approx(loss + penalty_of(net.params, reg), rel=1e-13)
        assert_near(grads, gradients_of(net.params, inputs, dscores, reg), 1e-12)
        for name, gradient in numerical(net, lambda: net.loss(X, y)[0]).items():
            assert rel_error(grads[name], gradient) < 1e-6

    def test_all_arguments_have_defaults(self):
        np.random.seed(3)
        W1, W2 = 1e-3 * np.random.randn(3072, 100), 1e-3 * np.random.randn(100, 10)
        np.random.seed(3)
        net = TwoLayerNet()
        np.testing.assert_array_equal(net.params["W1"], W1)
        np.testing.assert_array_equal(net.params["W2"], W2)
        assert (net.reg, net.dtype, net.loss(np.ones((2, 3, 32, 32))).shape) == (0, np.float64, (2, 10))
        assert TwoLayerNet(reg=0.5).hidden_sizes == TwoLayerNet(weight_scale=0.1).hidden_sizes == [100]
        assert TwoLayerNet(num_classes=7, seed=0).output_size == 7

    def test_reg_may_be_assigned(self):
        net = TwoLayerNet(**IMAGES, weight_scale=0.3, seed=0)
        X, y = batch(5, 16, 3)
        before = net.loss(X, y)[0]
        net.reg = 0.7
        assert net.loss(X, y)[0] == pytest.approx(before + penalty_of(net.params, 0.7), rel=1e-13)
        with pytest.raises(TypeError, match="reg must be a number, got 'strong'"):
            net.reg = "strong"
        assert net.reg == 0.7

    def test_copies_pickles_and_subclasses_are_modular(self):
        class Mine(TwoLayerNet):
            def __init__(self, n_hidden):
                super().__init__(input_dim=16, hidden_dim=n_hidden, num_classes=3, reg=0.7, weight_scale=0.3, seed=0)

        net, (X, y) = TwoLayerNet(**IMAGES, reg=0.7, weight_scale=0.3, seed=0), batch(5, 16, 3)
        for other in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net)), Mine(10)):
            assert isinstance(other, TwoLayerNet)
            assert other.loss(X.reshape(5, 4, 4), y)[0] == net.loss(X, y)[0]
            assert other.reg == 0.7

    def test_sizes_by_position_may_be_either(self):
        """As the notebooks on image features have it, the one with train and the one with a Solver."""
        X, y = batch(5, 16, 3)
        expected = TwoLayerNet(**IMAGES, reg=0.7, weight_scale=0.3, seed=0)
        named = TwoLayerNet(16, 10, 3, reg=0.7, weight_scale=0.3, seed=0)
        assert named.loss(X, y)[0] == expected.loss(X, y)[0]
        net = TwoLayerNet(16, 10, 3, seed=0)
        assert np.std(net.params["W1"]) == pytest.approx(1e-4, rel=0.2)
        assert net.loss(X, y, 0.1)[0] > net.loss(X, y)[0]
        net.params = expected.params
        net.reg = 0.7
        assert net.loss(X.reshape(5, 4, 4), y)[0] == expected.loss(X, y)[0]
        with pytest.raises(TypeError, match="train the modular class by a Solver"):
            net.train(X, y, X, y)

    def test_what_is_the_older_ones_is_refused(self):
        net, (X, y) = TwoLayerNet(**IMAGES), batch(5, 16, 3)
        before = copy.deepcopy(net.params)
        with pytest.raises(TypeError, match=r"loss takes no reg in the modular class.*: assign net\.reg"):
            net.loss(X, y, 0.1)
        with pytest.raises(TypeError, match="train the modular class by a Solver"):
            net.train(X, y, X, y)
        assert_same(net.params.copy(), before)

    @pytest.mark.parametrize(
        ("positional", "options", "message"),
        [
            ((16, 10, 3, 0.1), {"reg": 0.1}, "output_size, std and reg; reg is an argument of"),
            ((), {"input_size": 16, "hidden_dim": 10}, "got input_size and hidden_dim"),
            ((), {"hidden_dim": 10, "std": 0.1}, "got std and hidden_dim"),
            ((16, 10), {}, "TwoLayerNet with input_size, hidden_size needs output_size; the modular class"),
            ((), {"std": 0.1}, "with std needs input_size, hidden_size, output_size"),
            ((), {"hidden_dim": 0}, "hidden_dim must be a positive integer, got 0"),
            ((), {"input_dim": 1.5}, "input_dim must be a positive integer"),
            ((), {"weight_scale": -1}, "weight_scale must be finite, at least 0"),
            ((), {"reg": "strong"}, "reg must be a number"),
        ],
    )
    def test_bad_arguments_are_named(self, positional, options, message):
        state = np.random.get_state()[2]
        with pytest.raises((TypeError, ValueError), match=message):
            TwoLayerNet(*positional, **options)
        assert np.random.get_state()[2] == state

    def test_bad_rows_are_named(self):
        with pytest.raises(ValueError, match=r"X must have rows of 16 numbers, got shape \(2, 3, 5\)"):
            TwoLayerNet(**IMAGES).loss(np.ones((2, 3, 5)))


class TestFullyConnectedNet:
    @pytest.mark.parametrize("reg", [0, 3.14])
    def test_gradient_check(self, reg):
        np.random.seed(231)
        X, y = np.random.randn(2, 15), np.random.randint(10, size=2)
        net = FullyConnectedNet([20, 30], input_dim=15, reg=reg, weight_scale=5e-2, dtype=np.float64)
        scores, inputs = scores_of(net.params, X)
        loss, dscores = cross_entropy(scores, y)
        found, grads = net.loss(X, y)
        np.testing.assert_allclose(net.loss(X), scores, rtol=1e-12)
        assert found == pytest.approx(loss + penalty_of(net.params, reg), rel=1e-13)
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

    @pytest.mark.parametrize("name", ["dropout", "dropout_keep_ratio", "dropout_param", "normalization", "use_dropout"])
    def test_an_attribute_that_would_be_ignored_is_refused(self, name):
        net = FullyConnectedNet([5], 6, dropout=0.5)
        with pytest.raises(AttributeError, match=f"FullyConnectedNet would ignore an attribute '{name}'"):
            setattr(net, name, None)

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
            (
                {"dropout_keep_ratio": 0},
                "dropout_keep_ratio must be above 0, got 0: it is the probability that a unit is kept",
            ),
            (
                {"dropout": 0},
                "dropout must be above 0, got 0.* in the edition of 2017 dropout was the probability to drop",
            ),
            ({"dropout": 1.5}, "dropout must be finite, at least 0 and at most 1, got 1.5"),
            ({"dropout_keep_ratio": "half"}, "dropout_keep_ratio must be a number"),
            (
                {"dropout": 0.5, "dropout_keep_ratio": 0.5},
                "older name of dropout_keep_ratio: pass one, got 0.5 and 0.5",
            ),
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
        with pytest.raises(ValueError, match=r"X must have rows of 1 numbers, got shape \(6,\)"):
            FullyConnectedNet([5], 1).loss(np.ones(6))


class TestDropout:
    """Of `FullyConnectedNet`."""

    @staticmethod
    def masks(net, rate, n_rows):
        engine = net._engine
        return [
            scaled_mask(rate, engine.dropout_seed, engine.n_updates, layer, n_rows, n)
            for layer, n in enumerate(net.hidden_sizes, 1)
        ]

    @pytest.mark.parametrize("name", ["dropout", "dropout_keep_ratio"])
    @pytest.mark.parametrize("ratio", [0.25, 0.75])
    def test_gradient_check(self, ratio, name):
        X, y = batch(6, 7, 4)
        net = FullyConnectedNet([20, 30], 7, 4, reg=0.3, weight_scale=0.2, dtype=np.float64, seed=123, **{name: ratio})
        masks = self.masks(net, 1 - ratio, len(X))
        assert np.mean([np.mean(mask > 0) for mask in masks]) == pytest.approx(ratio, abs=0.1)
        scores, inputs = scores_of(net.params, X, masks=masks)
        loss, dscores = cross_entropy(scores, y)
        found, grads = net.loss(X, y)
        assert found == pytest.approx(loss + penalty_of(net.params, 0.3), rel=1e-13)
        assert_near(grads, gradients_of(net.params, inputs, dscores, 0.3, masks=masks), 1e-12)
        for parameter, gradient in numerical(net, lambda: net.loss(X, y)[0]).items():
            assert rel_error(grads[parameter], gradient) < 1e-5

    def test_scores_are_without_it(self):
        X, _ = batch(6, 7, 4)
        net = FullyConnectedNet([20], 7, 4, 0.5, dtype=np.float64)
        np.testing.assert_allclose(net.loss(X), scores_of(net.params, X)[0], rtol=1e-12)

    def test_without_a_seed_each_loss_drops_other_units_by_the_global_generator(self):
        X, y = batch(6, 7, 4)
        net = FullyConnectedNet([20], 7, 4, 0.5, weight_scale=0.2)
        np.random.seed(5)
        losses = [net.loss(X, y)[0] for _ in range(4)]
        assert len(set(losses)) == 4
        np.random.seed(5)
        assert [other.loss(X, y)[0] for other in [copy.deepcopy(net)] for _ in range(4)] == losses
        scores = net.loss(X)  # draws nothing, and drops nothing
        state = np.random.get_state()[2]
        np.testing.assert_array_equal(net.loss(X), scores)
        with pytest.raises(ValueError, match="y must hold integer labels"):
            net.loss(X, [0, 1, 2, 3, 4, 5])
        assert np.random.get_state()[2] == state

    @pytest.mark.parametrize("options", [{}, {"dropout": 1}, {"dropout_keep_ratio": 1.0}])
    def test_1_is_none_and_draws_nothing(self, options):
        X, y = batch(6, 7, 4)
        net = FullyConnectedNet([20], 7, 4, dtype=np.float64, **options)
        state = np.random.get_state()[2]
        assert net.loss(X, y)[0] == pytest.approx(cross_entropy(scores_of(net.params, X)[0], y)[0], rel=1e-13)
        assert np.random.get_state()[2] == state

    def test_without_a_hidden_layer_there_is_nothing_to_drop(self):
        X, y = batch(6, 7, 4)
        net = FullyConnectedNet([], 7, 4, 0.5, dtype=np.float64)
        assert net.loss(X, y)[0] == pytest.approx(cross_entropy(scores_of(net.params, X)[0], y)[0], rel=1e-13)
