"""What is read from a training's curves: on trainings made to show it, and at the thresholds."""

import re

import numpy as np
import pytest
from conftest import interrupted_at

from fastmlp import DivergenceError, History, NeuralNetwork, Standardizer, diagnosis, load_digits, reference, training
from fastmlp.diagnosis import Facts
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
    settings = {"epochs": 30, "batch_size": 32, "optimizer": "SGD", "seed": 0, **settings}
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
        ([64], {"learning_rate": 2.0}, "may be too high, and hidden layer 1 gives 0 .* are dead"),
        ([64], {"optimizer": "Adam", "learning_rate": 0.1}, "noisy: .*0.1 at first, may be too high"),
        ([64], {"learning_rate": 0.0005}, "straight line: .*0.0005 at first, may be too low"),
        ([64], {"optimizer": "Adam", "learning_rate": 1e-5}, "straight line: .*1e-05 at first, may be too low"),
        ([120], {"optimizer": "Adam", "learning_rate": 0.003, "n_rows": 60}, "above validation accuracy .*overfits"),
        ([3], {"optimizer": "Adam", "learning_rate": 0.01, "epochs": 80}, "stopped at .* too little capacity"),
        ([1], {"optimizer": "Adam", "learning_rate": 0.01}, "^Hidden layer 1 gives 0 .* are dead"),
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


DEAD, UNSCALED = "Hidden layer", "X is not scaled"


def said(sentences):
    """Which of the two they are, by their beginnings; others as they are."""
    return [next((text for text in (DEAD, UNSCALED) if sentence.startswith(text)), sentence) for sentence in sentences]


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("settings", [{"learning_rate": 20.0}, {"optimizer": "Adam", "learning_rate": 5.0}], ids=str)
def test_a_rate_that_kills_the_units_is_named(digits, settings, validation):
    (sentence,) = train(digits, [64], validation=validation, **settings).diagnose()
    assert sentence.startswith("Hidden layer 1 gives 0")
    for advice in ("lower learning rate", f"{settings['learning_rate']:g} at first", "another seed", 'init="he"'):
        assert advice in sentence


@pytest.mark.parametrize("batch_size", [1, 7, 5000])
@pytest.mark.parametrize("kind", [NeuralNetwork, reference.NeuralNetwork])
def test_layers_that_biases_have_killed_are_named(digits, kind, batch_size):
    X, y = digits[0][:300], digits[1][:300]
    net = kind(64, [8, 9, 7], 10, seed=0)
    net.params["b1"][...] = net.params["b3"][...] = -1e3
    net.params["b2"][...] = 1
    past = net.fit(X, y, epochs=5, batch_size=batch_size, seed=0)
    assert past.facts.dead_layers == (1, 3)
    assert said(past.diagnose()) == [DEAD]
    assert "layers 1, 3 give 0" in past.diagnose()[0]
    assert net.outputs == {}


def test_units_some_of_which_are_dead_are_not_called_so(digits):
    X, y = digits
    net = NeuralNetwork(64, [64], 10, seed=0)
    net.params["b1"][:60] = -1e3
    past = net.fit(X, y, epochs=30, batch_size=32, learning_rate=0.2, optimizer="SGD", seed=0)
    assert past.facts.dead_layers == ()
    assert past.diagnose() == []


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("epochs", [5, 30])
@pytest.mark.parametrize(
    ("optimizer", "scale", "sentences"),
    [
        ("SGD", 255, [DEAD, UNSCALED]),
        ("SGD", 1e4, [DEAD, UNSCALED]),
        ("Momentum", 1e4, [DEAD, UNSCALED]),
        ("SGD", 1e-2, [UNSCALED]),
        ("SGD", 1e-4, [UNSCALED]),
        ("Momentum", 1e-4, [UNSCALED]),
        ("Adam", 1e-4, [UNSCALED]),
    ],
)
def test_rows_that_are_not_scaled_are_named(digits, optimizer, scale, sentences, epochs, validation):
    X, y = digits
    past = train((X * scale, y), [64], validation=validation, optimizer=optimizer, epochs=epochs)
    assert said(past.diagnose()) == sentences
    assert f"{past.facts.input_scale:.3g}, and train accuracy was 0.1" in past.diagnose()[-1]
    assert "standardizer=Standardizer().fit(X)" in past.diagnose()[-1]


@pytest.mark.parametrize("scale", [255, 1e4])
def test_rows_that_the_network_learns_from_all_the_same_are_not_blamed(digits, scale):
    X, y = digits
    assert not set(said(train((X * scale, y), [64], optimizer="Adam").diagnose())) & {DEAD, UNSCALED}


def test_a_networks_own_standardizer_counts(digits):
    X, y = np.uint8(digits[0] * 255), digits[1]
    scaled = NeuralNetwork(64, [64], 10, seed=0, standardizer=Standardizer().fit(X))
    past = scaled.fit(X, y, epochs=30, batch_size=32, learning_rate=0.2, optimizer="SGD", seed=0)
    assert past.facts.input_scale < 3  # not 204, the largest pixels'
    assert past.diagnose() == []
    away = NeuralNetwork(64, [64], 10, seed=0, standardizer=Standardizer.of_statistics(np.zeros(64), np.full(64, 1e6)))
    past = away.fit(X, y, epochs=5, learning_rate=0.2, optimizer="SGD", seed=0)
    assert past.facts.input_scale == pytest.approx(204e-6, rel=0.1)
    assert said(past.diagnose()) == [UNSCALED]


def test_a_linear_network_on_xor_is_still_too_small():
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 50), np.array([0, 1, 1, 0] * 50)
    net = NeuralNetwork(2, [], 2, seed=0)
    past = net.fit(X, y, epochs=30, batch_size=200, learning_rate=1.0, optimizer="SGD", seed=0, X_val=X, y_val=y)
    (sentence,) = past.diagnose()
    assert "too little capacity" in sentence
    assert past.facts == Facts((), pytest.approx(0.5**0.5, rel=0.05), 0.5, 200)


def test_one_class_alone_is_learnt(digits):
    past = NeuralNetwork(64, [8], 10, seed=0).fit(
        1e-3 * digits[0], np.zeros(1797), epochs=30, learning_rate=1, optimizer="SGD", seed=0
    )
    assert past.train_accuracy[-1] == past.facts.chance == 1
    assert not set(said(past.diagnose())) & {DEAD, UNSCALED}


@pytest.mark.parametrize("kind", [NeuralNetwork, reference.NeuralNetwork])
def test_facts_are_noted_at_the_end_and_change_nothing(digits, kind, monkeypatch):
    X, y = digits
    rows = X[:300].copy()

    def trained():
        np.random.seed(3)
        net = kind(64, [8], 10)
        past = net.fit(rows, y[:300], epochs=5)
        return past, [*net.params.values(), np.random.rand()]

    noted, with_facts = trained()
    assert noted.facts is not None
    monkeypatch.setattr(training, "MIN_EPOCHS", 6)
    unnoted, without = trained()
    assert unnoted.facts is None
    for a, b in zip(with_facts, without, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(rows, X[:300])


def test_without_facts_the_curves_speak_alone(digits):
    X, y = digits

    def stop(network, history):
        if len(history) == 6:
            raise KeyboardInterrupt

    net = NeuralNetwork(64, [64], 10, seed=0)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X * 1e-4, y, X_val=X * 1e-4, y_val=y, optimizer="SGD", callbacks=[stop], seed=0)
    assert net.history.facts is None
    assert first_words(net.history) == ["Train accuracy has"]
    with pytest.raises(DivergenceError) as caught:
        net.fit(X, y, optimizer="SGD", callbacks=[lambda network, history: network.params["W1"].fill(1e300)], seed=0)
    assert caught.value.history.facts is None


def test_a_look_that_is_interrupted_leaves_no_facts_or_all():
    X, y = np.eye(3), np.arange(3)
    net, n, found = NeuralNetwork(3, [4], 3, seed=0), 0, set()
    while interrupted_at(n, lambda: net.fit(X, y, epochs=diagnosis.MIN_EPOCHS, seed=0)):
        found.add(None if net.history is None else net.history.facts)
        n += 1
        assert not net.gradients
    assert found == {None, net.history.facts}
    net.fit(X, y, epochs=1)


@pytest.mark.parametrize(
    ("train", "facts", "sentences"),
    [
        (0.189, Facts((), 10.1, 0.1, 10**6), [UNSCALED]),  # a tenth of the way from 0.1 to 1 is 0.19
        (0.191, Facts((), 10.1, 0.1, 10**6), []),
        (0.1, Facts((), 9.9, 0.1, 10**6), []),
        (0.1, Facts((), 0.11, 0.1, 10**6), []),
        (0.1, Facts((), 0.09, 0.1, 10**6), [UNSCALED]),
        (0.64, Facts((), 100, 0.5, 100), [UNSCALED]),  # luck, 3 standard deviations of 0.05
        (0.66, Facts((), 100, 0.5, 100), []),
        (0.97, Facts((), 100, 0.95, 10), [UNSCALED]),  # half of the way
        (0.98, Facts((), 100, 0.95, 10), []),
        ([0.1, 0.6, 0.7, 0.7, 0.7, 0.1], Facts((), 100, 0.1, 10**6), []),
        ([0.1, 0.6, 0.7, 0.7, 0.7, 0.1], Facts((2,), 1, 0.1, 10**6), [DEAD]),
        ([0.1, 0.6, 0.7, 0.7, 0.7, 0.1], Facts((2,), 100, 0.1, 10**6), [DEAD, UNSCALED]),
        (1.0, Facts((1,), 100, 0.995, 10**6), []),  # a rare class, of which the sample had no row
    ],
)
def test_thresholds_of_the_facts(train, facts, sentences):
    past = history(CURVE, train)
    past.facts = facts
    assert [text for text in said(past.diagnose()) if text in (DEAD, UNSCALED)] == sentences


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
        (history(CURVE, [0.5, 0.6, 0.7, 0.8, 0.78, 0.775], [0.5, 0.6, 0.7, 0.7, 0.68, 0.67]), ["Train accuracy ends"]),
        (history(CURVE, [0.5, 0.6, 0.7, 0.8, 0.79, 0.785], [0.5, 0.6, 0.7, 0.8, 0.79, 0.785]), ["Train accuracy has"]),
    ],
)
def test_thresholds(past, words):
    assert first_words(past) == words


@pytest.mark.parametrize(
    ("score_name", "train", "val", "state"),
    [
        ("accuracy", [0.7, 0.96], [0.7, 0.95], "neither over- nor underfits"),
        ("accuracy", [0.7, 0.96], [0.7, 0.85], "overfits"),
        ("accuracy", [0.5, 0.7, 0.85, 0.855, 0.855], [0.8] * 5, "neither over- nor underfits"),  # a gap of 0.055
        ("accuracy", [0.5, 0.7, 0.85, 0.855, 0.855], [0.82] * 5, "underfits"),
        ("accuracy", [0.7, 0.85], [0.82] * 2, "neither over- nor underfits"),  # still gaining
        ("accuracy", [0.85], [0.84], "underfits"),  # the first epoch is kept
        ("accuracy", [0.53], [0.45], "underfits"),  # by luck
        ("accuracy", [0.56], [0.47], "neither over- nor underfits"),
        ("R2", [0.6, 0.5], [0.1, 0.1], "overfits"),
        ("R2", [0.6, 0.05], [0.1, -82.0], "underfits"),  # as it ends, it says no more than the mean
        ("R2", [-0.2, 0.2], [-0.1, 0.15], "neither over- nor underfits"),
    ],
)
def test_the_state_of_a_network(score_name, train, val, state):
    past = History(history([1.0] * len(train), train, val).epochs, score_name)
    past.facts = Facts((), 1.0, 0.5 if score_name == "accuracy" else 0.0, 10_000)
    assert past.state_of_fit == state


def test_the_commonest_class_is_that_of_the_most_weight(digits):
    X, y = digits[0], (np.arange(1797) % 10 == 0).astype(int)
    for weights, chance in ({}, 0.8998), ({"class_weight": "balanced"}, 0.5), ({"sample_weight": 1 + 99 * y}, 0.9175):
        past = NeuralNetwork(64, [4], 2, seed=0).fit(X, y, epochs=5, seed=0, **weights)
        assert past.facts.chance == pytest.approx(chance, abs=1e-4)


def test_small_steps_of_a_long_training_do_not_add_up():
    epochs = np.arange(400)
    falling = 2 / (1 + epochs)
    for n_epochs, period, words in [
        (400, 2, []),
        (100, 2, ["The loss is"]),  # up by 0.03 in each second epoch, 1.5 in all
        (400, 40, ["The loss is"]),  # for 20 epochs, and down for 20: no small steps, but large ones
    ]:
        wiggle = 0.015 * period * np.abs(epochs % period / (period / 2) - 1)
        assert first_words(history((falling - wiggle + 1)[:n_epochs])) == words


@pytest.mark.parametrize(
    ("score_name", "chance", "train", "says"),
    [
        ("accuracy", 0.95, 0.952, "Train accuracy was 0.952 at best, where the commonest class alone has 0.950"),
        ("accuracy", 0.95, 0.98, None),
        ("accuracy", 0.83, 0.84, "Train accuracy has stopped"),
        ("R2", 0.0, 0.09, "Train R2 was 0.090 at best, where a constant prediction has 0"),
    ],
)
def test_a_network_that_is_no_better_than_a_constant_underfits(score_name, chance, train, says):
    past = History(history(CURVE, train, train).epochs, score_name)
    past.facts = Facts((), 1.0, chance, 1000)
    found = past.diagnose()
    assert len(found) == (says is not None)
    if says:
        assert found[0].startswith(says)
        assert "underfit" in found[0]


def regression(kind=NeuralNetwork, scale=1.0, noise=False, n_rows=1000, **settings):
    """The history of a regression on eight columns, the first three of which say what y is, or none of them."""
    random = np.random.RandomState(0)
    X = random.randn(1200, 8)
    y = random.randn(1200) if noise else np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    net = kind(8, [32], 1, loss="squared_error", init="he", seed=0)
    settings = {"epochs": 30, "batch_size": 32, "optimizer": "Adam", "learning_rate": 0.01, "seed": 0} | settings
    X *= scale
    return net.fit(X[:n_rows], y[:n_rows], X_val=X[1000:], y_val=y[1000:], **settings)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"scale": 1e3},
            r"^X is not scaled: .* train R2 was -[\d.]+ at best, where a constant prediction has 0\. A new",
        ),
        ({"scale": 1e-4, "optimizer": "SGD"}, r"^X is not scaled: .* train R2 was -?0\.00\d at best, where a constant"),
        ({"noise": True, "learning_rate": 0.001}, r"^Train R2 was 0\.0\d+ at best, .* has learnt next to nothing"),
        ({"n_rows": 60, "epochs": 100}, r"^Train R2 ends 0\.\d+ above validation R2 .*overfits"),
        ({"regularization": 1.0}, r"^R2 falls while the loss falls \(train from .*regularisation term dominates"),
        ({"learning_rate": 0.5}, "^The loss is noisy"),
        ({"learning_rate": 1e-5}, "^The loss falls in a straight line"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [NeuralNetwork, reference.NeuralNetwork])
def test_one_thing_is_said_of_a_regression_made_to_show_it(kind, settings, says):
    (sentence,) = regression(kind, **settings).diagnose()
    assert re.search(says, sentence)
    assert "accuracy" not in sentence
    assert "class" not in sentence


@pytest.mark.parametrize("n_rows", [1000, 300])
def test_nothing_is_said_of_a_good_regression(n_rows):
    past = regression(n_rows=n_rows, regularization=0.01 * (n_rows < 1000))
    assert past.diagnose() == []


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        (0.95, 0.94, []),
        (0.5, 0.48, []),  # as much as the noise in y leaves
        (0.5, 0.39, ["Train R2 ends"]),
        (0.11, -5.0, ["Train R2 ends"]),
        (-1.0, -5.0, ["Train R2 was"]),  # worse than a constant prediction: nothing that could be overfitted
        (0.11, 0.1, []),
        (0.09, 0.1, ["Train R2 was"]),
    ],
)
def test_thresholds_of_a_regression(train, val, words):
    assert first_words(History(history(CURVE, train, val).epochs, "R2")) == words


class OtherOutputs(reference.NeuralNetwork):
    """Keeps less than the network that it is derived from."""

    def forward(self, X):
        scores = super().forward(X)
        self.kept, self.outputs = self.outputs, {"scores": scores}
        return scores

    def backward(self, y, reg=0.0):
        self.outputs = self.kept
        return super().backward(y, reg)


class MoreOutputs(reference.NeuralNetwork):
    """Keeps something else beside it."""

    def forward(self, X):
        scores = super().forward(X)
        self.outputs |= {"mask": np.ones(3), "note": "a text"}
        return scores


@pytest.mark.parametrize(("kind", "has_facts"), [(OtherOutputs, False), (MoreOutputs, True)])
def test_facts_are_noted_where_a_network_of_the_users_has_them(digits, kind, has_facts):
    X, y = digits
    history = kind(64, [8, 8], 10, seed=0).fit(X, y, epochs=diagnosis.MIN_EPOCHS, batch_size=100, seed=0)
    assert len(history) == diagnosis.MIN_EPOCHS
    assert (history.facts is not None) is has_facts


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
    assert f"more than {diagnosis.MOST_PARTS} epochs" in text
    for value in (diagnosis.LARGE_GAP, diagnosis.NO_GAP, diagnosis.ENOUGH, diagnosis.PLATEAU, diagnosis.FALL):
        assert f"{value:g}" in text
    assert f"above {diagnosis.LARGE_SCALE:g} or below {diagnosis.SMALL_SCALE:g}" in text
    assert "a tenth of the way" in text
    assert diagnosis.ABOVE_CHANCE == 0.1
    assert f"{diagnosis.STRAIGHT:.0%}".replace("%", " %") in text
