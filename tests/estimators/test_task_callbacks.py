"""scikit-learn's own callbacks, which it has from 1.9 on."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from fastmlp import MLPClassifier

callback = pytest.importorskip("sklearn.callback")
pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, y = scale(load_iris().data), load_iris().target
N_EPOCHS = 4
SOLVERS = pytest.mark.parametrize("solver", ["adam", "lbfgs"])


class Noting:
    """Notes which tasks begin and end, and the estimator as it is after each epoch; stops after a number, if any."""

    max_propagation_depth = None

    def __init__(self, stop_after=None, error=None):
        self.tasks, self.fitted, self.weights = [], [], []
        self.stop_after, self.error = stop_after, error

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, metadata, fitted_estimator):
        self.tasks.append(f"end {context.task_name} {context.task_id}")
        if context.task_name != "epoch" or fitted_estimator is None:
            return False
        if self.error is not None:
            raise self.error
        self.weights.append(metadata)
        self.fitted.append(fitted_estimator)
        return len(self.fitted) == self.stop_after


def classifier(*callbacks, **parameters):
    parameters = {"hidden_layer_sizes": (5,), "max_iter": N_EPOCHS, "random_state": 0} | parameters
    return MLPClassifier(**parameters).set_callbacks(*callbacks)


def tasks_of(n_epochs):
    epochs = [f"{event} epoch {i}" for i in range(n_epochs) for event in ("begin", "end")]
    return ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]


@SOLVERS
def test_each_epoch_is_a_task_with_its_own_network(solver):
    noting, weights = Noting(), np.linspace(0.5, 2, len(y))
    fitted = classifier(noting, solver=solver).fit(X, y, weights)
    assert noting.tasks == tasks_of(N_EPOCHS)
    assert all(metadata["sample_weight"] is weights for metadata in noting.weights)
    for epochs, copied in enumerate(noting.fitted, 1):
        shorter = classifier(solver=solver, max_iter=epochs).fit(X, y, weights)
        np.testing.assert_array_equal(copied.predict_proba(X), shorter.predict_proba(X))
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))


@SOLVERS
def test_a_callback_stops_the_training(solver):
    stopping, other = Noting(stop_after=2), Noting()
    fitted = classifier(stopping, other, solver=solver).fit(X, y)
    assert fitted.n_iter_ == 2
    assert stopping.tasks == other.tasks == tasks_of(2)


def test_an_epoch_after_which_the_training_has_converged_is_the_last_task():
    noting = Noting()
    fitted = classifier(noting, tol=100.0, n_iter_no_change=1, max_iter=50).fit(X, y)
    assert noting.tasks == tasks_of(fitted.n_iter_)
    assert fitted.n_iter_ < 50


@pytest.mark.parametrize("parameters", [{"solver": "lbfgs", "max_iter": 500}, {"callbacks": [lambda *_: True]}])
def test_an_epoch_that_never_ran_ends_without_a_network(parameters):
    """One that has begun when L-BFGS converges, or another callback stops the training."""
    noting = Noting()
    fitted = classifier(noting, **parameters).fit(X, y)
    assert noting.tasks == tasks_of(fitted.n_iter_ + 1)
    assert len(noting.fitted) == fitted.n_iter_ < fitted.max_iter


def test_partial_fit_is_a_task_of_one_epoch():
    noting = Noting()
    classifier(noting).partial_fit(X, y, classes=[0, 1, 2])
    assert noting.tasks == tasks_of(1)


def test_an_error_of_a_callback_comes_out_and_ends_its_tasks():
    noting = Noting(error=ArithmeticError("of the callback"))
    with pytest.raises(ArithmeticError, match="of the callback"):
        classifier(noting).fit(X, y)
    assert noting.tasks[-1] == "teardown"


def test_a_search_hands_its_callbacks_on():
    noting = Noting()
    GridSearchCV(classifier(), {"alpha": [1e-4, 1.0]}, cv=2).set_callbacks(noting).fit(X, y)
    n_fits = 2 * 2 + 1
    assert len(noting.fitted) == n_fits * N_EPOCHS
    assert noting.tasks.count("setup") == noting.tasks.count("teardown") == 1


def test_scores_are_monitored():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    fitted = classifier(monitor).fit(X, y)
    losses = [-row["neg_log_loss"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(losses) == N_EPOCHS
    assert losses[0] > losses[-1] == log_loss(y, fitted.predict_proba(X))


def test_progress_bars_are_drawn(capsys):
    pytest.importorskip("rich")
    classifier(callback.ProgressBar()).fit(X, y)
    assert "MLPClassifier" in capsys.readouterr().out
