"""Builds fastmlp._kernels.*; everything else about the package stands in pyproject.toml.

Environment variables:

FASTMLP_DEBUG=1             bounds checks on, no optimisation
FASTMLP_SANITIZE=address    bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer, by gcc
FASTMLP_SANITIZE=fuzzer     bounds checks, AddressSanitizer and libFuzzer's counters, by clang
FASTMLP_SANITIZE=thread     bounds checks and ThreadSanitizer, by clang; robustness/sanitize.py runs all three
FASTMLP_NO_OPENMP=1         a build without threads

The kernels are built for every processor, and a second time for x86-64-v3 (AVX2) where the compiler knows that; see
fastmlp/_kernels/__init__.py, which chooses.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "fuzzer": ["-fsanitize=fuzzer-no-link,address"],
    # all products by loops, since ThreadSanitizer does not see what BLAS reads and writes
    "thread": ["-fsanitize=thread", "-shared-libsan", "-DFASTMLP_SMALL_WORK=PY_SSIZE_T_MAX"],
}
SANITIZE = os.environ.get("FASTMLP_SANITIZE")
if SANITIZE is not None and SANITIZE not in SANITIZERS:
    sys.exit(f"FASTMLP_SANITIZE must be one of {', '.join(SANITIZERS)}, got {SANITIZE!r}")
DEBUG = SANITIZE is not None or os.environ.get("FASTMLP_DEBUG") == "1"

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "embedsignature": True,
}

OPENMP_PROGRAM = """
#include <omp.h>
int main(void) {
    int members = 0;
    #pragma omp parallel num_threads(2)
    {
        #pragma omp atomic
        members++;
    }
    return members >= 1 ? 0 : 1;
}
"""

LEVEL_PROGRAM = """
int main(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("x86-64-v3") < 0;
}
"""

OPENMP_MISSING = """
***********************************************************************
fastmlp is being built WITHOUT OpenMP and will use one thread only.
{reason}
With gcc nothing is needed; with clang install its OpenMP library
(Debian: libomp-dev, macOS: brew install libomp) and build again.
***********************************************************************
"""

# Contracting a product and a sum into one rounding would make results depend on the processor; BLAS alone does so.
# errno is never read, and nothing traps on a floating-point exception: both would keep loops from being vectorised.
COMMON_FLAGS = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
# Python's -fwrapv would hide signed overflow.
SANITIZE_FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", *SANITIZERS.get(SANITIZE, [])]


# The kernels' builds, by the vector instructions that they may use.
LEVELS = {"plain": [], "x86_64_v3": ["-march=x86-64-v3"]}


def probe(command, program, compile_flags, link_flags, run):
    """Build a program, and run it; raises whatever a compiler, a linker or a loader may raise."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(program)
        objects = command.compiler.compile([str(source)], folder, extra_postargs=compile_flags)
        command.compiler.link_executable(objects, "probe", folder, extra_postargs=link_flags)
        if run:
            subprocess.run([Path(folder, "probe")], check=True, timeout=60)


def openmp_flags(command):
    """The flags that make the compiler build a program with threads that runs, or none."""
    if os.environ.get("FASTMLP_NO_OPENMP") == "1":
        reason = "FASTMLP_NO_OPENMP is set."
    else:
        for flags in (["-fopenmp"], ["-Xpreprocessor", "-fopenmp", "-lomp"]):
            compile_flags = [flag for flag in flags if flag != "-lomp"]
            try:
                probe(command, OPENMP_PROGRAM, compile_flags, flags, run=True)
            except Exception as error:
                reason = f"The probe failed: {error}"
            else:
                return compile_flags, flags
    print(OPENMP_MISSING.format(reason=reason), file=sys.stderr, flush=True)
    return [], []


def has_levels(command):
    """Whether the compiler knows x86-64-v3, and how to ask a processor for it."""
    if DEBUG or platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        probe(command, LEVEL_PROGRAM, LEVELS["x86_64_v3"], [], run=False)
    except Exception:
        return False
    return True


class BuildKernels(build_ext):
    """Adds the flags that depend on the compiler."""

    def finalize_options(self):
        super().finalize_options()
        # A module in build/ may be newer than its sources and yet have been built with other flags.
        self.force = True

    def build_extensions(self):
        compile_flags, link_flags = openmp_flags(self)
        if SANITIZE:
            build, flags = "sanitize", SANITIZE_FLAGS
            link_flags = [*link_flags, *SANITIZERS[SANITIZE]]
        elif DEBUG:
            build, flags = "debug", ["-O0", "-g"]
        else:
            build, flags = "release", ["-O3"]
        macros = [("FASTMLP_HAS_X86_64_V3", None)] if has_levels(self) else []
        self.extensions = [e for e in self.extensions if macros or not LEVELS[e.name.rpartition(".")[2]]]
        for extension in self.extensions:
            level = LEVELS[extension.name.rpartition(".")[2]]
            extension.extra_compile_args = [*flags, *level, *COMMON_FLAGS, *compile_flags]
            extension.extra_link_args = link_flags
            shown = " ".join(extension.extra_compile_args)
            extension.define_macros = [("FASTMLP_BUILD", f'"{build}"'), ("FASTMLP_FLAGS", f'"{shown}"'), *macros]
            if DEBUG:
                extension.undef_macros = ["NDEBUG"]
        super().build_extensions()


def kernels(level):
    """One build of the kernels; each has C code of its own, since that holds the module's name."""
    (extension,) = cythonize(
        [Extension(f"fastmlp._kernels.{level}", ["src_pyx/_kernels.pyx"], include_dirs=["src_pyx"])],
        include_path=["src_pyx"],
        build_dir=f"build/cython/{level}",
        compiler_directives=DIRECTIVES,
        force=True,
    )
    return extension


setup(
    ext_modules=[kernels(level) for level in LEVELS if level == "plain" or not DEBUG],
    cmdclass={"build_ext": BuildKernels},
)
