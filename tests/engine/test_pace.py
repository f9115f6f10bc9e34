"""A team that other processes disturb gives way to one thread, where that is faster."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_same, batch, with_openmp
from process_helpers import run_python

from fastmlp import NeuralNetwork
from fastmlp.engine import engine
from fastmlp.engine.pace import HOLD, WINDOW, Pace


class Machine:
    """Stands in for the kernels and the clock, with a number of rows a second and of sleeping members by team size."""

    def __init__(self, speeds, slept):
        self.speeds, self.asleep = speeds, slept
        self.now, self.n_done, self.slept, self.sizes = 100.0, 0.0, 0.0, []

    def advance(self, seconds, n_threads):
        self.sizes.append(n_threads)
        self.now += seconds
        self.n_done += seconds * self.speeds[n_threads]
        self.slept = seconds * self.asleep[n_threads]

    def run(self, seconds, pace, n_threads=2):
        """The team sizes of the spans, of 0.05 s each, that follow."""
        self.sizes = []
        end = self.now + seconds - 1e-9
        while self.now < end:
            size, before = pace.team_size(n_threads), self.n_done
            self.advance(0.05, size)
            if n_threads > 1:
                pace.record(size, self.n_done - before, 0.05, self.slept, self.now)
        return self.sizes


def test_an_undisturbed_team_stays_together():
    # also one that is slow
    assert set(Machine({1: 200, 2: 100}, {1: 0, 2: 0.09}).run(10, Pace())) == {2}


def test_a_disturbed_team_gives_way_to_one_faster_thread():
    machine, pace = Machine({1: 200, 2: 120}, {1: 0, 2: 0.11}), Pace()
    sizes = machine.run(1, pace)
    n_team = sizes.index(1)
    assert n_team * 0.05 == pytest.approx(WINDOW, abs=0.06)
    assert set(sizes[n_team:]) == {1}
    sizes = machine.run(100, pace)
    assert sizes.count(2) / len(sizes) == pytest.approx(WINDOW / (WINDOW + HOLD), rel=0.1)  # it looks again and again


def test_a_team_that_is_far_behind_is_not_looked_at_for_long():
    machine, pace = Machine({1: 200, 2: 40}, {1: 0, 2: 0.9}), Pace()
    machine.run(1, pace)
    sizes = machine.run(100, pace)
    assert 100 / (HOLD + 0.2) < sizes.count(2) < 100 / HOLD


def test_a_disturbed_team_that_is_faster_stays():
    machine, pace = Machine({1: 100, 2: 120}, {1: 0, 2: 0.9}), Pace()
    machine.run(1, pace)
    sizes = machine.run(100, pace)
    assert 100 / (HOLD + WINDOW + 0.2) < sizes.count(1) < 100 / (HOLD + WINDOW - 0.2)


@pytest.mark.parametrize("period", [0.5, 1, 2, 3])
def test_a_short_disturbance_is_none(period):
    """One span in so many seconds in which half of the team does not run."""
    machine, pace = Machine({1: 100, 2: 190}, {1: 0, 2: 0}), Pace()
    n_done = 0
    for _ in range(int(60 / period)):
        machine.speeds[2], machine.asleep[2] = 80, 0.6
        machine.run(0.05, pace)
        machine.speeds[2], machine.asleep[2] = 190, 0
        machine.run(period - 0.05, pace)
        n_done, machine.n_done = n_done + machine.n_done, 0
    always_team = 60 * (190 - 110 * 0.05 / period)
    assert n_done > 0.95 * always_team


def test_the_team_comes_back_once_nobody_disturbs_it():
    machine, pace = Machine({1: 200, 2: 100}, {1: 0, 2: 0.5}), Pace()
    machine.run(1, pace)
    machine.speeds, machine.asleep = {1: 200, 2: 400}, {1: 0, 2: 0}
    sizes = machine.run(5, pace)
    first = sizes.index(2)
    assert first * 0.05 <= HOLD
    assert set(sizes[first:]) == {2}


def test_a_larger_team_may_have_more_members_asleep():
    assert set(Machine({1: 200, 8: 100}, {1: 0, 8: 0.69}).run(5, Pace(), 8)) == {8}
    assert 1 in Machine({1: 200, 8: 100}, {1: 0, 8: 0.71}).run(5, Pace(), 8)


def test_one_thread_has_nothing_to_choose():
    assert set(Machine({1: 100}, {1: 5}).run(5, Pace(), 1)) == {1}


@pytest.mark.usefixtures("no_gate")
def test_a_team_that_changes_within_an_epoch_gives_the_same_bits(monkeypatch):
    X, y = batch(2000, 40, 5)

    def fit(n_threads):
        net = NeuralNetwork(40, [30], 5, seed=0, n_threads=n_threads)
        net.fit(X, y, epochs=3, batch_size=32, optimizer="Adam", seed=1)
        return net

    serial = fit(1)
    sizes = []

    def team_size(pace, n_threads):
        sizes.append(1 + len(sizes) % n_threads)
        return sizes[-1]

    monkeypatch.setattr(Pace, "team_size", team_size)
    monkeypatch.setattr(engine, "SPAN", 1e-9)
    # so little work that the clock is looked at once in many batches
    net = fit(3)
    assert set(sizes) == {1, 2, 3}
    assert_same(net.params, serial.params)
    np.testing.assert_array_equal(net.history.train_loss, serial.history.train_loss)


@with_openmp
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a way to choose processors")
def test_members_sleep_while_they_wait_for_one_that_does_not_run():
    found = run_python(Path(__file__).parent / "scripts" / "one_processor.py")
    assert found.split() == ["True", "False"]


@pytest.mark.usefixtures("no_gate")
def test_calls_of_a_loop_by_hand_give_way_too(monkeypatch):
    """Each of the three has a pace of its own, since they differ in what they do for a row."""
    recorded = []
    monkeypatch.setattr(Pace, "team_size", lambda pace, n_threads: n_threads - 1)
    monkeypatch.setattr(Pace, "record", lambda pace, *span: recorded.append((pace, span[0])))
    X, y = batch(64, 200, 10)
    net = NeuralNetwork(200, [150], 10, seed=0, n_threads=3)
    for _ in range(2):
        net.forward(X)
        net.backward(y)
        net.update(0.1)
    assert [n_threads for _, n_threads in recorded] == [2] * 6
    paces = [pace for pace, _ in recorded]
    assert paces[:3] == paces[3:]
    assert len(set(paces)) == 3
