"""What the estimators have that scikit-learn's networks lack."""

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, flat, regressor
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPClassifier

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.5},
        {"solver": "adamw", "weight_decay": 1.0},
        {"clip_norm": 1e-3, "solver": "sgd"},
        {"learning_rate": "cosine"},
        {"label_smoothing": 0.5},
        {"class_weight": {0: 10.0}},
        {"activation": "gelu"},
        {"activation": ["tanh"]},
        {"standardize": True},
    ],
    ids=str,
)
def test_each_choice_counts_and_repeats(options):
    default = classifier(solver=options.get("solver", "adam").replace("adamw", "adam")).fit(X, Y)
    ones = [classifier(**options).fit(X, Y) for _ in range(2)]
    assert not np.allclose(flat(ones[0]), flat(default))
    np.testing.assert_array_equal(flat(ones[0]), flat(ones[1]))


def test_activations_of_each_layer():
    estimator = classifier(hidden_layer_sizes=(8, 6), activation=["tanh", "silu"]).fit(X, Y)
    assert estimator.network_.activation == ("tanh", "silu")
    with pytest.raises(ValueError, match="activation must be one name, or 1"):
        classifier(activation=["tanh", "silu"]).fit(X, Y)


def test_adamw_without_decay_is_adam():
    ones = [classifier(solver=solver, weight_decay=0).fit(X, Y) for solver in ("adam", "adamw")]
    np.testing.assert_array_equal(*map(flat, ones))


def test_a_clipped_step_is_no_longer_than_the_norm():
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.5, "clip_norm": 1e-3, "warm_start": True}
    estimator = classifier(**options, max_iter=1, batch_size=150).fit(X, Y)
    before = flat(estimator)
    np.testing.assert_allclose(np.linalg.norm(flat(estimator.fit(X, Y)) - before), 0.5e-3, rtol=1e-6)


def test_a_schedule_has_its_rates_with_every_solver():
    for solver in ("sgd", "adam", "adamw"):
        rates = classifier(solver=solver, learning_rate="exponential").fit(X, Y).network_.history.learning_rate
        np.testing.assert_allclose(rates, 0.001 * 0.95 ** np.arange(5))
    # scikit-learn's are those of its solver "sgd" alone
    np.testing.assert_array_equal(
        classifier(learning_rate="invscaling").fit(X, Y).network_.history.learning_rate, [0.001] * 5
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_smoothed_labels_are_what_is_learnt(n_classes):
    rows = np.eye(n_classes)
    estimator = MLPClassifier(solver="lbfgs", label_smoothing=0.3, alpha=0, tol=1e-9, random_state=0)
    expected = 0.7 * rows + 0.3 / n_classes
    np.testing.assert_allclose(estimator.fit(rows, np.arange(n_classes)).predict_proba(rows), expected, atol=1e-4)


def test_balanced_classes_weigh_the_same():
    y = np.where(np.arange(150) < 30, "few", "many")
    weights = np.where(y == "few", 150 / 2 / 30, 150 / 2 / 120)
    balanced = classifier(class_weight="balanced").fit(X, y)
    np.testing.assert_array_equal(flat(balanced), flat(classifier().fit(X, y, sample_weight=weights)))
    # beside weights of rows, and for validation
    named = classifier(class_weight={"few": 3}, early_stopping=True).fit(X, y, np.full(150, 2.0), X_val=X, y_val=y)
    given = np.where(y == "few", 6.0, 2.0)
    expected = classifier(early_stopping=True).fit(X, y, given, X_val=X, y_val=y, sample_weight_val=given / 2)
    np.testing.assert_array_equal(flat(named), flat(expected))
    np.testing.assert_allclose(named.validation_loss_curve_, expected.validation_loss_curve_, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"loss": "squared_error"}, 4.0),
        ({"loss": "squared_error", "standardize_targets": True}, 4.0),
        ({"loss": "poisson"}, 4.0),
        # three rows at a distance d pull with d each, and the one that is far away with delta
        ({"loss": "huber", "delta": 1.5}, 1.5),
        # the median; L-BFGS needs a gradient that is continuous
        ({"loss": "absolute_error", "solver": "adam", "learning_rate": "cosine", "learning_rate_init": 0.05}, 1.0),
    ],
    ids=str,
)
def test_a_loss_is_lowest_at_its_own_mean(options, expected):
    # without features, all that is learnt is one number
    rows, y = np.zeros((4, 1)), np.array([1.0, 1.0, 1.0, 13.0])
    options = {"solver": "lbfgs", "hidden_layer_sizes": (), "alpha": 0, "tol": 1e-9, "max_iter": 500, **options}
    estimator = regressor(**options)
    np.testing.assert_allclose(estimator.fit(rows, y).predict(rows), expected, atol=1e-2)


def test_validation_rows_are_followed():
    estimator = classifier(max_iter=20).fit(X[::2], Y[::2], X_val=X[1::2], y_val=Y[1::2])
    assert len(estimator.validation_loss_curve_) == len(estimator.validation_scores_) == estimator.n_iter_
    loss = log_loss(Y[1::2], estimator.predict_proba(X[1::2]))
    np.testing.assert_allclose(estimator.validation_loss_curve_[-1], loss, rtol=1e-9)
    assert estimator.validation_scores_[-1] == estimator.score(X[1::2], Y[1::2])
    assert estimator.best_validation_score_ is None


@pytest.mark.parametrize("make", [classifier, regressor])
def test_the_best_parameters_are_kept(make):
    y = Y if make is classifier else NUMBERS
    estimator = make(max_iter=200, learning_rate_init=0.2, early_stopping=True, n_iter_no_change=5)
    estimator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    np.testing.assert_allclose(estimator.score(X[1::2], y[1::2]), estimator.best_validation_score_, rtol=1e-12)
    assert np.argmax(estimator.validation_scores_) < estimator.n_iter_ - 5  # it went on, and back


def test_several_targets_and_labels_have_losses_of_validation_rows():
    rows, labels = make_multilabel_classification(80, n_classes=4, random_state=0)
    estimator = classifier().fit(rows, labels, X_val=rows, y_val=labels)
    p = estimator.predict_proba(rows)
    expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).sum(axis=1).mean()
    np.testing.assert_allclose(estimator.validation_loss_curve_[-1], expected, rtol=1e-9)
    targets = np.c_[NUMBERS, -NUMBERS]
    estimator = regressor().fit(X, targets, X_val=X, y_val=targets)
    expected = np.square(estimator.predict(X) - targets).mean() / 2
    np.testing.assert_allclose(estimator.validation_loss_curve_[-1], expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_has_the_dtype_of_the_rows(dtype):
    estimator = regressor().fit(X.astype(dtype), NUMBERS)
    assert estimator.network_.dtype == dtype
    assert estimator.predict(X.astype(dtype)).dtype == dtype


def test_threads_do_not_change_a_bit():
    ones = [classifier(hidden_layer_sizes=(300,), n_threads=n).fit(np.tile(X, (10, 9)), np.tile(Y, 10)) for n in (1, 2)]
    np.testing.assert_array_equal(*map(flat, ones))


@pytest.mark.parametrize("weights", [None, np.arange(150) % 3.0])
def test_rows_are_standardised_inside(weights):
    rows = 1000 * X + 50
    scaler = StandardScaler().fit(rows if weights is None else rows[weights > 0])
    inside, outside = classifier(standardize=True), classifier()
    inside.fit(rows, Y, sample_weight=weights)
    outside.fit(scaler.transform(rows), Y, sample_weight=weights)
    np.testing.assert_allclose(flat(inside), flat(outside), rtol=1e-9)
    np.testing.assert_allclose(inside.predict_proba(rows), outside.predict_proba(scaler.transform(rows)), rtol=1e-9)
    # what has been learnt stays
    inside.partial_fit(rows[:20] * 10, Y[:20])
    np.testing.assert_array_equal(inside.network_.standardizer.mean_, scaler.mean_)


def test_only_rows_to_train_on_are_measured():
    rows = np.vstack([X, X + 1e6])
    estimator = classifier(standardize=True).fit(rows[:150], Y, X_val=rows[150:], y_val=Y)
    assert estimator.network_.standardizer.mean_.max() < 10


def test_targets_are_standardised_inside():
    options = {"standardize_targets": True, "learning_rate_init": 0.01, "max_iter": 50}
    small, large = regressor(**options).fit(X, NUMBERS), regressor(**options).fit(X, 1e6 * NUMBERS + 1e7)
    np.testing.assert_allclose(large.predict(X), 1e6 * small.predict(X) + 1e7, rtol=1e-8)
    assert large.score(X, 1e6 * NUMBERS + 1e7) > 0.9


def test_a_callback_sees_the_network_and_stops():
    seen = []

    def callback(network, history):
        seen.append((network, len(history)))
        return len(history) == 3

    estimator = classifier(callbacks=[callback]).fit(X, Y)
    assert seen == [(estimator.network_, n) for n in (1, 2, 3)]
    assert estimator.n_iter_ == len(estimator.network_.history) == 3
    assert classifier(solver="lbfgs", max_iter=50, callbacks=[callback]).fit(X, Y).n_iter_ == 3


def test_l_bfgs_follows_validation_rows_and_stops_by_its_own_rule():
    estimator = classifier(solver="lbfgs", early_stopping=True, max_iter=20).fit(X, Y, X_val=X, y_val=Y)
    assert len(estimator.validation_scores_) == len(estimator.loss_curve_) == estimator.n_iter_
    assert (estimator.best_validation_score_, estimator.best_loss_) == (None, min(estimator.loss_curve_))
