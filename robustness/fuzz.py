"""Two fuzzers: calls of a network with arguments of every kind, and files of every kind with their bytes changed.

    TMPDIR=/dev/shm python -m robustness.fuzz --cases 100000 --seed 1 --results robustness/results

Cases are calls of the package, or files that it reads. A process tries a thousand of them, so that a crash or an
endless loop is one fault among others: what is printed of it has a command that repeats it, and
`calls.run(..., shrink=True)` looks for the shortest calls that fail alike. TMPDIR keeps the files off the disk.
"""

import faulthandler
import itertools
import json
import resource
import sys
from collections import Counter

from robustness import calls, files
from robustness.report import Fault, conclude, parser
from robustness.running import memory, watched

FUZZERS = {"calls": calls, "files": files}
# Cases of one process, the seconds after which it counts as hung, the bytes that it may have beyond its first ones, and
# faults after which there is no point in going on.
SLICE, PATIENCE, ROOM, ENOUGH = 1000, 600.0, 512 << 20, 20


def work(name: str, seed: int, n_cases: int) -> None:
    """Try n_cases cases in this process, with little memory; prints how many were tried, and which failed how."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (memory(0) + ROOM,) * 2)
    print(json.dumps(FUZZERS[name].run(seed, n_cases)))


def fuzz(name: str, seed: int, n_cases: int) -> list[Fault]:
    """Try n_cases cases of one fuzzer, slice by slice."""
    kinds = FUZZERS[name].KINDS
    cases, failed = Counter[str](), Counter[str]()
    for slice_seed in itertools.count(seed * 1_000_000):
        if cases.total() >= n_cases or failed.total() >= ENOUGH:
            break
        size = min(SLICE, n_cases - cases.total())
        code = f"from robustness import fuzz; fuzz.work({name!r}, {slice_seed}, {size})"
        status, output = watched([sys.executable, "-c", code], {}, patience=PATIENCE)
        broken = 1, [(0, f"the process ended with status {status}")]
        n, failures = broken if status else json.loads(output.splitlines()[-1])
        # the cases of a slice are of each kind in turn
        cases.update({kind: len(range(i, n, len(kinds))) for i, kind in enumerate(kinds)})
        for case, text in failures:
            failed[kinds[case % len(kinds)]] += 1
            print(f"FAILED case {case} of\n    python -c {code!r}\n{text}", file=sys.stderr)
        print(f"{name}: {cases.total():,} cases, {failed.total()} faults", file=sys.stderr, flush=True)
    return [Fault(kind, cases[kind], cases[kind] - failed[kind]) for kind in kinds]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--cases", type=int, default=4000, help="of each fuzzer (default: 4000)")
    options.add_argument("--only", choices=FUZZERS, help="one of the two")
    asked = options.parse_args()
    names = [asked.only] if asked.only else FUZZERS
    conclude({f"fuzz_{name}": fuzz(name, asked.seed, asked.cases) for name in names}, asked.results)


if __name__ == "__main__":
    main()
