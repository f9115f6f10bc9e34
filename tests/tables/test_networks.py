"""Networks with a schema: assigned, saved, gone on from, copied; and what is not imported for those without one."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas
import pytest
from model_helpers import write_npz

from fastmlp import MLPClassifier, ModelFileError, NeuralNetwork
from fastmlp.files import models
from fastmlp.tables import Schema

pytestmark = pytest.mark.application

FRAME = pandas.DataFrame(
    {"size": [1.5, None, 3.5, 2.0] * 3, "kind": ["a", "b", "b", "a"] * 3, "price": [1.5, 2, 3.5, 7] * 3}
)
SCHEMA = Schema.fit(FRAME, target="kind")


def network(n_inputs=3, n_outputs=2, **options):
    return NeuralNetwork(n_inputs, [4], n_outputs, seed=0, **options)


def with_schema():
    net = network()
    net.schema = SCHEMA
    return net


def test_a_schema_brings_its_names():
    net = network()
    assert net.schema is None
    net.schema = SCHEMA
    assert net.schema == SCHEMA
    assert (net.feature_names, net.class_names) == (["size", "size (missing)", "price"], ["a", "b"])
    net.schema = None
    assert net.schema is None


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_it_is_saved(tmp_path, ending):
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"net.{ending}"
    with_schema().save(path)
    loaded = NeuralNetwork.load(path)
    assert loaded.schema == SCHEMA
    np.testing.assert_array_equal(loaded.schema.rows(FRAME), SCHEMA.rows(FRAME))


def test_it_is_in_checkpoints_and_copies(tmp_path):
    net, settings = with_schema(), {"seed": 1, "checkpoint": tmp_path / "net"}
    X, y = SCHEMA.rows(FRAME), SCHEMA.targets(FRAME).y
    net.fit(X, y, epochs=2, **settings)
    assert NeuralNetwork.load(tmp_path / "net").schema == SCHEMA
    resumed = with_schema()
    resumed.fit(X, y, epochs=3, resume=True, **settings)
    for other in (
        resumed,
        NeuralNetwork.load(tmp_path / "net"),
        copy.copy(net),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
    ):
        assert other.schema == SCHEMA


def test_estimators_keep_it():
    class Own(NeuralNetwork):
        pass

    net = Own(3, [4], 2)
    net.schema = SCHEMA
    assert MLPClassifier.from_network(net).network_.schema == SCHEMA


@pytest.mark.parametrize(
    ("net", "target", "message"),
    [
        (network(4), "kind", r"schema.feature_names must be 4 different names, one for each feature, got 3"),
        (network(3, 3), "kind", r"schema.task.class_names must be 3 different names, one for each class, got 2"),
        (network(4, 1), "price", r"schema must be of the network's task, got regression with loss='cross_entropy'"),
        (network(3, 1, loss="squared_error"), "kind", r"task, got classification with loss='squared_error'"),
        (network(3, 2, loss="binary_cross_entropy"), "kind", r"task, got classification with loss='binary_"),
        (
            network(4, 2, loss="squared_error"),
            "price",
            r"schema must have a target for each output, got 1 for 2 outputs",
        ),
    ],
)
def test_that_of_another_network_is_refused(net, target, message):
    with pytest.raises(ValueError, match=message):
        net.schema = Schema.fit(FRAME, target=target, task="regression" if target == "price" else None)
    assert net.schema is net.feature_names is net.class_names is None
    with pytest.raises(TypeError, match=r"schema must be a fastmlp.tables.Schema, got dict"):
        net.schema = SCHEMA.to_dict()


@pytest.mark.parametrize(("loss", "n_outputs", "target"), [("binary_cross_entropy", 1, "kind"), ("huber", 1, "price")])
def test_networks_of_one_output(loss, n_outputs, target):
    net = network(3 if target == "kind" else 4, n_outputs, loss=loss)
    net.schema = Schema.fit(FRAME, target=target, task="regression" if target == "price" else None)
    assert net.class_names == (["a", "b"] if target == "kind" else None)


@pytest.mark.parametrize(
    ("schema", "error", "message"),
    [
        ([1], ModelFileError, "its schema is no JSON object"),
        ({"inputs": []}, ValueError, "document must be what Schema.to_dict gives"),
        ({**SCHEMA.to_dict(), "inputs": []}, ValueError, "schema.feature_names must .* 3"),
        ({**SCHEMA.to_dict(), "inputs": SCHEMA.to_dict()["inputs"][:1]}, ValueError, "schema.feature_names must .* 3"),
    ],
)
def test_files_with_something_else_are_refused(tmp_path, schema, error, message):
    header, arrays = models.described(models.Model(network()._engine, None, None, schema))
    write_npz(tmp_path / "net", header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    with pytest.raises(error, match=message):
        NeuralNetwork.load(tmp_path / "net").schema  # noqa: B018


def test_pandas_is_not_imported_for_it(tmp_path):
    """Neither by the package, nor by files, even with a schema, until a frame comes."""
    with_schema().save(tmp_path / "net")
    code = (
        "import sys, fastmlp; net = fastmlp.NeuralNetwork.load(sys.argv[1]); "
        "assert not {'pandas', 'fastmlp.tables'} & sys.modules.keys(); "
        "assert net.schema.task.class_names == ('a', 'b') and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "net"], check=True)


def test_pandas_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"a table needs pandas: pip install 'fastmlp\[cli\]'"):
        SCHEMA.rows(FRAME)
