"""ONNX graphs compute what the networks compute, and say what of."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, LOSSES
from conftest import full
from onnx_helpers import exported

import fastmlp
from fastmlp import NeuralNetwork, Standardizer
from fastmlp.exchange import graphs
from fastmlp.functions.losses import LOSSES as ROWS
from fastmlp.optional import MissingLibraryError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.application

DTYPES = ["float32", "float64"]
RANDOM = np.random.RandomState(0)
X = RANDOM.randn(40, 5) * 20
Y = RANDOM.randint(3, size=40)


def targets(loss, y=Y):
    return y if ROWS[loss].of_classes else np.eye(3)[y]


def tolerance(dtype, activation="relu"):
    """What float64 keeps, unless a part is computed in float32."""
    return 1e-5 if dtype == "float32" or activation == "gelu" else 1e-12


def assert_agrees(results, network, X, tolerance):
    if not ROWS[network.loss].is_classifier:
        expected = network.forward(X)
        assert results.keys() == {"variable"}
        assert results["variable"].dtype == network.dtype
        error = np.abs(results["variable"] - expected).max(initial=0)
        assert error <= tolerance * np.abs(expected).max(initial=0)
        return
    assert list(results) == ["label", "probabilities"]
    assert results["probabilities"].dtype == network.dtype
    np.testing.assert_allclose(results["probabilities"], network.predict_proba(X), rtol=0, atol=tolerance)
    np.testing.assert_array_equal(results["label"], network.predict(X), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_activations(activation, dtype, tmp_path):
    net = NeuralNetwork(5, [7, 6], 3, activation=activation, loss="squared_error", dtype=dtype, seed=0)
    net.params["b1"] = RANDOM.randn(7)
    rows = np.vstack([X, 100 * X, X / 1000]).astype(dtype)
    assert_agrees(exported(net, tmp_path, rows), net, rows, tolerance(dtype, activation))


@pytest.mark.parametrize("hidden", [[], [6], [6, 5], [6, 5, 4]])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss, dtype, hidden, tmp_path):
    options = {"cross_entropy": {"label_smoothing": 0.1}, "huber": {"delta": 2.0}}.get(loss, {})
    net = NeuralNetwork(
        *(5, hidden, 3),
        activation=["tanh", "elu", "gelu_tanh"][: len(hidden)],
        loss=loss,
        dropout=[0.1] * (len(hidden) + 1),
        dtype=dtype,
        seed=0,
        standardizer=Standardizer().fit(X),
        **options,
    )
    y = targets(loss)
    net.fit(X, 1000 * y + 1e5 if ROWS[loss].standardizes else y, epochs=2, seed=0)
    rows = X.astype(dtype)
    assert_agrees(exported(net, tmp_path, rows), net, rows, tolerance(dtype))


@pytest.mark.parametrize(
    ("dtype", "input_dtype"), [("float64", None), ("float32", "float64"), ("float32", None), ("float64", "float32")]
)
def test_columns_far_from_zero_keep_their_digits(dtype, input_dtype, tmp_path):
    rows = (1.7e9 + 30 * X).astype(input_dtype or dtype)
    net = NeuralNetwork(5, [6], 3, dtype=dtype, seed=0, standardizer=Standardizer().fit(rows))
    results = exported(net, tmp_path, rows, input_dtype=input_dtype)
    assert_agrees(results, net, rows, tolerance(dtype))
    assert results["probabilities"].std(axis=0).min() > 0.01


@pytest.mark.parametrize("n_rows", [0, 1])
def test_any_number_of_rows(n_rows, tmp_path):
    for loss in ("cross_entropy", "binary_cross_entropy", "poisson"):
        net = NeuralNetwork(5, [6], 1, loss=loss, seed=0)
        assert_agrees(exported(net, tmp_path, X[:n_rows]), net, X[:n_rows], 1e-12)


@pytest.mark.parametrize("y", [Y > 1, (Y > 1)[:, np.newaxis]])
def test_a_label_is_shaped_as_predictions_are(y, tmp_path):
    net = NeuralNetwork(5, [6], 1, loss="binary_cross_entropy", dtype="float64", seed=0)
    net.fit(X / 20, y, epochs=1)
    assert_agrees(exported(net, tmp_path, X / 20), net, X / 20, 1e-12)


def test_names_are_labels_and_metadata(tmp_path):
    net = NeuralNetwork(5, [6], 3, seed=0)
    net.class_names, net.feature_names = ["ä", "b", "c"], [f"column {i}" for i in range(5)]
    labels = exported(net, tmp_path, X)["label"]
    assert labels.tolist() == [net.class_names[i] for i in net.predict(X)]
    model = onnx.load(tmp_path / "net.onnx")
    assert (model.producer_name, model.producer_version) == ("fastmlp", fastmlp.__version__)
    properties = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert properties == {"class_names": net.class_names, "feature_names": net.feature_names}
    # those of ONNX 1.8, of 2020, for older programs
    assert (model.ir_version, [(entry.domain, entry.version) for entry in model.opset_import]) == (7, [("", 13)])


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_text("older")
    net = NeuralNetwork(5, [6], 3, seed=0)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"net\.onnx"):
            net.to_onnx(path)
    with monkeypatch.context() as patch:
        patch.setattr(graphs, "MAX_BYTES", 1 << 20)
        with pytest.raises(ValueError, match="parameters must fit into an ONNX file of 2 GiB, got"):
            net.to_onnx(path)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "onnx", None)
        with pytest.raises(MissingLibraryError, match=r"an ONNX file needs onnx: pip install 'fastmlp\[onnx\]'"):
            net.to_onnx(path)
    for arguments, options in ((("x", "y"), {}), ((path,), {"input_dtype": "uint8"}), ((3,), {})):
        with pytest.raises((TypeError, ValueError)):
            net.to_onnx(*arguments, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    assert path.read_text() == "older"


@pytest.mark.parametrize("name", ["forward", "predict_proba", "predict", "predict_names"])
def test_what_a_graph_would_ignore_is_refused(name, tmp_path):
    other = type("Other", (NeuralNetwork,), {name: lambda self, X: X})
    with pytest.raises(TypeError, match=f"to_onnx would ignore the replaced '{name}' of Other"):
        other(5, [6], 3).to_onnx(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", ["class_names", "feature_names"])
def test_names_that_are_no_texts_of_unicode_are_refused(names, tmp_path):
    net = NeuralNetwork(2, [6], 2)
    setattr(net, names, ["a", "\ud800"])
    with pytest.raises(ValueError, match=rf"{names} must be texts of Unicode, got '\\ud800' with a lone surrogate"):
        net.to_onnx(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_several_labels_with_names(tmp_path):
    """Their labels are 0 and 1 of each column, whatever the names."""
    net = NeuralNetwork(5, [6], 3, loss="binary_cross_entropy", dtype="float64", seed=0)
    net.class_names = ["a", "b", "c"]
    assert_agrees(exported(net, tmp_path, X / 20), net, X / 20, 1e-12)


def test_units_are_computed_in_float64(tmp_path):
    """In float32, the sum would be off by the spacing of its largest numbers."""
    net = NeuralNetwork(5, [], 1, loss="squared_error", dtype="float32")
    net.params["W1"] = np.zeros((5, 1))
    net.params["b1"] = [1.0]
    net._engine.target_units = (np.array([-1e9 - 1.0]), np.array([1e9 + 1.5]))
    rows = X.astype(np.float32)
    np.testing.assert_array_equal(net.predict(rows), np.full(40, 0.5))
    np.testing.assert_array_equal(exported(net, tmp_path, rows)["variable"], np.full((40, 1), 0.5))


def test_a_network_at_work_is_refused(tmp_path):
    net = NeuralNetwork(5, [6], 3)
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match="at work in another thread"):
        net._engine.exclusive.run(lambda: pool.submit(net.to_onnx, tmp_path / "net.onnx").result())
    assert not list(tmp_path.iterdir())


def test_one_output_with_two_names(tmp_path):
    net = NeuralNetwork(5, [6], 1, loss="binary_cross_entropy", dtype="float64", seed=0)
    net.class_names = ["no", "yes"]
    results = exported(net, tmp_path, X / 20)
    assert results["label"].tolist() == net.predict_names(X / 20).tolist()
    assert set(results["label"]) == {"no", "yes"}
    np.testing.assert_allclose(results["probabilities"][:, 1:], net.predict_proba(X / 20), rtol=1e-12)
