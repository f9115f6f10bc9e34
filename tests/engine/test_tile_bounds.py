"""No product by tiles touches anything but its operands and its result, whatever their sizes, and wherever they end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastmlp._kernels import process

SCRIPT = Path(__file__).parent / "scripts" / "guarded_products.py"


@pytest.mark.skipif(os.name != "posix", reason="needs mprotect")
def test_products_touch_their_operands_and_results_alone():
    digests = []
    for level in process.supported_levels():
        done = subprocess.run(
            [sys.executable, "-P", "-X", "faulthandler", SCRIPT],
            env={**os.environ, "FASTMLP_SIMD": level, "FASTMLP_PRODUCTS": "tiles"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        *_, last = ["nothing", *done.stdout.splitlines()]
        # where a page without access was touched, the process has ended by a signal
        assert done.returncode == 0, f"{level}, at {last}: exit status {done.returncode}\n{done.stderr}"
        digests.append(last)
    # those after the first one, for any processor, all have fused multiply-add
    assert len({*digests[1:]}) <= 1, digests
