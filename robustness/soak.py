"""Long use: many networks one after the other, and a long training beside a process that takes a core.

    python -m robustness.soak [--networks 10000] [--minutes 60]

Networks are built, trained a step, saved, loaded and dropped; the memory in use must not grow by more than 2 MiB in the
second half of them. The training runs under a limit of memory (RLIMIT_DATA) 64 MiB above what its first seconds have
taken, while another process spins without a pause; its memory must not grow either, and no epoch may take longer than
50 times the median one.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fastmlp import NeuralNetwork
from robustness.product import OPTIMIZERS
from robustness.report import Fault, conclude, parser

MIB = 2**20
# A network that stays would take 40 kB; arenas of 1 MiB, in which Python allocates, come one at a time.
GROWTH = 2 * MIB
ROOM = 64 * MIB
STALL = 50
WARM_UP = 5.0


def memory(column: int = 1) -> int:
    """Bytes that the system counts in a column of this process's statm, see proc(5); by default those in use."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * os.sysconf("SC_PAGE_SIZE")


def networks(n: int) -> bool:
    """Build, train, save, load and drop n networks; whether the memory stays as it is."""
    random = np.random.RandomState(0)
    X, y = random.randn(32, 64), random.randint(10, size=32)
    half = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            net = NeuralNetwork(64, [32], 10, dtype=("float32", "float64")[i % 2], seed=i)
            net.forward(X)
            net.backward(y)
            net.update(0.001, opt=OPTIMIZERS[i % len(OPTIMIZERS)])
            net.save(Path(folder, "net"))
            NeuralNetwork.load(Path(folder, "net")).predict(X)
            if i == n // 2:
                half = memory()
    grown = memory() - half
    print(f"{n:,} networks: {memory() / MIB:.1f} MiB, {grown / MIB:+.2f} MiB in the second half")
    return grown <= GROWTH


def training(minutes: float) -> tuple[bool, bool]:
    """Train under a limit while another process spins; whether memory stays as it is, and no epoch is late."""
    random = np.random.RandomState(0)
    X, y = random.randn(5000, 784).astype(np.float32), random.randint(10, size=5000)
    net = NeuralNetwork(784, [128, 64], 10, dtype="float32", seed=0)

    def train(seconds: float) -> np.ndarray:
        """The time of each epoch."""
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end or not times:
            start = time.monotonic()
            net.fit(X, y, epochs=1, batch_size=100, optimizer="Adam", learning_rate=1e-4, seed=0)
            times.append(time.monotonic() - start)
        return np.array(times)

    # which ends with this one, whatever ends this one
    busy = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    with subprocess.Popen([sys.executable, "-c", busy]) as other:
        try:
            train(WARM_UP)
            limit = memory(5) + ROOM  # data and stack, which RLIMIT_DATA counts
            resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
            before = memory()
            seconds = train(60 * minutes)
            grown = memory() - before
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            other.kill()
    print(f"{minutes:g} minutes, {len(seconds):,} epochs: {memory() / MIB:.1f} MiB, {grown / MIB:+.2f} MiB")
    print(f"median epoch {np.median(seconds):.4f} s, longest {seconds.max():.4f} s")
    return grown <= GROWTH, bool(seconds.max() <= STALL * np.median(seconds))


def main() -> None:
    """Both."""
    options = parser(__doc__)
    options.add_argument("--networks", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60)
    asked = options.parse_args()
    flat, (steady, prompt) = networks(asked.networks), training(asked.minutes)
    faults = [
        Fault(f"{asked.networks:,} networks built, trained, saved, loaded and dropped: memory flat", 1, int(flat)),
        Fault(f"{asked.minutes:g} minutes of training under a limit of memory: no growth", 1, int(steady)),
        Fault(f"{asked.minutes:g} minutes of training, one core taken by another process: no stall", 1, int(prompt)),
    ]
    conclude({"soak": faults}, asked.results)


if __name__ == "__main__":
    main()
