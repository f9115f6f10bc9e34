"""The C compiler of `setup.py`: which flags it is given, what it can do, and the messages where it cannot."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

# Patterns of flags that change results, or, when linking, the floating-point mode of the whole process; and the flag
# that undoes each. They are removed from the compiler's commands (environment, sysconfig), and undone in case that they
# come in another way (a script that wraps the compiler, @files, its own configuration). src_pyx/_build.h refuses those
# that are still in force and that the preprocessor can tell. The flags -O0 to -O3, those of vector instructions and
# those of hardening do not change results.
VALUE_CHANGING = {
    # all of the next ones at once; of several -O flags the last one counts, which is ours
    "-Ofast|--optimize=fast": None,
    "-ffast-math|-ffp-model=.*": "-fno-fast-math",
    # sums reordered, 1 / y used for division, no -0.0, no NaN, no infinity
    "-funsafe-math-optimizations|-menable-unsafe-fp-math": "-fno-unsafe-math-optimizations",
    "-fassociative-math|-mreassociate": "-fno-associative-math",
    "-freciprocal-math|-mrecip(=.*)?": "-fno-reciprocal-math",
    "-fno-signed-zeros": "-fsigned-zeros",
    "-ffinite-math-only": "-fno-finite-math-only",
    "-fno-honor-nans|-menable-no-nans": "-fhonor-nans",
    "-fno-honor-infinities|-menable-no-infs": "-fhonor-infinities",
    # exp, log and sqrt approximated, or from another library
    "-fapprox-func": "-fno-approx-func",
    "-fveclib=.*|-mveclibabi=.*": "-fveclib=none",
    # one rounding instead of two, or another precision
    "-ffp-contract=.*": None,  # ours is among COMMON_FLAGS
    "-mfpmath=.*": "-mfpmath=sse",
    "-ffp-eval-method=.*": "-ffp-eval-method=source",
    "-fsingle-precision-constant": "-fno-single-precision-constant",
    # floating-point modes of the process, set by linked code when it is loaded
    "-mdaz-ftz": "-mno-daz-ftz",
    r"-mpc(32|64|80)|.*crtfastmath\.o|.*crtprec\d+\.o": None,
    "-fdenormal-fp-math(-f32)?=.*": "-fdenormal-fp-math=ieee",
    # a thread may overwrite what another one has just written
    "-fallow-store-data-races": "-fno-allow-store-data-races",
    # options of LLVM
    r"--?enable-(unsafe|no-(infs|nans|signed-zeros))-fp-math(=.*)?|-(fp-contract|denormal-fp-math(-f32)?)=.*": None,
}
# flags that pass the next word on to another program
PASSES_ON = r"-X\S+|-mllvm"

# Contracting a product and a sum into one rounding would make results depend on the processor; only BLAS does so. errno
# is not read, and floating-point exceptions do not trap: support for either would prevent loops from being vectorised.
COMMON_FLAGS = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]

# The builds of the kernels, one for each level of vector instructions: the features that it uses, the fastest one last.
# gcc and clang know all of these names, as flags and as questions to the processor; clang has those of levels since 18.
FMA = ("avx2", "fma", "bmi2")
LEVELS = {
    "plain": (),
    "x86_64_v3": FMA,
    "x86_64_v4": (*FMA, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
}

# Tests that a process that has loaded a module still computes with denormal numbers and full long doubles.
MODE_IS_CHANGED = 77
MODULE_PROGRAM = """
#include <Python.h>
#include <float.h>
#include "_build.h"
int probe(void) {
    volatile double least = 5e-324;
    if (least * 1 == 0)
        return MODE_IS_CHANGED;
#ifndef _WIN32 /* there, long doubles have the digits of doubles from the start */
    volatile long double one = 1;
    if (one + LDBL_EPSILON == one)
        return MODE_IS_CHANGED;
#endif
    return 0;
}
"""

OPENMP_PROGRAM = """
#include <omp.h>
int probe(void) {
    int members = 0;
    #pragma omp parallel num_threads(2)
    {
        #pragma omp atomic
        members++;
    }
    return members >= 1 ? 0 : 1;
}
"""

CALL = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).probe())"

COMPILER_MISSING = """fastmlp needs a C compiler to be built, and {compiler!r} does not work: {reason}
Install one (Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select --install; Windows:
MinGW-w64's gcc, which MSYS2 has), or name yours by the environment variable CC, and build again."""

MICROSOFT = """fastmlp needs gcc or clang to be built: Microsoft's compiler lacks the vectors the kernels use. Install
MinGW-w64's gcc, which MSYS2 has, put its folder into PATH or name it by the environment variable CC, and build again
without --compiler=msvc."""

HEADERS_MISSING = """fastmlp needs Python's headers to be built, and they are not there: {reason}
Install those of this Python, {version} (Debian, Ubuntu: apt install python{version}-dev; Fedora: dnf install
python{version}-devel), and build again."""

MODE_CHANGED = """fastmlp cannot be linked by {linker!r}: what that links in changes the floating-point mode of every
process that loads it (denormal numbers become zero, or long doubles lose digits), and so other libraries' results. Look
for -Ofast, -ffast-math, -mpc32 or crtfastmath.o in what that command calls and reads."""

OPENMP_MISSING = """
***********************************************************************
fastmlp is being built WITHOUT OpenMP and will use one thread only.
{reason}
With gcc nothing is needed; with clang install its OpenMP library
(Debian: libomp-dev; macOS: brew install libomp, and where it lies:
CPPFLAGS=-I$(brew --prefix libomp)/include
LDFLAGS=-L$(brew --prefix libomp)/lib) and build again.
***********************************************************************
"""


def without_value_changing(words):
    """Split a command into the words to keep and the flags that change results."""
    kept, left_out = [], []
    for word in words:
        if not re.fullmatch("|".join(VALUE_CHANGING), word.removeprefix("-Wp,")):
            kept.append(word)
            continue
        while kept and re.fullmatch(PASSES_ON, kept[-1]):
            kept.pop()
        left_out.append(word)
    return kept, left_out


def clean_commands(compiler):
    """Remove the flags that change results from all commands of a compiler."""
    left_out = []
    for name in compiler.executables:
        command = getattr(compiler, name, None)
        if command:
            kept, flags = without_value_changing(command)
            compiler.set_executable(name, kept)
            left_out += flags
    if left_out:
        flags = " ".join(dict.fromkeys(left_out))
        print(f"fastmlp is built without these flags, which change results: {flags}", file=sys.stderr, flush=True)


def adapt_to_target(compiler):
    """Make the compiler's commands those of modules that run on other machines, for macOS and Windows, too."""
    # the processors to build for; setuptools adds them too, but not to the commands of the probes
    processors = shlex.split(os.environ.get("ARCHFLAGS", "")) if sys.platform == "darwin" else []
    compiler.set_executable("compiler_so", [*compiler.compiler_so, *processors])
    # Windows would look for gcc's libraries beside Python, where they are not
    static = ["-static"] if is_for(compiler, "defined(_WIN32)") else []
    # Python was perhaps linked to find its own library in a folder of this machine
    of_python = shlex.split(sysconfig.get_config_var("LDSHARED") or "")
    linker = [word for word in compiler.linker_so if not (word.startswith("-Wl,-rpath") and word in of_python)]
    compiler.set_executable("linker_so", [*linker, *processors, *static])


def run(*command):
    """Run a command; returns what it writes to stderr, which is also part of the error if it fails."""
    variables = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, errors="replace", timeout=60, env=variables
    )
    return done.stderr


def probe(compiler, program, compile_flags, link_flags=None):
    """Compile a program; where link flags are given, also link it and call its function `probe` in a new process.

    Returns the compiler's warnings.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, compiled, library = (Path(folder, f"probe.{ending}") for ending in ("c", "o", "so"))
        source.write_text(program)
        headers = [f"-I{place}" for place in (*compiler.include_dirs, "src_pyx")]
        answer = run(*compiler.compiler_so, *headers, "-c", source, "-o", compiled, *compile_flags)
        if link_flags is not None:
            libraries = [f"-L{place}" for place in compiler.library_dirs]
            run(*compiler.linker_so, compiled, *libraries, "-o", library, *link_flags)
            run(sys.executable, "-I", "-c", CALL, library)
        return answer


FAILURES = (OSError, subprocess.SubprocessError)


def complaint(error):
    """The first line of an error message that names an error."""
    lines = (str(getattr(error, "stderr", None) or "").strip() or str(error)).splitlines()
    return next((line for line in lines if re.search("error|cannot", line)), lines[-1])


def said(compiler, flags, program="int nothing;"):
    """The compiler's warnings for a program with these flags, or None if it fails."""
    try:
        return probe(compiler, program, flags)
    except FAILURES:
        return None


def is_for(compiler, condition):
    """Whether a condition of the preprocessor holds for what is compiled, which may be for another machine."""
    return said(compiler, [], f"#if !({condition})\n#error\n#endif\nint nothing;") is not None


def undoing_flags(compiler):
    """Those of the undoing flags that the compiler accepts without a warning."""
    usual = said(compiler, COMMON_FLAGS)
    undoing = [flag for flag in VALUE_CHANGING.values() if flag is not None]
    return [flag for flag in undoing if usual is not None and said(compiler, [flag, *COMMON_FLAGS]) == usual]


def check_compiler(compiler, flags):
    """Exit with one message if no module can be built, or if it would change the floating-point mode of its process."""
    try:
        probe(compiler, MODULE_PROGRAM, [*flags, f"-DMODE_IS_CHANGED={MODE_IS_CHANGED}"], flags)
    except FAILURES as error:
        reason = complaint(error)
        if getattr(error, "returncode", None) == MODE_IS_CHANGED:
            sys.exit(MODE_CHANGED.format(linker=shlex.join(compiler.linker_so)))
        if getattr(error, "cmd", [None])[0] == sys.executable:
            return  # the module is for another machine, or needs the library of a sanitizer
        if "_build.h:" in reason:
            sys.exit(reason)
        version = "{}.{}".format(*sys.version_info)
        message = HEADERS_MISSING if re.search(r"error: '?(\S*/)?(Python|pyconfig)\.h", reason) else COMPILER_MISSING
        sys.exit(message.format(reason=reason, compiler=compiler.compiler_so[0], version=version))


def openmp_flags(compiler):
    """The compile and link flags for OpenMP, as far as a module built with them runs; empty lists otherwise."""
    if os.environ.get("FASTMLP_NO_OPENMP") == "1":
        reason = "FASTMLP_NO_OPENMP is set."
    else:
        for flags in (["-fopenmp"], ["-Xpreprocessor", "-fopenmp", "-lomp"]):
            compile_flags = [flag for flag in flags if flag != "-lomp"]
            try:
                probe(compiler, OPENMP_PROGRAM, compile_flags, flags)
            except FAILURES as error:
                reason = f"The probe failed: {complaint(error)}"
            else:
                return compile_flags, flags
    print(OPENMP_MISSING.format(reason=reason), file=sys.stderr, flush=True)
    return [], []


def flags_of(level, compiler):
    """The flags of a level; none of a module without kernels."""
    features = [f"-m{feature}" for feature in LEVELS.get(level, ())]
    if features and is_for(compiler, "defined(__MINGW32__) && !defined(__clang__)"):
        # gcc aligns the stack to 16 bytes there, but moves wider vectors as if it were aligned for them (gcc bug 54412)
        return [*features, "-Wa,-muse-unaligned-vector-move"]
    return features


def condition_of(level):
    """The condition in C that tells whether the processor supports a level."""
    asked = [f'__builtin_cpu_supports("{feature}")' for feature in LEVELS[level]]
    return " && ".join(["(__builtin_cpu_init(), 1)", *asked]) if asked else "1"


def known_levels(compiler):
    """The levels that the compiler supports, both as flags and as conditions."""
    if not is_for(compiler, "defined(__x86_64__)"):
        return ["plain"]
    return [
        level
        for level in LEVELS
        if said(compiler, flags_of(level, compiler), f"int probe(void) {{ return {condition_of(level)}; }}") is not None
    ]
