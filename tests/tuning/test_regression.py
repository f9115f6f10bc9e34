"""The search for the hyper-parameters of a regression."""

import json
import math

import numpy as np
import pytest
from tuning_helpers import lines, without_time

from fastmlp import NeuralNetwork
from fastmlp.functions import losses
from fastmlp.tuning import Plan, ResultsFileError, search
from fastmlp.tuning.runner import TrialRunner

pytestmark = pytest.mark.application

SPACE = {"hidden_sizes": [[16]], "learning_rate": [1e-5, 0.01], "optimizer": "Adam", "epochs": 30, "batch_size": 20}
LOSSES = [name for name, row in losses.LOSSES.items() if row.standardizes]


@pytest.fixture(params=[1, 2], ids=["one target", "two targets"])
def prices(request):
    """Targets near 1e5 that follow from the rows: X, y, X_val, y_val."""
    random = np.random.RandomState(0)
    X = random.randn(400, 5)
    y = 1e5 + 2e4 * np.tanh(X @ random.randn(5, request.param))
    y = y[:, 0] if request.param == 1 else y
    return X[:300], y[:300], X[300:], y[300:]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_trial_with_the_highest_r2_is_found_and_kept(prices, loss, trained, tmp_path):
    X_val, y_val = prices[2:]
    found = search(SPACE, *prices, loss=loss, X_test=X_val, y_test=y_val, folder=tmp_path)
    row = losses.LOSSES[loss]
    assert [trial.history.score_name for trial in found.trials] == [row.score_name] * 2
    assert found.best == found.trials[1]
    assert found.best.val_score == found.test_score == found.network.score(X_val, y_val)
    assert found.trials[0].val_score < 0.2 < 0.8 < found.best.val_score
    predicted = found.network.predict(X_val)
    assert predicted.shape == y_val.shape
    assert row.score(predicted, y_val) == pytest.approx(found.test_score, abs=1e-4)
    header, *trials = map(json.loads, lines(tmp_path))
    assert header["loss"] == loss
    (best,) = [trial for trial in trials if trial["hyper_parameters"] == found.best.hyper_parameters]
    assert best["history"]["val_score"] == found.best.history.to_dict()["val_score"]
    n_trained = len(trained)
    again = search(SPACE, *prices, loss=loss, folder=tmp_path)
    assert len(trained) == n_trained
    assert without_time(again.trials) == without_time(found.trials)
    assert again.best.history.score_name == row.score_name
    assert math.isnan(again.test_score)
    np.testing.assert_array_equal(again.network.predict(X_val), predicted)
    kept = NeuralNetwork.load(tmp_path / "best.npz")
    assert kept.loss == loss
    np.testing.assert_array_equal(kept.predict(X_val), predicted)


def test_each_loss_has_a_folder_of_its_own(prices, tmp_path):
    search(SPACE, *prices, loss="squared_error", folder=tmp_path)
    with pytest.raises(ResultsFileError, match="its loss is 'squared_error', this one's 'half_squared_error'"):
        search(SPACE, *prices, loss="half_squared_error", folder=tmp_path)


def test_delta_is_that_of_a_fit_of_its_own_and_part_of_what_a_search_is(prices, tmp_path):
    X, y, X_val, y_val = prices
    found = search(SPACE, *prices, loss="huber", delta=0.25, folder=tmp_path)
    net = NeuralNetwork(5, [16], 1 if y.ndim == 1 else 2, loss="huber", delta=0.25, dtype=np.float32, seed=0)
    settings = {name: found.best.hyper_parameters[name] for name in SPACE if name != "hidden_sizes"}
    history = net.fit(X, y, X_val=X_val, y_val=y_val, seed=0, **settings)
    assert [epoch[:-1] for epoch in found.best.history] == [epoch[:-1] for epoch in history]
    with pytest.raises(ResultsFileError, match=r"its delta is 0.25, this one's 1.0; choose another folder"):
        search(SPACE, *prices, loss="huber", folder=tmp_path)
    with pytest.raises(ValueError, match=r"^delta is an option of loss='huber', got loss='squared_error'$"):
        search(SPACE, *prices, loss="squared_error", delta=0.25, folder=tmp_path / "other")


def test_a_trial_whose_loss_is_far_above_that_of_a_constant_prediction_has_diverged(prices):
    space = SPACE | {"learning_rate": [0.01, 20.0], "epochs": 3, "hidden_sizes": [[32, 32]]}
    found = search(space, *prices, loss="squared_error")
    assert [trial.diverged for trial in found.trials] == [False, True]
    assert len(found.trials[1].history) == 2
    assert found.trials[1].history.score_name == "R2"


def test_whole_numbers_are_targets_too(prices):
    X, y, X_val, y_val = prices
    runner = TrialRunner(Plan(loss="SQUARED_ERROR"), X, y.astype(int), X_val, y_val.astype(int))
    assert runner.identity()["loss"] == "squared_error"
    assert runner.y.dtype == np.float64
    assert runner.y.shape == y.shape
