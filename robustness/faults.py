"""The tests of what depends on moments and machines: processes, signals, threads and their limits, full disks.

    python -m robustness.faults [--times 20]

They are part of the test suite; here they run over and over.
"""

import sys

from robustness.report import Fault, conclude, parser
from robustness.running import suite

# pytest's arguments
FAULTS = {
    "processes that are spawned, forked or pooled, and other libraries' threads": ["tests/engine/test_processes.py"],
    "Ctrl-C and other signals at any moment": [
        *("tests/engine/test_signals.py", "tests/engine/test_engine.py", "tests/files/test_models.py", "tests/tuning"),
        *("-k", "test_signals or interrupted or handler"),
    ],
    "networks in several threads at once": ["tests/engine/test_threads.py", "-k", "serial or refuses or give"],
    "limits of threads: OpenMP's, affinity, control groups, threadpoolctl": ["tests/engine/test_thread_limits.py"],
    "full disks, folders that cannot be written to, trainings and searches that are killed": [
        *("tests/files/test_checkpoints.py", "tests/files/test_access.py", "tests/tuning"),
        *("-k", "full or cannot_be_written or killed"),
    ],
}


def main() -> None:
    """Run each of them the given number of times."""
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=20, help="how often each test is run (default: 20)")
    asked = options.parse_args()
    found = []
    for what, arguments in FAULTS.items():
        runs = [suite(what, [sys.executable, "-m", "pytest", "-q", *arguments], {}) for _ in range(asked.times)]
        found.append(Fault(f"{what} (tests)", sum(run.cases for run in runs), sum(run.survived for run in runs)))
    conclude({"faults": found}, asked.results)


if __name__ == "__main__":
    main()
