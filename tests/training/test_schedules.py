"""Learning-rate schedules: each against its formula, in the training, in the history and from a checkpoint."""

import itertools
import json
import math

import numpy as np
import pytest
from checkpoint_helpers import SETTINGS, X, Y, fit, make
from conftest import assert_same, trained_state

from fastmlp import NeuralNetwork, reference, schedules
from fastmlp.schedules import SCHEDULES, Cosine, Exponential, InverseScaling, OneCycle, Plateau, Schedule, Step
from fastmlp.settings import Settings

N_BATCHES, N_EPOCHS = 7, 6
N_STEPS = N_BATCHES * N_EPOCHS


def cosine(step, warmup=0.05, end=0.0):
    n_warm = int(warmup * N_STEPS)
    if step < n_warm:
        return (step + 1) / n_warm
    return end + (1 - end) * (1 + math.cos(math.pi * (step - n_warm) / (N_STEPS - n_warm))) / 2


def one_cycle(step, warmup=0.3, start=1 / 25, end=1 / 25e4):
    top = warmup * N_STEPS - 1
    if step <= top:
        first, last, part = start, 1, step / top
    else:
        first, last, part = 1, end, (step - top) / (N_STEPS - 1 - top)
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2


# Each schedule, and the share of the rate at a step of an epoch.
FORMULAS = {
    "constant": (schedules.Constant(), lambda epoch, step: 1),
    "exponential": (Exponential(0.5), lambda epoch, step: 0.5**epoch),
    "step": (Step(2, 0.5), lambda epoch, step: 0.5 ** (epoch // 2)),
    "cosine": (Cosine(), lambda epoch, step: cosine(step)),
    "cosine with a long warm-up": (Cosine(0.4, 0.1), lambda epoch, step: cosine(step, 0.4, 0.1)),
    "cosine without a warm-up": (Cosine(0), lambda epoch, step: cosine(step, 0)),
    "one cycle": (OneCycle(), lambda epoch, step: one_cycle(step)),
    "one cycle, up alone": (OneCycle(1.0, 0.5), lambda epoch, step: one_cycle(step, 1.0, 0.5)),
    "inverse scaling": (InverseScaling(), lambda epoch, step: 1 / math.sqrt(step + 1)),
    "a power of 1": (InverseScaling(1), lambda epoch, step: 1 / (step + 1)),
    "a function": (schedules.OfFunction(lambda epoch, step: 2 / (1 + epoch + step)), lambda e, s: 20 / (1 + e + s)),
}
# by name, as users give them, and a function
GIVEN = [*SCHEDULES, Plateau(0.5, 1), lambda epoch, step: 0.05 / (1 + step)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_leave_numpys_error_state_alone(name):
    before, rates = np.geterr(), SCHEDULES[name]().rates(0.1, 3, 5)
    next(rates)
    assert np.geterr() == before


def test_every_schedule_has_a_formula_here():
    covered = {type(schedule) for schedule, _ in FORMULAS.values()} | {Plateau}
    assert covered >= set(SCHEDULES.values())


@pytest.mark.parametrize("name", FORMULAS)
def test_rates_are_those_of_the_formula(name):
    schedule, share = FORMULAS[name]
    rates = schedule.rates(0.1, N_BATCHES, N_EPOCHS)
    for epoch, found in enumerate(itertools.islice(rates, N_EPOCHS)):
        expected = [0.1 * share(epoch, epoch * N_BATCHES + i) for i in range(N_BATCHES)]
        np.testing.assert_allclose(np.broadcast_to(found, N_BATCHES), expected, rtol=1e-12)


@pytest.mark.parametrize("n_batches", [1, 2])
@pytest.mark.parametrize("name", SCHEDULES)
def test_short_trainings_have_finite_rates(name, n_batches):
    for n_epochs in (1, 2):
        rates = SCHEDULES[name]().rates(0.1, n_batches, n_epochs)
        for loss in [None, 1.0][:n_epochs]:
            found = rates.send(loss)
            assert np.isfinite(found).all()
            assert (np.asarray(found) <= 0.1).all()


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([3, 2, 1, 0.5], [1, 1, 1, 1, 1]),
        ([3, 3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.3]),
        ([3, 2.99, 2.5, 2.49, 2.49, 2.49], [1, 1, 1, 1, 1, 1, 0.5]),  # a step below the threshold is none
        ([math.nan] * 3, [1, 1, 1, 0.5]),
        ([-1, -1, -1.5, -1.5, -1.5, -1.5], [1, 1, 1, 1, 1, 1, 0.5]),
    ],
)
def test_plateau_lowers_the_rate_where_the_loss_stays(losses, expected):
    rates = Plateau(factor=0.5, patience=2, threshold=0.01, minimum=0.3).rates(1.0, 1, 10)
    assert [next(rates), *map(rates.send, losses)] == expected[: len(losses) + 1]


def test_plateau_never_raises_the_rate():
    rates = Plateau(patience=0, minimum=0.5).rates(0.1, 1, 3)
    assert [next(rates), *map(rates.send, [1, 1, 1])] == [0.1] * 4


@pytest.mark.parametrize("make_network", [NeuralNetwork, reference.NeuralNetwork])
@pytest.mark.parametrize("schedule", GIVEN)
def test_each_batch_is_trained_with_its_rate(schedule, make_network):
    """By SGD with a loop of the three calls, to the last bit in the kernels."""
    settings = {"epochs": 3, "batch_size": 30, "learning_rate": 0.05, "optimizer": "SGD", "regularization": 0.01}
    net, loop = (make_network(5, [7], 3, seed=0) for _ in range(2))
    history = net.fit(X, Y, schedule=schedule, seed=1, **settings)
    rates = Settings(schedule=schedule, epochs=3, learning_rate=0.05).rates(4)
    random, loss = np.random.RandomState(1), None
    for epoch in range(3):
        order, found = random.permutation(100), np.broadcast_to(rates.send(loss), 4)
        np.testing.assert_array_equal(np.broadcast_to(history.rates[epoch], 4), found)
        assert history.learning_rate[epoch] == found[-1]
        loss = history.train_loss[epoch]
        for i, rate in enumerate(found):
            at = order[30 * i : 30 * i + 30]
            loop.forward(X[at])
            loop.backward(Y[at], 0.01)
            loop.update(float(rate))
    assert_same(dict(net.params), dict(loop.params))


def test_an_array_of_rates_may_be_used_again():
    class Halved(Schedule):
        def rates(self, learning_rate, n_batches, n_epochs):
            rates = np.full(n_batches, learning_rate)
            while True:
                yield rates
                rates *= 0.5

    found, expected = make(), make()
    found.fit(X, Y, schedule=Halved(), epochs=4, seed=0)
    expected.fit(X, Y, schedule=Exponential(0.5), epochs=4, seed=0)
    assert_same(found.params, expected.params)


def test_plateau_follows_the_validation_loss_where_there_is_one():
    net = make()
    history = net.fit(
        X, Y, X_val=X[:9], y_val=1 - Y[:9] % 2, schedule=Plateau(0.5, 0), learning_rate=0.1, epochs=12, seed=0
    )
    rates = Plateau(0.5, 0).rates(0.1, 1, 12)
    assert history.learning_rate.tolist() == [next(rates), *map(rates.send, history.val_loss[:-1])]
    assert history.learning_rate[-1] < 0.1


@pytest.mark.parametrize("schedule", GIVEN)
def test_a_resumed_training_goes_on_in_the_middle(schedule, tmp_path):
    settings = {"schedule": schedule, "learning_rate_decay": 1.0}
    whole, resumed = make(), make(seed=9)
    history = whole.fit(X, Y, **{**SETTINGS, **settings})

    def cut(net, history):
        if len(history) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make(), tmp_path / "net", callbacks=[cut], **settings)
    again = fit(resumed, tmp_path / "net", resume=True, **settings)
    assert_same(trained_state(resumed), trained_state(whole))
    for found, expected in zip(again.rates, history.rates, strict=True):
        np.testing.assert_array_equal(found, expected)
    loaded = NeuralNetwork.load(tmp_path / "net").history
    np.testing.assert_array_equal(np.stack(loaded.rates), np.stack(history.rates))


@pytest.mark.parametrize(("schedule", "fits"), [("plateau", True), ("cosine", False), ("one_cycle", False)])
def test_more_epochs_may_follow_where_the_rates_do_not_depend_on_them(schedule, fits, tmp_path):
    settings = {"schedule": schedule, "learning_rate_decay": 1.0}
    fit(make(), tmp_path / "net", **settings)
    if fits:
        assert len(fit(make(), tmp_path / "net", resume=True, epochs=9, **settings)) == 9
    else:
        with pytest.raises(ValueError, match=r"epochs must be 6, as in .*net', got 9 \(the schedule depends on it\);"):
            fit(make(), tmp_path / "net", resume=True, epochs=9, **settings)


def test_another_schedule_is_refused(tmp_path):
    fit(make(), tmp_path / "net", schedule=Cosine(warmup=0.5), learning_rate_decay=1.0)
    with pytest.raises(ValueError, match=r"schedule must be {'name': 'cosine', 'warmup': 0.5, 'end': 0.0}, as in"):
        fit(make(), tmp_path / "net", resume=True, schedule="cosine", learning_rate_decay=1.0)


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in FORMULAS.values()])
def test_json_keeps_the_schedule(schedule):
    again = schedules.from_json(json.loads(json.dumps(schedule.to_json())))
    assert again == schedule or isinstance(schedule, schedules.OfFunction)
    assert type(again) is type(schedule)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("cosinus", "schedule must be one of 'constant', .*'plateau', got 'cosinus'"),
        (3, "schedule must be one of .* or a function of epoch and step, got 3"),
        (Cosine, "schedule must be one of .*, such as Cosine"),
        (lambda epoch, step: "fast", r"schedule\(0, 0\) must be a number, got 'fast'"),
        (lambda epoch, step: -1.0 if step else 1, r"schedule\(0, 1\) must be finite, at least 0, got -1.0"),
    ],
)
def test_bad_schedules_are_refused_before_anything_changes(schedule, message, tmp_path):
    net = make()
    before, drawn = trained_state(net), np.random.get_state()[2]
    with pytest.raises((TypeError, ValueError), match=message):
        net.fit(X, Y, schedule=schedule, batch_size=20, checkpoint=tmp_path / "net")
    assert_same(trained_state(net), before)
    assert np.random.get_state()[2] == drawn
    assert not (tmp_path / "net").exists()


def test_a_function_that_fails_later_leaves_the_epochs_before():
    net = make()
    with pytest.raises(ValueError, match=r"schedule\(2, 2\) must be finite, at least 0, got nan"):
        net.fit(X, Y, schedule=lambda epoch, step: math.nan if epoch == 2 else 0.1, epochs=5, seed=0)
    assert len(net.history) == 2


@pytest.mark.parametrize(
    ("make_schedule", "message"),
    [
        (lambda: schedules.OfFunction(5), "function must be callable, got 5"),
        (schedules.Schedule, "abstract"),
        (lambda: Exponential(-1), "factor must be finite, at least 0, got -1"),
        (lambda: Step(0), "every must be a positive integer, got 0"),
        (lambda: Step(factor="x"), "factor must be a number"),
        (lambda: Cosine(warmup=1), "warmup must be finite, at least 0 and below 1, got 1"),
        (lambda: Cosine(end=2), "end must be finite, at least 0 and at most 1, got 2"),
        (lambda: OneCycle(start=-1), "start must be finite, at least 0 and at most 1"),
        (lambda: InverseScaling(-1), "power must be finite, at least 0"),
        (lambda: Plateau(factor=1), "factor must be finite, at least 0 and below 1"),
        (lambda: Plateau(patience=-1), "patience must be an integer of at least 0"),
        (lambda: Plateau(threshold=1), "threshold must be"),
        (lambda: Plateau(minimum=-1), "minimum must be finite, at least 0"),
    ],
)
def test_bad_parameters_of_schedules_are_named(make_schedule, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_schedule()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("schedule", [Step(1, 1e10), InverseScaling(2000), Exponential(1e30)])
def test_extreme_rates_are_zero_or_infinite(schedule):
    rates = list(itertools.islice(schedule.rates(1.0, 2, 40), 40))
    assert np.max(rates[-1]) in (0, np.inf)


def test_a_schedule_and_a_decay_are_refused():
    with pytest.raises(ValueError, match="learning_rate_decay must be left out with a schedule"):
        make().fit(X, Y, schedule="cosine", learning_rate_decay=0.9)
