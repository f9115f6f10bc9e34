"""Trainings that are killed or run out of disk, and are gone on with.

    python -m robustness.kills [--cases 50]

Each case ends a training, `fit` in a script or the command `fastmlp train`, at a random moment. It is survived if the
checkpoint before is whole and holds all epochs but the one under way, hardly anything else is left behind, and the
training that goes on ends with the bits of one that was never cut off. The full disk is a file system of 1 MB in
memory, which only root can make.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
# How long to let a training run, from its first epoch's end on, in seconds.
MOMENTS = (0.0, 0.5)
# Files left in a folder by the kills of one training: one at the very moment of a replacement, in fifty, leaves one.
MAX_LEFT = 3


def run(command: list[str], folder: Path, disturb: Callable[[subprocess.Popen[str]], object]) -> tuple[int, str]:
    """Train, disturbed after the first epoch, and check what is left; gives the exit status and the errors."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, str(folder)], stdout=pipe, stderr=pipe, text=True, bufsize=1) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        disturb(process)
        output, errors = process.communicate()
    epochs = re.findall(r"^ *(\d+)\b", first + output, re.MULTILINE)
    left = set(os.listdir(folder)) - {"checkpoint.npz", "model.npz", "history.json", "history.png"}
    assert len(left) <= MAX_LEFT, f"left behind: {left}"
    history = NeuralNetwork.load(folder / "checkpoint.npz").history if (folder / "checkpoint.npz").exists() else ()
    assert history is not None
    if command is FIT and epochs:  # the command does not write one after every epoch
        assert len(history) >= int(epochs[-1]) - 1, f"epoch {epochs[-1]} was over, the checkpoint has {len(history)}"
    return process.returncode, errors


def finished(command: list[str], folder: Path) -> bytes:
    """A training's network, as the bytes of its file."""
    status, errors = run(command, folder, lambda process: None)
    assert status == 0, errors
    return (folder / "model.npz").read_bytes()


def killed(command: list[str], n_cases: int, moment: Callable[[], object]) -> int:
    """How many of n_cases SIGKILLs are survived; each training is killed over and over until it is complete."""
    n_killed = survived = 0
    with tempfile.TemporaryDirectory() as name:
        expected = finished(command, Path(tempfile.mkdtemp(dir=name)))
        while n_killed < n_cases:
            folder, kills = Path(tempfile.mkdtemp(dir=name)), 0
            while n_killed + kills < n_cases and run(command, folder, lambda p: (moment(), p.kill()))[0] != 0:
                kills += 1
            survived += kills * (finished(command, folder) == expected)
            n_killed += kills
    return survived


def fill(disk: Path) -> None:
    """Leave no room."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            return


def survives(moment: Callable[[], object], expected: bytes) -> bool | None:
    """Whether a training survives that its disk becomes full; None if it was over before."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "fastmlp", name], check=True)
        try:
            disk, folder = Path(name), Path(name, "training")
            folder.mkdir()
            status, errors = run(FIT, folder, lambda process: (moment(), fill(disk)))
            (disk / "filler").unlink()
            if status == 0:
                return None
            assert "No space left on device" in errors.splitlines()[-1], errors
            return finished(FIT, folder) == expected
        finally:
            subprocess.run(["umount", name], check=True)


def main() -> None:
    """Try all of it."""
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=50, help="how many of each kind (default: 50)")
    asked = options.parse_args()
    chance, n = random.Random(asked.seed), asked.cases

    def moment() -> None:
        time.sleep(chance.uniform(*MOMENTS))

    faults = [
        Fault("SIGKILL during `fit(..., checkpoint=..., resume=True)`", n, killed(FIT, n, moment)),
        Fault("SIGKILL during `fastmlp train --resume`", n, killed(TRAIN, n, moment)),
    ]
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as name:
            expected = finished(FIT, Path(name))
        found: list[bool] = []
        while len(found) < n:
            survived = survives(moment, expected)
            found += [] if survived is None else [survived]
        faults.append(Fault("a disk that becomes full during `fit`", n, sum(found)))
    else:
        print("only root can make file systems: a full disk is not tried")
    conclude({"kills": faults}, asked.results)


if __name__ == "__main__":
    main()
