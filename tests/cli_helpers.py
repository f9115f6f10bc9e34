"""Helpers for tests of the `fastmlp` command. Modules that import them are skipped where the extra `cli` is missing."""

import csv
import itertools
import json
from contextlib import contextmanager

import pytest

import fastmlp

for library in ("click", "tqdm", "matplotlib"):
    pytest.importorskip(library)


def found(result):
    """What a command printed as JSON."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def categories(text, name="category"):
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["id", name]
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(len(rows) - 1)]
    return [row[1] for row in rows[1:]]


@contextmanager
def interrupted_in_epoch(number):
    """Ctrl-C in an epoch, counted over all trainings: as its network is evaluated on the validation data."""
    fit, evaluate = fastmlp.NeuralNetwork.fit, fastmlp.NeuralNetwork.evaluate
    trainings, epochs = [], itertools.count(1)

    def noted(self, *arguments, **options):
        trainings.append(self)
        history = fit(self, *arguments, **options)
        trainings.pop()
        return history

    def interrupted(self, *arguments, **options):
        if trainings and next(epochs) == number:
            raise KeyboardInterrupt
        return evaluate(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastmlp.NeuralNetwork, "fit", noted)
        patch.setattr(fastmlp.NeuralNetwork, "evaluate", interrupted)
        yield


def cut_off(run, epoch, *arguments):
    """Train, with Ctrl-C in an epoch, after a checkpoint of the one before."""
    with interrupted_in_epoch(epoch), pytest.MonkeyPatch.context() as patch:
        patch.setattr("fastmlp.cli.runs.CHECKPOINT_SECONDS", 0)
        assert run("train", *arguments).exit_code == 130
