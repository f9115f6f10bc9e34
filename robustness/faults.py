"""The tests of faults that cannot be drawn at random: processes, signals, limits of threads, numbers, large arrays.

    python -m robustness.faults [--times 20]

They are part of the test suite, and are run here over and over, since many of them depend on what happens when.
"""

import sys

from robustness.report import Fault, conclude, parser
from robustness.running import suite

# pytest's arguments
FAULTS = {
    "processes that are spawned, forked or pooled, and other libraries' threads": [
        "tests/engine/test_processes.py",
        *("-k", "not threads_of_their_own_give"),
    ],
    "Ctrl-C and other signals at any moment": [
        *("tests/engine/test_signals.py", "tests/engine/test_engine.py", "tests/files/test_models.py", "tests/tuning"),
        *("-k", "test_signals or interrupted or handler"),
    ],
    "networks in several threads at once": [
        *("tests/engine/test_threads.py", "tests/engine/test_processes.py"),
        *("-k", "threads and (serial or refuses or give)"),
    ],
    "limits of threads: OpenMP's, affinity, control groups, threadpoolctl": ["tests/engine/test_thread_limits.py"],
    "a full disk and a folder that cannot be written to": [
        "tests/files/test_checkpoints.py",
        "tests/files/test_access.py",
        "-k",
        "full or cannot_be_written",
    ],
    "trainings and searches that are killed": ["tests/files/test_checkpoints.py", "tests/tuning", "-k", "killed"],
    "files of earlier versions": ["tests", "-k", "every_version"],
    "softmax, loss, divergence, Adam's million steps, floating-point modes": ["tests/engine/test_numbers.py"],
    "arrays beyond 2^31 elements, sizes beyond 32 bits": ["tests/engine/test_large_arrays.py"],
}


def main() -> None:
    """Run all of them, the given number of times."""
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=20, help="how often each test is run (default: 20)")
    asked = options.parse_args()
    found = []
    for what, arguments in FAULTS.items():
        command = [sys.executable, "-m", "pytest", "-q", *arguments]
        runs = [suite(what, command, {}) for _ in range(asked.times)]
        found.append(Fault(f"{what} (tests)", sum(run.cases for run in runs), sum(run.survived for run in runs)))
    conclude({"faults": found}, asked.results)


if __name__ == "__main__":
    main()
