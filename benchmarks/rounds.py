"""The method: systems in processes of their own take turns, block by block.

The lower quartile of the blocks' times stands for a system in one repetition: noise only ever adds time. A ratio is
one of quartiles of the same repetition.
"""

import contextlib
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import checks
from benchmarks.cases import Case
from benchmarks.processes import PAUSE, Worker, WorkerError

# rounds in a repetition, and repetitions, of a result to quote; in a round each system runs one block
ROUNDS, REPETITIONS = 20, 5
# a measurement in which the time of the products moved by more than this between repetitions is too noisy to quote
MAX_SPREAD = 0.15
# or one whose threads waited for a processor for more than this share of their time
MAX_DELAY = 0.05
# a system that neither ran nor waited for a processor for the rest of its time was doing something else
MIN_BUSY = 0.95
# without these there is nothing to compare the others with
NEEDED = ("products only", "fit")


def quoted(values, name: str) -> dict[str, float]:
    """What is quoted of several measurements: their median, and half their range."""
    return {name: float(np.median(values)), f"{name}_spread": float(np.ptp(values) / 2)}


@dataclass
class Measurement:
    """Times of one case at one number of threads; dictionaries are by system, arrays (n_repetitions, n_rounds)."""

    case: Case
    threads: int
    # of one step, or of one call of predict
    seconds: dict[str, np.ndarray]
    # processor time of all threads, and time that they waited for a processor, over time
    busy: dict[str, np.ndarray]
    delayed: dict[str, np.ndarray]
    # what was wrong with results: after a block drawn in each repetition, and after one with SGD
    checks: dict[str, list[list[str]]] = field(default_factory=dict)
    # what processes reported at their end: bytes of memory, and the number of threads that they chose
    finished: dict[str, dict] = field(default_factory=dict)
    # why a system could not be measured
    failed: dict[str, str] = field(default_factory=dict)
    # operations a second that the processors can compute; None without a C compiler
    peak: float | None = None

    def quartiles(self, system: str) -> np.ndarray:
        """The lower quartile of each repetition's blocks."""
        return np.percentile(self.seconds[system], 25, axis=1)

    def ratios(self, system: str) -> np.ndarray:
        """The time of a system as a multiple of fit's, by repetition."""
        return self.quartiles(system) / self.quartiles("fit")

    @property
    def spread(self) -> float:
        """Between the repetitions' quartiles of the products, relative to the smallest."""
        quartiles = self.quartiles("products only")
        return float(quartiles.max() / quartiles.min() - 1)

    @property
    def noisy(self) -> bool:
        """Whether the products' time moved, or a thread had to wait for a processor."""
        delay = max(float(np.mean(self.delayed[system])) for system in NEEDED)  # summed over the threads
        return self.spread > MAX_SPREAD or delay / self.threads > MAX_DELAY

    def share_of_peak(self, seconds: float) -> float | None:
        """The rate of a step's products; None where it is not known, as in an epoch, which contains predictions too."""
        if self.peak is None or self.case.kind == "cifar10":
            return None
        return self.case.operations / seconds / self.peak

    def errors(self, system: str) -> list[str]:
        """What is wrong with a system: it has not computed what it should, or not been computing."""
        results = self.checks.get(system, [])
        errors = list(dict.fromkeys(error for found in results for error in found))
        if system != "products only" and not results:
            errors.append("gave no result")
        active = float(np.median(self.busy[system] + self.delayed[system]))
        if active < MIN_BUSY:
            errors.append(f"idle for {1 - active:.0%} of its time")
        return errors

    @contextlib.contextmanager
    def allow_failure(self, workers: dict[str, Worker], system: str):
        """A system whose process fails takes part no longer; without those to compare with, all ends."""
        try:
            yield
        except WorkerError as error:
            if system in NEEDED:
                raise WorkerError(f"{system} cannot be measured: {error}") from error
            self.failed[system] = str(error)
            del workers[system]


def progress(steps: Iterable[int], name: str) -> Iterable[int]:
    """The steps, with a bar if this is a terminal."""
    return tqdm(steps, desc=name, leave=False, disable=None)


def measure(
    case: Case, threads: int, systems: dict[str, str], folder: Path, rounds: int, repetitions: int
) -> Measurement:
    """Run the blocks of one case; `systems` gives the class of each by its name.

    Each repetition has new processes, so that their differences show in the spread.
    """
    shape = (repetitions, rounds)
    found = Measurement(case, threads, *({system: np.full(shape, np.nan) for system in systems} for _ in range(3)))
    for repetition in range(repetitions):
        taking_part = {system: path for system, path in systems.items() if system not in found.failed}
        with contextlib.ExitStack() as stack:
            workers = start(stack, taking_part, case, threads, folder)
            for request in Worker.get_ready, lambda worker: worker.ask("tune"):
                for system in list(workers):
                    with found.allow_failure(workers, system):
                        request(workers[system])
            _take_turns(found, repetition, workers, folder)
            if repetition == repetitions - 1:
                _finish(found, workers, folder)
    for system in found.failed:
        del found.seconds[system], found.busy[system], found.delayed[system]
    return found


def start(stack, systems: dict[str, str], case: Case, threads: int, folder: Path) -> dict[str, Worker]:
    """A process for each system, started side by side and ended with the stack."""
    return {
        system: stack.enter_context(contextlib.closing(Worker(path, case, folder, threads, number)))
        for number, (system, path) in enumerate(systems.items())
    }


def _take_turns(found, repetition, workers, folder):
    """One repetition: each round gives every system one block, in an order drawn anew; one block is checked."""
    generator = random.Random()  # without a seed, so that the checked block cannot be known beforehand
    repetitions, rounds = found.seconds["fit"].shape
    checked = generator.randrange(rounds)
    peak = workers["products only"].ask("peak")
    found.peak = peak if found.peak is None else max(found.peak, peak)
    for round_ in progress(range(rounds), f"{found.case.name} ({repetition + 1} of {repetitions})"):
        for system in generator.sample(sorted(workers), len(workers)):
            time.sleep(PAUSE)
            number = 1 + repetition * rounds + round_  # 0 is the block that warms up
            with found.allow_failure(workers, system):
                answer = workers[system].ask("block", number)
                if round_ == checked:
                    _check(found, system, workers[system], "result", found.case, folder, number)
                found.seconds[system][repetition, round_] = answer["seconds"] / found.case.steps
                found.busy[system][repetition, round_] = answer["busy"] / answer["seconds"]
                found.delayed[system][repetition, round_] = answer["delayed"] / answer["seconds"]


def _check(found, system, worker, request, case, folder, number):
    """Compare a system's result with the reference's."""
    path = folder / "result.npz"
    path.unlink(missing_ok=True)
    worker.ask(request, str(path))
    if path.exists():
        try:
            found.checks.setdefault(system, []).append(checks.errors(case, folder, number, dict(np.load(path))))
        except (KeyError, ValueError) as error:  # it does not have the arrays that it should have
            raise WorkerError(f"no usable result: {error}") from error


def _finish(found, workers, folder):
    """Take what the processes report at their end, and one more result."""
    for system, worker in list(workers.items()):
        with found.allow_failure(workers, system):
            found.finished[system] = worker.ask("finish")
            if found.case.kind == "train" and found.case.optimizer == "Adam":
                _check(found, system, worker, "result_with_sgd", replace(found.case, optimizer="SGD"), folder, 0)


def start_to_first_step(case: Case, systems: dict[str, str], folder: Path, repetitions: int) -> dict[str, list[float]]:
    """Seconds from the start of a new process to the end of its first training step, with one thread."""
    seconds = {system: [] for system in systems}
    for _ in progress(range(repetitions), "first step"):
        for system in list(seconds):
            with contextlib.closing(Worker(systems[system], case, folder, 1)) as worker:
                try:
                    worker.get_ready()
                    seconds[system].append(time.monotonic() - worker.started)
                except WorkerError:
                    del seconds[system]
    return seconds


def phases(case: Case, systems: dict[str, str], folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of a step by phase, and those of the products: lower quartiles over blocks in turns, with one thread."""
    found = {system: [] for system in systems}
    with contextlib.ExitStack() as stack:
        workers = start(stack, systems, case, 1, folder)
        for worker in workers.values():
            worker.get_ready()
        for block in progress(range(1, rounds + 1), "phases"):
            for system, worker in workers.items():
                time.sleep(PAUSE)
                found[system].append(worker.ask("phases", block))
    return {
        system: {phase: float(np.percentile([answer[phase] for answer in answers], 25)) for phase in answers[0]}
        for system, answers in found.items()
    }
