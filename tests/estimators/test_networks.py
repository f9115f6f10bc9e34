"""Networks become estimators, and estimators' networks are live."""

import pickle

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, regressor

from fastmlp import MLPClassifier, MLPRegressor, NeuralNetwork

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize("names", [None, ["b", "a", "c"]])
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_a_classifying_network_becomes_an_estimator(n_outputs, loss, names):
    if n_outputs == 1 and loss == "cross_entropy":
        pytest.skip("one class")
    net = NeuralNetwork(4, [8], n_outputs, seed=0, loss=loss, activation="silu", dropout=0.1)
    y = Y % 2 if n_outputs < 3 else Y
    if loss == "binary_cross_entropy" and n_outputs > 1:
        y = np.eye(n_outputs, dtype=int)[y]
    net.fit(X, y, epochs=3, seed=0)
    net.class_names = None if names is None else names[: max(n_outputs, 2)]
    estimator = MLPClassifier.from_network(net, max_iter=7)
    assert (estimator.max_iter, estimator.activation, estimator.dropout) == (7, "silu", 0.1)
    expected = net.predict(X)
    if names is not None and y.ndim == 1:
        expected = np.array(names)[expected]
        y = np.array(names)[y]
    np.testing.assert_array_equal(estimator.predict(X), expected)
    proba = net.predict_proba(X)
    np.testing.assert_array_equal(
        estimator.predict_proba(X), np.hstack([1 - proba, proba]) if n_outputs == 1 else proba
    )
    before = estimator.coefs_[0].copy()
    estimator.partial_fit(X, y)
    assert not np.array_equal(estimator.coefs_[0], before)
    np.testing.assert_array_equal(net.params["W1"], before)


def test_a_network_of_numbers_becomes_an_estimator():
    net = NeuralNetwork(4, [8], 1, seed=0, loss="huber", delta=2.0)
    net.fit(X, 1000 * NUMBERS, epochs=3, seed=0)
    estimator = MLPRegressor.from_network(net)
    assert (estimator.loss, estimator.delta) == ("huber", 2.0)
    np.testing.assert_array_equal(estimator.predict(X), net.predict(X))
    with pytest.raises(ValueError, match="network must be a classifier, got one with loss='huber'"):
        MLPClassifier.from_network(net)
    with pytest.raises(ValueError, match="network must predict numbers, got one with loss='cross_entropy'"):
        MLPRegressor.from_network(NeuralNetwork(4, [8], 3))
    with pytest.raises(ValueError, match="classes must be 3, as the network has, got 2"):
        MLPClassifier.from_network(NeuralNetwork(4, [8], 3), classes=["a", "b"])


def test_a_file_brings_an_estimator_back(tmp_path):
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    estimator = classifier(standardize=True).fit(frame, np.array(["x", "y", "z"])[Y])
    estimator.network_.save(tmp_path / "net.npz")
    other = MLPClassifier.from_network(NeuralNetwork.load(tmp_path / "net.npz"))
    np.testing.assert_array_equal(other.predict(frame), estimator.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        other.predict(frame[["b", "a", "c", "d"]])


def test_parameters_are_live():
    estimator = regressor().fit(X, NUMBERS)
    estimator.coefs_[-1] = np.zeros((8, 1))
    estimator.intercepts_ = [estimator.intercepts_[0], [5.0]]
    np.testing.assert_array_equal(estimator.predict(X), np.full(150, 5.0))
    with pytest.raises(ValueError, match="coefs_ must have 2 arrays, one for each layer, got 1"):
        estimator.coefs_ = [np.zeros((4, 8))]
    with pytest.raises(ValueError, match=r"W1 must have shape \(4, 8\), got \(8,\)"):
        estimator.coefs_[0] = np.zeros(8)
    copied = pickle.loads(pickle.dumps(estimator.coefs_))
    copied[0] = None
    assert estimator.coefs_[0].shape == (4, 8)


@pytest.mark.parametrize("loss", ["squared_error", "half_squared_error", "absolute_error", "huber", "poisson"])
def test_a_network_of_any_loss_of_numbers_goes_on(loss):
    counts = np.abs(NUMBERS).round()
    net = NeuralNetwork(4, [8], 1, seed=0, loss=loss)
    net.fit(X, counts, epochs=3, seed=0)
    estimator = MLPRegressor.from_network(net)
    np.testing.assert_array_equal(estimator.predict(X), net.predict(X))
    assert estimator.standardize_targets == (loss != "poisson")
    trained = estimator.partial_fit(X, counts).network_
    assert trained.loss == loss.replace("half_", "").replace("squared", "half_squared")
    np.testing.assert_allclose(estimator.predict(X), net.predict(X), atol=1)
    with pytest.raises(ValueError, match="activation must be left out, since the network has its own, 'relu'"):
        MLPRegressor.from_network(net, activation="tanh")


@pytest.mark.parametrize(
    ("network", "classes", "message"),
    [
        (None, None, "network must be a fastmlp.NeuralNetwork, got None"),
        (NeuralNetwork(4, [8], 3), ["a", "a", "b"], "classes must be different labels"),
    ],
)
def test_what_is_no_network_or_no_class(network, classes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        MLPClassifier.from_network(network, classes=classes)
