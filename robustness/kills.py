"""Trainings that are killed, run out of disk or lose their folder, and are gone on with.

    python -m robustness.kills [--cases 50]

Each case ends a training, `fit` in a script or the command `fastmlp train`, at a random moment. It is survived if the
checkpoint before is whole and holds all epochs but the one under way, hardly anything else is left behind, and the
training that goes on ends with the bits of one that was never cut off. The full disk and the folder that becomes
read-only are file systems of 1 MB in memory, which only root can make.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
# Files that trainings that were killed may leave in a folder: a kill at the very moment of a replacement, about one in
# fifty, leaves one.
MAX_LEFT = 3


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """A training."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, str(folder)], stdout=pipe, stderr=pipe, text=True, bufsize=1)


def finished(command: list[str], folder: Path) -> bytes:
    """A training's network, as the bytes of its file."""
    with start(command, folder) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    return (folder / "model.npz").read_bytes()


def disturbed(command: list[str], folder: Path, chance: random.Random, disturb: Callable[..., None]) -> tuple[int, str]:
    """Disturb a training at a random moment and check what it leaves; gives its exit status and what it complains."""
    with start(command, folder) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(*MOMENTS))
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


def killed(command: list[str], n_cases: int, chance: random.Random) -> int:
    """How many of n_cases SIGKILLs are survived; each training is killed over and over until it is complete."""
    n_killed = survived = 0
    with tempfile.TemporaryDirectory() as name:
        expected = finished(command, Path(tempfile.mkdtemp(dir=name)))
        while n_killed < n_cases:
            folder, kills = Path(tempfile.mkdtemp(dir=name)), 0
            while n_killed + kills < n_cases and disturbed(command, folder, chance, subprocess.Popen.kill)[0] != 0:
                kills += 1
            survived += kills * (finished(command, folder) == expected)
            n_killed += kills
    return survived


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of 1 MB."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "fastmlp", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def fill(disk: Path) -> None:
    """Leave no room."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            return


def remount(disk: Path, mode: str) -> None:
    """Make a file system read-only or not; one on which a file is being written only becomes so a moment later."""
    while subprocess.run(["mount", "-o", f"remount,{mode}", disk], capture_output=True).returncode:
        time.sleep(0.001)


# What happens to a disk, how it is undone, and what the training must say.
DISKS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None], str]] = {
    "a disk that becomes full during `fit`": (fill, lambda disk: (disk / "filler").unlink(), "No space left on device"),
    "a folder that becomes read-only during `fit`": (
        lambda disk: remount(disk, "ro"),
        lambda disk: remount(disk, "rw"),
        "Read-only file system",
    ),
}


def failed(what: str, n_cases: int, chance: random.Random) -> int:
    """How many of n_cases trainings survive what happens to their disk."""
    (spoil, mend, message), tried, survived = DISKS[what], 0, 0
    with tempfile.TemporaryDirectory() as name:
        expected = finished(FIT, Path(name))
    while tried < n_cases:
        with small_disk() as disk:
            folder = disk / "training"
            folder.mkdir()
            status, errors = disturbed(FIT, folder, chance, lambda process, disk=disk: spoil(disk))
            mend(disk)
            if status != 0:  # else it was over before its disk was spoiled, which waits for files in writing
                tried += 1
                assert message in errors.splitlines()[-1], errors
                survived += finished(FIT, folder) == expected
    return survived


def main() -> None:
    """Try all of it."""
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=50, help="how many of each kind (default: 50)")
    asked = options.parse_args()
    chance, n = random.Random(asked.seed), asked.cases
    faults = [
        Fault("SIGKILL during `fit(..., checkpoint=..., resume=True)`", n, killed(FIT, n, chance)),
        Fault("SIGKILL during `fastmlp train --resume`", n, killed(TRAIN, n, chance)),
    ]
    if os.geteuid() == 0:
        faults += [Fault(what, n, failed(what, n, chance)) for what in DISKS]
    else:
        print("only root can make file systems: disks are not tried")
    conclude({"kills": faults}, asked.results)


if __name__ == "__main__":
    main()
