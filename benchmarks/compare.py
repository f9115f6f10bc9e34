"""fastmlp beside everything else, on every case.

    python -m benchmarks.compare [--cifar10 FOLDER]    # all: about an hour on 2 cores
    python -m benchmarks.compare --quick               # the assignment's network and a small one, under two minutes
    python -m benchmarks.compare --cases "batch 200" --threads 1 --out runs/mine.json

scikit-learn, PyTorch and JAX take part where they are installed. `--system NAME=module:Class` adds one more, see
`benchmarks.systems.System`. The results go to a JSON file, from which `python -m benchmarks.report` makes README's
tables and the pictures. The exit status is 1 where a system failed or was flagged as wrong.
"""

import argparse
import dataclasses
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.breakdown import phases, start_to_first_step
from benchmarks.cases import ALL, CASES, FIRST_STEP, PHASES, QUICK, Case, threads_text
from benchmarks.data import folder_of
from benchmarks.environment import ROOT, provenance
from benchmarks.processes import WorkerError
from benchmarks.rounds import BLOCKS, NEEDED, REPETITIONS, Measurement, is_void, measure
from benchmarks.systems import SYSTEMS, installed

RESULTS = Path(__file__).with_name("results") / "compare.json"


def summary(found: Measurement, attempts: int) -> dict:
    """A measurement as it goes into the file."""
    case = found.case
    systems = {}
    for name in found.seconds:
        seconds = float(np.median(found.quartiles(name)))
        systems[name] = {
            "seconds": found.quartiles(name).tolist(),
            "times_fit": found.ratios(name, "fit").tolist(),
            "times_floor": found.ratios(name, "floor").tolist(),
            "samples_per_second": case.batch / seconds,
            # an epoch of CIFAR-10 holds predictions too
            "share_of_peak": None if case.kind == "cifar10" else case.operations / seconds / found.peak,
            "busy": float(np.median(found.busy[name])),
            "delayed": float(np.mean(found.delayed[name])),
            "checks": [dataclasses.asdict(check) for check in found.checks.get(name, [])],
            "flags": found.flags(name),
            **found.finished[name],
        }
    return {
        "name": case.name,
        **{name: value for name, value in dataclasses.asdict(case).items() if name != "systems"},
        "threads": found.threads,
        "floor_spread": found.floor_spread,
        "attempts": attempts,
        "peak_gflops": found.peak / 1e9,
        "systems": systems,
        "failed": found.failed,
    }


def is_void_result(result: dict) -> bool:
    """Whether a measurement in the file says nothing."""
    delays = [result["systems"][name]["delayed"] for name in NEEDED]
    return is_void(result["floor_spread"], delays, result["threads"])


def reason_of(failure: str) -> str:
    """The first line and the last one, which is where Python puts an error's message."""
    lines = failure.splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"


def line(result: dict) -> str:
    """One measurement for the terminal."""
    parts = [f"{result['name']}, {threads_text(result['threads'])}"]
    if is_void_result(result):
        parts.append(f"VOID: the floor moved by {result['floor_spread']:.0%}, or there was no processor to be had")
    for name, system in result["systems"].items():
        low, middle, high = np.percentile(system["times_fit"], [0, 50, 100])
        parts.append(
            f"    {name:17}{np.median(system['seconds']) * 1e3:11.4f} ms {middle:7.2f} x fit ({low:.2f} to {high:.2f})"
            + "".join(f"  WRONG: {flag}" for flag in system["flags"])
        )
    parts += [f"    {name:17} FAILED: {reason_of(reason)}" for name, reason in result["failed"].items()]
    return "\n".join(parts)


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def added(text: str) -> tuple[str, str]:
    """Name and class of one more system."""
    name, _, path = text.partition("=")
    if not name or ":" not in path or name in SYSTEMS:
        raise argparse.ArgumentTypeError(f"must be NAME=MODULE:CLASS with a name of its own, got {text!r}")
    return name, path


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few cases, blocks and systems; nothing to quote")
    parser.add_argument("--cases", nargs="+", help="only those whose names contain one of these texts")
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), help="only these, the floor and fit")
    parser.add_argument("--system", type=added, action="append", default=[], metavar="NAME=MODULE:CLASS", dest="added")
    parser.add_argument("--threads", type=positive, nargs="+", help="default: 1, and all processors")
    parser.add_argument("--blocks", type=positive, help=f"of each system in a repetition (default: {BLOCKS})")
    parser.add_argument("--repetitions", type=positive, help=f"default: {REPETITIONS}")
    parser.add_argument("--attempts", type=positive, default=2, help="to measure a void case (default: 2)")
    parser.add_argument("--cifar10", type=Path, help="folder with CIFAR-10; without it, that case is left out")
    parser.add_argument(
        "--out", type=Path, help=f"default: {RESULTS.relative_to(ROOT)} where all is measured, with CIFAR-10, else none"
    )
    options = parser.parse_args(arguments)
    names = [name for name, _ in options.added]
    if len(set(names)) < len(names):
        parser.error(f"--system must have another name each time, got {', '.join(names)}")
    options.whole = not (options.quick or options.cases or options.systems or options.added or options.threads)
    options.blocks = options.blocks or (10 if options.quick else BLOCKS)
    options.repetitions = options.repetitions or (2 if options.quick else REPETITIONS)
    processors = len(os.sched_getaffinity(0))
    options.threads = sorted(set(options.threads or ([1] if options.quick else [1, processors])))
    if options.threads[-1] > processors:
        parser.error(f"--threads must be at most the {processors} processors at hand, got {options.threads[-1]}")
    if options.cifar10 is None and "FASTMLP_DATA" in os.environ:
        options.cifar10 = Path(os.environ["FASTMLP_DATA"])
    complete = options.whole and options.cifar10 and options.blocks >= BLOCKS and options.repetitions >= REPETITIONS
    if options.out is None and complete:
        options.out = RESULTS
    options.chosen = [
        case
        for case in (QUICK if options.quick else CASES)
        if (options.cifar10 or case.kind != "cifar10")
        and (not options.cases or any(text in case.name for text in options.cases))
    ]
    if not options.chosen:
        hint = "" if options.cifar10 else " (CIFAR-10 needs --cifar10 or FASTMLP_DATA)"
        parser.error(f"--cases: no name of a case that can be measured contains any of {options.cases}{hint}")
    if options.out and options.out.is_dir():
        parser.error(f"--out must be a file, got the folder {options.out}")
    return options


def participants(case: Case, options: argparse.Namespace) -> dict[str, str]:
    """The classes of the systems to measure in a case, by name."""
    wanted = options.systems or [name for name in case.systems if not (options.quick and name == "PyTorch compiled")]
    return installed(dict.fromkeys((*NEEDED, *wanted))) | dict(options.added)


def measure_until_valid(case, threads, folder, options) -> tuple[Measurement, int]:
    """A measurement, made again while it is void, and how often it was made."""
    blocks = max(1, options.blocks // case.length)
    systems = participants(case, options)
    for attempt in range(1, options.attempts + 1):  # noqa: B007  # returned
        with tqdm(total=blocks * options.repetitions, desc=case.name, leave=False, disable=None) as bar:
            found = measure(case, threads, systems, folder, blocks, options.repetitions, bar.update)
        if not found.void:
            break
    return found, attempt


def run(options: argparse.Namespace, report) -> dict:
    """Measure everything that the options name; `report` is given a line of text at a time."""
    record = {
        **provenance("benchmarks.compare"),
        "blocks": options.blocks,
        "repetitions": options.repetitions,
        "cases": [],
    }

    def save(done: bool = False) -> None:
        # what is there stays until all is measured; a run that is stopped leaves what it has beside it
        if options.out:
            partial = options.out.with_name(options.out.name + ".partial")
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(record, indent=1) + "\n")
            if done:
                partial.replace(options.out)

    save()
    with tempfile.TemporaryDirectory() as root:
        # all data before anything is measured: what cannot be had shows at once
        try:
            folders = {case: folder_of(case, Path(root), options.cifar10) for case in options.chosen}
        except ValueError as error:
            raise OSError(f"--cifar10 {options.cifar10}: {error}") from error
        for threads in options.threads:
            for case, folder in folders.items():
                record["cases"].append(summary(*measure_until_valid(case, threads, folder, options)))
                report(line(record["cases"][-1]))
                save()
        if options.whole:
            with tqdm(total=options.repetitions, desc="first step", leave=False, disable=None) as bar:
                record["first_step"] = start_to_first_step(
                    FIRST_STEP, installed(ALL), folder_of(FIRST_STEP, Path(root)), options.repetitions, bar.update
                )
            record["phases"] = []
            for case in PHASES:
                with tqdm(total=options.blocks, desc="phases", leave=False, disable=None) as bar:
                    folder = folder_of(case, Path(root))
                    found = phases(case, 1, installed(case.systems), folder, options.blocks, bar.update)
                record["phases"].append({"name": case.name, "threads": 1, "seconds": found})
    save(done=True)
    return record


def main() -> int:
    """Run, and tell by the exit status whether all systems computed what they should."""
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that temporary files go
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        record = run(options, tqdm.write)
    except (OSError, WorkerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; what was measured is in {options.out}.partial" if options.out else "stopped", file=sys.stderr)
        return 130
    missing = SYSTEMS.keys() - installed(SYSTEMS).keys()
    if missing:
        print("not installed, left out:", ", ".join(sorted(missing)))
    wrong = [system for result in record["cases"] for system in result["systems"].values() if system["flags"]]
    failed = [name for result in record["cases"] for name in result["failed"]]
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
