"""Commands under what watches them, and how many of pytest's tests survive it."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.environment import ROOT
from robustness.results import Fault

# A hang is a failure, after so many seconds.
PATIENCE = 3600


def watched(
    command: list[str], variables: dict[str, str], output: int | None = None, folder: Path = ROOT
) -> subprocess.CompletedProcess:
    """Run a command with these variables set, in the checkout or a folder of it."""
    environment = {**os.environ, **variables}
    try:
        return subprocess.run(command, cwd=folder, env=environment, stdout=output, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -signal.SIGKILL, "")


def suite(what: str, command: list[str], variables: dict[str, str], folder: Path = ROOT) -> Fault:
    """Run pytest; a report of what watches it ends the process without results, and counts as one test that broke."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch, "results.xml")
        # -s, or pytest swallows the report
        done = watched([*command, "-s", f"--junitxml={results}"], variables, folder=folder)
        if done.returncode not in (0, 1) or not results.exists():
            return Fault(what, 1, 0)
        (counts,) = ElementTree.parse(results).getroot()
    n_tests, n_skipped, n_failed, n_errors = (
        int(counts.attrib[name]) for name in ("tests", "skipped", "failures", "errors")
    )
    return Fault(what, n_tests - n_skipped, n_tests - n_skipped - n_failed - n_errors)
