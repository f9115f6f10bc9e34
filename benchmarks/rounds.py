"""The method: systems in processes of their own take turns, block by block.

A lower quartile of the blocks' times stands for a system in one repetition: noise only ever adds time. A ratio is one
of quartiles of the same repetition.
"""

import contextlib
import random
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.checks import Check, check
from benchmarks.processes import PAUSE, WorkerError, start_workers

# blocks of each system in a repetition, and repetitions, of a result to quote
BLOCKS, REPETITIONS = 20, 5
# a measurement whose floor moved by more than this between repetitions says nothing
LARGEST_SPREAD = 0.15
# or whose threads waited for a processor for more than this share of their time
LARGEST_DELAY = 0.05
# a system that neither ran nor waited for a processor for the rest of its time was doing something else
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
    busy, delayed : dict of ndarray of the same shape
        Processor time of all threads, and time that they waited for a processor, over time.
    checks : dict of list of Check
        How far each system's results are from the reference's: of a block drawn in each repetition, and one with SGD.
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
    delayed: dict[str, np.ndarray]
    checks: dict[str, list[Check]] = field(default_factory=dict)
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
        """Whether the machine was too restless to say anything, see `is_void`."""
        return is_void(self.floor_spread, [float(np.mean(self.delayed[system])) for system in NEEDED], self.threads)

    def flags(self, system: str) -> list[str]:
        """What is wrong with a system: it has not computed what it should, or not been computing."""
        checks = self.checks.get(system, [])
        flags = list(dict.fromkeys(complaint for check in checks for complaint in check.complaints))
        if system != "floor" and not checks:
            flags.append("gave no result")
        active = float(np.median(self.busy[system] + self.delayed[system]))
        if active < LEAST_BUSY:
            flags.append(f"idle for {1 - active:.0%} of its time")
        return flags


def is_void(floor_spread: float, delays: list[float], threads: int) -> bool:
    """Whether the floor moved, or a thread had to wait for a processor; delays are summed over the threads."""
    return floor_spread > LARGEST_SPREAD or max(delays) / threads > LARGEST_DELAY


def measure(
    case: Case, threads: int, systems: dict[str, str], folder: Path, blocks: int, repetitions: int, advance
) -> Measurement:
    """Run the blocks of one case; each repetition has new processes, so that their luck is part of the spread.

    `systems` gives the class of each by its name; `advance` is called after each round.
    """
    shape = (repetitions, blocks)
    found = Measurement(case, threads, *({system: np.full(shape, np.nan) for system in systems} for _ in range(3)))
    for repetition in range(repetitions):
        left = {system: path for system, path in systems.items() if system not in found.failed}
        with contextlib.ExitStack() as stack:
            workers, failed = start_workers(left, case, threads, folder, stack)
            found.failed |= failed
            for system in list(workers):
                _ask(found, workers, system, "tune")
            _take_turns(found, repetition, workers, folder, advance)
            if repetition == repetitions - 1:
                _finish(found, workers, folder)
            _require(found)
    for system in found.failed:
        del found.seconds[system], found.busy[system], found.delayed[system]
    return found


def _ask(found, workers, system, *request):
    """A process's answer; None from one that has failed, which takes part no longer."""
    try:
        return workers[system].ask(*request)
    except WorkerError as error:
        found.failed[system] = str(error)
        del workers[system]
        return None


def _require(found):
    """Stop where there is nothing left to compare with."""
    for system in NEEDED:
        if system in found.failed:
            raise WorkerError(f"{system} cannot be measured: {found.failed[system]}")


def _take_turns(found, repetition, workers, folder, advance):
    """One repetition: each round gives every system one block, in an order drawn anew; one block is checked."""
    drawn = random.Random()  # nobody knows beforehand which
    blocks = found.seconds["floor"].shape[1]
    checked = drawn.randrange(blocks)
    for block in range(blocks):
        _require(found)
        if block == 0:
            found.peak = max(found.peak, workers["floor"].ask("peak")["peak"])
        for system in drawn.sample(sorted(workers), len(workers)):
            time.sleep(PAUSE)
            number = 1 + repetition * blocks + block  # 0 is the one that warms up
            try:
                answer = workers[system].ask("block", number)
                if block == checked:
                    _check(found, system, workers[system], "result", found.case, folder, number)
            except WorkerError as error:
                found.failed[system] = str(error)
                del workers[system]
                continue
            found.seconds[system][repetition, block] = answer["seconds"] / found.case.steps
            for name, values in ("busy", found.busy), ("delayed", found.delayed):
                values[system][repetition, block] = answer[name] / answer["seconds"]
        advance()


def _check(found, system, worker, request, case, folder, number):
    """Compare a system's result with the reference's."""
    path = folder / "result.npz"
    path.unlink(missing_ok=True)
    worker.ask(request, str(path))
    if path.exists():
        try:
            found.checks.setdefault(system, []).append(check(case, folder, number, dict(np.load(path))))
        except (KeyError, ValueError) as error:  # it has not the arrays that it should have
            raise WorkerError(f"no usable result: {error}") from error


def _finish(found, workers, folder):
    """Take what the processes have to say at their end, and one more result."""
    for system, worker in workers.items():
        try:
            found.finished[system] = worker.ask("finish")
            if found.case.kind == "train" and found.case.optimizer == "Adam":
                _check(found, system, worker, "result_with_sgd", replace(found.case, optimizer="SGD"), folder, 0)
        except WorkerError as error:
            found.failed[system] = str(error)
