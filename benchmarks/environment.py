"""Where results come from: versions, machine and commit."""

import importlib.metadata
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from fastmlp.environment import environment

ROOT = Path(__file__).parent.parent
RIVALS = ("scikit-learn", "torch", "jax", "jaxlib")


# what changes how fast the systems are
VARIABLES = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "XLA_", "TORCH", "MALLOC_", "FASTMLP_")


def versions() -> dict[str, str]:
    """`fastmlp.environment`, the rivals' versions, environment variables that matter, and the commit."""
    found = {**environment(), "processors": str(len(os.sched_getaffinity(0)))}
    for package in RIVALS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["variables"] = " ".join(
        f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(VARIABLES)
    )
    found["commit"] = _git("rev-parse", "--short", "HEAD") or "unknown"
    # the results themselves, and what is made of them, are written one after the other
    if _git(
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ".",
        ":!benchmarks/results",
        ":!robustness/results",
        ":!README.md",
        ":!docs",
    ):
        found["commit"] += " with changes"
    return found


def provenance(command: str) -> dict:
    """How every file of results begins: the command with its arguments, the time, and where it ran."""
    return {
        "command": shlex.join(["python", "-m", command, *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": versions(),
    }


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""
