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
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fastmlp import NeuralNetwork
from robustness.results import Fault, conclude, parser

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
# How long to let a training run, from its first epoch's end on, in seconds.
MOMENTS = (0.0, 0.5)
# files that trainings that were killed may leave in a folder, where about one in fifty leaves one
MAX_LEFT = 3


class Training(NamedTuple):
    """A process that trains into a folder, whose name is to come, and prints the number of each epoch."""

    command: list[str]

    def start(self, folder: Path) -> subprocess.Popen:
        """The process."""
        return subprocess.Popen(
            [*self.command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def finish(self, folder: Path) -> bytes:
        """Run to the end; gives the network's file, whose bytes are the network's."""
        with self.start(folder) as process:
            _, errors = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(errors)
        return (folder / "model.npz").read_bytes()


FIT = Training([sys.executable, "-c", SCRIPT])
TRAIN = Training([sys.executable, "-u", "-m", "fastmlp", "train", "--epochs", "300", "--resume", "--out"])


def last_epoch(lines: str) -> int:
    """The last one that a training has printed."""
    numbers = re.findall(r"^ *(\d+)\b", lines, re.MULTILINE)
    return int(numbers[-1]) if numbers else 0


def check_left(folder: Path, printed: int, every_epoch: bool) -> None:
    """What a training must leave in its folder that has come so far."""
    left = set(os.listdir(folder)) - {"checkpoint.npz", "model.npz", "history.json", "history.png"}
    # a kill at the very moment of a replacement leaves a name in between, and it does not hit that often
    assert len(left) <= MAX_LEFT, f"left behind: {left}"
    checkpoint = folder / "checkpoint.npz"
    history = NeuralNetwork.load(checkpoint).history if checkpoint.exists() else ()
    assert history is not None
    if every_epoch:
        assert len(history) >= printed - 1, f"epoch {printed} was over, and the checkpoint has {len(history)}"


def killed(training: Training, n_cases: int, chance: random.Random, every_epoch: bool) -> int:
    """How many of so many SIGKILLs are survived; each training is killed over and over until it is complete."""
    survived = 0
    with tempfile.TemporaryDirectory() as name:
        expected = training.finish(make_folder(name))
        while n_cases > 0:
            folder, kills = make_folder(name), 0
            complete = False
            while not complete and kills < n_cases:
                with training.start(folder) as process:
                    assert process.stdout is not None
                    first = process.stdout.readline()
                    time.sleep(chance.uniform(*MOMENTS))
                    process.send_signal(signal.SIGKILL)
                    printed = last_epoch(first + process.stdout.read())
                complete = process.returncode == 0
                kills += not complete
                check_left(folder, printed, every_epoch)
            if training.finish(folder) == expected:
                survived += kills
            n_cases -= kills
    return survived


def make_folder(parent: str) -> Path:
    """A new one."""
    return Path(tempfile.mkdtemp(dir=parent))


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


def empty(disk: Path) -> None:
    """Give the room back."""
    (disk / "filler").unlink()


def remount(disk: Path, mode: str) -> None:
    """Make a file system read-only or not; one on which a file is being written only becomes so a moment later."""
    while subprocess.run(["mount", "-o", f"remount,{mode}", disk], capture_output=True).returncode:
        time.sleep(0.001)


def failed(
    n_cases: int, chance: random.Random, spoil: Callable[[Path], None], mend: Callable[[Path], None], message: str
) -> int:
    """How many trainings survive that something happens to their disk."""
    tried = survived = 0
    with tempfile.TemporaryDirectory() as name:
        expected = FIT.finish(make_folder(name))
    while tried < n_cases:
        with small_disk() as disk:
            folder = disk / "training"
            folder.mkdir()
            with FIT.start(folder) as process:
                assert process.stdout is not None
                first = process.stdout.readline()
                time.sleep(chance.uniform(*MOMENTS) / 2)
                spoil(disk)
                output, errors = process.communicate()
            mend(disk)
            if process.returncode == 0:  # it was over before its disk was spoiled, which waits for files in writing
                continue
            tried += 1
            assert message in errors.splitlines()[-1], errors
            check_left(folder, last_epoch(first + output), every_epoch=True)
            survived += FIT.finish(folder) == expected
    return survived


def main() -> None:
    """Try all of it."""
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=50, help="how many of each kind (default: 50)")
    asked = options.parse_args()
    chance, n = random.Random(asked.seed), asked.cases
    faults = [
        Fault("SIGKILL during `fit(..., checkpoint=..., resume=True)`", n, killed(FIT, n, chance, True)),
        Fault("SIGKILL during `fastmlp train --resume`", n, killed(TRAIN, n, chance, False)),
    ]
    if os.geteuid() == 0:
        full = failed(n, chance, fill, empty, "No space left on device")
        forbidden = failed(
            n, chance, lambda disk: remount(disk, "ro"), lambda disk: remount(disk, "rw"), "Read-only file system"
        )
        faults += [
            Fault("a disk that becomes full during `fit`", n, full),
            Fault("a folder that becomes read-only during `fit`", n, forbidden),
        ]
    else:
        print("only root can make file systems: disks are not tried")
    conclude("kills", faults, asked.results)


if __name__ == "__main__":
    main()
