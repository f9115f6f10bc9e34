"""How long `import fastmlp` takes above `import numpy`: new processes, in turns.

python -m benchmarks.imports [rounds]
"""

import subprocess
import sys
import time

import numpy as np

STATEMENTS = ("pass", "import numpy", "import fastmlp", "import scipy.linalg.cython_blas")


def seconds(statement: str) -> float:
    """Of a new process that runs this statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", statement], check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    n_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for statement in STATEMENTS:
        seconds(statement)  # files are read from the disk
    times = np.array([[seconds(statement) for statement in STATEMENTS] for _ in range(n_rounds)])
    above = 1e3 * (times - times[:, [STATEMENTS.index("import numpy")]])
    for statement, (low, middle, high) in zip(STATEMENTS, np.percentile(above, (25, 50, 75), axis=0).T, strict=True):
        print(f"{statement:32} {middle:6.0f} ms above NumPy's import (quartiles {low:.0f} to {high:.0f})")
