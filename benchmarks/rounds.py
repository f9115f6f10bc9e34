"""The method: systems in processes of their own take turns, block by block.

A lower quartile of the blocks' times stands for a system in one repetition: noise only ever adds time. A ratio is one
of quartiles of the same repetition.
"""

import contextlib
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.checks import Check, check
from benchmarks.processes import PAUSE, WorkerError, start_workers

# a measurement whose floor moved by more than this between repetitions says nothing
LARGEST_SPREAD = 0.15
# less processor time than this share of the time means that a system waits instead of computing
LEAST_BUSY = 0.95
# without these there is nothing to compare the others with
NEEDED = ("floor", "fit")


@dataclass
class Measurement:
    """Times of one case at one number of threads.

    Attributes
    ----------
    seconds : dict of ndarray (n_repetitions, n_blocks)
        By system, of one step, or of one call of predict.
    busy : dict of ndarray of the same shape
        Processor time over time.
    checks : dict of Check
        How far each system's result is from the reference's.
    finished : dict of dict
        What each process said at its end: bytes of memory, and the number of threads that it chose.
    failed : dict of str
        Why a system could not be measured.
    peak : float
        Operations a second of a large matrix product.
    """

    case: Case
    threads: int
    seconds: dict[str, np.ndarray]
    busy: dict[str, np.ndarray]
    checks: dict[str, Check] = field(default_factory=dict)
    finished: dict[str, dict] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    peak: float = 0.0

    def quartiles(self, system: str) -> np.ndarray:
        """The lower quartile of each repetition's blocks."""
        return np.percentile(self.seconds[system], 25, axis=1)

    def ratios(self, system: str, to: str) -> np.ndarray:
        """The time of a system as a multiple of that of another, by repetition."""
        return self.quartiles(system) / self.quartiles(to)

    @property
    def floor_spread(self) -> float:
        """Between the repetitions' quartiles of the floor, relative to the least."""
        quartiles = self.quartiles("floor")
        return float(quartiles.max() / quartiles.min() - 1)

    @property
    def void(self) -> bool:
        """Whether the machine was too restless to say anything: the floor moved, or did not get its processor."""
        return self.floor_spread > LARGEST_SPREAD or self._share_busy("floor") < LEAST_BUSY

    def _share_busy(self, system: str) -> float:
        return float(np.median(self.busy[system]))

    def flags(self, system: str) -> list[str]:
        """What is wrong with a system: it has not computed what it should, or not been computing."""
        flags = list(self.checks[system].complaints) if system in self.checks else []
        if system != "floor" and system not in self.checks:
            flags.append("gave no result")
        if self._share_busy(system) < LEAST_BUSY and not self.void:
            flags.append(f"idle for {1 - self._share_busy(system):.0%} of its time")
        return flags


def measure(
    case: Case, threads: int, systems: dict[str, str], folder: Path, blocks: int, repetitions: int, advance
) -> Measurement:
    """Run the blocks of one case; each repetition has new processes, so that their luck is part of the spread.

    `systems` gives the class of each by its name; `advance` is called after each round.
    """
    shape = (repetitions, blocks)
    found = Measurement(case, threads, *({system: np.full(shape, np.nan) for system in systems} for _ in range(2)))
    for repetition in range(repetitions):
        left = {system: path for system, path in systems.items() if system not in found.failed}
        with contextlib.ExitStack() as stack:
            workers, failed = start_workers(left, case, threads, folder, stack)
            found.failed |= failed
            for worker in workers.values():
                worker.ask("tune")
            _take_turns(found, repetition, workers, advance)
            if repetition == repetitions - 1:
                _finish(found, workers, folder)
    for system in found.failed:
        del found.seconds[system], found.busy[system]
    return found


def _take_turns(found, repetition, workers, advance):
    """One repetition: each round gives every system one block, in an order drawn anew."""
    shuffled = random.Random(repetition)
    blocks = found.seconds["floor"].shape[1]
    for block in range(blocks):
        for system in NEEDED:
            if system in found.failed:
                raise WorkerError(f"{system} cannot be measured: {found.failed[system]}")
        if block == 0:
            found.peak = max(found.peak, workers["floor"].ask("peak")["peak"])
        for system in shuffled.sample(sorted(workers), len(workers)):
            time.sleep(PAUSE)
            try:
                answer = workers[system].ask("block", _number(repetition, block, blocks))
            except WorkerError as error:
                found.failed[system] = str(error)
                del workers[system]
                continue
            found.seconds[system][repetition, block] = answer["seconds"] / found.case.steps
            found.busy[system][repetition, block] = answer["busy"] / answer["seconds"]
        advance()


def _number(repetition, block, blocks):
    """Blocks are counted through; 0 is the one that warms up."""
    return 1 + repetition * blocks + block


def _finish(found, workers, folder):
    """Take memory and results from the processes that have run the last block."""
    repetitions, blocks = found.seconds["floor"].shape
    last = _number(repetitions - 1, blocks - 1, blocks)
    for system, worker in workers.items():
        result = folder / "result.npz"
        result.unlink(missing_ok=True)
        try:
            found.finished[system] = worker.ask("finish", str(result))
            if result.exists():
                found.checks[system] = check(found.case, folder, last, dict(np.load(result)))
        except (WorkerError, KeyError, ValueError) as error:  # its result has not the arrays that it should have
            found.failed[system] = f"no usable result: {error}"
