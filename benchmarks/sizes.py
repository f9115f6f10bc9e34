"""Cost against size: what fit's time and memory do as the network and the data grow.

    python -m benchmarks.sizes [--out FILE]

One size at a time is changed on a 784-256-256-10 network, Adam, float32, batch 128. Time is a lower quartile over
blocks; memory is what a fresh process's peak grows by, from the moment that the data are loaded; both are medians of
three processes. The exponent is that of a power law through the largest third of the sizes, where fixed costs no longer
show, or three at least.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.cases import Case
from benchmarks.data import folder_of
from benchmarks.environment import provenance
from benchmarks.processes import PAUSE, Worker
from benchmarks.systems import SYSTEMS

RESULTS = Path(__file__).with_name("results") / "sizes.json"
BATCH, WIDTH = 128, 256
BLOCKS, PROCESSES = 20, 3


@dataclass(frozen=True)
class Study:
    """One size, what the time is of, and a case for each value."""

    name: str
    quantity: str
    cost: str
    points: dict[int, Case]


def net(width: int = WIDTH, n_hidden: int = 2, batch: int = BATCH, steps: int = 20) -> Case:
    """A training case with data for one block."""
    return Case((784, *[width] * n_hidden, 10), batch, ("fit",), steps=steps, rows=batch * steps)


def studies() -> list[Study]:
    """All sizes that are looked at."""
    powers = [2**k for k in range(13)]
    processors = range(1, len(os.sched_getaffinity(0)) + 1)
    return [
        Study("hidden width", "width", "a step", {n: net(width=n) for n in powers[4:12]}),
        Study("batch", "batch", "a step", {n: net(batch=n, steps=max(20, 400 // n)) for n in powers}),
        Study("rows", "rows", "an epoch", {n * BATCH: net(steps=n) for n in powers[3:10]}),
        Study("hidden layers", "layers", "a step", {n: net(n_hidden=n) for n in powers[:6]}),
        Study("threads", "threads", "a step", {n: net(width=1024) for n in processors}),
    ]


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


def run() -> dict:
    """Measure all studies."""
    found = []
    for study in studies():
        seconds, memory = [], []
        for value, case in tqdm(study.points.items(), desc=study.name, leave=False, disable=None):
            threads = value if study.name == "threads" else 1
            with tempfile.TemporaryDirectory() as root:
                folder = folder_of(case, Path(root))
                costs = [cost(case, threads, folder) for _ in range(PROCESSES)]
            block, used = np.median(costs, axis=0).tolist()
            seconds.append(block if study.cost == "an epoch" else block / case.steps)
            memory.append(used)
        values = list(study.points)
        found.append(
            {
                "name": study.name,
                "quantity": study.quantity,
                "cost": study.cost,
                "values": values,
                "seconds": power_law(values, seconds),
                "bytes": power_law(values, memory),
            }
        )
    return {**provenance("benchmarks.sizes"), "studies": found}


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    record = run()
    options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
