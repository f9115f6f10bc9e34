"""Trainings that are killed, and are gone on with.

    python -m robustness.kills [--cases 50]

Each case kills a training, `fit` in a script or the command `fastmlp train`, at a random moment. It is survived if the
checkpoint before is whole and holds all epochs but the one under way, hardly anything else is left behind, and the
training that goes on ends with the bits of one that was never cut off.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fastmlp import NeuralNetwork
from robustness.report import Fault, conclude, parser

# An epoch takes about as long as a checkpoint, so that about half of the kills come while one is written.
SCRIPT = """
import sys
import numpy as np
from fastmlp import NeuralNetwork
X, y = np.random.RandomState(0).randn(1000, 100), np.arange(1000) % 10
net = NeuralNetwork(100, [64], 10, seed=0)
net.fit(X, y, epochs=100, batch_size=20, optimizer="Adam", seed=1, checkpoint=sys.argv[1] + "/checkpoint.npz",
        resume=True, callbacks=[lambda net, history: print(len(history), flush=True)])
net.save(sys.argv[1] + "/model.npz")
"""
# Commands that train into a folder, whose name is to come, and print the number of each epoch.
FIT = [sys.executable, "-c", SCRIPT]
TRAIN = [sys.executable, "-u", "-m", "fastmlp", "train", "--epochs", "300", "--resume", "--out"]
# How long a training runs before it is killed, from its first epoch's end on, in seconds.
MOMENTS = (0.0, 0.5)
# Files left in a folder by the kills of one training: one at the very moment of a replacement, in fifty, leaves one.
MAX_LEFT = 3


def run(command: list[str], folder: Path, seconds: float | None) -> bool:
    """Train, killed so many seconds after the first epoch, and check what is left; gives whether it was complete."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, str(folder)], stdout=pipe, stderr=pipe, text=True, bufsize=1) as process:
        first = process.stdout.readline()
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        output, errors = process.communicate()
    assert seconds is not None or process.returncode == 0, errors
    epochs = re.findall(r"^ *(\d+)\b", first + output, re.MULTILINE)
    left = set(os.listdir(folder)) - {"checkpoint.npz", "model.npz", "history.json", "history.png"}
    assert len(left) <= MAX_LEFT, f"left behind: {left}"
    history = NeuralNetwork.load(folder / "checkpoint.npz").history if (folder / "checkpoint.npz").exists() else ()
    if command is FIT and epochs:  # the command does not write one after every epoch
        assert len(history) >= int(epochs[-1]) - 1, f"epoch {epochs[-1]} was over, the checkpoint has {len(history)}"
    return process.returncode == 0


def finished(command: list[str], folder: Path) -> bytes:
    """A training's network, as the bytes of its file."""
    run(command, folder, None)
    return (folder / "model.npz").read_bytes()


def killed(command: list[str], n_cases: int, chance: random.Random) -> int:
    """How many of n_cases SIGKILLs are survived; each training is killed over and over until it is complete."""
    n_killed = survived = 0
    with tempfile.TemporaryDirectory() as name:
        expected = finished(command, Path(tempfile.mkdtemp(dir=name)))
        while n_killed < n_cases:
            folder, kills = Path(tempfile.mkdtemp(dir=name)), 0
            while n_killed + kills < n_cases and not run(command, folder, chance.uniform(*MOMENTS)):
                kills += 1
            survived += kills * (finished(command, folder) == expected)
            n_killed += kills
    return survived


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=50, help="how many of each kind (default: 50)")
    asked = options.parse_args()
    chance, n = random.Random(asked.seed), asked.cases
    commands = {"`fit(..., checkpoint=..., resume=True)`": FIT, "`fastmlp train --resume`": TRAIN}
    faults = (Fault(f"SIGKILL during {name}", n, killed(command, n, chance)) for name, command in commands.items())
    conclude({"kills": faults}, asked.results)


if __name__ == "__main__":
    main()
