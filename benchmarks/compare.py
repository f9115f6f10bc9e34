"""fastmlp compared with other libraries, on every case.

    python -m benchmarks.compare [--cifar10 FOLDER]    # all: about an hour on 2 cores
    python -m benchmarks.compare --quick               # the assignment's network and a small one, under two minutes
    python -m benchmarks.compare --cases "batch 200" --threads 1 --out runs/mine.json

scikit-learn, PyTorch and JAX take part if they are installed. `--system NAME module:Class` adds one more, see
`benchmarks.systems.System`. All times go to a file in build/benchmarks; the summary of a whole run goes to
benchmarks/results/compare.json, from which `python -m benchmarks.report` makes the tables and pictures. The exit status
is 1 if a system failed or was found to be wrong.
"""

import argparse
import dataclasses
import itertools
import json
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.cases import ALL, CASES, FIRST_STEP, PHASES, QUICK, threads_text
from benchmarks.data import folder_of
from benchmarks.environment import RESULTS, ROOT, provenance, write
from benchmarks.processes import WorkerError
from benchmarks.rounds import NEEDED, REPETITIONS, ROUNDS, Measurement, measure, phases, quoted, start_to_first_step
from benchmarks.systems import SYSTEMS, installed

SUMMARY = RESULTS / "compare.json"
RAW = ROOT / "build" / "benchmarks"
# how often a case is measured at most, while it is too noisy
ATTEMPTS = 2


def summary(found: Measurement, attempts: int) -> dict:
    """What is kept of a measurement: of each system its time, and that as a multiple of fit's."""
    case, systems = found.case, {}
    for name in found.seconds:
        times = quoted(found.quartiles(name), "seconds")
        systems[name] = {
            **times,
            **quoted(found.ratios(name), "ratio"),
            "of_peak": found.share_of_peak(times["seconds"]),
            "memory": found.finished[name]["VmHWM"],
            "checks_passed": found.checks.get(name, []).count([]),
            "errors": found.errors(name),
        }
    return {
        **{name: getattr(case, name) for name in ("name", "kind", "batch", "steps")},
        "threads": found.threads,
        "rounds": len(found.seconds["fit"][0]),
        "products_spread": found.spread,
        "noisy": found.noisy,
        "attempts": attempts,
        "peak_gflops": found.peak and found.peak / 1e9,
        "systems": systems,
        "failed": found.failed,
    }


def line(result: dict) -> str:
    """One measurement for the terminal."""
    parts = [f"{result['name']}, {threads_text(result['threads'])}"]
    if result["noisy"]:
        parts.append(f"NOISY: the products' time moved by {result['products_spread']:.0%}, or a thread had to wait")
    for name, system in result["systems"].items():
        ratio = f"{system['ratio']:7.2f} x fit ± {system['ratio_spread']:.2f}"
        errors = "".join(f"  WRONG: {error}" for error in system["errors"])
        parts.append(f"    {name:17}{system['seconds'] * 1e3:11.4f} ms {ratio}{errors}")
    for name, failure in result["failed"].items():
        lines = failure.splitlines()  # Python puts an error's message into the last one
        parts.append(f"    {name:17} FAILED: {': '.join(dict.fromkeys((lines[0], lines[-1])))}")
    return "\n".join(parts)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, available = parser.add_argument, range(1, len(os.sched_getaffinity(0)) + 1)
    add("--quick", action="store_true", help="few cases, rounds and systems; nothing to quote")
    add("--cases", nargs="+", help="only those whose names contain one of these texts")
    add("--systems", nargs="+", choices=list(SYSTEMS), help=f"only these, and {' and '.join(NEEDED)}")
    add("--system", nargs=2, action="append", default=[], metavar=("NAME", "MODULE:CLASS"), dest="added")
    add("--threads", type=int, choices=available, nargs="+", help="default: 1, and all processors")
    add("--rounds", type=int, help=f"in a repetition (default: {ROUNDS})")
    add("--repetitions", type=int, help=f"default: {REPETITIONS}")
    add("--cifar10", type=Path, default=os.environ.get("FASTMLP_DATA"), help="its folder (default: FASTMLP_DATA)")
    add("--out", type=Path, help=f"default: {SUMMARY.relative_to(ROOT)} if all is measured, with CIFAR-10, else none")
    options = parser.parse_args(arguments)
    options.whole = not (options.quick or options.cases or options.systems or options.added or options.threads)
    options.rounds = options.rounds or (10 if options.quick else ROUNDS)
    options.repetitions = options.repetitions or (2 if options.quick else REPETITIONS)
    options.threads = sorted(set(options.threads or ([1] if options.quick else [1, available[-1]])))
    complete = options.whole and options.cifar10 and options.rounds >= ROUNDS and options.repetitions >= REPETITIONS
    if options.out is None and complete:
        options.out = SUMMARY
    cases = [case for case in (QUICK if options.quick else CASES) if options.cifar10 or case.kind != "cifar10"]
    options.chosen = [case for case in cases if any(text in case.name for text in options.cases or [""])]
    if not options.chosen:
        parser.error(f"--cases: no name contains any of {options.cases} (CIFAR-10 needs --cifar10 or FASTMLP_DATA)")
    if options.out and options.out.is_dir():
        parser.error(f"--out must be a file, got the folder {options.out}")
    return options


def run(options: argparse.Namespace, raw: Path) -> dict:
    """Measure everything that the options name, and print the summaries; all times go to `raw`."""
    record = provenance("benchmarks.compare") | {"rounds": options.rounds, "repetitions": options.repetitions}
    record["cases"] = []
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, raw.open("w") as file:
        # all data before anything is measured: what is missing shows at once
        folders = {case: folder_of(case, Path(root), options.cifar10) for case in options.chosen}
        for threads, (case, folder) in itertools.product(options.threads, folders.items()):
            left_out = ("PyTorch compiled",) if options.quick else ()
            wanted = options.systems or [name for name in case.systems if name not in left_out]
            systems = installed(dict.fromkeys((*NEEDED, *wanted))) | dict(options.added)
            rounds = max(1, options.rounds // case.length)
            for attempt in range(1, ATTEMPTS + 1):  # noqa: B007  # of the one that is summarised
                found = measure(case, threads, systems, folder, rounds, options.repetitions)
                print(json.dumps(dataclasses.asdict(found), default=np.ndarray.tolist), file=file, flush=True)
                if not found.noisy:
                    break
            record["cases"].append(summary(found, attempt))
            tqdm.write(line(record["cases"][-1]))
        if options.whole:
            folder = folder_of(FIRST_STEP, Path(root))
            first = start_to_first_step(FIRST_STEP, installed(ALL), folder, options.repetitions)
            record["first_step"] = {name: quoted(times, "seconds") for name, times in first.items()}
            record["phases"] = []
            for case in PHASES:
                seconds = phases(case, installed(case.systems), folder_of(case, Path(root)), options.rounds)
                record["phases"].append({"name": case.name, "threads": 1, "seconds": seconds})
    return record


def main() -> int:
    """Run; the exit status is 0 if all systems computed what they should."""
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that temporary files are removed
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    raw = RAW / f"compare-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl"
    try:
        record = run(options, raw)
        if options.out:
            write(options.out, record)
    except (OSError, ValueError, WorkerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; what was measured is in {raw}", file=sys.stderr)
        return 130
    missing = SYSTEMS.keys() - installed(SYSTEMS).keys()
    if missing:
        print("not installed, left out:", ", ".join(sorted(missing)))
    results = record["cases"]
    return int(any(result["failed"] or any(s["errors"] for s in result["systems"].values()) for result in results))


if __name__ == "__main__":
    sys.exit(main())
