"""The compiled code under what watches every access of it: AddressSanitizer and UBSan, valgrind, ThreadSanitizer.

    python -m robustness.sanitize --quick --repetitions 16 --calls 5000

`address` is the whole suite and the call fuzzer under AddressSanitizer and UndefinedBehaviorSanitizer, which see what
the kernels' own code does. `valgrind` is the tests of kernels under memcheck, which also sees what BLAS does with their
buffers, and what was never written. `threads` is `robustness.races` under ThreadSanitizer. A report stands in the
output, and ends the run, or that scenario. `address` and `threads` have the build of the kernels that this processor
gets, and `valgrind` has those without AVX-512, which it does not know. Where a vector is loaded or stored in part, only
`valgrind` sees it; tests/engine/test_tile_bounds.py tests that too.

ThreadSanitizer learns from Archer when a team of OpenMP's begins, ends and waits; OMP_TOOL=disabled leaves it out, and
all that the members of a team hand to each other in libomp is reported then.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.environment import ROOT
from fastmlp._kernels import process
from robustness.races import SCENARIOS
from robustness.report import Fault, conclude, parser
from robustness.running import suite, watched

# where Debian's libomp-16-dev has its libraries
LLVM = Path("/usr/lib/llvm-16/lib")
OPENMP, ARCHER = LLVM / "libomp.so", LLVM / "libarcher.so"
# -P, or Python looks into the current folder first
PYTHON = (sys.executable, "-P", "-m")
# In one type, since both come from one source. Valgrind cannot flush denormal numbers to zero, and allocates itself.
KERNEL_TESTS = (
    *("tests/engine/test_kernels.py", "tests/network/test_train_epoch.py"),
    *("tests/engine/test_builds.py", "tests/engine/test_engine.py"),
    *("-k", "not float64 and not denormal and not allocated and not memory_map"),
)
# the largest shapes take half of the time
QUICK_KERNEL_TESTS = ("tests/engine/test_kernels.py", "-k", "not float64 and not gradients")


def need(packages: str, *tools: str | Path) -> None:
    """End with the names of Debian's packages where a program or a library is missing."""
    missing = [str(tool) for tool in tools if shutil.which(tool) is None and not Path(tool).exists()]
    if missing:
        sys.exit(f"{', '.join(missing)}: not found; on Debian, apt-get install {packages}")


def build(name: str) -> dict[str, str]:
    """Have make bring a build of the package up to date; gives the variable that puts it in place of the checkout's."""
    subprocess.run(["make", "--quiet", f"build/{name}/built"], cwd=ROOT, check=True)
    return {"PYTHONPATH": f"{ROOT / 'build' / name}:{ROOT}"}


def preloaded(*libraries: str) -> str:
    """These libraries of gcc's, which have to be loaded before Python."""
    need("gcc", "gcc")
    named = [["gcc", f"-print-file-name={library}.so"] for library in libraries]
    return " ".join(subprocess.check_output(command, text=True).strip() for command in named)


def address(asked: argparse.Namespace) -> Iterator[Fault]:
    variables = build("address") | {
        "LD_PRELOAD": preloaded("libasan", "libubsan"),
        # objects of Python's own too get room that is watched
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:exitcode=66",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=66",
    }
    command = [*PYTHON, "pytest", "-q", *(("-m", "not application") if asked.quick else ())]
    # in another folder, or the processes that tests start find the checkout's package
    yield suite("tests under AddressSanitizer and UBSan", command, variables, ROOT / "tests")
    calls = f"from robustness.calls import run; n, faults = run(1, {asked.calls}); assert not faults, faults; print(n)"
    status, output = watched([sys.executable, "-P", "-c", calls], variables)
    n = int(output) if status == 0 else 1
    yield Fault("calls of a network under AddressSanitizer and UBSan", n, n if status == 0 else 0)


def valgrind(asked: argparse.Namespace) -> Iterator[Fault]:
    need("valgrind", "valgrind")
    command = [
        *("valgrind", "--quiet", "--leak-check=no", "--exit-on-first-error=yes", "--error-exitcode=66"),
        *("--gen-suppressions=all", "--suppressions=robustness/valgrind.supp"),
        *(sys.executable, "-m", "pytest", "-q", *(QUICK_KERNEL_TESTS if asked.quick else KERNEL_TESTS)),
    ]
    variables = {
        **{"PYTHONMALLOC": "malloc", "OPENBLAS_NUM_THREADS": "1"},
        # threads take turns under valgrind, and those that wait spend theirs on waiting
        "OMP_THREAD_LIMIT": "2",
        # not needed by these tests, and slow to import
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    for level in process.supported_levels():
        if level != "x86_64_v4":
            name = f"tests of the {level} kernels under valgrind memcheck"
            yield suite(name, command, {**variables, "FASTMLP_SIMD": level})


def threads(asked: argparse.Namespace) -> Iterator[Fault]:
    need("libomp-16-dev", OPENMP, ARCHER)
    n, variables = asked.repetitions, build("thread")
    # LLVM's OpenMP takes the place of gcc's, of which ThreadSanitizer learns nothing
    variables |= {"LD_PRELOAD": f"{preloaded('libtsan')} {OPENMP}", "OMP_TOOL_LIBRARIES": str(ARCHER)}
    # what libomp, Python and NumPy read and write is not watched; their locks are
    options = "halt_on_error=1:exitcode=66:ignore_noninstrumented_modules=1"
    variables |= {"OPENBLAS_NUM_THREADS": "1", "TSAN_OPTIONS": options}
    for name in SCENARIOS:
        status, output = watched([*PYTHON, "robustness.races", name, str(n)], variables)
        survived = n if status == 0 else min(len(output.splitlines()), n - 1)
        yield Fault(f"repetitions of {name.replace('_', ' ')} under ThreadSanitizer", n, survived)


WATCHERS = {watcher.__name__: watcher for watcher in (address, valgrind, threads)}


def main() -> None:
    commands = parser(__doc__)
    commands.add_argument("--only", choices=WATCHERS, help="one of them (default: all)")
    commands.add_argument("--quick", action="store_true", help="fewer tests, those of what computes")
    # after 24 it has seen each optimiser with each kind of rows in each type
    commands.add_argument("--repetitions", type=int, default=60, help="under ThreadSanitizer (default: 60)")
    commands.add_argument("--calls", type=int, default=50_000, help="under AddressSanitizer (default: 50,000)")
    asked = commands.parse_args()
    chosen = [asked.only] if asked.only else list(WATCHERS)
    # each runs when its faults are asked for
    conclude({f"sanitize_{name}": WATCHERS[name](asked) for name in chosen}, asked.results)


if __name__ == "__main__":
    main()
