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
from collections import Counter
from multiprocessing.connection import Connection

from robustness import calls, files
from robustness.report import Fault, conclude, parser

FUZZERS = {"calls": calls, "files": files}
# Cases of one process, the seconds after which it counts as hung, and the bytes that it may have beyond its first ones.
SLICE, PATIENCE, ROOM = 1000, 600.0, 512 << 20
# Faults after which there is no point in going on.
ENOUGH = 100


def work(name: str, seed: int, n_cases: int, sender: Connection) -> None:
    """What the process does, with little memory."""
    faulthandler.enable()
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    sender.send(FUZZERS[name].run(seed, n_cases))


def attempt(name: str, seed: int, n_cases: int) -> tuple[int, list[tuple[int, str]]]:
    """Try n_cases cases in a process of their own; gives how many were tried, at least one, and which failed how."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(name, seed, n_cases, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(PATIENCE) else (1, [(0, f"no end after {PATIENCE:g} seconds")])
    except EOFError:
        process.join()
        return 1, [(0, f"the process died with exit status {process.exitcode}")]
    finally:
        process.kill()
        process.join()


def fuzz(name: str, seed: int, n_cases: int) -> list[Fault]:
    """Try n_cases cases of one fuzzer, slice by slice."""
    kinds = FUZZERS[name].KINDS
    cases, failed = Counter[str](), Counter[str]()
    for slice_seed in itertools.count(seed * 1_000_000):
        if cases.total() >= n_cases or failed.total() >= ENOUGH:
            break
        size = min(SLICE, n_cases - cases.total())
        n, failures = attempt(name, slice_seed, size)
        # the cases of a slice are of each kind in turn
        cases.update({kind: len(range(i, n, len(kinds))) for i, kind in enumerate(kinds)})
        for case, text in failures:
            failed[kinds[case % len(kinds)]] += 1
            again = f"from robustness import {name}; print({name}.run({slice_seed}, {size}))"
            print(f"FAILED case {case} of\n    python -c {again!r}\n{text}", file=sys.stderr)
        print(f"{name}: {cases.total():,} cases, {failed.total()} faults", file=sys.stderr, flush=True)
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
