"""The estimators in scikit-learn's tools, which find in them what they find in scikit-learn's own networks."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_score, cross_validate, learning_curve
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fastmlp

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

iris = load_iris()
X, labels = StandardScaler().fit_transform(iris.data), iris.target_names[iris.target]
weights = np.where(labels == "setosa", 0.1, 3.0)
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 8, "learning_rate_init": 0.02, "random_state": 0}
SHUFFLED = {"shuffle": True, "random_state": 0}
CHOICES = {"alpha": [1e-4, 3.0], "hidden_layer_sizes": [(3,), (4, 3)]}


def small_classifier(module=fastmlp, **parameters):
    return module.MLPClassifier(**SMALL | parameters)


def grid_search(module):
    search = GridSearchCV(small_classifier(module), CHOICES, cv=3, scoring="neg_log_loss").fit(X, labels)
    return [*search.cv_results_["mean_test_score"], search.best_index_]


def grid_search_in_processes(module):
    with joblib.parallel_config("loky", n_jobs=2):
        return grid_search(module)


def grid_search_in_threads(module):
    with joblib.parallel_config("threading", n_jobs=2):
        return grid_search(module)


def halving_random_search(module):
    epochs = {"resource": "max_iter", "min_resources": 3, "max_resources": 8, "factor": 2}
    search = HalvingRandomSearchCV(small_classifier(module), CHOICES, n_candidates=4, cv=3, random_state=0, **epochs)
    results = search.fit(X, labels).cv_results_
    return [*results["mean_test_score"], *results["n_resources"], search.best_index_]


def pipeline(module):
    return make_pipeline(StandardScaler(), small_classifier(module)).fit(iris.data, labels).predict_proba(iris.data)


def column_transformer_of_a_frame(module):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": iris.data[:, 0], "width": iris.data[:, 1], "kind": labels})
    columns = ColumnTransformer([("numbers", StandardScaler(), ["length"]), ("kinds", OneHotEncoder(), ["kind"])])
    regressor = module.MLPRegressor(**SMALL)
    return make_pipeline(columns, regressor).fit(frame, frame["width"]).predict(frame)


def names_of_transformed_columns(module):
    pytest.importorskip("pandas")
    steps = make_pipeline(StandardScaler(), small_classifier(module)).set_output(transform="pandas")
    classifier = steps.fit(load_iris(as_frame=True).data, labels)[-1]
    assert [*classifier.feature_names_in_] == iris.feature_names
    return classifier.predict_proba(steps[:-1].transform(load_iris(as_frame=True).data))


def cross_validated(module):
    results = cross_validate(
        small_classifier(module), X, labels, cv=3, scoring=["accuracy", "neg_log_loss"], return_train_score=True
    )
    return [results[f"{part}_{score}"] for part in ("train", "test") for score in ("accuracy", "neg_log_loss")]


def cross_validation_scores_of_labels_that_are_text(module):
    return cross_val_score(small_classifier(module), X, labels)


def calibrated(module):
    return CalibratedClassifierCV(small_classifier(module), cv=3).fit(X, labels).predict_proba(X)


def voting(module):
    members = [("network", small_classifier(module)), ("line", LogisticRegression())]
    return VotingClassifier(members, voting="soft").fit(X, labels).predict_proba(X)


def bagging(module):
    # without weights, which the networks of scikit-learn 1.6 do not take
    rows, y = load_diabetes(return_X_y=True)
    members = BaggingRegressor(make_pipeline(module.MLPRegressor(**SMALL)), n_estimators=3, random_state=0)
    return members.fit(rows, y).predict(rows)


def importances(module):
    fitted = small_classifier(module).fit(X, labels)
    return permutation_importance(fitted, X, labels, n_repeats=3, random_state=0, scoring="neg_log_loss").importances


def roc_curve(module):
    pytest.importorskip("matplotlib").use("Agg")
    fitted = small_classifier(module, max_iter=2).fit(X[50:], labels[50:])
    display = RocCurveDisplay.from_estimator(fitted, X[50:], labels[50:])
    display.figure_.clear()
    return display.roc_auc


def curve_of_learning(module):
    _, *scores = learning_curve(small_classifier(module), X, labels, cv=3, scoring="neg_log_loss", **SHUFFLED)
    return scores


TOOLS = [
    grid_search,
    grid_search_in_processes,
    grid_search_in_threads,
    halving_random_search,
    pipeline,
    column_transformer_of_a_frame,
    names_of_transformed_columns,
    cross_validated,
    cross_validation_scores_of_labels_that_are_text,
    calibrated,
    voting,
    bagging,
    importances,
    roc_curve,
    curve_of_learning,
]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
def test_tools_find_what_they_find_in_scikit_learns_networks(tool):
    np.testing.assert_allclose(tool(fastmlp), tool(neural_network), rtol=1e-9, atol=1e-12, equal_nan=False)


def test_routed_weights_arrive():
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = small_classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(classifier, {"alpha": [1e-4, 3.0]}, cv=3)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        steps = Pipeline([("scaled", scaler), ("search", search)]).fit(X, labels, sample_weight=weights)
        assert steps.score(X, labels, sample_weight=weights) != steps.score(X, labels)
    classifier, rows, found = small_classifier(**steps[-1].best_params_), steps[0].transform(X), steps.predict_proba(X)
    np.testing.assert_array_equal(found, classifier.fit(rows, labels, weights).predict_proba(rows))
    assert not np.allclose(found, classifier.fit(rows, labels).predict_proba(rows))


def through_a_file(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, through_a_file, lambda estimator: pickle.loads(pickle.dumps(estimator))],
    ids=["deepcopy", "joblib", "pickle"],
)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_copies_are_independent_and_learn_as_the_original(copied, solver):
    original = small_classifier(solver=solver, learning_rate="invscaling", standardize=True).fit(X, labels)
    before = original.predict_proba(X)
    other = copied(original)
    np.testing.assert_array_equal(other.predict_proba(X), before)
    after = other.partial_fit(X, labels).predict_proba(X)
    assert (after != before).any()
    np.testing.assert_array_equal(original.predict_proba(X), before)
    np.testing.assert_array_equal(original.partial_fit(X, labels).predict_proba(X), after)
    assert original.loss_curve_ == other.loss_curve_


def test_a_clone_has_the_parameters_alone():
    original = small_classifier(dropout=0.1, class_weight="balanced").fit(X, labels)
    other = clone(original)
    assert other.get_params() == original.get_params()
    with pytest.raises(NotFittedError):
        other.predict(X)
    np.testing.assert_array_equal(other.fit(X, labels).predict_proba(X), original.predict_proba(X))


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_notebooks_show_scikit_learns_picture(name):
    """Of an estimator alone, of one that is fitted, and within a pipeline."""
    estimator = getattr(fastmlp, name)(**SMALL)
    fitted = clone(estimator).fit(X, iris.target)
    for shown in (estimator, fitted, make_pipeline(StandardScaler(), estimator)):
        html = shown._repr_html_()
        assert "sk-estimator" in html
        assert name in html
        assert "hidden_layer_sizes" in html
        assert shown._repr_mimebundle_()["text/html"].startswith("<style>")
