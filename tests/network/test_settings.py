"""Networks and settings that cannot be had, how choices are named, and calls out of order."""

import numpy as np
import pytest
from choices import INITIALIZERS, OPTIMIZERS, quoted
from conftest import assert_same, trained_state
from refusals import X, Y, refuses

from fastmlp import NeuralNetwork, Standardizer, reference
from fastmlp.courses import LaterNeuralNetwork
from fastmlp.training import Settings


def stepped(kind, opt, **settings):
    net = kind(4, [10], 3, seed=0, **settings)
    net.forward(X)
    net.backward(Y)
    net.update(0.1, opt=opt)
    return net


@pytest.mark.parametrize("spelt", [str.swapcase, np.str_])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", [NeuralNetwork, reference.NeuralNetwork])
def test_optimizers_are_named_in_upper_or_lower_case(kind, optimizer, spelt):
    assert_same(dict(stepped(kind, spelt(optimizer)).params), dict(stepped(kind, optimizer).params))
    assert Settings(optimizer=spelt(optimizer)) == Settings(optimizer=optimizer)
    assert Settings(optimizer=spelt(optimizer)).optimizer in OPTIMIZERS
    later = LaterNeuralNetwork(4, [10], 3, 2, spelt(optimizer))
    assert later.opt == optimizer


@pytest.mark.parametrize("method", ["fit", "train_epoch"])
def test_trainings_with_an_optimizer_in_lower_case_are_the_same(method):
    def trained(optimizer):
        net = NeuralNetwork(4, [10], 3, seed=0)
        np.random.seed(0)
        getattr(net, method)(X, Y, optimizer=optimizer)
        return trained_state(net)

    assert_same(trained("adam"), trained("Adam"))


@pytest.mark.parametrize("kind", [NeuralNetwork, reference.NeuralNetwork])
def test_other_choices_are_named_in_upper_or_lower_case(kind):
    for init in ("Assignment", "He", "HE", "Glorot"):
        nets = [kind(4, [10], 3, seed=0, init=name) for name in (init, init.lower())]
        assert_same(*(dict(net.params) for net in nets))
    with pytest.raises(ValueError, match=f"init must be one of {quoted(INITIALIZERS)}, got 'xavier'"):
        kind(4, [10], 3, init="xavier")
    with pytest.raises(ValueError, match=f"opt must be one of {quoted(OPTIMIZERS)}, got 'rms'"):
        stepped(kind, "rms")
    assert Settings(time_step="Epoch").time_step == "epoch"
    assert Standardizer(3, center="Channel").center == "channel"
    with pytest.raises(ValueError, match="center='channel' needs n_channels"):
        Standardizer(center="Channel")


def test_bad_number_of_threads(net):
    net.n_threads = 2
    refuses(net, lambda net: setattr(net, "n_threads", 0), ValueError, "n_threads must be a positive integer, got 0")
    assert net.n_threads == 2


@pytest.mark.parametrize("bad", [{"n_threads": 0}, {"standardizer": 3}, {"seed": -1}, {"init": "zeros"}])
def test_a_constructor_that_is_called_again_in_vain(net, bad):
    refuses(net, lambda net: net.__init__(4, [6], 2, **bad), (TypeError, ValueError), f"^{next(iter(bad))} must be")


@pytest.mark.parametrize("prepare", ["nothing", "fit", "save and load"])
def test_calls_out_of_order(prepare, tmp_path):
    net = NeuralNetwork(4, [5], 3, seed=0)
    if prepare == "fit":
        net.fit(X, Y, epochs=1, optimizer="Adam")
    elif prepare == "save and load":
        net.save(tmp_path / "net")
        net = NeuralNetwork.load(tmp_path / "net")
    refuses(net, lambda net: net.backward(Y), RuntimeError, r"backward needs .*call forward\(X\) first")
    refuses(net, lambda net: net.update(), RuntimeError, r"update needs gradients.*backward\(y\) first")
    net.forward(X)
    refuses(net, lambda net: net.update(opt="Adam"), RuntimeError, r"update needs gradients.*backward\(y\) first")


def test_an_empty_batch_is_not_trained_on(net):
    net.forward(X[:0])
    refuses(
        net, lambda net: net.backward([]), ValueError, "X must have at least one row to train on, got an empty batch"
    )


BAD_NETWORKS = {
    "input_size": ((0, [5], 3, 2), {}, ValueError, "input_size must be a positive integer, got 0"),
    "input_size float": ((4.0, [5], 3, 2), {}, ValueError, "input_size must be a positive integer, got 4.0"),
    "output_size": ((4, [5], -3, 2), {}, ValueError, "output_size must be a positive integer, got -3"),
    "output_size bool": ((4, [5], True, 2), {}, ValueError, "output_size must be a positive integer, got True"),
    "hidden size": ((4, [5, 2.5], 3, 3), {}, ValueError, r"hidden_sizes\[1\] must be a positive integer, got 2.5"),
    "hidden size text": ((4, "5", 3, 2), {}, ValueError, r"hidden_sizes\[0\] must be a positive integer, got '5'"),
    "hidden int": ((4, 5, 3, 2), {}, TypeError, "hidden_sizes must be a sequence of positive integers, got 5"),
    "hidden None": ((4, None, 3), {}, TypeError, "hidden_sizes must be a sequence of positive integers, got None"),
    "too many layers": (
        (4, [5], 3, 3),
        {},
        ValueError,
        r"hidden_sizes must have num_layers - 1 = 2 entries, got 1: \[5\]",
    ),
    "too few layers": ((4, (5, 6), 3, 1), {}, ValueError, r"hidden_sizes must have num_layers - 1 = 0 entries, got 2"),
    "num_layers": ((4, [], 3, 0), {}, ValueError, "num_layers must be a positive integer, got 0"),
    "too large": ((2**31, [], 1), {}, ValueError, "input_size must be at most 2147483647, got 2147483648"),
    "dtype": ((4, [5], 3), {"dtype": "float16"}, ValueError, "dtype must be float32 or float64, got 'float16'"),
    "dtype unknown": ((4, [5], 3), {"dtype": "real"}, ValueError, "dtype must be float32 or float64, got 'real'"),
    "init": ((4, [5], 3), {"init": "xavier"}, ValueError, "init must be one of .*'he'.*, got 'xavier'"),
    "seed": ((4, [5], 3), {"seed": 2**32}, ValueError, "seed must be at most 4294967295, got 4294967296"),
    "n_threads": ((4, [5], 3), {"n_threads": -1}, ValueError, "n_threads must be a positive integer, got -1"),
}


@pytest.mark.parametrize("bad", BAD_NETWORKS)
def test_bad_networks_draw_nothing(bad):
    args, options, error, match = BAD_NETWORKS[bad]
    drawn = np.random.get_state()[1:3]
    with pytest.raises(error, match=match):
        NeuralNetwork(*args, **options)
    np.testing.assert_equal(np.random.get_state()[1:3], drawn)
