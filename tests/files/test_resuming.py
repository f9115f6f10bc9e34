"""What a training may go on from: the checkpoint of the same training alone."""

import numpy as np
import pytest
from checkpoint_helpers import SETTINGS, X, Y, fit, make
from conftest import assert_same, trained_state

from fastmlp import ModelFileError, NeuralNetwork, Standardizer

# What a training may not have that goes on from another one's checkpoint, and what is said of it.
ARGUMENTS = {
    "batch_size": (20, "batch_size must be 16, as in the checkpoint '.*net', got 20"),
    "learning_rate": (0.1, "learning_rate must be 0.05"),
    "learning_rate_decay": (0.5, "learning_rate_decay must be 0.9"),
    "regularization": (0.0, "regularization must be 0.01"),
    "optimizer": ("Momentum", "optimizer must be 'SGD'"),
    "beta1": (0.5, "beta1 must be 0.9"),
    "beta2": (0.5, "beta2 must be 0.999"),
    "epsilon": (1e-3, "epsilon must be 1e-08"),
    "time_step": ("epoch", "time_step must be 'update'"),
    "drop_last": (True, "drop_last must be False"),
    "seed": (4, "seed must be 3"),
    "epochs": (5, "epochs must be at least the 6 of the checkpoint '.*net', got 5"),
}
NETWORKS = {
    "sizes": (lambda: NeuralNetwork(5, [8], 3, seed=0), r"the network's sizes must be \(5, 7, 3\)"),
    "dtype": (lambda: make(dtype="float32"), "dtype must be 'float64'"),
    "standardizer": (lambda: make(standardizer=Standardizer().fit(X)), "X, y, weights and the standardizer must be"),
}
ROWS = {
    "rows": (np.vstack([X, X[:1]]), np.append(Y, Y[:1])),
    "order of the rows": (X[::-1], Y[::-1]),
    "a label": (X, np.where(np.arange(100) == 50, (Y + 1) % 3, Y)),
    "a number": (X + (np.arange(100) == 99)[:, np.newaxis] * 1e-9, Y),
}


@pytest.fixture
def whole(tmp_path):
    """The checkpoint of a whole training."""
    fit(make(), tmp_path / "net")
    return tmp_path / "net"


def assert_refused(path, net, message, X=X, y=Y, error=ValueError, **changes):
    """Nothing of the network, of the file or of the global generator has changed."""
    before, content, drawn = trained_state(net), path.read_bytes(), np.random.get_state()[2]
    net.history = "as it was"
    with pytest.raises(error, match=message):
        net.fit(X, y, checkpoint=path, resume=True, **{**SETTINGS, **changes})
    assert_same(trained_state(net), before)
    assert net.history == "as it was"
    assert path.read_bytes() == content
    assert np.random.get_state()[2] == drawn


@pytest.mark.parametrize("name", ARGUMENTS)
def test_another_argument_is_refused(name, whole):
    value, message = ARGUMENTS[name]
    assert_refused(whole, make(), message, **{name: value})


@pytest.mark.parametrize("name", NETWORKS)
def test_another_network_is_refused(name, whole):
    other, message = NETWORKS[name]
    assert_refused(whole, other(), message)


@pytest.mark.parametrize("name", ROWS)
def test_other_rows_are_refused(name, whole):
    assert_refused(whole, make(), "X, y, weights and the standardizer must be those of the checkpoint", *ROWS[name])


def test_the_same_rows_of_another_type_are_taken(tmp_path):
    integers = np.round(X * 10).astype(np.int16)
    make().fit(integers, Y, checkpoint=tmp_path / "net", **SETTINGS)
    rows = integers.astype(np.float64).tolist()
    assert len(make().fit(rows, Y, checkpoint=tmp_path / "net", resume=True, **{**SETTINGS, "epochs": 7})) == 7


def test_a_network_that_was_saved_is_no_checkpoint(tmp_path):
    make().save(tmp_path / "net")
    assert_refused(tmp_path / "net", make(), "is a saved network, not a checkpoint", error=ModelFileError)


def test_a_damaged_checkpoint_is_refused(whole):
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    assert_refused(whole, make(), "is not a whole fastmlp model file", error=ModelFileError)


def test_resume_needs_a_checkpoint():
    with pytest.raises(ValueError, match="checkpoint must be given with resume=True, got None"):
        make().fit(X, Y, resume=True)
