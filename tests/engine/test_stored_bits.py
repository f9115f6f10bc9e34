"""Trainings end with the bits that they had in earlier versions, on every processor and with any number of threads."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from process_helpers import run_python

from fastmlp import _kernels
from fastmlp._kernels import process

PROJECT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "scripts" / "stored_bits.py"
# a folder that scripts/aarch64_python.sh has filled, and what compiles for it and runs it
AARCH64, CROSS_COMPILER, EMULATOR = os.environ.get("FASTMLP_AARCH64"), "aarch64-linux-gnu-gcc", "qemu-aarch64"
CLANG = shutil.which("clang") or shutil.which("clang-16")
# What the script prints with FASTMLP_PRODUCTS=tiles: hashes of the parameters, the predictions, the losses and scores.
BY_TILES = """
standardizer: be53da28ae95 43fa0e07b408
assignment float32 SGD: a8df48e36a57 804385df6e5d 1cb7c18673a3
assignment float32 Adam: 63b284dde4ab 39f393def600 5034e056c89e
assignment float64 SGD: b7dc9bcc3a6d fdb4484765fb 37c4df63bf38
assignment float64 Adam: 72c5073a6b9c 90d15417c13b e431497499b3
tiny float32 SGD: ca7aa51083da 9e2179f56179 6b613b0c4fd5
tiny float32 Momentum: c32c34bde558 0ff40e91662d 4347efc69650
tiny float32 Nesterov: da36e9d6aa25 d7ec9e5c30b9 dc0302091cd1
tiny float32 Adam: 012c081af8a7 3e2ec72488dd 747c51950aac
tiny float32 AdamW: 02dd90416cde 182472db3e17 42647a2f7ef3
tiny float32 RMSprop: 93a2d4e3202f 9d04f27fd790 f70d85df927b
tiny float64 SGD: 3921e67c0cf0 8002bf4fc00b 66b549b5a0a7
tiny float64 Momentum: a8a5801361c9 c30e4bde4e2e 34157e4655d4
tiny float64 Nesterov: 76847fa1c9be 1d3021650057 e01311692d70
tiny float64 Adam: caf953a88572 f421424ff0ec 0997b33eb17d
tiny float64 AdamW: d454f6a5e9cd c988ca27176e 6458ab8ff749
tiny float64 RMSprop: a329e5f940b5 584323794df5 5f96bd99c483
narrow float32 SGD: 847f78a145e2 ffdc14a575ce 670e7b0a8702
narrow float32 Adam: 1b7fe832d902 1e844c1d8478 941ef9ca0b68
narrow float64 SGD: 3460c98d80b9 3deef2624085 a6e23012e1be
narrow float64 Adam: 9f29be3fe077 8ac7e122c9ab 05b78d345add
regression float32 SGD: dfc804f6aaec 44332c437538 c1ad3f063d46
regression float32 Adam: 6077eb1fe7fc 3d87d9f9303e 8a2e16e4060e
regression float64 SGD: 49b5206c0f47 d4a569a94c6c f3896bd39d1e
regression float64 Adam: 8957ae337418 70e4b8379d4f 23a7e52d4173
activations float32 SGD: 86d9d649f0b4 657a37ff7705 eb669f3b34b3
activations float32 Adam: 4d8bcf27d15f ff4cd9a68b81 cad7b8941109
activations float64 SGD: fcbd12f68981 ffa9d52908a3 71c3822b3197
activations float64 Adam: 3767a0d2e29b 7279d0e348e9 556067b713d5
narrow at the limits float32 SGD: 63d0cfad2dc8 84598c5b87e3 fb5c6fc1ce3f
narrow at the limits float64 SGD: fd16e57c59ef 506f2ca06726 5b885d6a5bca
beyond the limits float32 SGD: 939acf5e8697 56cf6d4fda81 c6929d05eb3b
beyond the limits float64 SGD: 6442b9e0d2d0 cf2c54f1ea21 e0f4faf1b24d
dropped and weighted float32 SGD: d59d0fcc83eb 8cf827ae2fe1 5a701bdeeda1
dropped and weighted float64 SGD: bd898caec0c7 7070d807752c 558bb9f08ab1
clipped float32 SGD: 78032fbb5423 8b6a3cf4b0d1 9a724643c165
clipped float32 Adam: 9c60cef1d3c7 6fa8b899f62e ee9fcb349cf4
clipped float64 SGD: ab186f976aa7 08ffd921ded6 8f0d39f575c4
clipped float64 Adam: dcad3bdc1894 09c7172e5be2 31b9a7b828be
counts float32 SGD: ff2cd5b73369 e7421500938c 5e42c4550122
counts float64 SGD: 6b10cd13c8c7 43cfdee6f48a b466cf7f2d82
yes or no float32 SGD: 8830804fc60d 79a6141f3cda ac259d5ce215
yes or no float64 SGD: 1f1570ffab7e 79a6141f3cda e4618c074474
row by row float32 SGD: c5eac1744665 fb47f7724065 19384a56a15f
row by row float32 Adam: 530603054e78 1ec1751fd4ab 9871aa3f59af
row by row float64 SGD: 6b1c5263ff56 106f16d761b4 78c18fdc344b
row by row float64 Adam: 128a9af81a22 91b95af32f29 079e7aa28983
wide float32 SGD: ac806f75f176 5098e51bad75 00070cafa5b2
wide float32 Adam: 90c1fd3c3bc4 522f9d9ead82 df78209fec3b
wide float64 SGD: 5d0eeac20193 36b07ba8eae7 bcbdc25a7c6a
wide float64 Adam: a7493e226142 f32bfa25eebf 6cc2b6d309d7
"""
# And the parameters of tiny trainings without fused multiply-add, with two roundings a term.
WITHOUT_FMA = {
    "tiny float32 SGD": "57b0d909e0f1",
    "tiny float32 Momentum": "49c36309e6c6",
    "tiny float32 Nesterov": "e720ee1a7332",
    "tiny float32 Adam": "6231b509a5cf",
    "tiny float32 AdamW": "eca86bfb34e8",
    "tiny float32 RMSprop": "b59138854be9",
    "tiny float64 SGD": "bddac9de2929",
    "tiny float64 Momentum": "23dd927466ec",
    "tiny float64 Nesterov": "1d9e49b44a21",
    "tiny float64 Adam": "6674d2fcf40c",
    "tiny float64 AdamW": "cbf958478bdd",
    "tiny float64 RMSprop": "341f57af6884",
}


def builds_with_fma():
    """Those that this processor can run: all but the first one, for any processor, unless it is the only one."""
    levels = process.supported_levels()
    return levels if len(levels) == 1 and _kernels.build_info()["has_fma"] else levels[1:]


@pytest.mark.parametrize("n_threads", ["1", "2"])
@pytest.mark.parametrize("build", builds_with_fma())
def test_trainings_by_tiles_have_stored_bits(build, n_threads):
    printed = run_python(SCRIPT, n_threads, FASTMLP_SIMD=build, FASTMLP_PRODUCTS="tiles")
    assert printed == BY_TILES.strip()


def built_package(folder, compiler):
    """A folder with the package, built by another compiler, with one thread."""
    if not (PROJECT / "setup.py").exists() or not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("needs the source of the package, and Python's headers")
    for name in ("fastmlp", "src_pyx"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "setup_compiler.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder)
    variables = {"CC": compiler, "LDSHARED": f"{compiler} -shared", "FASTMLP_NO_OPENMP": "1"}
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "package", folder]
    subprocess.run(install, env=os.environ | variables, check=True, timeout=600)
    return folder / "package"


@pytest.mark.application  # it builds what it tests
@pytest.mark.skipif(CLANG is None, reason="needs clang")
def test_trainings_of_a_build_by_clang_have_stored_bits(tmp_path):
    variables = {"PYTHONPATH": str(built_package(tmp_path, CLANG)), "FASTMLP_PRODUCTS": "tiles"}
    by = "from fastmlp import _kernels; print(_kernels.build_info()['compiler'])"
    for build in builds_with_fma():
        assert run_python(by, FASTMLP_SIMD=build, **variables).startswith("clang")
        assert run_python(SCRIPT, FASTMLP_SIMD=build, **variables) == BY_TILES.strip()


@pytest.mark.application  # it builds what it tests
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="that folder has Python 3.11")
@pytest.mark.skipif(
    AARCH64 is None or shutil.which(CROSS_COMPILER) is None or shutil.which(EMULATOR) is None,
    reason=f"needs {CROSS_COMPILER} and {EMULATOR} (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user), "
    "and in FASTMLP_AARCH64 a folder that tests/engine/scripts/aarch64_python.sh has filled",
)
def test_trainings_on_aarch64_have_stored_bits(tmp_path):
    package = built_package(tmp_path, CROSS_COMPILER)
    for module in (package / "fastmlp" / "_kernels").glob("*.so"):  # which this machine's Python has named
        module.rename(module.with_name(f"{module.name.partition('.')[0]}.so"))
    done = subprocess.run(
        [EMULATOR, "-L", AARCH64, f"{AARCH64}/usr/bin/python3.11", "-P", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(package), "FASTMLP_SIMD": "plain", "FASTMLP_PRODUCTS": "tiles"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout.strip() == BY_TILES.strip(), done.stderr


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other processors all have it")
def test_tiny_trainings_without_fused_multiply_add_have_stored_bits():
    printed = run_python(SCRIPT, FASTMLP_SIMD="plain", FASTMLP_PRODUCTS="tiles")
    found = dict(line.split(": ") for line in printed.splitlines())
    assert {training: found[training].split()[0] for training in WITHOUT_FMA} == WITHOUT_FMA
