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
from fastmlp.functions import OPTIMIZERS
from robustness.report import Fault, conclude, parser

# A network that stays would take 40 kB; arenas of 1 MiB, in which Python allocates, come one at a time.
GROWTH, ROOM, STALL, WARM_UP = 2 << 20, 64 << 20, 50, 5.0


def memory(column: int = 1) -> int:
    """Bytes that the system counts in a column of this process's statm, see proc(5); by default those in use."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * os.sysconf("SC_PAGE_SIZE")


def use(path: Path, i: int, X: np.ndarray, y: np.ndarray) -> None:
    """Build, train, save, load and drop a network."""
    net = NeuralNetwork(64, [32], 10, dtype=("float32", "float64")[i % 2], seed=i)
    net.forward(X)
    net.backward(y)
    net.update(0.001, opt=list(OPTIMIZERS)[i % len(OPTIMIZERS)])
    net.save(path)
    NeuralNetwork.load(path).predict(X)


def train(net: NeuralNetwork, X: np.ndarray, y: np.ndarray, seconds: float) -> np.ndarray:
    """Epoch after epoch; gives the time of each."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end or not times:
        start = time.monotonic()
        net.fit(X, y, epochs=1, batch_size=100, optimizer="Adam", learning_rate=1e-4, seed=0)
        times.append(time.monotonic() - start)
    return np.array(times)


def main() -> None:
    """Both."""
    options = parser(__doc__)
    options.add_argument("--networks", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60)
    asked = options.parse_args()
    X, y, half = np.random.RandomState(0).randn(5000, 784).astype(np.float32), np.arange(5000) % 10, 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(asked.networks):
            use(Path(folder, "net"), i, X[:32, :64], y[:32])
            half = memory() if i == asked.networks // 2 else half
    grown = memory() - half

    net = NeuralNetwork(784, [128, 64], 10, dtype="float32", seed=0)
    # which ends with this one, whatever ends this one
    busy = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    with subprocess.Popen([sys.executable, "-c", busy]) as other:
        try:
            train(net, X, y, WARM_UP)
            limit = memory(5) + ROOM  # data and stack, which RLIMIT_DATA counts
            resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
            before = memory()
            seconds = train(net, X, y, 60 * asked.minutes)
            grown_in_training = memory() - before
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            other.kill()
    print(f"{grown:+,} bytes in the second half of the networks, {grown_in_training:+,} in the training")
    print(f"{len(seconds):,} epochs, the median one {np.median(seconds):.4f} s, the longest {seconds.max():.4f} s")
    what = f"{asked.minutes:g} minutes of training"
    checks = {
        f"{asked.networks:,} networks built, trained, saved, loaded and dropped: memory flat": grown <= GROWTH,
        f"{what} under a limit of memory: no growth": grown_in_training <= GROWTH,
        f"{what}, one core taken by another process: no stall": seconds.max() <= STALL * np.median(seconds),
    }
    conclude({"soak": [Fault(name, 1, int(held)) for name, held in checks.items()]}, asked.results)


if __name__ == "__main__":
    main()
