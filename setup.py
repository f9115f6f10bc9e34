"""Builds the extension modules fastmlp._kernels.*; all other settings of the package are in pyproject.toml.

Environment variables:

FASTMLP_DEBUG=1             bounds checks on, no optimisation
FASTMLP_SANITIZE=address    bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer; with gcc
FASTMLP_SANITIZE=thread     bounds checks and ThreadSanitizer; with gcc, since clang leaves out vectors of over 16 bytes
FASTMLP_NO_OPENMP=1         a build without threads
CC, CFLAGS, LDFLAGS, ...    the compiler and its flags, without those that change results
                            (setup_compiler.py); on Windows only CC is read; the default is gcc

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
import sys
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

import tomllib  # noqa: E402

from setuptools import Extension, setup  # noqa: E402
from setuptools.command.build import build  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))  # build backends leave it out
import setup_compiler  # noqa: E402

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

# Python's -fwrapv would hide signed overflow.
SANITIZE_FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", *SANITIZERS.get(SANITIZE, [])]

# The modules that are built once, and their sources: they have no kernels.
ALONE = {"process": "_process", "scipy_blas": "_scipy_blas"}


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


class BuildKernelsFirst(build):
    """Says what is missing before files are copied."""

    sub_commands = sorted(build.sub_commands, key=lambda command: command[0] != "build_ext")


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
                sys.exit(setup_compiler.COMPILER_MISSING.format(compiler=command, reason="it is not there"))
        super().run()

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            sys.exit(setup_compiler.MICROSOFT)
        if SANITIZE:
            build, flags = "sanitize", SANITIZE_FLAGS
        elif DEBUG:
            build, flags = "debug", ["-O0", "-g"]
        else:
            # Python's own -g would make the wheel four times as large; the debug build has line numbers
            build, flags = "release", ["-O3", "-g0"]
        setup_compiler.clean_commands(self.compiler)
        setup_compiler.adapt_to_target(self.compiler)
        flags = [*flags, *setup_compiler.undoing_flags(self.compiler), *setup_compiler.COMMON_FLAGS]
        setup_compiler.check_compiler(self.compiler, flags)
        openmp_compile_flags, openmp_link_flags = setup_compiler.openmp_flags(self.compiler)
        levels = setup_compiler.known_levels(self.compiler)
        conditions = " ".join(f'LEVEL("{level}", {setup_compiler.condition_of(level)})' for level in levels)
        # without the name of the compiler, which may be several words
        given = list(itertools.dropwhile(lambda word: not word.startswith("-"), self.compiler.compiler_so))
        self.extensions = [e for e in self.extensions if e.name.rpartition(".")[2] in (*ALONE, *levels)]
        for extension in self.extensions:
            name = extension.name.rpartition(".")[2]
            extension.sources = c_sources(name)
            extension.extra_compile_args = [
                *flags,
                *setup_compiler.flags_of(name, self.compiler),
                *openmp_compile_flags,
            ]
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
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = re.search('__version__ = "(.*)"', Path("fastmlp/__init__.py").read_text(encoding="utf-8"))[1]
    page = f"{project['urls']['Source']}/blob/v{version}/"
    picture = page.replace("/blob/", "/raw/")
    return re.sub(
        r"(!?)\[(.*?)\]\((?!https?:)(.*?)\)",
        lambda found: f"{found[1]}[{found[2]}]({picture if found[1] else page}{found[3]})",
        Path("README.md").read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    names = [f"fastmlp._kernels.{name}" for name in (*ALONE, *setup_compiler.LEVELS)]
    setup(
        long_description=description(),
        long_description_content_type="text/markdown",
        # BuildKernels sets the sources, which depend on the compiler
        ext_modules=[Extension(name, ["src_pyx/_kernels.pyx"], include_dirs=["src_pyx"]) for name in names],
        cmdclass={"build": BuildKernelsFirst, "build_ext": BuildKernels},
    )
