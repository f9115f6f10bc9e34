"""Commands under what watches them, and how many of pytest's tests survive it."""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.environment import ROOT
from fastmlp.engine import threads
from robustness.report import Fault


def always_parallel() -> None:
    """Let small networks too use several threads in this process."""
    assert isinstance(threads.SERIAL_WORK, int)
    threads.SERIAL_WORK = 0


def memory(column: int) -> int:
    """Bytes that the system counts in a column of this process's statm, see proc(5): 0 of addresses, 1 of memory."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * os.sysconf("SC_PAGE_SIZE")


def watched(
    command: list[str], variables: dict[str, str], folder: Path = ROOT, captured: bool = True, patience: float = 3600
) -> tuple[int, str]:
    """Run a command with these variables set for so many seconds; gives its exit status, and what it printed."""
    variables = {**os.environ, **variables}
    with tempfile.TemporaryFile("w+") as output:
        stdout = output if captured else None
        options = {"cwd": folder, "env": variables, "stdin": subprocess.DEVNULL, "stdout": stdout}
        process = subprocess.Popen(command, start_new_session=True, **options)
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL
        finally:  # its children too, which a test that hung leaves behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return status, output.read()


def suite(what: str, command: list[str], variables: dict[str, str], folder: Path = ROOT) -> Fault:
    """Run pytest; a report of what watches it ends the process without results, and counts as one test that broke."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch, "results.xml")
        # -s, or pytest swallows the report
        status, _ = watched([*command, "-s", f"--junitxml={results}"], variables, folder, captured=False)
        if status not in (0, 1) or not results.exists():
            return Fault(what, 1, 0)
        (suites,) = ElementTree.parse(results).getroot()
    tests, *others = (int(suites.attrib[name]) for name in ("tests", "skipped", "failures", "errors"))
    return Fault(what, tests - others[0], tests - sum(others))
