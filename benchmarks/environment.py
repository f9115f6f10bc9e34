"""Where results come from: versions, machine and commit."""

import importlib.metadata
import os
import subprocess
from pathlib import Path

from fastmlp.environment import environment

ROOT = Path(__file__).parent.parent
RIVALS = ("scikit-learn", "torch", "jax", "jaxlib")


def versions() -> dict[str, str]:
    """`fastmlp.environment`, the rivals' versions, and the commit."""
    found = {**environment(), "processors": str(len(os.sched_getaffinity(0)))}
    for package in RIVALS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["commit"] = _git("rev-parse", "--short", "HEAD")
    if _git("status", "--porcelain", "--untracked-files=no"):
        found["commit"] += " with changes"
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()
