"""No product touches anything but its operands and its result, whatever their sizes, and wherever they end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import can_limit_blas

from fastmlp._kernels import process

SCRIPT = Path(__file__).parent / "scripts" / "guarded_products.py"


@pytest.mark.skipif(os.name != "posix", reason="needs mprotect")
@pytest.mark.parametrize("products", ["tiles", pytest.param("blas", marks=can_limit_blas)])
def test_products_touch_their_operands_and_results_alone(products):
    digests = []
    for level in process.supported_levels():
        done = subprocess.run(
            [sys.executable, "-P", "-X", "faulthandler", SCRIPT],
            env={**os.environ, "FASTMLP_SIMD": level, "FASTMLP_PRODUCTS": products},
            capture_output=True,
            text=True,
            timeout=300,
        )
        *_, last = ["nothing", *done.stdout.splitlines()]
        # where a page without access was touched, the process has ended by a signal
        assert done.returncode == 0, f"{level}, at {last}: exit status {done.returncode}\n{done.stderr}"
        digests.append(last)
    # those after the first one, for any processor, all have fused multiply-add
    assert products == "blas" or len({*digests[1:]}) <= 1, digests
