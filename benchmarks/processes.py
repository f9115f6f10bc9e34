"""The processes of the systems: each runs one system, waits for requests, and is stopped between them."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.environment import ROOT

# seconds without work before each block; since processes are stopped, little is enough
PAUSE = 0.01
# seconds; no request takes as long
TIMEOUT = 900
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Without this glibc gives the memory of large temporaries back to the system and takes it again, in some processes and
# not in others: NumPy, scikit-learn and PyTorch then take up to a third longer, or not, at random.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


class WorkerError(RuntimeError):
    """A system's process has ended or does not answer; the message is the end of what it wrote."""


class Worker:
    """The process of the system whose class is at `path`, as `module:Class`; stopped (SIGSTOP) except while it answers.

    A BLAS thread that has just worked spins on for up to 0.1 s; stopped, it takes nothing from the next system. The
    process starts at once, and takes requests once `get_ready` has returned. With one thread it starts on any
    processor, the next one for each `number`, so that several can start at the same time, and then moves to the last.
    """

    def __init__(self, path: str, case: Case, folder: Path, threads: int, number: int = 0):
        every = sorted(os.sched_getaffinity(0))
        self._processors = every[-threads:]
        specification = {
            "system": path,
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
            start_new_session=True,  # a group of its own, so that what the system starts is stopped with it
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), **MALLOC},
        )

    def get_ready(self) -> None:
        """Wait until the process is there, and has run one block: that compiles, and touches all memory."""
        self._answer()
        self._request("block", 0)
        self._answer()
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(int(thread), self._processors)
        self._stop()

    def ask(self, *request):
        """Let the process answer one request: a method of `benchmarks.worker.Server` and its arguments."""
        os.killpg(self._process.pid, signal.SIGCONT)
        self._request(*request)
        answer = self._answer()
        self._stop()
        return answer

    def _request(self, *request):
        with contextlib.suppress(BrokenPipeError):  # reading the answer then says why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _answer(self):
        answers = self._process.stdout
        line = answers.readline() if select.select([answers], [], [], TIMEOUT)[0] else None
        if line:
            return json.loads(line)
        if line is None:
            raise WorkerError(f"no answer within {TIMEOUT} s")
        status = self._process.wait()
        self._log.seek(0)
        raise WorkerError(f"ended with status {status}\n{self._log.read()[-2000:]}".strip())

    def _stop(self):
        os.killpg(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        """End the process, and what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
