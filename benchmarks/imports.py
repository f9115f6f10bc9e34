"""How much longer `import fastmlp` takes than `import numpy`: each in new processes, in turn.

python -m benchmarks.imports [rounds]
"""

import subprocess
import sys
import time

import numpy as np

STATEMENTS = ("import numpy", "import fastmlp", "import scipy.linalg.cython_blas")


def seconds(statement: str) -> float:
    """The time that a new process takes to run this statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", statement], check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for statement in STATEMENTS:
        seconds(statement)  # so that all files are in the page cache
    times = np.array([[seconds(statement) for statement in STATEMENTS] for _ in range(n_rounds)])
    above = 1e3 * (times - times[:, [STATEMENTS.index("import numpy")]])
    for statement, (low, middle, high) in zip(STATEMENTS, np.percentile(above, (25, 50, 75), axis=0).T, strict=True):
        print(f"{statement:32} {middle:6.0f} ms above NumPy's import (quartiles {low:.0f} to {high:.0f})")
