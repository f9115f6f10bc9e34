"""What the installation says of itself, and what importing it loads."""

import subprocess
import sys

import numpy as np
import scipy

import fastmlp
from fastmlp import threads
from fastmlp.environment import environment


def test_environment_names_what_results_depend_on():
    found = environment()
    assert (found["fastmlp"], found["numpy"], found["scipy"]) == (
        fastmlp.__version__,
        np.__version__,
        scipy.__version__,
    )
    assert found["BLAS"] == threads.blas.description
    assert found["threading"].startswith("P2" if threads.pattern == "openmp" else "P1")
    assert "-fno-math-errno" in found["flags"]
    assert found["build"] in ("release", "debug", "sanitize")
    assert all(found.values())


def test_import_loads_no_library_of_an_extra():
    script = "import sys, fastmlp; print([name for name in ('matplotlib', 'tqdm', 'click') if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.strip() == "[]"


def test_everything_that_is_promised_is_there():
    assert all(hasattr(fastmlp, name) for name in fastmlp.__all__)
