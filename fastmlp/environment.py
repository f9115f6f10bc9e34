"""Version and build information, for bug reports and measurements."""

import platform
from pathlib import Path

import numpy as np
import scipy

import fastmlp
from fastmlp import _kernels
from fastmlp.engine import threads


def processor() -> str:
    """The processor's model name, if the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def environment() -> dict[str, str]:
    """Versions, compiler, vector instructions, BLAS and threads of this installation.

    Examples
    --------
    >>> from fastmlp.environment import environment
    >>> environment()["threading"].startswith(("P1", "P2"))
    True
    """
    build = _kernels.build_info()
    openmp = build["openmp"]
    patterns = {
        "blas": "P1: BLAS owns the threads",
        "openmp": "P2: OpenMP owns the threads" if openmp else "P2 without OpenMP: one thread",
    }
    return {
        "fastmlp": fastmlp.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "compiler": build["compiler"],
        "build": build["build"],
        "flags": build["flags"],
        "SIMD": build["simd"],
        "products": {"tiles": "register tiles", "blas": "BLAS"}[threads.products],
        "OpenMP": f"yes, version {openmp}" if openmp else "no: built without it, one thread",
        "BLAS": threads.blas.description,
        "threads": str(threads.available_threads()),
        "threading": patterns[threads.pattern],
    }
