"""ONNX graphs of the estimators have their labels."""

import json

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, regressor
from onnx_helpers import exported
from sklearn.exceptions import NotFittedError

from fastmlp import MLPClassifier, NeuralNetwork

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([9, 3, 5]),
        np.array([9, 3, 5], np.uint8),
        np.array(["b", "a", "ç"]),
        np.array(["b", "a", "ç"], object),
        np.array([4.0, -1.0, 2.0]),
        np.array([4, 2, 4]),
        np.array([True, False, True]),
        np.array([7, 7, 7]),
    ],
    ids=str,
)
def test_labels(labels, tmp_path):
    estimator = classifier(standardize=True).fit(X, labels[Y])
    results = exported(estimator, tmp_path, X)
    np.testing.assert_array_equal(results["label"], estimator.predict(X))
    np.testing.assert_allclose(results["probabilities"], estimator.predict_proba(X), rtol=0, atol=1e-12)
    (names,) = onnx.load(tmp_path / "net.onnx").metadata_props
    assert json.loads(names.value) == [str(label) for label in estimator.classes_]
    assert (results["label"].dtype == np.int64) == (labels.dtype.kind in "iu")


def test_several_labels_a_row(tmp_path):
    estimator = classifier().fit(X, np.eye(3, dtype=int)[Y])
    results = exported(estimator, tmp_path, X)
    np.testing.assert_array_equal(results["label"], estimator.predict(X))
    np.testing.assert_allclose(results["probabilities"], estimator.predict_proba(X), rtol=0, atol=1e-12)


def test_numbers_in_their_units(tmp_path):
    estimator = regressor(loss="huber", standardize_targets=True).fit(X.astype(np.float32), 1e4 + NUMBERS)
    results = exported(estimator, tmp_path, X.astype(np.float32))
    np.testing.assert_allclose(results["variable"][:, 0], estimator.predict(X), rtol=1e-6)


def test_names_of_columns(tmp_path):
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    exported(regressor().fit(frame, NUMBERS), tmp_path, X)
    (names,) = onnx.load(tmp_path / "net.onnx").metadata_props
    assert (names.key, json.loads(names.value)) == ("feature_names", list("abcd"))


@pytest.mark.parametrize("classes", [np.array([b"a", b"b", b"c"]), np.array([0, 1, 2**63], np.uint64)])
def test_labels_that_a_graph_cannot_hold_are_refused(classes, tmp_path):
    estimator = MLPClassifier.from_network(NeuralNetwork(4, [6], 3), classes=classes)
    with pytest.raises(TypeError, match="labels of an ONNX graph must be texts, integers of 64 bits"):
        estimator.to_onnx(tmp_path / "net.onnx")
    with pytest.raises(NotFittedError):
        MLPClassifier().to_onnx(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
