"""Code that changes over from scikit-learn's estimators keeps its scores, and with a random_state its very networks."""

import itertools
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

import sklearn
from sklearn import datasets, neural_network
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, scale

from fastmlp import estimators

pytestmark = pytest.mark.application

RTOL, ATOL = 1e-8, 1e-9
since_1_7 = pytest.mark.skipif(
    sklearn.__version__.startswith("1.6."), reason="scikit-learn 1.6 has no weights of rows and no loss but the square"
)

# what is compared after a training: exactly, and up to rounding
COUNTS = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")
NUMBERS = ("validation_scores_", "best_validation_score_")
LOSSES = ("loss_", "loss_curve_", "best_loss_")

rows = np.random.RandomState(0).standard_normal((150, 6))
noisy = rows + 0.3 * np.random.RandomState(1).standard_normal(rows.shape)
counts = np.random.RandomState(2).poisson(np.exp(0.5 * noisy[:, 0]))
TARGETS = {
    "binary": np.where(noisy[:, 0] > 0, 7, 3),
    "multiclass": noisy[:, :3].argmax(axis=1),
    "multilabel": (noisy[:, :3] > 0).astype(int),
    "regression": np.sin(noisy[:, 0]) + noisy[:, 1] ** 2,
    "multi-output": np.column_stack([np.sin(noisy[:, 0]), 3 * noisy[:, 1]]),
}
SOLVERS = {
    "SGD": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False, "learning_rate_init": 0.1},
    "Nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "Adam": {"learning_rate_init": 0.01},
    "L-BFGS": {"solver": "lbfgs", "max_iter": 15},  # of more iterations, rounding grows
}
# beside the solver and the activation; of schedules and rules, those that change something within 30 epochs
OPTIONS = {
    "invscaling": {**SOLVERS["momentum"], "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {**SOLVERS["Nesterov"], "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2},
    "converged": {"learning_rate_init": 0.05, "tol": 0.05, "n_iter_no_change": 2},
    "early stopping": {"early_stopping": True, "learning_rate_init": 0.05, "n_iter_no_change": 5},
    "early stopping, adaptive": {
        **SOLVERS["Nesterov"],
        "learning_rate": "adaptive",
        "early_stopping": True,
        "validation_fraction": 0.3,
        "n_iter_no_change": 2,
    },
    "not shuffled": {"shuffle": False, "batch_size": 40},
    "batches": {"batch_size": 32},
    "alpha": {"alpha": 1.0, "batch_size": 32},
    "Adam's": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "batch_size": 32},
    "no hidden layer": {"hidden_layer_sizes": (), "activation": "logistic"},
    "two hidden layers": {"hidden_layer_sizes": (9, 5), "activation": "logistic"},
}
# with several outputs, the gradient that scikit-learn's L-BFGS takes is not that of its loss: ours is
PAIRS = [pair for pair in itertools.product(TARGETS, SOLVERS) if pair != ("multi-output", "L-BFGS")]


def is_regression(targets):
    """Whether targets by this name are numbers."""
    return targets in ("regression", "multi-output", "counts", "diabetes")


def both(targets, **options):
    """scikit-learn's estimator for such targets, and ours, with the same parameters."""
    name = "MLPRegressor" if is_regression(targets) else "MLPClassifier"
    options = {"hidden_layer_sizes": (10,), "max_iter": 30, "random_state": 3, **options}
    if targets == "multi-output":
        options.setdefault("alpha", 0.0)  # ours divides its term in the loss by the number of outputs, too
    return getattr(neural_network, name)(**options), getattr(estimators, name)(n_threads=1, **options)


def trained(estimator, method, *arguments, **keywords):
    """The kinds of warnings that a training gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(estimator, method)(*arguments, **keywords)
    return [one.category for one in caught]


def assert_same(theirs, ours, method, *arguments, same_losses=True, **keywords):
    """Train both by one call, and compare all that comes of it."""
    assert trained(ours, method, *arguments, **keywords) == trained(theirs, method, *arguments, **keywords)
    for name in ("coefs_", "intercepts_"):
        for i, (found, expected) in enumerate(zip(getattr(ours, name), getattr(theirs, name), strict=True)):
            np.testing.assert_allclose(found, expected, RTOL, ATOL, err_msg=f"{name}[{i}]")
    for name in COUNTS:
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in (*NUMBERS, *LOSSES) if same_losses else NUMBERS:
        found, expected = getattr(ours, name), getattr(theirs, name, None)  # with L-BFGS, theirs has fewer
        if expected is not None:
            np.testing.assert_allclose(found, expected, RTOL, ATOL, err_msg=name)
    if hasattr(theirs, "classes_"):
        np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
        np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), RTOL, ATOL)
    else:
        np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), RTOL, ATOL)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize(("targets", "solver"), PAIRS)
def test_the_same_random_state_gives_the_same_network(targets, solver, activation):
    assert_same(*both(targets, activation=activation, **SOLVERS[solver]), "fit", rows, TARGETS[targets])


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("targets", TARGETS)
def test_the_same_network_with_other_options(targets, name):
    same_losses = (targets, name) != ("multi-output", "alpha")
    assert_same(*both(targets, **OPTIONS[name]), "fit", rows, TARGETS[targets], same_losses=same_losses)


@since_1_7
@pytest.mark.parametrize("batch_size", ["auto", 32])
@pytest.mark.parametrize(("targets", "name"), [*PAIRS, *((targets, "early stopping") for targets in TARGETS)])
def test_the_same_network_with_weights_of_rows(targets, name, batch_size):
    weights = np.random.RandomState(2).uniform(0.0, 3.0, len(rows))
    weights[::7] = 0
    pair, y = both(targets, batch_size=batch_size, **(SOLVERS | OPTIONS)[name]), TARGETS[targets]
    # of several batches, scikit-learn averages the losses as if the weights of each had the same sum
    assert_same(*pair, "fit", rows, y, sample_weight=weights, same_losses=batch_size == "auto" or name == "L-BFGS")


@since_1_7
@pytest.mark.parametrize("weights", [None, np.arange(len(rows)) % 3], ids=["plain", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_network_of_counts(solver, weights):
    pair = both("counts", loss="poisson", **SOLVERS[solver])
    assert_same(*pair, "fit", rows, counts, sample_weight=weights)


@since_1_7
def test_the_same_network_of_counts_with_early_stopping():
    assert_same(*both("counts", loss="poisson", **OPTIONS["early stopping"]), "fit", rows, counts)


@pytest.mark.parametrize(("targets", "name"), [*PAIRS, *((targets, "early stopping") for targets in TARGETS)])
def test_a_warm_start_goes_on_with_the_same_network(targets, name):
    pair = both(targets, warm_start=True, batch_size=64, **(SOLVERS | OPTIONS)[name])
    for part in (slice(None), slice(100)):
        assert_same(*pair, "fit", rows[part], TARGETS[targets][part])


@pytest.mark.parametrize("name", ["SGD", "momentum", "Nesterov", "Adam", "invscaling"])
@pytest.mark.parametrize("targets", TARGETS)
def test_partial_fit_goes_on_with_the_same_network(targets, name):
    pair, y = both(targets, batch_size=20, **(SOLVERS | OPTIONS)[name]), TARGETS[targets]
    keywords = {} if is_regression(targets) else {"classes": np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])}
    for part in (slice(50), slice(50, 150), slice(100)):
        assert_same(*pair, "partial_fit", rows[part], y[part], **keywords)


def penguins():
    """The species of penguins, by their measurements."""
    palmerpenguins = pytest.importorskip("palmerpenguins")
    frame = palmerpenguins.load_penguins().dropna()
    return frame.filter(regex="_(mm|g)$").to_numpy(float), frame["species"].to_numpy(str)


def diabetes():
    """How far a disease has progressed, standardised."""
    X, y = datasets.load_diabetes(return_X_y=True)
    return X, scale(y)


def words():
    """The part of a description of the digits that a line is from, by its words."""
    lines = [line for line in datasets.load_digits().DESCR.splitlines() if line]
    return HashingVectorizer(n_features=2000).transform(lines * 4), [i * 5 // len(lines) for i in range(len(lines))] * 4


PROBLEMS = {
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "diabetes": diabetes,
    "multilabel": lambda: datasets.make_multilabel_classification(300, n_classes=3, random_state=0),
    "penguins": penguins,
    "words": words,
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_scores_of_held_out_rows_are_the_same(problem):
    X, y = PROBLEMS[problem]()
    differences = []
    for seed in range(2):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        if problem != "words":  # which are sparse
            scaler = StandardScaler().fit(X_train)
            X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        pair = both(
            problem,
            hidden_layer_sizes=(100,),
            learning_rate_init=0.01,
            random_state=seed,
        )
        for estimator in pair:
            trained(estimator, "fit", X_train, y_train)
        scores = [estimator.score(X_test, y_test) for estimator in pair]
        differences.append(scores[1] - scores[0])
    assert abs(np.mean(differences)) <= 0.01
