"""Two fuzzers: calls of a network with arguments of every kind, and files of every kind with their bytes changed.

    TMPDIR=/dev/shm python -m robustness.fuzz --cases 100000 --seed 1 --results robustness/results

Cases are calls of the package, or files that it reads. A process tries a thousand of them, so that a crash or an
endless loop is one fault among others: what is printed of it has a command that repeats it, and
`calls.run(..., shrink=True)` looks for the shortest calls that fail alike. TMPDIR keeps the files off the disk.
"""

import faulthandler
import itertools
import multiprocessing
import resource
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

from robustness import calls, files
from robustness.report import Fault, conclude, parser

FUZZERS = {"calls": calls, "files": files}
# Cases of one process, and the seconds after which it counts as hung.
SLICE = 1000
PATIENCE = 600.0
# Faults after which there is no point in going on.
ENOUGH = 100
# Bytes that a process may have beyond those that it starts with.
ROOM = 256 << 20


def attempt(name: str, seed: int, n_cases: int) -> tuple[int, list[tuple[int, str]]]:
    """Try n_cases cases in a process of their own; gives how many were tried, at least one, and which failed how."""
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(name, seed, n_cases, done, sender))
    process.start()
    sender.close()
    ended = receiver.poll(PATIENCE)
    tried = max(done.value, 1)
    try:
        failures = receiver.recv() if ended else [(tried - 1, f"no end after {PATIENCE:g} seconds")]
    except EOFError:
        process.join()
        failures = [(tried - 1, f"the process died with exit status {process.exitcode}")]
    process.kill()
    process.join()
    return max(done.value, 1), failures


def work(name: str, seed: int, n_cases: int, done: Any, sender: Connection) -> None:
    """What the process does, with little memory."""
    faulthandler.enable()
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))

    def count() -> None:
        done.value += 1

    sender.send(FUZZERS[name].run(seed, n_cases, count))


def fuzz(name: str, seed: int, n_cases: int) -> list[Fault]:
    """Try n_cases cases of one fuzzer, slice by slice."""
    kinds = FUZZERS[name].KINDS
    cases, failed, tried, start = Counter[str](), Counter[str](), 0, time.monotonic()
    for slice_seed in itertools.count(seed * 1_000_000):
        if tried >= n_cases or failed.total() >= ENOUGH:
            break
        size = min(SLICE, n_cases - tried)
        n, failures = attempt(name, slice_seed, size)
        # the cases of a slice are of each kind in turn
        cases.update({kind: len(range(i, n, len(kinds))) for i, kind in enumerate(kinds)})
        for case, text in failures:
            kind = kinds[case % len(kinds)]
            failed[kind] += 1
            again = f"from robustness import {name}; print({name}.run({slice_seed}, {size}))"
            print(f"FAILED {kind}, case {case} of\n    python -c {again!r}\n{text}", file=sys.stderr, flush=True)
        tried += n
        seconds = time.monotonic() - start
        print(f"{name}: {tried:,} cases, {failed.total()} faults, {seconds:.0f} s", file=sys.stderr, flush=True)
    return [Fault(kind, cases[kind], cases[kind] - failed[kind]) for kind in kinds]


def main() -> None:
    """Both fuzzers, or one."""
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=4000, help="of each fuzzer (default: 4000)")
    options.add_argument("--only", choices=FUZZERS, help="one of the two")
    asked = options.parse_args()
    names = [asked.only] if asked.only else FUZZERS
    conclude({f"fuzz_{name}": fuzz(name, asked.seed, asked.cases) for name in names}, asked.results)


if __name__ == "__main__":
    main()
