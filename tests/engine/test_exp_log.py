"""exp and log1p of the kernels: their digits, their bits by every compiler, and that libm has no part in any kernel."""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastmlp import _kernels
from fastmlp._kernels import process

SOURCES = Path(__file__).parents[2] / "src_pyx"
LOOPS = """
#include "_exp_log.h"
#define LOOP(name, real) \\
    void name##_loop(const real *x, real *y, long n) { for (long i = 0; i < n; i++) y[i] = name(x[i]); }
LOOP(fastmlp_exp_float, float)
LOOP(fastmlp_exp_double, double)
LOOP(fastmlp_log1p, double)
"""
COMPILERS = [name for name in ("gcc", "clang", "clang-16") if shutil.which(name)]


def compiled(folder, compiler, *flags):
    """The loops over functions of _exp_log.h, by a compiler."""
    source, library = folder / "loops.c", folder / f"{compiler}{''.join(flags)}.so"
    source.write_text(LOOPS)
    command = [compiler, "-shared", "-fPIC", "-ffp-contract=off", f"-I{SOURCES}", *flags, source, "-o", library]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def values(library, name, x):
    """What a function gives for the elements of x."""
    y = np.empty_like(x)
    library[f"{name}_loop"](ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_long(len(x)))
    return y


def arguments_of_exp(dtype):
    """Down to where the exponential is the smallest normal number: of all sizes, and where the reduction changes."""
    random = np.random.RandomState(0)
    least = float(np.log(np.finfo(dtype).tiny)) + 1e-4
    edges = np.log(2) * np.arange(-0.5, least / np.log(2), -1)[:, np.newaxis] + random.uniform(-1e-6, 1e-6, 50)
    sizes = -(2 ** random.uniform(-60, np.log2(-least), 200_000))
    return np.concatenate([edges.ravel(), sizes, [0, -0.0]]).astype(dtype)


def arguments_of_log1p():
    """Of all sizes, whole numbers, and where a power of two or the reduction's other edges are near."""
    random = np.random.RandomState(0)
    powers = np.outer(2.0 ** np.arange(-60, 61), [1, np.sqrt(2)]).ravel()
    edges = np.concatenate([powers, powers[powers > 1] - 1])[:, np.newaxis]
    edges = edges + np.spacing(edges) * np.arange(-20, 21)
    sizes = 2 ** random.uniform(-1000, 1000, 20_000), 2 ** random.uniform(-60, 12, 200_000)
    return np.concatenate([edges.ravel(), *sizes, np.arange(2000), [np.finfo(float).tiny, np.finfo(float).max]])


# arguments, the exact function, and units in the last place that a value may be off by
FUNCTIONS = {
    "fastmlp_exp_float": (arguments_of_exp("float32"), np.exp, 1.25),
    "fastmlp_exp_double": (arguments_of_exp("float64"), np.exp, 1.25),
    "fastmlp_log1p": (arguments_of_log1p(), np.log1p, 1),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The loops without optimisation."""
    if not COMPILERS or not SOURCES.is_dir():
        pytest.skip("needs a C compiler, and src_pyx")
    return compiled(tmp_path_factory.mktemp("plain"), COMPILERS[0], "-O0")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_exact_to_about_the_last_digit(name, plain):
    x, function, limit = FUNCTIONS[name]
    expected = function(x.astype(np.longdouble))
    ulps = np.abs(values(plain, name, x) - expected) / np.spacing(expected.astype(x.dtype))
    assert ulps.max() < limit, x[ulps.argmax()]


def test_functions_of_infinity_and_nan(plain):
    for name, (x, function, _) in FUNCTIONS.items():
        special = np.array([-np.inf if function is np.exp else np.inf, np.nan], x.dtype)
        np.testing.assert_array_equal(values(plain, name, special), function(special), name)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_functions_have_the_same_bits_by_every_compiler_and_for_every_width(compiler, plain, tmp_path):
    for flags in (["-O3"], ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math"]):
        library = compiled(tmp_path, compiler, *flags)
        for name, (x, *_) in FUNCTIONS.items():
            np.testing.assert_array_equal(values(library, name, x), values(plain, name, x), f"{name} {flags}")


def symbols(path, *options):
    """Names of functions in a library, without versions."""
    shown = subprocess.run(["nm", "-D", "-P", *options, path], capture_output=True, text=True, check=True).stdout
    return {line.split("@")[0].split()[0] for line in shown.splitlines()}


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("nm") is None, reason="needs /proc, and nm of Debian's binutils"
)
@pytest.mark.skipif(_kernels.build_info()["build"] != "release", reason="only a release has square roots inline")
def test_no_kernel_calls_libm():
    """libm's functions give other bits in other versions and on other processors."""
    libm = re.search(r"/\S*/libm[-.]\S*so\S*", Path("/proc/self/maps").read_text())
    if libm is None:
        pytest.skip("this C library has no libm of its own")
    of_libm = symbols(libm[0], "--defined-only")
    assert {"exp", "pow", "log1pf", "sqrt"} <= of_libm
    modules = [module for module in Path(process.__file__).parent.iterdir() if module.suffix == ".so"]
    assert len(modules) > len(process.supported_levels())
    for module in modules:
        assert not symbols(module, "--undefined-only") & of_libm, module
