"""Builds the extension modules fastmlp._kernels.*; all other settings of the package are in pyproject.toml.

Environment variables:

FASTMLP_DEBUG=1             bounds checks on, no optimisation
FASTMLP_SANITIZE=address    bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer; with gcc
FASTMLP_SANITIZE=thread     bounds checks and ThreadSanitizer; with gcc, since clang leaves out vectors of over 16 bytes
FASTMLP_NO_OPENMP=1         a build without threads
CC, CFLAGS, LDFLAGS, ...    the compiler and its flags, without those that change results (VALUE_CHANGING);
                            of these, Windows has CC alone, and without it gcc

robustness/sanitize.py has make build both sanitized versions, and runs each of them.

The kernels are built for every processor, and again for x86-64-v3 (AVX2) and x86-64-v4 (AVX-512) if the compiler
supports them; fastmlp/_kernels/__init__.py chooses one of the builds when it is imported.
"""

import importlib
import itertools
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def check_requirements():
    """Exit with one line where a build requirement of pyproject.toml is not met, as may be without build isolation."""
    try:
        import tomllib
    except ImportError:
        sys.exit(f"fastmlp needs Python 3.11 or newer; this is {platform.python_version()}")
    project = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))
    asked = project["build-system"]["requires"]
    unmet = [f"{requirement} ({found})" for requirement in asked if (found := what_is_wrong(requirement))]
    if unmet:
        needed = " ".join(map(shlex.quote, asked))
        sys.exit(
            f"building fastmlp needs {', '.join(unmet)}: leave out --no-build-isolation, or first pip install {needed}"
        )


def what_is_wrong(requirement):
    """The version that is installed, or that there is none, where this does not meet the requirement; else None."""
    name = re.match(r"[\w-]+", requirement)[0]
    try:
        version = importlib.import_module({"cython": "Cython"}.get(name, name)).__version__
    except ImportError:
        return "none is here"
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    for relation, bound in re.findall(r"(>=|<)([\d.]+)", requirement):
        if (numbers >= [int(number) for number in bound.split(".")]) != (relation == ">="):
            return f"{version} is here"
    return None


if __name__ == "__main__":
    check_requirements()  # before an old version fails on pyproject.toml, or a missing one on the next lines

from setuptools import Extension, setup  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402

SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "thread": ["-fsanitize=thread"],
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
# Python's -fwrapv would hide signed overflow.
SANITIZE_FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", *SANITIZERS.get(SANITIZE, [])]


# The builds of the kernels, one for each level of vector instructions: the features that it uses, the fastest one last.
# gcc and clang know all of these names, as flags and as questions to the processor; clang has those of levels since 18.
FMA = ("avx2", "fma", "bmi2")
LEVELS = {
    "plain": (),
    "x86_64_v3": FMA,
    "x86_64_v4": (*FMA, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
}
# The modules that are built once, and their sources: they have no kernels.
ALONE = {"process": "_process", "scipy_blas": "_scipy_blas"}

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
    """Add to the compiler's commands what modules for macOS and Windows need."""
    # the processors to build for; setuptools adds them too, but not to the commands of the probes
    processors = shlex.split(os.environ.get("ARCHFLAGS", "")) if sys.platform == "darwin" else []
    compiler.set_executable("compiler_so", [*compiler.compiler_so, *processors])
    # Windows would look for gcc's libraries beside Python, where they are not
    static = ["-static"] if is_for(compiler, "defined(_WIN32)") else []
    compiler.set_executable("linker_so", [*compiler.linker_so, *processors, *static])


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


def c_sources(name):
    """The C sources of one module; each build of the kernels has its own, since they contain the module's name."""
    from Cython.Build import cythonize

    source = ALONE.get(name, "_kernels")
    (extension,) = cythonize(
        [Extension(f"fastmlp._kernels.{name}", [f"src_pyx/{source}.pyx"])],
        include_path=["src_pyx"],
        build_dir=f"build/cython/{name}",
        compiler_directives=DIRECTIVES,
        force=True,
    )
    return extension.sources


class BuildKernels(build_ext):
    """Adds the flags that depend on the compiler, and removes those that change results."""

    def finalize_options(self):
        super().finalize_options()
        # a module in build/ that is newer than its sources may have been built with other flags
        self.force = True

    def run(self):
        if sys.platform == "win32" and self.compiler is None:
            self.compiler = "mingw32"
            command = shlex.split(os.environ.get("CC", "gcc"))[0]
            if shutil.which(command) is None:
                sys.exit(COMPILER_MISSING.format(compiler=command, reason="it is not there"))
        super().run()

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            sys.exit(MICROSOFT)
        if SANITIZE:
            build, flags = "sanitize", SANITIZE_FLAGS
        elif DEBUG:
            build, flags = "debug", ["-O0", "-g"]
        else:
            # Python's own -g would make the wheel four times as large; the debug build has line numbers
            build, flags = "release", ["-O3", "-g0"]
        clean_commands(self.compiler)
        adapt_to_target(self.compiler)
        flags = [*flags, *undoing_flags(self.compiler), *COMMON_FLAGS]
        check_compiler(self.compiler, flags)
        openmp_compile_flags, openmp_link_flags = openmp_flags(self.compiler)
        levels = known_levels(self.compiler)
        conditions = " ".join(f'LEVEL("{level}", {condition_of(level)})' for level in levels)
        # without the name of the compiler, which may be several words
        given = list(itertools.dropwhile(lambda word: not word.startswith("-"), self.compiler.compiler_so))
        self.extensions = [e for e in self.extensions if e.name.rpartition(".")[2] in (*ALONE, *levels)]
        for extension in self.extensions:
            name = extension.name.rpartition(".")[2]
            extension.sources = c_sources(name)
            extension.extra_compile_args = [*flags, *flags_of(name, self.compiler), *openmp_compile_flags]
            extension.extra_link_args = [*flags, *openmp_link_flags]
            shown = json.dumps(shlex.join([*given, *extension.extra_compile_args]))
            extension.define_macros = [
                ("FASTMLP_BUILD", f'"{build}"'),
                ("FASTMLP_FLAGS", shown),
                ("FASTMLP_LEVELS", conditions),
            ]
            if DEBUG:
                extension.undef_macros = ["NDEBUG"]
        super().build_extensions()


def description():
    """README.md with links that lead somewhere on PyPI's page, too: to this version in the repository."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    version = re.search('__version__ = "(.*)"', Path("fastmlp/__init__.py").read_text())[1]
    page = f"{project['urls']['Source']}/blob/v{version}/"
    picture = page.replace("/blob/", "/raw/")
    return re.sub(
        r"(!?)\[(.*?)\]\((?!https?:)(.*?)\)",
        lambda found: f"{found[1]}[{found[2]}]({picture if found[1] else page}{found[3]})",
        Path("README.md").read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    names = [f"fastmlp._kernels.{name}" for name in (*ALONE, *LEVELS)]
    setup(
        long_description=description(),
        long_description_content_type="text/markdown",
        # BuildKernels sets the sources, which depend on the compiler
        ext_modules=[Extension(name, ["src_pyx/_kernels.pyx"], include_dirs=["src_pyx"]) for name in names],
        cmdclass={"build_ext": BuildKernels},
    )
