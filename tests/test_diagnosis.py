"""What is read from a training's curves: on trainings made to show it, and at the thresholds."""

import re

import numpy as np
import pytest

from fastmlp import History, NeuralNetwork, diagnosis, load_digits
from fastmlp.training import Epoch

pytestmark = pytest.mark.application

NAN = float("nan")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits()
    order = np.random.RandomState(0).permutation(len(X))
    return X[order] / 16, y[order]


def train(digits, hidden_sizes, n_rows=1200, validation=True, **settings):
    X, y = digits
    settings = {"epochs": 30, "batch_size": 32, "seed": 0, **settings}
    if validation:
        settings |= {"X_val": X[1200:], "y_val": y[1200:]}
    return NeuralNetwork(64, hidden_sizes, 10, seed=0).fit(X[:n_rows], y[:n_rows], **settings)


@pytest.mark.parametrize("settings", [{"optimizer": "SGD", "learning_rate": 0.2}, {"optimizer": "Adam"}], ids=str)
def test_nothing_is_said_of_good_settings(digits, settings):
    assert train(digits, [64], learning_rate_decay=0.95, **settings).diagnose() == []


@pytest.mark.parametrize(
    ("hidden_sizes", "settings", "says"),
    [
        ([64], {"learning_rate": 2.0}, "noisy: .*the learning rate, 2 at first, may be too high"),
        ([64], {"optimizer": "Adam", "learning_rate": 0.1}, "noisy: .*0.1 at first, may be too high"),
        ([64], {"learning_rate": 0.0005}, "straight line: .*0.0005 at first, may be too low"),
        ([64], {"optimizer": "Adam", "learning_rate": 1e-5}, "straight line: .*1e-05 at first, may be too low"),
        ([120], {"optimizer": "Adam", "learning_rate": 0.003, "n_rows": 60}, "above validation accuracy .*overfits"),
        ([1], {"optimizer": "Adam", "learning_rate": 0.01}, "stopped at .* too little capacity"),
        ([64], {"regularization": 0.1}, "stopped at .* too little capacity, so a larger one, or less regularisation"),
        ([64], {"regularization": 0.5}, "Accuracy falls while the loss falls .*regularisation term dominates"),
        ([64], {"optimizer": "Adam", "regularization": 1.0}, "Accuracy falls while .*regularisation term dominates"),
    ],
    ids=str,
)
def test_one_thing_is_said_of_settings_made_to_show_it(digits, hidden_sizes, settings, says):
    (sentence,) = train(digits, hidden_sizes, **settings).diagnose()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert re.search(says, sentence)


def test_without_validation_data_the_loss_still_speaks(digits):
    assert [text[:17] for text in train(digits, [64], validation=False, learning_rate=2.0).diagnose()] == [
        "The loss is noisy"
    ]
    assert [text[:20] for text in train(digits, [64], validation=False, regularization=0.5).diagnose()] == [
        "Accuracy falls while"
    ]
    assert train(digits, [120], validation=False, n_rows=60, optimizer="Adam", learning_rate=0.003).diagnose() == []


def history(loss, train=0.95, val=0.94):
    n = len(loss)
    columns = (np.broadcast_to(np.asarray(column, float), n) for column in (loss, train, val, NAN))
    return History(Epoch(a, b, d, c, 0.1, 1.0) for a, b, c, d in zip(*columns, strict=True))


CURVE = [2.0, 1.0, 0.6, 0.4, 0.3, 0.25]


def first_words(past):
    return [" ".join(sentence.split()[:3]) for sentence in past.diagnose()]


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (history(CURVE[:4], 0.95, 0.5), []),  # too few epochs
        (history(CURVE), []),
        (history(CURVE, 0.95, 0.851), []),
        (history(CURVE, 0.95, 0.849), ["Train accuracy ends"]),
        (history([2, 1, 0.6, 1.02, 0.5, 0.4, 0.38]), ["The loss is"]),  # up by 0.42 of a range of 1.62
        (history([2, 1, 0.6, 0.98, 0.5, 0.4, 0.38]), []),  # by 0.38
        (history([2, 1.9, 1.8, 1.7, 1.65, 1.6, 1.5]), []),  # 0.2 in the second half, 0.3 in the first
        (history([2, 1.9, 1.8, 1.7, 1.65, 1.6, 1.48]), ["The loss falls"]),  # 0.22
        (history([2.0, 2.0, 2.0, 2.0, 2.0], 0.1, 0.1), ["Train accuracy has"]),
        (history([2.0, 2.01, 2.0, 2.01, 2.0], 0.1, 0.1), ["Train accuracy has"]),  # noise, but of 0.5 %
        (history(CURVE, 0.85, 0.801), ["Train accuracy has"]),
        (history(CURVE, 0.85, 0.799), []),
        (history(CURVE, [0.5, 0.6, 0.7, 0.8, 0.8, 0.82], 0.8), []),  # still gaining
        (
            history(CURVE, [0.5, 0.6, 0.7, 0.8, 0.78, 0.775], [0.5, 0.6, 0.7, 0.8, 0.78, 0.775]),
            ["Accuracy falls while"],
        ),
        (history(CURVE, [0.5, 0.6, 0.7, 0.8, 0.79, 0.785], [0.5, 0.6, 0.7, 0.8, 0.79, 0.785]), ["Train accuracy has"]),
    ],
)
def test_thresholds(past, words):
    assert first_words(past) == words


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ((23.1, 23.1, 2.0), True),  # a guess has log 10 = 2.303
        ((22.9, 22.9, 2.0), False),
        ((24.1, 23.9, 2.4), False),
        ((23.9, 24.1, 2.4), False),
        ((24.1, 24.1, 2.4), True),
        ((1e9, 2.0, 2.4), False),  # it has recovered
        ((1.0, 1e9, 2.4), False),
        ((24.1, NAN, 2.4), True),
        ((24.1, float("inf"), 2.4), True),
        ((4000.0, 4000.0, 500.0), False),  # most of it is the penalty
    ],
)
def test_divergence_of_a_finite_loss(losses, diverged):
    assert diagnosis.diverged(*losses, 10) == diverged


def test_the_documentation_names_the_thresholds():
    text = History.diagnose.__doc__
    assert "a quarter" in text
    assert diagnosis.NOISE == 0.25
    for value in (diagnosis.LARGE_GAP, diagnosis.NO_GAP, diagnosis.ENOUGH, diagnosis.PLATEAU, diagnosis.FALL):
        assert f"{value:g}" in text
    assert f"{diagnosis.STRAIGHT:.0%}".replace("%", " %") in text
