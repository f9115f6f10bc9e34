"""The notebook's loop on fastmlp and on plain NumPy, in turns in one process.

    python -m benchmarks.notebook_loop [--dtype float64] [--rounds 15]

A step gathers 200 random rows of 3,072 features out of 49,000, and makes the three calls of a 3072-120-120-10 network.
The systems take turns in rounds of blocks of steps, with a pause before each block: a BLAS thread that has just worked
spins on for up to 0.1 s, and would take a core from the other system. What counts is the median of the rounds' ratios.
"""

import argparse
import time

import numpy as np

from fastmlp import NeuralNetwork, reference
from fastmlp.environment import environment

STEPS = 50
PAUSE = 0.2


def block(network, X, y, optimizer, random):
    """Seconds that a step takes, over a block of steps."""
    start = time.perf_counter()
    for _ in range(STEPS):
        rows = random.randint(len(X), size=200)
        scores = network.forward(X[rows])
        np.argmax(scores, axis=1)
        network.backward(y[rows], 1e-4)
        network.update(1e-3, opt=optimizer)
    return (time.perf_counter() - start) / STEPS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    random = np.random.RandomState(0)
    X, y = random.randn(49000, 3072).astype(arguments.dtype), random.randint(10, size=49000)
    versions = environment()
    print(", ".join(f"{name} {versions[name]}" for name in ("numpy", "scipy", "BLAS", "threads")), arguments.dtype)
    for optimizer in ("SGD", "Adam"):
        makers = (NeuralNetwork, reference.NeuralNetwork)
        systems = [make(3072, [120, 120], 10, dtype=arguments.dtype, seed=0) for make in makers]
        times = np.empty((arguments.rounds, len(systems)))
        for round_ in range(-1, arguments.rounds):  # the first one warms up
            for i, system in enumerate(systems):
                time.sleep(PAUSE)
                seconds = block(system, X, y, optimizer, random)
                if round_ >= 0:
                    times[round_, i] = seconds
        ratios = times[:, 1] / times[:, 0]
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        ours, theirs = np.median(times, axis=0) * 1e3
        print(
            f"{optimizer:5}  fastmlp {ours:6.2f} ms   NumPy {theirs:6.2f} ms"
            f"   {middle:.2f} times as fast (quartiles {low:.2f} to {high:.2f} of {arguments.rounds} rounds)"
        )


if __name__ == "__main__":
    main()
