"""What the estimators refuse, and what they warn of."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, flat, regressor
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import MLPClassifier
from fastmlp.schedules import Cosine

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


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


@pytest.mark.parametrize(
    ("rows", "given"),
    [
        (X[:, :3], {"sample_weight": np.ones(3)}),
        (X[:, :3], {"X_val": X, "y_val": Y}),
    ],
)
def test_a_fit_that_is_refused_leaves_the_estimator_as_it_was(rows, given):
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    estimator = classifier().fit(frame, Y)
    with pytest.raises(ValueError, match=r"sample_weight|X_val and y_val"):
        estimator.fit(rows, Y + 5, **given)
    assert (estimator.n_features_in_, list(estimator.feature_names_in_)) == (4, list("abcd"))
    assert estimator.score(frame, Y) > 0.3


def test_warnings_point_to_the_call():
    estimator = MLPClassifier(max_iter=1, batch_size=1000)
    with pytest.warns(UserWarning, match="batch_size|Maximum iterations") as caught:
        estimator.fit(X, Y)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name] * 2
    with pytest.warns(
        ConvergenceWarning, match=r"lbfgs failed to converge after 1 iteration\(s\) \(status=1\)"
    ) as caught:
        estimator.set_params(solver="lbfgs").fit(X, Y)
    assert Path(caught[0].filename).name == Path(__file__).name


def test_rows_that_do_not_count_cannot_validate():
    with pytest.raises(ValueError, match="sample_weight must be above zero for some of the rows to train on"):
        classifier(early_stopping=True, validation_fraction=0.99).fit(X, Y, np.arange(150) == 7)


@pytest.mark.parametrize("labels", [2 * np.eye(3, dtype=int)[Y] - 1, np.eye(3, dtype=int)[Y] + 1])
def test_several_labels_are_zeros_and_ones(labels):
    with pytest.raises(ValueError, match="y must be columns of 0 and 1 for several labels a row, got"):
        classifier().fit(X, labels)
    masks = np.eye(3, dtype=int)[Y]
    np.testing.assert_array_equal(flat(classifier().fit(X, 255 * masks)), flat(classifier().fit(X, masks)))


def test_one_label_a_row_stays_one():
    masks = np.eye(3, dtype=int)[Y]
    for y in (Y, Y % 2):
        with pytest.raises(ValueError, match="y must have one label a row, as before, got shape"):
            classifier(warm_start=True).fit(X, y).fit(X, masks)
        with pytest.raises(ValueError, match="y_val must have one label a row, as before, got shape"):
            classifier().fit(X, y, X_val=X, y_val=masks)
    with pytest.raises(ValueError, match="y must have 3 columns of labels, as before"):
        classifier(warm_start=True).fit(X, masks).fit(X, Y)


@pytest.mark.parametrize("name", ["standardize", "standardize_targets"])
def test_a_training_that_goes_on_keeps_its_units(name):
    estimator = regressor(warm_start=True).fit(X, NUMBERS).set_params(**{name: True})
    with pytest.raises(ValueError, match=f"{name} must be as before where a training goes on, False, got True"):
        estimator.fit(X, NUMBERS)


def test_sparse_targets_are_several_labels():
    with pytest.raises(TypeError, match="y must be dense where rows have one label"):
        classifier().fit(X, sparse.csr_array(Y[:, np.newaxis]))
    with pytest.raises(TypeError, match="y must be dense in a regression"):
        regressor().fit(X, sparse.csr_array(np.eye(3)[Y]))
    masks = np.eye(3, dtype=int)[Y]
    np.testing.assert_array_equal(flat(classifier().fit(X, sparse.csr_array(masks))), flat(classifier().fit(X, masks)))


def test_weights_as_frames_and_decays_have_them():
    weights = np.exp(-4.0 * np.arange(150))
    tiny = np.where(weights < 1e-100, 0, weights)
    expected = flat(classifier().fit(X, Y, tiny))
    np.testing.assert_array_equal(flat(classifier().fit(X, Y, weights.astype(object))), expected)
