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
    environment = {name: value for name, value in os.environ.items() if name != "FASTMLP_THREADING"}
    digests = {}
    for level in process.supported_levels():
        done = subprocess.run(
            [sys.executable, "-P", "-X", "faulthandler", SCRIPT],
            env={**environment, "FASTMLP_SIMD": level, "FASTMLP_PRODUCTS": "auto"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        *_, last = ["nothing", *done.stdout.splitlines()]
        # where a page without access was touched, the process has ended by a signal
        assert done.returncode == 0, f"{level}, at {last}: exit status {done.returncode}\n{done.stderr}"
        digests[level] = last
    digests = {level: digest for level, digest in digests.items() if digest != "no tiles"}
    if not digests:
        pytest.skip("no build for this processor has tiles")
    assert len(set(digests.values())) == 1, digests
