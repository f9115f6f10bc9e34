"""The method: systems in processes of their own take turns, block by block, and the rest stands still meanwhile.

A lower quartile of the blocks' times stands for a system in one repetition: noise only ever adds time. A ratio is one
of quartiles of the same repetition. A process that is not running a block is stopped (SIGSTOP), so that a BLAS thread
that spins after its work, for up to 0.1 s, takes nothing from the next system; then all is quiet for a moment.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.checks import Check, check
from benchmarks.systems import SYSTEMS

ROOT = Path(__file__).parent.parent
PAUSE = 0.01
# a measurement whose floor moved by more than this between repetitions says nothing
LARGEST_SPREAD = 0.15
# less processor time than this share of the time means that a system waits instead of computing
LEAST_BUSY = 0.8


class WorkerError(RuntimeError):
    """A system's process has ended; the message is the end of what it wrote."""


class Worker:
    """A system's process; stopped but while it answers."""

    def __init__(self, system: str, case: Case, folder: Path, threads: int):
        processors = sorted(os.sched_getaffinity(0))
        if threads > len(processors):
            raise ValueError(f"threads must be at most the {len(processors)} processors at hand, got {threads}")
        specification = {
            "system": SYSTEMS[system][0] if system in SYSTEMS else system,
            "case": asdict(case),
            "folder": str(folder),
            "threads": threads,
            "processors": processors[-threads:],
        }
        counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open as long as the process
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(specification)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(counts, str(threads))},
        )
        self.ready = self._answer()["ready"]
        self._stop()

    def ask(self, *request):
        """Let the process answer one request."""
        os.kill(self._process.pid, signal.SIGCONT)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        self._stop()
        return answer

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            raise WorkerError(self._log.read()[-2000:])
        return json.loads(line)

    def _stop(self):
        os.kill(self._process.pid, signal.SIGSTOP)

    def close(self):
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


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
    memory : dict of dict
        Peak memory in bytes, as the system counts it.
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
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    peak: float = 0.0

    def quartiles(self, system: str) -> np.ndarray:
        """The lower quartile of each repetition's blocks."""
        return np.percentile(self.seconds[system], 25, axis=1)

    def ratios(self, system: str, to: str) -> np.ndarray:
        """How often the time of `to` goes into that of `system`, by repetition."""
        return self.quartiles(system) / self.quartiles(to)

    @property
    def floor_spread(self) -> float:
        """Between the repetitions' quartiles of the floor, relative to the least."""
        quartiles = self.quartiles("floor")
        return float(quartiles.max() / quartiles.min() - 1)

    @property
    def void(self) -> bool:
        """Whether the machine was too restless to say anything."""
        return self.floor_spread > LARGEST_SPREAD

    def flags(self, system: str) -> list[str]:
        """What is wrong with a system: it has not computed what it should, or not been computing."""
        flags = list(self.checks[system].complaints) if system in self.checks else []
        busy = float(np.median(self.busy[system]))
        if busy < LEAST_BUSY:
            flags.append(f"idle for {1 - busy:.0%} of its time")
        return flags


def start_to_first_step(case: Case, systems, folder: Path, repetitions: int, advance) -> dict[str, list[float]]:
    """Seconds from the start of a fresh process to the end of its first training step, at one thread."""
    seconds = {system: [] for system in systems}
    for _ in range(repetitions):
        for system in systems:
            with contextlib.closing(Worker(system, case, folder, 1)) as worker:
                worker.ask("block", 0)
                seconds[system].append(time.monotonic() - worker.started)
        advance()
    return seconds


def phases(case: Case, threads: int, systems, folder: Path, blocks: int, advance) -> dict[str, dict[str, float]]:
    """Seconds of a step by phase: gather, forward, backward, update; and those of the floor's products.

    Lower quartiles over blocks in turns, as everywhere.
    """
    found = {system: [] for system in ("floor", *systems)}
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(contextlib.closing(Worker(name, case, folder, threads))) for name in found}
        for block in range(-1, blocks):  # the first one warms up
            for system, worker in workers.items():
                time.sleep(PAUSE)
                if system == "floor":
                    answer = {"products": worker.ask("block", block + 1)["seconds"] / case.steps}
                else:
                    answer = worker.ask("phases", block + 1)
                if block >= 0:
                    found[system].append(answer)
            advance()
    return {
        system: {phase: float(np.percentile([answer[phase] for answer in answers], 25)) for phase in answers[0]}
        for system, answers in found.items()
    }


def measure(case: Case, threads: int, systems, folder: Path, blocks: int, repetitions: int, advance) -> Measurement:
    """Run the blocks of one case: each round gives every system one block, in an order drawn anew."""
    workers, failed = {}, {}
    shuffle = random.Random(0).sample
    try:
        for system in systems:
            try:
                workers[system] = Worker(system, case, folder, threads)
                workers[system].ask("block", 0)  # compiles, and touches all memory
            except WorkerError as error:
                failed[system] = str(error)
                workers.pop(system, None)
        shape = (repetitions, blocks)
        found = Measurement(
            case,
            threads,
            {system: np.empty(shape) for system in workers},
            {system: np.empty(shape) for system in workers},
            failed=failed,
        )
        peaks = []
        number = 0
        for repetition in range(repetitions):
            peaks.append(workers["floor"].ask("peak")["peak"])
            for block in range(blocks):
                number += 1
                for system in shuffle(list(workers), len(workers)):
                    time.sleep(PAUSE)
                    answer = workers[system].ask("block", number)
                    found.seconds[system][repetition, block] = answer["seconds"] / case.steps
                    found.busy[system][repetition, block] = answer["busy"] / answer["seconds"]
                advance()
        found.peak = max(peaks)
        for system, worker in workers.items():
            result = folder / "result.npz"
            result.unlink(missing_ok=True)
            found.memory[system] = worker.ask("finish", str(result))
            if result.exists():
                found.checks[system] = check(case, folder, number, dict(np.load(result)))
    finally:
        for worker in workers.values():
            worker.close()
    return found
