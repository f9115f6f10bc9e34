"""Helpers for tests of processes and threads."""

import os
import subprocess
import sys
import textwrap

from choices import LEARNING_RATES, OPTIMIZERS
from conftest import batch, trained_state

from fastmlp import NeuralNetwork

CASES = [(dtype, optimizer) for dtype in ("float32", "float64") for optimizer in OPTIMIZERS]


def run_python(script, *arguments, **variables):
    """Standard output of a script, by its path or as a few lines, in a process of its own; a hang is a failure."""
    program = ["-c", textwrap.dedent(script)] if isinstance(script, str) else [script]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    result = subprocess.run(
        [sys.executable, "-P", *program, *arguments],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def rows_and_labels():
    """A data set of 1.2 MB: joblib hands its processes a memory map of it."""
    return batch(600, 250, 10)


def trained(X, y, dtype, optimizer):
    """What training changes, of a network large enough for a team, after two epochs."""
    net = NeuralNetwork(X.shape[1], [60, 40], 10, dtype=dtype, seed=1)
    net.fit(X, y, epochs=2, learning_rate=LEARNING_RATES[optimizer], regularization=0.01, optimizer=optimizer, seed=0)
    return trained_state(net)
