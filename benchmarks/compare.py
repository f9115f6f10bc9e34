"""fastmlp beside everything else, on every case.

    python -m benchmarks.compare [--cifar10 FOLDER]    # all: about an hour on 2 cores
    python -m benchmarks.compare --quick               # the assignment's network and a small one, under two minutes
    python -m benchmarks.compare --cases "batch 200" --threads 1 --out runs/mine.json

scikit-learn, PyTorch and JAX take part where they are installed. `--system NAME=module:Class` adds one more, see
`benchmarks.systems.System`. The results go to a JSON file, from which `python -m benchmarks.report` makes README's
tables and the pictures.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.cases import ALL, ASSIGNMENT, CASES, QUICK, Case
from benchmarks.data import folder_of
from benchmarks.environment import ROOT, versions
from benchmarks.rounds import Measurement, measure, phases, start_to_first_step
from benchmarks.systems import SYSTEMS, installed

RESULTS = Path(__file__).with_name("results") / "compare.json"
FIRST_STEP = Case(ASSIGNMENT, 200, ALL, steps=1, rows=200)


def summary(found: Measurement, attempts: int) -> dict:
    """A measurement as it goes into the file."""
    case = found.case
    return {
        "name": case.name,
        **dataclasses.asdict(case),
        "threads": found.threads,
        "floor_spread": found.floor_spread,
        "void": found.void,
        "attempts": attempts,
        "peak_gflops": found.peak / 1e9,
        "systems": {
            system: {
                "seconds": found.quartiles(system).tolist(),
                "times_fit": found.ratios(system, "fit").tolist(),
                "times_floor": found.ratios(system, "floor").tolist(),
                "samples_per_second": case.batch / float(np.median(found.quartiles(system))),
                "share_of_peak": case.operations / float(np.median(found.quartiles(system))) / found.peak,
                "busy": float(found.busy[system].mean()),
                "check": dataclasses.asdict(found.checks[system]) if system in found.checks else None,
                "flags": found.flags(system),
                "memory": found.memory[system],
            }
            for system in found.seconds
        },
        "failed": found.failed,
    }


def line(result: dict) -> str:
    """One measurement for the terminal."""
    parts = [f"{result['name']}, {result['threads']} thread{'s'[: result['threads'] > 1]}"]
    if result["void"]:
        parts.append(f"VOID: the floor moved by {result['floor_spread']:.0%}")
    for name, system in result["systems"].items():
        low, middle, high = np.percentile(system["times_fit"], [0, 50, 100])
        parts.append(
            f"    {name:17}{np.median(system['seconds']) * 1e3:11.4f} ms {middle:7.2f} x fit ({low:.2f} to {high:.2f})"
            + "".join(f"  WRONG: {flag}" for flag in system["flags"])
        )
    parts += [f"    {name:17} failed: {reason.splitlines()[-1]}" for name, reason in result["failed"].items()]
    return "\n".join(parts)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few cases, blocks and systems; nothing to quote")
    parser.add_argument("--cases", nargs="+", help="only those whose names contain one of these texts")
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), help="only these, the floor and fit")
    parser.add_argument("--system", action="append", default=[], metavar="NAME=MODULE:CLASS", help="one more system")
    parser.add_argument("--threads", type=int, nargs="+", help="default: 1, and all processors")
    parser.add_argument("--blocks", type=int, help="of each system in a repetition (default: 20)")
    parser.add_argument("--repetitions", type=int, help="default: 5")
    parser.add_argument(
        "--attempts", type=int, default=2, help="how often a void measurement is made in all (default: 2)"
    )
    parser.add_argument("--cifar10", type=Path, help="folder with CIFAR-10; without it, that case is left out")
    parser.add_argument("--out", type=Path, help=f"default: {RESULTS.relative_to(ROOT)}; with --quick, none")
    options = parser.parse_args(arguments)
    for extra in options.system:
        name, _, path = extra.partition("=")
        if ":" not in path:
            parser.error(f"--system must be NAME=MODULE:CLASS, got {extra!r}")
        SYSTEMS[name] = (path, path.partition(":")[0])
    options.added = tuple(extra.partition("=")[0] for extra in options.system)
    options.cifar10 = options.cifar10 or os.environ.get("FASTMLP_DATA")
    options.blocks = options.blocks or (10 if options.quick else 20)
    options.repetitions = options.repetitions or (2 if options.quick else 5)
    processors = len(os.sched_getaffinity(0))
    options.threads = options.threads or ([1] if options.quick else sorted({1, processors}))
    if not all(1 <= n <= processors for n in options.threads):
        parser.error(f"--threads must be from 1 to the {processors} processors at hand, got {options.threads}")
    if not options.quick:
        options.out = options.out or RESULTS
    return options


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases to measure, in order."""
    cases = QUICK if options.quick else CASES
    if options.cases:
        cases = [case for case in CASES if any(text in case.name for text in options.cases)]
    if not options.cifar10:
        cases = [case for case in cases if case.kind != "cifar10"]
    return list(cases)


def participants(case: Case, options: argparse.Namespace) -> list[str]:
    """The systems to measure in a case."""
    wanted = options.systems or [name for name in case.systems if not (options.quick and name == "PyTorch compiled")]
    always = [name for name in ("floor", "fit") if name not in wanted]
    return [name for name in (*always, *wanted, *options.added) if name in options.added or installed(name)]


def settled(case, threads, systems, folder, blocks, options) -> tuple[Measurement, int]:
    """A measurement, made again while it is void, and how often it was made."""
    for attempt in range(1, options.attempts + 1):  # noqa: B007  # returned
        with tqdm(total=blocks * options.repetitions, desc=case.name, leave=False, disable=None) as bar:
            found = measure(case, threads, systems, folder, blocks, options.repetitions, bar.update)
        if not found.void:
            break
    return found, attempt


def run(options: argparse.Namespace, report) -> dict:
    """Measure everything that the options name; `report` is given a line of text at a time."""
    cases = chosen(options)
    if not cases:
        raise SystemExit(f"--cases: no case's name contains any of {options.cases}")
    record = {
        "command": "python -m benchmarks.compare " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "blocks": options.blocks,
        "repetitions": options.repetitions,
        "environment": versions(),
        "cases": [],
    }

    def save() -> None:
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(record, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as root:
        for threads in options.threads:
            for case in cases:
                folder = folder_of(case, Path(root), options.cifar10)
                systems = participants(case, options)
                # an epoch of CIFAR-10 is a dozen blocks in one
                blocks = max(1, options.blocks // 10) if case.kind == "cifar10" else options.blocks
                found, attempts = settled(case, threads, systems, folder, blocks, options)
                record["cases"].append(summary(found, attempts))
                report(line(record["cases"][-1]))
                save()
        if not (options.quick or options.cases):
            names = [name for name in ALL if installed(name) and name != "floor"]
            with tqdm(total=options.repetitions, desc="first step", leave=False, disable=None) as bar:
                record["first_step"] = start_to_first_step(
                    FIRST_STEP, names, folder_of(FIRST_STEP, Path(root)), options.repetitions, bar.update
                )
            record["phases"] = []
            for case in QUICK[:2]:
                folder = folder_of(case, Path(root))
                with tqdm(total=options.blocks + 1, desc="phases", leave=False, disable=None) as bar:
                    parts = phases(case, 1, ("three calls", "NumPy", "notebook"), folder, options.blocks, bar.update)
                record["phases"].append({"name": case.name, "threads": 1, "seconds": parts})
            save()
    return record


def main() -> int:
    """Run, and tell by the exit status whether all systems computed what they should."""
    options = parse()
    record = run(options, tqdm.write)
    missing = [name for name in SYSTEMS if name not in options.added and not installed(name)]
    if missing:
        print("not installed, left out:", ", ".join(missing))
    wrong = [system for result in record["cases"] for system in result["systems"].values() if system["flags"]]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
