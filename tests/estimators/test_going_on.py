"""How a training of an estimator goes on, and how it ends."""

import copy
import pickle

import numpy as np
import pytest
from estimator_helpers import NUMBERS, X, Y, classifier, flat, regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


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


def test_a_training_goes_on_from_a_pickle_of_an_earlier_version():
    estimator = classifier(tol=1e6).fit(X, Y)
    progress = vars(estimator._convergence)
    progress["_n_without"] = progress.pop("n_without")  # as it was called
    again = pickle.loads(pickle.dumps(estimator))
    assert again._convergence.n_without == 4
    assert "_n_without" not in vars(again._convergence)
    again.partial_fit(X, Y)
    assert again._convergence.n_without == 5


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
    options = {"solver": "sgd", "tol": 0.5, "learning_rate_init": 0.1, "max_iter": 300, "n_iter_no_change": 10}
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
    classifier(verbose=True, max_iter=500, tol=10, n_iter_no_change=10).fit(X, Y)
    assert "Training loss did not improve more than tol=10.000000 for 10 consecutive epochs. Stopping." in (
        capsys.readouterr().out
    )


def test_other_units_are_dropped_in_each_warm_start():
    options = {"dropout": 0.5, "warm_start": True, "max_iter": 1, "shuffle": False, "learning_rate_init": 1e-300}
    estimator = classifier(**options, random_state=np.random.RandomState(0))
    losses = [estimator.fit(X, Y).loss_ for _ in range(4)]
    assert len(set(losses)) == 4
    # also where they are dropped from now on
    later = [
        classifier(**{**options, "dropout": 0}, random_state=seed).fit(X, Y).set_params(dropout=0.5, random_state=seed)
        for seed in (1, 2)
    ]
    for estimator in later:
        estimator.coefs_ = [np.ones((4, 8)), np.ones((8, 3)) * [1, 2, 3]]
    assert later[0].fit(X, Y).loss_ != later[1].fit(X, Y).loss_


def test_a_warm_start_of_l_bfgs_goes_on():
    estimator = classifier(solver="lbfgs", early_stopping=True, warm_start=True)
    before = flat(estimator.fit(X, Y, X_val=X, y_val=Y))
    assert not np.array_equal(flat(estimator.fit(X, Y, X_val=X, y_val=Y)), before)
    np.testing.assert_allclose(estimator.loss_, log_loss(Y, estimator.predict_proba(X)), rtol=1e-3)


def test_weights_of_classes_that_a_part_of_the_rows_lacks():
    part = Y > 0
    estimator = classifier(class_weight={0: 10}).partial_fit(X[part], Y[part], classes=[0, 1, 2])
    expected = classifier().partial_fit(X[part], Y[part], classes=[0, 1, 2])
    np.testing.assert_array_equal(flat(estimator), flat(expected))
    with pytest.raises(ValueError, match="class_weight must be a mapping from labels to weights in partial_fit"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_a_copy_of_a_training_has_no_snapshot_of_it():
    copies, estimator = [], classifier(early_stopping=True, learning_rate_init=0.05)
    estimator.set_params(callbacks=[lambda network, history: copies.append(copy.deepcopy(estimator))]).fit(X, Y)
    copied = copies[0].set_params(early_stopping=False, callbacks=None)
    before = flat(copied)
    assert not np.array_equal(flat(copied.partial_fit(X, Y)), before)
