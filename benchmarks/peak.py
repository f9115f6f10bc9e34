"""The most operations a second that this machine's cores can compute: multiply-adds in registers, by peak.c.

python -m benchmarks.peak float32 1    # with one thread
"""

import ctypes
import json
import os
import shlex
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
BUILD = SOURCE.parent.parent / "build"
FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
# of each chain of multiply-adds: some 10 ms
TERMS, REPEAT = 2_000_000, 10


def measured(dtype: str, threads: int) -> float | None:
    """Operations a second of this many threads, the best of several tries; None without a C compiler."""
    run = compiled({"float32": "peak_float", "float64": "peak_double"}[dtype])
    if run is None:
        return None
    operations = threads * TERMS * run(1)
    with ThreadPoolExecutor(threads) as pool:
        seconds = timeit.repeat(lambda: list(pool.map(run, [TERMS] * threads)), repeat=REPEAT, number=1)
    return operations / min(seconds)


def compiled(name: str) -> Callable[[int], int] | None:
    """A function of peak.c, compiled anew for this processor; None where no compiler is found."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        library = Path(folder) / "peak.so"
        try:
            command = [*shlex.split(os.environ.get("CC", "cc")), *FLAGS, str(SOURCE), "-o", str(library)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except FileNotFoundError:
            return None
        function = ctypes.CDLL(str(library))[name]
    function.argtypes, function.restype = [ctypes.c_int64], ctypes.c_int64
    return function


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
