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
from benchmarks.environment import ROOT
from benchmarks.systems import SYSTEMS

PAUSE = 0.01
THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Without this glibc gives the memory of large temporaries back to the system and takes it again, in some processes and
# not in others: NumPy, scikit-learn and PyTorch then take up to a third longer, or not, as chance has it.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
# a measurement whose floor moved by more than this between repetitions says nothing
LARGEST_SPREAD = 0.15
# less processor time than this share of the time means that a system waits instead of computing
LEAST_BUSY = 0.8


class WorkerError(RuntimeError):
    """A system's process has ended; the message is the end of what it wrote."""


class Worker:
    """A system's process; stopped but while it answers. It starts at once, and counts only once it is `settled`.

    At one thread it may start on any processor, the next one for each `number`, so that several can start at the same
    time; then it moves to the last one, as all do.
    """

    def __init__(self, system: str, case: Case, folder: Path, threads: int, number: int = 0):
        every = sorted(os.sched_getaffinity(0))
        self._processors = every[-threads:]
        specification = {
            "system": SYSTEMS[system][0] if system in SYSTEMS else system,
            "case": asdict(case),
            "folder": str(folder),
            "threads": threads,
            "processors": self._processors if threads > 1 else [every[number % len(every)]],
        }
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open as long as the process
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(specification)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(THREAD_COUNTS, str(threads)), **MALLOC},
        )

    def settled(self):
        """Wait until the process is ready, and has run one block: that compiles, and touches all memory."""
        self._answer()
        self._request("block", 0)
        self._answer()
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(int(thread), self._processors)
        self._stop()
        return self

    def ask(self, *request):
        """Let the process answer one request."""
        os.kill(self._process.pid, signal.SIGCONT)
        self._request(*request)
        answer = self._answer()
        self._stop()
        return answer

    def _request(self, *request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            raise WorkerError(self._log.read()[-2000:])
        return json.loads(line)

    def _stop(self):
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

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
        Bytes: peak (VmHWM), anonymous at the end (RssAnon), and what the peak grew by once the data were loaded.
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
                worker.settled()
                seconds[system].append(time.monotonic() - worker.started)
        advance()
    return seconds


def phases(case: Case, threads: int, systems, folder: Path, blocks: int, advance) -> dict[str, dict[str, float]]:
    """Seconds of a step by phase: gather, forward, backward, update; and those of the floor's products.

    Lower quartiles over blocks in turns, as everywhere.
    """
    found = {system: [] for system in ("floor", *systems)}
    with contextlib.ExitStack() as stack:
        workers = _started(found, case, threads, folder, stack)
        for worker in workers.values():
            worker.settled()
        for block in range(1, blocks + 1):
            for system, worker in workers.items():
                time.sleep(PAUSE)
                if system == "floor":
                    found[system].append({"products": worker.ask("block", block)["seconds"] / case.steps})
                else:
                    found[system].append(worker.ask("phases", block))
            advance()
    return {
        system: {phase: float(np.percentile([answer[phase] for answer in answers], 25)) for phase in answers[0]}
        for system, answers in found.items()
    }


def measure(case: Case, threads: int, systems, folder: Path, blocks: int, repetitions: int, advance) -> Measurement:
    """Run the blocks of one case; each repetition has new processes, so that their luck is part of the spread."""
    shape = (repetitions, blocks)
    found = Measurement(case, threads, *({system: np.full(shape, np.nan) for system in systems} for _ in range(2)))
    for repetition in range(repetitions):
        with contextlib.ExitStack() as stack:
            workers = _started(found.seconds.keys() - found.failed.keys(), case, threads, folder, stack)
            for system, worker in list(workers.items()):
                try:
                    worker.settled()
                except WorkerError as error:
                    found.failed[system] = str(error)
                    del workers[system]
            found.peak = max(found.peak, workers["floor"].ask("peak")["peak"])
            _take_turns(found, repetition, workers, advance)
            if repetition == repetitions - 1:
                _finish(found, workers, folder)
    for system in found.failed:
        del found.seconds[system], found.busy[system]
    return found


def _started(systems, case, threads, folder, stack):
    """Processes that start side by side, and end with the stack."""
    workers = {}
    for number, system in enumerate(sorted(systems)):
        worker = Worker(system, case, folder, threads, number)
        workers[system] = stack.enter_context(contextlib.closing(worker))
    return workers


def _take_turns(found, repetition, workers, advance):
    """One repetition: each round gives every system one block, in an order drawn anew."""
    shuffled = random.Random(repetition)
    blocks = found.seconds["floor"].shape[1]
    for block in range(blocks):
        for system in shuffled.sample(sorted(workers), len(workers)):
            time.sleep(PAUSE)
            answer = workers[system].ask("block", _number(repetition, block, blocks))
            found.seconds[system][repetition, block] = answer["seconds"] / found.case.steps
            found.busy[system][repetition, block] = answer["busy"] / answer["seconds"]
        advance()


def _number(repetition, block, blocks):
    """Blocks are counted through; 0 is the one that warms up."""
    return 1 + repetition * blocks + block


def _finish(found, workers, folder):
    """Take memory and results from the processes that have run the last block."""
    repetitions, blocks = found.seconds["floor"].shape
    for system, worker in workers.items():
        result = folder / "result.npz"
        result.unlink(missing_ok=True)
        found.memory[system] = worker.ask("finish", str(result))
        if result.exists():
            last = _number(repetitions - 1, blocks - 1, blocks)
            found.checks[system] = check(found.case, folder, last, dict(np.load(result)))
