"""Files that earlier versions wrote are read, and a change of what is written is one of the version."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_near, batch, trained_state
from model_helpers import trained

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.tables import Schema, Task
from fastmlp.tables.inputs import BooleanInput, CategoryInput, NumberInput
from fastmlp.tables.notations import Notation

MODELS = Path(__file__).with_name("models")

# What version 5's files have that earlier ones could not: a network for each hidden activation, and for each loss.
LOSSES_OF_VERSION_5 = {
    "identity": "cross_entropy",
    "relu": "squared_error",
    "logistic": "half_squared_error",
    "tanh": "squared_error",
}
FILES_OF_VERSION_5 = [f"version5_{activation}.npz" for activation in LOSSES_OF_VERSION_5]
STORED = [
    *("version1.npz", "version2.npz", "version3.npz", "version4.safetensors", "version5_relu.safetensors"),
    *FILES_OF_VERSION_5,
    "version6.npz",
]


@pytest.mark.parametrize("name", STORED)
def test_files_of_every_version_are_read(name):
    """They were written by the versions of their time; version 5 is the format of 0.2.0, the first release."""
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors")
    check_of_version(name, NeuralNetwork.load(MODELS / name))


def test_a_file_that_is_written_now_is_of_the_format_of_the_stored_one(tmp_path):
    """So that a change of the format is one of its version."""
    fitted_of_version_6(checkpoint=tmp_path / "net")
    (now, *arrays), (then, *stored) = map(content, (tmp_path / "net", MODELS / "version6.npz"))
    assert now == then
    assert arrays == stored


def content(path):
    """The header of a file without its checksum, and its other arrays' names, dtypes and shapes."""
    with np.load(path) as arrays:
        header = json.loads(arrays["header"].tobytes())
        del header["sha256"]
        return [header, *((name, arrays[name].dtype, arrays[name].shape) for name in arrays if name != "header")]


@pytest.mark.parametrize(("name", "n_updates"), [("version4.pickle", 5), ("version5_tanh.pickle", 9)])
def test_pickles_of_every_version_are_read(name, n_updates):
    loaded = pickle.loads((MODELS / name).read_bytes())
    check_of_version(name, loaded)
    loaded.forward(np.ones((2, 4)))
    loaded.backward([0.0, 1.0] if name.startswith("version5") else [0, 1])
    loaded.update()
    assert loaded.snapshot()["n_updates"] == n_updates + 1


def check_of_version(name, loaded):
    """Each was trained alike, and then given what its version could hold; see `fitted` for version 5."""
    version = int(name[len("version")])
    if version == 5:
        check_of_version_5(name, loaded)
        return
    if version == 6:
        net = fitted_of_version_6()
        assert loaded.activation == net.activation
        assert loaded.history.best_epoch == 2
        assert loaded.schema == net.schema
        assert loaded.feature_names == ["p", "q", "r=u", "r (other)"]
        assert loaded.class_names == ["a", "b", "c"]
        assert_near(trained_state(loaded), trained_state(net), 1e-12)
        return
    assert_near(trained_state(loaded), trained_state(trained()), 1e-12)
    X, _ = batch(9, 4, 3)
    if version == 1:
        assert loaded.standardizer is None
    else:
        np.testing.assert_allclose(loaded.standardizer.mean_, X.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(loaded.standardizer.scale_, X.std(axis=0), rtol=1e-12)
    assert loaded.class_names == (["a", "b", "c"] if version >= 3 else None)
    assert loaded.feature_names == (["p", "q", "r", "s"] if version >= 3 else None)


def fitted(activation, **changes):
    """The network of a file of version 5, trained anew, its rows and its targets.

    The files were written by `save`, that of "tanh" by `fit` as its checkpoint; its pickle is of the same network, with
    the module names of NumPy 1, which NumPy 2 knows too.
    """
    loss, (X, y) = LOSSES_OF_VERSION_5[activation], batch(9, 4, 3)
    if activation == "logistic":
        y = np.column_stack([100 + X[:, 0], 1e-3 * X[:, 1]])
    elif loss != "cross_entropy":
        y = 100 + X[:, 0] - X[:, 1]
    n_outputs = {"identity": 3, "logistic": 2}.get(activation, 1)
    net = NeuralNetwork(4, [3], n_outputs, activation=activation, loss=loss, seed=0)
    net.fit(X, y, **{"epochs": 3, "batch_size": 4, "optimizer": "AdamW", "seed": 1, **changes})
    return net, X, y


def fitted_of_version_6(**changes):
    """The network of the file of version 6, a checkpoint, trained anew: what earlier versions had not."""
    net = NeuralNetwork(4, [5, 4, 3], 3, activation=["gelu", "silu", "elu"], dropout=[0.1, 0.2, 0, 0.3], seed=0)
    columns = (
        NumberInput("p", 0.5, False, Notation(",", ".", "%")),
        BooleanInput("q", 1.0, False),
        CategoryInput("r", ("u",), False, True),
    )
    task = Task("kind", "classification", ("a", "b", "c"))
    net.schema = Schema(columns, task, {"s": "has no values"}, 2, {"decimal": ",", "missing": ["-9"], "header": False})
    settings = {"epochs": 3, "batch_size": 4, "optimizer": "RMSprop", "rho": 0.8, "seed": 1}
    # the second epoch is the best one
    settings |= {
        "learning_rate": 0.03,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "patience": 3,
        "validation_fraction": 0.3,
    }
    net.fit(*batch(9, 4, 3), **{**settings, **changes})
    return net


def check_of_version_5(name, loaded):
    activation = name.partition("_")[2].partition(".")[0]
    net, X, _ = fitted(activation)
    assert (loaded.activation, loaded.loss) == (activation, LOSSES_OF_VERSION_5[activation])
    assert_near(trained_state(loaded), trained_state(net), 1e-12)
    assert loaded.predict(X).shape == net.predict(X).shape
    np.testing.assert_allclose(loaded.predict(X), net.predict(X), rtol=1e-12)


def test_checkpoints_of_every_version_are_gone_on_from(tmp_path):
    """They were written after 3 epochs."""
    X, y = batch(9, 4, 3)
    nets = [NeuralNetwork(4, [6], 3, seed=0, standardizer=Standardizer().fit(X)) for _ in range(2)]
    settings = {"epochs": 5, "batch_size": 4, "optimizer": "Adam", "seed": 1}
    nets[0].fit(X, y, **settings)
    shutil.copy(MODELS / "version4.npz", tmp_path / "net")
    nets[1].fit(X, y, **settings, checkpoint=tmp_path / "net", resume=True)
    check_resumed(nets[1], nets[0], tmp_path / "net")
    shutil.copy(MODELS / "version5_tanh.npz", tmp_path / "net")
    resumed, *_ = fitted("tanh", epochs=5, checkpoint=tmp_path / "net", resume=True)
    check_resumed(resumed, fitted("tanh", epochs=5)[0], tmp_path / "net")


def check_resumed(resumed, whole, path):
    """A training that has gone on from a checkpoint's third epoch to the fifth, and one that was not interrupted."""
    assert_near(trained_state(resumed), trained_state(whole), 1e-12)
    np.testing.assert_allclose(resumed.history.train_loss, whole.history.train_loss, rtol=1e-12)
    assert len(NeuralNetwork.load(path).history) == 5
