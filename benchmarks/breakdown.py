"""Where time goes besides the steps themselves: from a process's start to its first step, and within a step."""

import contextlib
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.processes import PAUSE, Worker, WorkerError, start_workers


def start_to_first_step(
    case: Case, systems: dict[str, str], folder: Path, repetitions: int, advance
) -> dict[str, list[float]]:
    """Seconds from the start of a fresh process to the end of its first training step, at one thread."""
    seconds = {system: [] for system in systems}
    for _ in range(repetitions):
        for system in list(seconds):
            with contextlib.closing(Worker(systems[system], case, folder, 1)) as worker:
                try:
                    worker.get_ready()
                    seconds[system].append(time.monotonic() - worker.started)
                except WorkerError:
                    del seconds[system]
        advance()
    return seconds


def phases(
    case: Case, threads: int, systems: dict[str, str], folder: Path, blocks: int, advance
) -> dict[str, dict[str, float]]:
    """Seconds of a step by phase: gather, forward, backward, update; and those of the floor's products.

    Lower quartiles over blocks in turns, as everywhere. The floor is that of systems of the case's dtype only.
    """
    found = {system: [] for system in systems}
    with contextlib.ExitStack() as stack:
        workers, failed = start_workers(systems, case, threads, folder, stack)
        if failed:
            raise WorkerError("; ".join(f"{system}: {reason}" for system, reason in failed.items()))
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
