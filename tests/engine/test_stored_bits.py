"""Trainings end with the bits that they had in earlier versions, on every processor and with any number of threads."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from process_helpers import run_python

from fastmlp import _kernels
from fastmlp._kernels import process

PROJECT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "scripts" / "stored_bits.py"
# a folder that scripts/aarch64_python.sh has filled, and what compiles for it and runs it
AARCH64, CROSS_COMPILER, EMULATOR = os.environ.get("FASTMLP_AARCH64"), "aarch64-linux-gnu-gcc", "qemu-aarch64"
# What the script prints with FASTMLP_PRODUCTS=tiles: hashes of the parameters, the predictions, the losses and scores.
BY_TILES = """
standardizer: be53da28ae95 43fa0e07b408
assignment float32 SGD: a8df48e36a57 804385df6e5d 036756a269bb
assignment float32 Adam: 63b284dde4ab 39f393def600 5083cc660936
assignment float64 SGD: b7dc9bcc3a6d fdb4484765fb 37c4df63bf38
assignment float64 Adam: 76f8d859bcbd f56c9123ce7e 47a27bd4654c
tiny float32 SGD: ca7aa51083da 9e2179f56179 90d54e2fa5ea
tiny float32 Momentum: c32c34bde558 0ff40e91662d b640462e05b7
tiny float32 Adam: 012c081af8a7 3e2ec72488dd 1f1c4bac8d77
tiny float32 AdamW: 02dd90416cde 182472db3e17 15809d3fe380
tiny float64 SGD: 3921e67c0cf0 8002bf4fc00b 66b549b5a0a7
tiny float64 Momentum: a8a5801361c9 c30e4bde4e2e 34157e4655d4
tiny float64 Adam: 441ba25cb57b 578ca147afc8 a83686fce1ab
tiny float64 AdamW: d1a9feb48aca 8949d5a299f2 40ac65e20257
narrow float32 SGD: 869f7f9e0712 d541b55d6086 f3add11e0afe
narrow float32 Adam: c5a98daecd54 ad8432190f96 dc9933d767c9
narrow float64 SGD: 606aea5c7b24 9ce4e5140672 a6e23012e1be
narrow float64 Adam: 3e4439d20a1c 222246307803 4d7dec0bf61a
regression float32 SGD: 48213ce8b042 9036567a0c52 c684cdafdd2e
regression float32 Adam: 2ade7662b68b d990d6481797 f2ca48afd8f0
regression float64 SGD: d464df124b2e f5e7568fb6bd f3896bd39d1e
regression float64 Adam: 446c734ee9f1 66c33b572f93 ad8278f01d2b
wide float32 SGD: ac806f75f176 5098e51bad75 933eb6dee528
wide float32 Adam: 90c1fd3c3bc4 522f9d9ead82 4815c80c1d5e
wide float64 SGD: 5d0eeac20193 36b07ba8eae7 bcbdc25a7c6a
wide float64 Adam: 33eae5f3a27c eee3753840bb b404049115d0
"""
# And the parameters with FASTMLP_PRODUCTS=blas, where tiny products are loops with two roundings a term. Losses and the
# powers of Adam may come from the C library there, which differs from one to the other.
BY_LOOPS = {
    "tiny float32 SGD": "57b0d909e0f1",
    "tiny float32 Momentum": "49c36309e6c6",
    "tiny float64 SGD": "bddac9de2929",
    "tiny float64 Momentum": "23dd927466ec",
}


def builds_with_tiles():
    """Those that this processor can run: all but the first one, for any processor, unless it is the only one."""
    levels = process.supported_levels()
    return levels if len(levels) == 1 and _kernels.build_info()["has_tiles"] else levels[1:]


@pytest.mark.parametrize("n_threads", ["1", "2"])
@pytest.mark.parametrize("build", builds_with_tiles())
def test_trainings_by_tiles_have_stored_bits(build, n_threads):
    printed = run_python(SCRIPT, n_threads, FASTMLP_SIMD=build, FASTMLP_PRODUCTS="tiles")
    assert printed == BY_TILES.strip()


@pytest.fixture
def aarch64_package(tmp_path):
    """A folder with the package, built for aarch64."""
    if not (PROJECT / "setup.py").exists() or sys.version_info[:2] != (3, 11):
        pytest.skip("needs the source of the package, and the headers of Python 3.11")
    for name in ("fastmlp", "src_pyx"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    package = tmp_path / "package"
    compiler = {"CC": CROSS_COMPILER, "LDSHARED": f"{CROSS_COMPILER} -shared", "FASTMLP_NO_OPENMP": "1"}
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", package, tmp_path]
    subprocess.run(install, env=os.environ | compiler, check=True, timeout=600)
    for module in (package / "fastmlp" / "_kernels").glob("*.so"):  # which this machine's Python has named
        module.rename(module.with_name(f"{module.name.partition('.')[0]}.so"))
    return package


@pytest.mark.skipif(
    AARCH64 is None or shutil.which(CROSS_COMPILER) is None or shutil.which(EMULATOR) is None,
    reason=f"needs {CROSS_COMPILER} and {EMULATOR} (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user), "
    "and in FASTMLP_AARCH64 a folder that tests/engine/scripts/aarch64_python.sh has filled",
)
def test_trainings_on_aarch64_have_stored_bits(aarch64_package):
    done = subprocess.run(
        [EMULATOR, "-L", AARCH64, f"{AARCH64}/usr/bin/python3.11", "-P", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(aarch64_package), "FASTMLP_SIMD": "plain", "FASTMLP_PRODUCTS": "tiles"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.strip() == BY_TILES.strip(), done.stderr


@pytest.mark.parametrize("build", process.supported_levels())
def test_tiny_trainings_by_loops_have_stored_bits(build):
    printed = run_python(SCRIPT, FASTMLP_SIMD=build, FASTMLP_PRODUCTS="blas")
    found = dict(line.split(": ") for line in printed.splitlines())
    assert {training: found[training].split()[0] for training in BY_LOOPS} == BY_LOOPS
