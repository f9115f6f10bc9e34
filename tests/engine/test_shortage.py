"""Short of memory or of threads: neither OpenBLAS nor libgomp comes back from that, so both are tried first."""

import re
import sys
from pathlib import Path

import pytest
from conftest import limits_blas, with_openmp
from process_helpers import run_python

from fastmlp import _kernels

SCRIPT = Path(__file__).parent / "scripts" / "shortage.py"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="a sanitizer has an allocator of its own"),
]


@pytest.mark.parametrize("method", ["forward", "predict", "fit"])
@with_openmp
@limits_blas
def test_too_little_memory_for_blas_is_a_memory_error(method):
    """Each member of a team needs a buffer; a network that needs no more than there is goes on."""
    error, *others = run_python(SCRIPT, "blas", method).splitlines()
    assert re.fullmatch(r"BLAS needs \d+ MiB for each of 2 threads, which could not be allocated", error)
    assert others == ["True", "True"]


@with_openmp
def test_threads_that_cannot_be_started_are_a_runtime_error():
    """BLAS has its buffers already, but a second thread has no team yet."""
    error, same = run_python(SCRIPT, "threads").splitlines()
    assert error.startswith("2 threads are needed, and cannot be started: ")
    assert error.endswith("; lower n_threads, or raise the limits of processes and memory")
    assert same == "True"


def test_loops_without_blas_need_no_memory_for_it():
    assert run_python(SCRIPT, "loops").startswith("History(3 epochs")
