"""Two fuzzers: calls of a network with whatever there is, and files of all kinds with their bytes changed.

    TMPDIR=/dev/shm python -m robustness.fuzz --cases 100000 --seed 1 --results robustness/results

Cases are calls of the package, or files that it is given. They are tried in processes that try a thousand each, so that
a crash or a loop without an end is one fault among others: what is told of it has a command that brings it back, and
`fuzz_calls.run(..., shrink=True)` looks for the shortest calls that do the same. A disk would take most of the time for
its answers, hence TMPDIR.
"""

import faulthandler
import itertools
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from robustness import fuzz_calls, fuzz_files
from robustness.results import Fault, conclude, parser

FUZZERS = {"calls": fuzz_calls, "files": fuzz_files}
# Cases of one process, and the seconds after which it counts as hung.
SLICE = 1000
PATIENCE = 600.0
# Faults after which there is no point in going on.
ENOUGH = 100
# Bytes that a process may have beyond those that it starts with.
ROOM = 256 << 20


def attempt(name: str, seed: int, n_cases: int) -> tuple[int, list[tuple[int, str]]]:
    """Try so many cases in a process of their own; gives how many were tried, at least one, and which failed how."""
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(name, seed, n_cases, done, sender))
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
    return tried, failures


def _work(name: str, seed: int, n_cases: int, done: Any, sender: Connection) -> None:
    faulthandler.enable()
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))

    def count() -> None:
        done.value += 1

    sender.send(FUZZERS[name].run(seed, n_cases, count))


def fuzz(name: str, seed: int, n_cases: int, tell: Callable[[str], object]) -> list[Fault]:
    """Try so many cases of one fuzzer, slice by slice."""
    kinds = FUZZERS[name].KINDS
    cases, failed, tried = Counter[str](), Counter[str](), 0
    start = time.monotonic()
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
            again = f"from robustness import fuzz_{name}; print(fuzz_{name}.run({slice_seed}, {size}))"
            tell(f"FAILED {kind}, case {case} of\n    python -c {again!r}\n{text}")
        tried += n
        tell(f"{name}: {tried:,} cases, {failed.total()} faults, {time.monotonic() - start:.0f} s")
    return [Fault(kind, cases[kind], cases[kind] - failed[kind]) for kind in kinds]


def main() -> None:
    options_of = parser(__doc__)
    options_of.add_argument("--cases", type=int, default=4000, help="of each fuzzer (default: 4000)")
    options_of.add_argument("--only", choices=FUZZERS, help="one of the two")
    options = options_of.parse_args()
    chosen = [options.only] if options.only else FUZZERS
    faults = [
        fault
        for name in chosen
        for fault in fuzz(name, options.seed, options.cases, lambda text: print(text, file=sys.stderr, flush=True))
    ]
    conclude("fuzz", faults, options.results)


if __name__ == "__main__":
    main()
