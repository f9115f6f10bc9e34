"""Cost against size: how fit's time and memory grow with the network and the data.

    python -m benchmarks.sizes

One size at a time is changed on a 784-256-256-10 network, Adam, float32, batch 128. Time is a lower quartile over
blocks; memory is what a new process's peak grows by, from the moment that the data are loaded; both are medians of
three processes. The exponent is that of a power law through the largest third of the sizes, where fixed costs no longer
show, or three at least.
"""

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.data import folder_of
from benchmarks.environment import RESULTS, provenance, write
from benchmarks.processes import PAUSE, Worker
from benchmarks.rounds import progress
from benchmarks.systems import SYSTEMS

BATCH, WIDTH = 128, 256
BLOCKS, PROCESSES = 20, 3


def net(width: int = WIDTH, n_hidden: int = 2, batch: int = BATCH, steps: int = 20) -> Case:
    """A training case with data for one block."""
    return Case((784, *[width] * n_hidden, 10), batch, ("fit",), steps=steps, rows=batch * steps)


def studies() -> dict[str, dict[int, Case]]:
    """A case for each value of each size that is varied."""
    powers = [2**k for k in range(13)]
    return {
        "hidden width": {n: net(width=n) for n in powers[4:12]},
        "batch": {n: net(batch=n, steps=max(20, 400 // n)) for n in powers},
        "rows": {n * BATCH: net(steps=n) for n in powers[3:10]},
        "hidden layers": {n: net(n_hidden=n) for n in powers[:6]},
        "threads": {n: net(width=1024) for n in range(1, len(os.sched_getaffinity(0)) + 1)},
    }


def cost(case: Case, threads: int, folder: Path) -> tuple[float, int]:
    """Seconds of a block, and bytes, that fit takes in a process of its own."""
    seconds = []
    with contextlib.closing(Worker(SYSTEMS["fit"][0], case, folder, threads)) as worker:
        worker.get_ready()
        for number in range(1, BLOCKS + 1):
            time.sleep(PAUSE)
            seconds.append(worker.ask("block", number)["seconds"])
        memory = worker.ask("finish")["grown"]
    return float(np.percentile(seconds, 25)), memory


def power_law(values: list[int], measured: list[float]) -> dict:
    """Least squares on logarithms, over the largest third of the values, but three at least."""
    upper = slice(-max(3, (len(values) + 2) // 3), None)
    exponent = intercept = None
    if len(values) >= 3:
        exponent, intercept = np.polyfit(np.log(values[upper]), np.log(measured[upper]), 1).tolist()
    return {"measured": measured, "exponent": exponent, "intercept": intercept, "fitted_from": values[upper][0]}


def measured(name: str, cases: dict[int, Case]) -> dict:
    """What a study found: of a step, but an epoch where the number of rows is varied."""
    seconds, memory = [], []
    for value in progress(cases, name):
        case = cases[value]
        with tempfile.TemporaryDirectory() as root:
            folder, threads = folder_of(case, Path(root)), value if name == "threads" else 1
            block, grown = np.median([cost(case, threads, folder) for _ in range(PROCESSES)], axis=0).tolist()
        seconds.append(block if name == "rows" else block / case.steps)
        memory.append(grown)
    values = list(cases)
    laws = {"seconds": power_law(values, seconds), "bytes": power_law(values, memory)}
    of = "an epoch" if name == "rows" else "a step"
    return {"name": name, "quantity": name.split()[-1], "cost": of, "values": values, **laws}


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    write(
        RESULTS / "sizes.json",
        {**provenance("benchmarks.sizes"), "studies": [measured(*study) for study in studies().items()]},
    )


if __name__ == "__main__":
    main()
