"""What the installation says of itself, and what importing it loads."""

import subprocess
import sys

import numpy as np
import scipy

import fastmlp
from fastmlp.engine import threads
from fastmlp.engine.blas import find_blas
from fastmlp.environment import environment


def test_environment_names_what_results_depend_on():
    found = environment()
    assert (found["fastmlp"], found["numpy"], found["scipy"]) == (
        fastmlp.__version__,
        np.__version__,
        scipy.__version__,
    )
    assert found["BLAS"] == find_blas().description
    assert "-fno-math-errno" in found["flags"]
    assert found["build"] in ("release", "debug", "sanitize")
    assert all(found.values())


# of the extras and of tests, and what a download alone needs
USED_LATER = [
    *("scipy", "matplotlib", "tqdm", "click", "optuna", "sklearn", "safetensors", "onnx"),
    *("ssl", "http", "http.client", "email", "urllib.request", "urllib.error", "tarfile"),
]


def test_import_loads_nothing_that_is_used_later():
    """Nothing that NumPy does not load; SciPy only where its BLAS computes the products."""
    loaded = f"print([name for name in {USED_LATER} if name in sys.modules])"
    needed = "numpy" if threads.products == "tiles" else "numpy, scipy.linalg.cython_blas"
    script = f"import sys, {needed}; {loaded}; import fastmlp; {loaded}"
    result = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    theirs, all_together = result.stdout.splitlines()
    assert all_together == theirs


def test_everything_that_is_promised_is_there():
    assert all(hasattr(fastmlp, name) for name in fastmlp.__all__)
