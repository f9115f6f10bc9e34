"""Helpers for tests of the search."""

from pathlib import Path

import fastmlp
from fastmlp.training import Epoch
from fastmlp.tuning.results import Trial
from fastmlp.tuning.space import Configuration

SEED = 3


SPACE = {"num_layers": [2, 3], "hidden_size": 8, "learning_rate": [0.01, 0.3, 0.1], "epochs": 3, "batch_size": 30}


def with_key(**wanted):
    """A configuration, and a trial of it."""
    return Configuration.from_dict(wanted), Trial(wanted, 1, fastmlp.History([Epoch(1.0, 0.5, 1.0, 0.5, 0.1, 0.0)]))


def without_time(trials):
    return [(trial.hyper_parameters, trial.epochs, [epoch[:-1] for epoch in trial.history]) for trial in trials]


def lines(folder):
    return Path(folder, "trials.jsonl").read_bytes().splitlines(keepends=True)
