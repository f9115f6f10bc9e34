"""How the estimators behave: refused input, interruptions, networks in and out, sparse rows, quick predictions."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import MLPClassifier, MLPRegressor, NeuralNetwork
from fastmlp.estimators import base
from fastmlp.schedules import Cosine
from fastmlp.sparse_rows import SparseRows

X, Y = load_iris(return_X_y=True)
NUMBERS = X @ [1.0, -2.0, 0.5, 3.0]
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**options):
    return MLPClassifier(**{**QUICK, **options})


def regressor(**options):
    return MLPRegressor(**{**QUICK, **options})


REFUSED = [
    ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes\[1\] must be a positive integer, got 0"),
    ({"activation": "swish"}, "activation must be one of .*, got 'swish'"),
    ({"solver": "Adam"}, "solver must be one of 'lbfgs', 'sgd', 'adam', 'adamw', got 'Adam'"),
    ({"alpha": -1}, "alpha must be finite, at least 0, got -1"),
    ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
    ({"batch_size": "all"}, "batch_size must be a positive integer, got 'all'"),
    ({"learning_rate": "linear"}, "learning_rate must be one of 'constant', 'invscaling', .*, got 'linear'"),
    ({"learning_rate_init": 0.0}, "learning_rate_init must be above 0, got 0"),
    ({"validation_fraction": 0, "early_stopping": True}, "validation_fraction must be above 0, got 0"),
    ({"verbose": "yes"}, "verbose must be True, False or an integer, got 'yes'"),
    ({"power_t": np.nan}, "power_t must be finite, at least 0, got nan"),
    ({"max_iter": 2.0}, r"max_iter must be a positive integer, got 2\.0"),
    ({"shuffle": 1}, "shuffle must be True or False, got 1"),
    ({"tol": "1e-4"}, "tol must be a number, got '1e-4'"),
    ({"momentum": 1}, "momentum must be finite, at least 0 and below 1, got 1"),
    ({"validation_fraction": 1.0}, r"validation_fraction must be finite, at least 0 and below 1, got 1\.0"),
    ({"beta_2": 1}, "beta_2 must be finite, at least 0 and below 1, got 1"),
    ({"epsilon": 0}, "epsilon must be finite, at least 1.17549e-38, got 0"),
    ({"n_iter_no_change": 0}, "n_iter_no_change must be a positive integer, got 0"),
    ({"max_fun": None}, "max_fun must be a positive integer, got None"),
    ({"clip_norm": 0}, "clip_norm must be above 0, got 0"),
    ({"dropout": 1}, "dropout must be finite, at least 0 and below 1, got 1"),
    ({"solver": "lbfgs", "dropout": 0.5}, r"dropout must be left out with solver='lbfgs', .*, got 0\.5"),
    ({"solver": "lbfgs", "clip_norm": 1}, "clip_norm must be left out with solver='lbfgs', .*, got 1"),
    ({"standardize": None}, "standardize must be True or False, got None"),
    ({"n_threads": 0}, "n_threads must be a positive integer, got 0"),
    ({"callbacks": [1]}, r"callbacks\[0\] must be callable, got 1"),
    ({"label_smoothing": 1}, "label_smoothing must be finite, at least 0 and below 1, got 1"),
    ({"class_weight": {0: -1}}, r"class_weight\[0\] must be finite, at least 0 .*, got -1"),
    ({"class_weight": {"setosa": 2}}, r"class_weight must be a mapping from labels, \[0, 1, 2\], got .*setosa"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=str)
def test_a_parameter_that_makes_no_sense(options, message):
    estimator = classifier().fit(X, Y)
    before = pickle.dumps(estimator)
    with pytest.raises((TypeError, ValueError), match=message):
        estimator.set_params(**options).fit(X, Y)
    # what had been learnt is still there
    estimator.set_params(**pickle.loads(before).get_params())
    assert estimator.score(X, Y) == pickle.loads(before).score(X, Y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": np.ones(3)}, r"sample_weight must have shape \(150,\)"),
        ({"sample_weight": -np.ones(150)}, "sample_weight must be 0, or from"),
        ({"X_val": X}, "y_val must be given together with X_val, got None"),
        ({"y_val": Y}, "X_val must be given together with y_val, got None"),
        ({"sample_weight_val": np.ones(150)}, "X_val must be given together with sample_weight_val, got None"),
        ({"X_val": X[:, :3], "y_val": Y}, "X_val and y_val: X has 3 features, but MLPClassifier is expecting 4"),
        ({"X_val": X, "y_val": Y + 1}, "`y_val` has classes not in `self.classes_`"),
    ],
)
def test_an_argument_that_makes_no_sense(given, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, Y, **given)


@pytest.mark.parametrize(
    ("make", "y", "message"),
    [
        (classifier, NUMBERS, "Unknown label type: continuous"),
        (classifier, np.c_[Y, Y], "y must be one label a row, or columns of 0 and 1 for several labels, got 2 columns"),
        (regressor, np.full(150, "a"), "y must be an array of real numbers, got dtype <U1"),
        (lambda: regressor(loss="poisson"), -np.ones(150), "y must be counts, at least 0, got -1.0 in row 0"),
        (lambda: regressor(loss="hinge"), NUMBERS, "loss must be one of 'squared_error', 'poisson',"),
        (lambda: regressor(delta=0), NUMBERS, "delta must be finite, at least 1.17549e-38, got 0"),
        (
            lambda: classifier(class_weight="balanced"),
            np.eye(3, dtype=int)[Y],
            "class_weight must be None for",
        ),
    ],
)
def test_targets_that_make_no_sense(make, y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make().fit(X, y)


def test_before_fit():
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    for name in ("coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", "network_", "classes_"):
        assert not hasattr(classifier(), name)


def test_a_training_goes_on_only_in_the_same_network():
    estimator = classifier(warm_start=True).fit(X, Y)
    before = [array.copy() for array in estimator.coefs_]
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must be as before where a training goes on, \(8,\)"):
        estimator.set_params(hidden_layer_sizes=(9,)).fit(X, Y)
    with pytest.raises(ValueError, match="same classes as in the previous call to fit"):
        estimator.set_params(hidden_layer_sizes=(8,)).fit(X, Y + 1)
    with pytest.raises(ValueError, match="y must have shape"):
        regressor(warm_start=True).fit(X, NUMBERS).fit(X, np.c_[NUMBERS, NUMBERS])
    for array, expected in zip(estimator.coefs_, before, strict=True):
        np.testing.assert_array_equal(array, expected)
    # another activation is no other size
    estimator.set_params(activation="tanh", max_iter=1, learning_rate_init=1e-12).fit(X, Y)
    assert estimator.network_.activation == "tanh"
    np.testing.assert_allclose(estimator.coefs_[0], before[0], rtol=1e-6)


def test_partial_fit_refuses_what_needs_all_epochs():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        classifier(early_stopping=True).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="partial_fit does not support learning_rate=Cosine"):
        classifier(learning_rate=Cosine()).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        classifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        classifier().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y, classes=[0, 1])
    assert not hasattr(classifier(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_keeps_what_has_been_learnt(solver):
    def interrupt(network, history):
        if len(history) == 3:
            raise KeyboardInterrupt

    estimator = classifier(solver=solver, max_iter=50, callbacks=[interrupt])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, Y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3
    expected = classifier(solver=solver, max_iter=3).fit(X, Y)
    np.testing.assert_allclose(estimator.predict_proba(X), expected.predict_proba(X), rtol=1e-9)


def test_ctrl_c_keeps_the_best_epoch():
    def interrupt(network, history):
        if len(history) == 40:
            raise KeyboardInterrupt

    estimator = classifier(max_iter=50, learning_rate_init=0.5, early_stopping=True, callbacks=[interrupt])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.set_params(n_iter_no_change=np.inf).fit(X, Y, X_val=X, y_val=Y)
    assert estimator.score(X, Y) == estimator.best_validation_score_ == max(estimator.validation_scores_)


def test_an_error_of_a_callback_is_passed_on():
    def fail(network, history):
        raise RuntimeError("mine")

    estimator = classifier(callbacks=[fail])
    with pytest.raises(RuntimeError, match="mine"):
        estimator.fit(X, Y)
    assert estimator.n_iter_ == 1


def test_a_training_that_diverges():
    options = {"solver": "sgd", "activation": "identity", "learning_rate_init": 1.0, "max_iter": 60}
    estimator = regressor(**options)
    with pytest.raises(ValueError, match=r"Solver produced non-finite .* \(training diverged at epoch \d+"):
        estimator.fit(X, NUMBERS)
    assert np.isfinite(estimator.coefs_[0]).all()
    estimator = regressor(**options, early_stopping=True, n_iter_no_change=np.inf)
    with pytest.warns(ConvergenceWarning, match="training diverged at epoch"):
        estimator.fit(X, NUMBERS)
    assert np.isnan(estimator.validation_scores_[-1])
    assert np.isfinite(estimator.predict(X)).all()


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
    net.class_names = None if names is None else names[:n_outputs]
    estimator = MLPClassifier.from_network(net, max_iter=7)
    assert (estimator.max_iter, estimator.activation, estimator.dropout) == (7, "silu", 0.1)
    expected = net.predict(X)
    if names is not None and loss == "cross_entropy":
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


def test_one_class():
    estimator = classifier().fit(X, np.full(150, "only"))
    assert set(estimator.predict(X)) == {"only"}
    np.testing.assert_array_equal(estimator.predict_proba(X), np.ones((150, 1)))


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"early_stopping": True}, {"standardize": True}], ids=str)
def test_sparse_rows_are_never_all_dense(container, options, monkeypatch):
    rows = sparse.csr_array(sparse.random(700, 50, density=0.1, random_state=0))
    y = (rows.sum(axis=1) > rows.sum(axis=1).mean()).astype(int)
    expected = classifier(**options).fit(rows.toarray(), y)
    sizes, dense_rows = [], SparseRows.__getitem__
    monkeypatch.setattr(
        SparseRows, "__getitem__", lambda self, taken: sizes.append(dense_rows(self, taken)) or sizes[-1]
    )
    estimator = classifier(**options).fit(container(rows), y)
    np.testing.assert_allclose(estimator.coefs_[0], expected.coefs_[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        estimator.predict_proba(container(rows)), expected.predict_proba(rows.toarray()), rtol=1e-6
    )
    assert max(len(part) for part in sizes) <= 512


def test_a_valid_row_is_predicted_without_another_look(monkeypatch):
    estimators = classifier().fit(X, Y), regressor().fit(X, NUMBERS)
    expected = [estimator.predict(X.tolist()) for estimator in estimators]
    monkeypatch.setattr(base, "validate_data", None)
    for estimator, of_lists in zip(estimators, expected, strict=True):
        np.testing.assert_array_equal(estimator.predict(X), of_lists)
        np.testing.assert_allclose([estimator.predict(row)[0] for row in X[:, np.newaxis]], of_lists, rtol=1e-9)
        np.testing.assert_allclose(estimator.predict(X.astype(np.float32)), of_lists, rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "X has 3 features, but MLPClassifier is expecting 4 features as input"),
        (X[0], "Expected 2D array, got 1D array instead"),
        (X[:0], "Found array with 0 sample"),
        (np.full((1, 4), np.nan), "Input X contains NaN"),
        (np.full((1, 4), np.inf), "Input X contains infinity"),
        (X.astype(complex), "Complex data not supported"),
    ],
)
def test_rows_that_cannot_be_predicted(rows, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, Y).predict(rows)


def test_a_warning_about_names_is_scikit_learns():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    estimator = classifier().fit(frame, Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)
    assert estimator.network_.feature_names == list("abcd")


def test_epochs_without_an_improvement_end_a_training():
    for n, tol in ((2, 0.01), (7, 1e-3)):
        estimator = classifier(max_iter=2000, n_iter_no_change=n, tol=tol).fit(X, Y)
        best, n_without, expected = np.inf, 0, 0
        for loss in estimator.loss_curve_:
            expected += 1
            n_without = n_without + 1 if loss > best - tol else 0
            best = min(best, loss)
            if n_without > n:
                break
        assert estimator.n_iter_ == expected < 2000
        assert estimator.best_loss_ == min(estimator.loss_curve_)


def test_the_rates_of_scikit_learns_schedules():
    options = {"solver": "sgd", "tol": 0.5, "learning_rate_init": 0.1, "max_iter": 300}
    rates = classifier(**options, learning_rate="adaptive").fit(X, Y).network_.history.learning_rate
    assert rates[-1] <= 1e-6 < rates[-13]
    np.testing.assert_allclose(np.unique(rates[:-1] / rates[1:]), [1, 5])
    estimator = classifier(**options, learning_rate="invscaling", power_t=0.25, warm_start=True)
    for start in (0, 5):
        estimator.set_params(max_iter=5, tol=0).fit(X, Y)
        expected = 0.1 / (150.0 * np.arange(start + 1, start + 5) + 1) ** 0.25
        np.testing.assert_allclose(estimator.network_.history.learning_rate, [0.1, *expected])


def test_verbose_prints_what_scikit_learn_prints(capsys):
    classifier(verbose=True, max_iter=2, early_stopping=True).fit(X, Y)
    first, score, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Iteration 1, loss = ")
    assert score.startswith("Validation score: ")
    classifier(verbose=True, max_iter=500, tol=10).fit(X, Y)
    assert "Training loss did not improve more than tol=10.000000 for 10 consecutive epochs. Stopping." in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("sys.modules['sklearn'] = None", "needs scikit-learn 1.6 or newer: pip install 'fastmlp[sklearn]'"),
        (
            "import sklearn; sklearn.__version__ = '1.5.2'",
            "needs scikit-learn 1.6 or newer, got 1.5.2: pip install 'fastmlp[sklearn]'",
        ),
    ],
)
def test_without_scikit_learn(block, message):
    script = f"import sys\n{block}\nimport fastmlp\nassert 'MLPClassifier' in dir(fastmlp)\nfastmlp.MLPClassifier"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert message in done.stderr.splitlines()[-1]


def test_an_import_of_the_package_leaves_scikit_learn_alone():
    script = "import sys, fastmlp; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
