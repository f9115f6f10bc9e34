"""Estimators come from scikit-learn's and become them: both predict the same, and go on training the same way."""

import pickle

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, regressor
from sklearn import neural_network
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor, NeuralNetwork
from fastmlp.architecture import Architecture
from fastmlp.engine import Engine

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

QUICK = {"hidden_layer_sizes": (8, 5), "max_iter": 7, "shuffle": False, "random_state": 0, "activation": "tanh"}
SOLVERS = [
    {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.1},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling"},
    {"solver": "sgd", "momentum": 0},
    {"solver": "lbfgs"},
]
TARGETS = {
    "three classes": ("MLPClassifier", np.array(["b", "a", "c"])[Y]),
    "two classes": ("MLPClassifier", 3 + Y % 2),
    "several labels": ("MLPClassifier", np.eye(3, dtype=int)[Y]),
    "a number": ("MLPRegressor", NUMBERS),
    "two numbers": ("MLPRegressor", X[:, :2] * [1, 2]),
}
LEARNT = ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")
SHAPES = ("n_features_in_", "n_layers_", "n_outputs_", "out_activation_")
HAS_POISSON = "loss" in neural_network.MLPRegressor().get_params()


def assert_same_predictions(ours, theirs, X=X, rtol=1e-9):
    assert type(ours).__name__ == type(theirs).__name__
    if isinstance(ours, MLPRegressor):
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=rtol)
        return
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.classes_, theirs.classes_, strict=True)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("options", SOLVERS, ids=str)
def test_there_and_back(options, kind):
    name, y = TARGETS[kind]
    theirs = getattr(neural_network, name)(**QUICK, **options).fit(X, y)
    ours = getattr(fastmlp, name).from_sklearn(theirs)
    again = ours.to_sklearn()
    for estimator in (ours, again):
        for attribute in (*SHAPES, *LEARNT):
            if hasattr(theirs, attribute):
                np.testing.assert_equal(getattr(estimator, attribute), getattr(theirs, attribute), attribute)
    assert_same_predictions(ours, theirs)
    assert_same_predictions(ours, again)
    assert again.get_params() == theirs.get_params()
    if options["solver"] == "lbfgs":
        return
    for _ in range(4):
        ours.partial_fit(X, y)
        theirs.partial_fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    for own, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-9)
    for fit in ("partial_fit", "fit"):
        before = again.coefs_[0].copy()
        getattr(again.set_params(warm_start=True), fit)(X, y)
        assert np.abs(again.coefs_[0] - before).max() > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_standardizer_and_units_are_in_the_weights(kind, dtype):
    name, y = TARGETS[kind]
    rows = (X * [1, 100, 1, 0.1] + [0, 1e5, 0, 0]).astype(dtype)
    options = {"standardize_targets": True} if name == "MLPRegressor" else {}
    ours = getattr(fastmlp, name)(**QUICK, **options, standardize=True).fit(rows, y)
    theirs = pickle.loads(pickle.dumps(ours.to_sklearn()))
    tolerance = 1e-9 if dtype == np.float64 else 2e-5
    assert_same_predictions(ours, theirs, rows, tolerance)
    assert not hasattr(theirs, "standardize")
    before = theirs.score(rows, y)
    theirs.set_params(warm_start=True, max_iter=50, learning_rate_init=1e-9, tol=1e6).fit(rows, y)
    if name == "MLPRegressor":  # the first epoch is the best one yet in these units, and eleven are no better
        assert theirs.n_iter_ == 12
    assert theirs.score(rows, y) == pytest.approx(before, abs=0.1)


def test_a_training_that_goes_on_leaves_the_original_alone():
    theirs = neural_network.MLPClassifier(**QUICK).fit(X, Y)
    ours = MLPClassifier.from_sklearn(theirs)
    again = ours.to_sklearn()
    before = list(theirs.loss_curve_)
    ours.partial_fit(X, Y)
    assert theirs.loss_curve_ == again.loss_curve_ == before


def test_epochs_without_an_improvement_are_counted_on():
    theirs = neural_network.MLPClassifier(**QUICK, warm_start=True, tol=1e6).fit(X, Y)
    ours = MLPClassifier.from_sklearn(theirs)
    again = ours.to_sklearn()
    assert [estimator.set_params(max_iter=50).fit(X, Y).n_iter_ for estimator in (theirs, ours, again)] == [5] * 3


def test_early_stopping_goes_on_from_the_best_score():
    theirs = neural_network.MLPClassifier(**QUICK, early_stopping=True).fit(X, Y)
    ours = MLPClassifier.from_sklearn(theirs)
    assert ours.validation_scores_ == theirs.validation_scores_
    assert ours.best_validation_score_ == theirs.best_validation_score_
    assert len(ours.validation_loss_curve_) == len(ours.validation_scores_)
    assert np.isnan(ours.validation_loss_curve_).all()
    again = ours.to_sklearn()
    assert again.validation_scores_ == theirs.validation_scores_
    again.best_validation_score_ = 1.0  # which is never exceeded: the best weights are those at hand
    expected = again.coefs_[0].copy()
    np.testing.assert_array_equal(again.set_params(warm_start=True).fit(X, Y).coefs_[0], expected)


@pytest.mark.parametrize(
    ("net", "classes"),
    [
        ({"output_size": 3}, ["b", "c", "a"]),
        ({"output_size": 2}, ["b", "a"]),
        ({"output_size": 1, "loss": "binary_cross_entropy"}, ["b", "a"]),
        ({"output_size": 3, "loss": "binary_cross_entropy"}, None),
    ],
)
def test_classes_in_another_order_and_two_outputs(net, classes):
    ours = MLPClassifier.from_network(NeuralNetwork(4, [8], **net, seed=0), classes=classes)
    theirs = ours.to_sklearn()
    np.testing.assert_array_equal(theirs.predict(X), ours.predict(X))
    order = np.argsort(ours.classes_)
    np.testing.assert_array_equal(theirs.classes_, ours.classes_[order])
    np.testing.assert_allclose(theirs.predict_proba(X), ours.predict_proba(X)[:, order], rtol=1e-9)
    assert theirs.n_outputs_ == (1 if len(order) == 2 else 3)
    assert not hasattr(theirs, "loss_")
    y = ours.predict(X)
    if classes is not None:
        theirs.partial_fit(X, y)


def test_names_of_columns_come_along():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    theirs = neural_network.MLPClassifier(**QUICK).fit(frame, TARGETS["three classes"][1])
    ours = MLPClassifier.from_sklearn(theirs)
    assert (ours.network_.feature_names, ours.network_.class_names) == (list("abcd"), ["a", "b", "c"])
    for estimator in (ours, ours.to_sklearn()):
        np.testing.assert_array_equal(estimator.feature_names_in_, list("abcd"))
        with pytest.raises(ValueError, match="feature names should match"):
            estimator.predict(frame[["b", "a", "c", "d"]])


@pytest.mark.skipif(not HAS_POISSON, reason="scikit-learn 1.6 has no such loss")
def test_counts():
    theirs = neural_network.MLPRegressor(**QUICK, loss="poisson").fit(X, Y)
    ours = MLPRegressor.from_sklearn(theirs)
    assert (ours.loss, ours.out_activation_) == ("poisson", "exp")
    assert_same_predictions(ours, theirs)
    assert_same_predictions(ours, ours.to_sklearn())


def test_what_only_training_needs_is_left_out():
    settings = {"dropout": 0.1, "label_smoothing": 0.1, "class_weight": "balanced", "clip_norm": 1.0}
    ours = classifier(solver="adamw", learning_rate="cosine", **settings).fit(X, Y)
    theirs = ours.to_sklearn()
    assert (theirs.solver, theirs.learning_rate) == ("adam", "constant")
    assert_same_predictions(ours, theirs)
    theirs.partial_fit(X, Y)


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        (classifier(activation="gelu"), "activation, for scikit-learn, must be one of 'identity', .*, got 'gelu'"),
        (
            classifier(activation=["tanh", "relu"], hidden_layer_sizes=(3, 3)),
            r"activation must be one for all layers in scikit-learn, got \('tanh', 'relu'\)",
        ),
        (regressor(loss="huber"), "loss, for scikit-learn, must be one of 'squared_error'.*, got 'huber'"),
        pytest.param(
            regressor(loss="poisson"),
            "loss, for scikit-learn, must be one of 'squared_error', got 'poisson'",
            marks=pytest.mark.skipif(HAS_POISSON, reason="scikit-learn has it from version 1.7 on"),
        ),
    ],
)
def test_what_scikit_learn_lacks_is_refused_by_name(estimator, match):
    estimator.fit(X, Y)
    with pytest.raises(ValueError, match=match):
        estimator.to_sklearn()


def test_outputs_that_scikit_learn_lacks_are_refused():
    architecture = Architecture.of((4, 8, 1), np.dtype("float64"), loss="half_squared_error", output="tanh")
    with pytest.raises(ValueError, match="the outputs must be sums for scikit-learn, got outputs by 'tanh'"):
        MLPRegressor.from_network(NeuralNetwork._of(Engine(architecture))).to_sklearn()


@pytest.mark.parametrize(
    ("other", "got"),
    [
        (neural_network.MLPRegressor(), r"sklearn\.neural_network\.\S*\.MLPRegressor"),
        (MLPClassifier(), r"fastmlp\.\S*MLPClassifier"),
        (make_pipeline(neural_network.MLPClassifier()), r"\S*\.Pipeline: pass its last step, fitted\[-1\]"),
        (3, r"builtins\.int"),
    ],
    ids=str,
)
def test_other_estimators_are_refused(other, got):
    with pytest.raises(TypeError, match=rf"fitted must be a sklearn\.neural_network\.MLPClassifier, got {got}$"):
        MLPClassifier.from_sklearn(other)


def test_a_single_class_is_refused():
    """scikit-learn has two columns of probabilities for it."""
    theirs = neural_network.MLPClassifier(**QUICK).fit(X, 0 * Y)
    with pytest.raises(
        ValueError, match="fitted must have several classes, got only 0: scikit-learn's predict_proba has"
    ):
        MLPClassifier.from_sklearn(theirs)
    with pytest.raises(ValueError, match="the estimator must have several classes, got only 0"):
        classifier().fit(X, 0 * Y).to_sklearn()


@pytest.mark.parametrize("kind", [neural_network.MLPClassifier, MLPClassifier])
def test_generators_are_not_shared(kind):
    generator = np.random.RandomState(0)
    fitted = kind(**QUICK | {"random_state": generator}).fit(X, Y)
    before = generator.get_state()[1:3]
    made = MLPClassifier.from_sklearn(fitted) if kind is neural_network.MLPClassifier else fitted.to_sklearn()
    np.testing.assert_equal(made.random_state.get_state()[1:3], before)
    made.fit(X, Y)
    np.testing.assert_equal(generator.get_state()[1:3], before)


def test_estimators_of_float32():
    theirs = neural_network.MLPClassifier(**QUICK).fit(X.astype(np.float32), Y)
    ours = MLPClassifier.from_sklearn(theirs)
    assert ours.network_.dtype == np.float32
    assert {array.dtype for array in ours.to_sklearn().coefs_ + ours.to_sklearn().intercepts_} == {np.dtype(np.float32)}


def test_no_hidden_layers():
    theirs = neural_network.MLPClassifier(**QUICK | {"hidden_layer_sizes": (), "activation": "relu"}).fit(X, Y)
    again = MLPClassifier.from_sklearn(theirs).to_sklearn()
    assert again.get_params() == theirs.get_params()
    np.testing.assert_array_equal(again.predict(X), theirs.predict(X))


def test_estimators_that_are_not_fitted_are_refused():
    with pytest.raises(NotFittedError):
        MLPClassifier.from_sklearn(neural_network.MLPClassifier())
    with pytest.raises(NotFittedError):
        classifier().to_sklearn()
