"""Long use: many networks one after the other, and a long training beside a process that takes a core.

    python -m robustness.soak [--networks 10000] [--minutes 60]

Networks are built, trained a step, saved, loaded and dropped; the memory in use must not grow by more than 2 MiB in the
second half of them. Nor may that of the training after its first seconds, while another process spins without a pause,
and no epoch may take longer than 50 times the median one.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fastmlp import NeuralNetwork
from fastmlp.functions.optimizers import OPTIMIZERS
from robustness.report import Fault, conclude, parser
from robustness.running import memory

# A network that stays would take 40 kB; arenas of 1 MiB, in which Python allocates, come one at a time.
GROWTH, STALL, WARM_UP = 2 << 20, 50, 5.0
# of linux/prctl.h
PR_SET_THP_DISABLE = 41
X, Y = np.random.RandomState(0).randn(5000, 784).astype(np.float32), np.arange(5000) % 10


def use_networks(n: int) -> int:
    """Build, train, save, load and drop n networks; gives by how much the memory grows in the second half."""
    half = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            half = memory(1) if i == n // 2 else half
            net = NeuralNetwork(64, [32], 10, dtype=("float32", "float64")[i % 2], seed=i)
            net.forward(X[:32, :64])
            net.backward(Y[:32])
            net.update(0.001, opt=list(OPTIMIZERS)[i % len(OPTIMIZERS)])
            net.save(Path(folder, "net"))
            NeuralNetwork.load(Path(folder, "net")).predict(X[:32, :64])
    return memory(1) - half


def train(net: NeuralNetwork, seconds: float) -> tuple[int, np.ndarray]:
    """Epoch after epoch; gives by how much the memory grows, and the time of each."""
    before, times, end = memory(1), [], time.monotonic() + seconds
    while time.monotonic() < end or not times:
        start = time.monotonic()
        net.fit(X, Y, epochs=1, batch_size=100, optimizer="Adam", learning_rate=1e-4, seed=0)
        times.append(time.monotonic() - start)
    return memory(1) - before, np.array(times)


def main() -> None:
    # or the kernel makes a page of 2 MiB of 512 small ones at any time, even if only one of them is in use
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    options = parser(__doc__)
    options.add_argument("--networks", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60)
    asked = options.parse_args()
    grown, net = use_networks(asked.networks), NeuralNetwork(784, [128, 64], 10, dtype="float32", seed=0)
    # which ends with this one, whatever ends this one
    busy = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    with subprocess.Popen([sys.executable, "-c", busy]) as other:
        try:
            train(net, WARM_UP)
            grown_in_training, seconds = train(net, 60 * asked.minutes)
        finally:
            other.kill()
    print(f"{grown:+,} bytes in the second half of the networks, {grown_in_training:+,} in the training")
    print(f"{len(seconds):,} epochs, the median one {np.median(seconds):.4f} s, the longest {seconds.max():.4f} s")
    what = f"{asked.minutes:g} minutes of training, one core taken by another process"
    checks = {
        f"{asked.networks:,} networks built, trained, saved, loaded and dropped: memory flat": grown <= GROWTH,
        f"{what}: memory flat": grown_in_training <= GROWTH,
        f"{what}: no stall": seconds.max() <= STALL * np.median(seconds),
    }
    conclude({"soak": [Fault(name, 1, int(held)) for name, held in checks.items()]}, asked.results)


if __name__ == "__main__":
    main()
