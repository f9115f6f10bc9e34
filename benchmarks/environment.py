"""Where results come from (machine, versions, commit), and the format of their files."""

import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from fastmlp.environment import environment

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("scikit-learn", "torch", "jax", "jaxlib")
# what changes how fast the systems are
VARIABLES = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "XLA_", "TORCH", "MALLOC_", "FASTMLP_")
# longest line in a file of results
WIDTH = 200
# written together with the results, so that a change to them says nothing about the code that was measured
WRITTEN = (":!benchmarks/results", ":!robustness/results", ":!README.md", ":!docs")


def provenance(command: str) -> dict:
    """How every file of results begins: the command with its arguments, the time, versions, machine and commit."""
    found = {**environment(), "processors": str(len(os.sched_getaffinity(0)))}
    for package in LIBRARIES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["variables"] = " ".join(f"{name}={value}" for name, value in os.environ.items() if name.startswith(VARIABLES))
    found["commit"] = _git("rev-parse", "--short", "HEAD") or "unknown"
    if _git("status", "--porcelain", "--untracked-files=no", "--", ".", *WRITTEN):
        found["commit"] += " with changes"
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"command": shlex.join(["python", "-m", command, *sys.argv[1:]]), "date": date, "environment": found}


def write(path: Path, record: dict) -> None:
    """Write a file of results; seven digits of each number are more than can be measured."""
    short = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.7g}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_lines(short) + "\n")


def _lines(value, indent=" ") -> str:
    """JSON in which every row, what has no further rows in it, has a line of its own."""
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(text) <= WIDTH:
        return text
    lines, in_line = [], False
    for name, one in value.items() if isinstance(value, dict) else (("", one) for one in value):
        item = (f"{json.dumps(name, ensure_ascii=False)}: " if name else "") + _lines(one, indent + " ")
        single = not isinstance(one, dict | list)
        if single and in_line and len(lines[-1]) + len(item) < WIDTH:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
        in_line = single
    return text[0] + f",\n{indent}".join(lines) + text[-1]


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""
