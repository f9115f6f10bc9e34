"""What `setup.py` and setup_compiler.py make of compilers, flags and old tools; by builds of a small module."""

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "setup.py"

ON_X86 = platform.machine() == "x86_64"

setuptools = pytest.importorskip("setuptools")
pytestmark = [
    pytest.mark.application,
    pytest.mark.skipif(not SETUP.exists(), reason="needs the source of the package"),
    # that of macOS is clang
    pytest.mark.skipif(sys.platform != "linux" or shutil.which("gcc") is None, reason="needs gcc, and a shell"),
]

MODULE = """
#include <Python.h>
#include "_build.h"
static PyObject *flags(PyObject *self, PyObject *nothing)
{
    return PyUnicode_FromString(FASTMLP_FLAGS);
}
#define LEVEL(name, condition) name " "
static PyObject *levels(PyObject *self, PyObject *nothing)
{
    return PyUnicode_FromString(FASTMLP_LEVELS);
}
static PyMethodDef methods[] = {
    {"flags", flags, METH_NOARGS, ""}, {"levels", levels, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "plain", NULL, -1, methods};
PyMODINIT_FUNC PyInit_plain(void) { return PyModule_Create(&module); }
"""

# What a process has after it has loaded the module; the flags that the compiler was given, and the levels.
LOAD = """
import json, sys
import numpy as np
import plain
longer = np.longdouble(1) + np.finfo(np.longdouble).eps != 1
unchanged = 5e-324 * 1 != 0 and bool(np.float32(1e-40) * np.float32(1) != 0) and bool(longer)
print(json.dumps([unchanged, plain.flags(), plain.levels().split()]))
"""


@pytest.fixture(scope="module")
def setup():
    """The functions of setup.py."""
    spec = importlib.util.spec_from_file_location("setup_of_fastmlp", SETUP)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of setuptools, some versions of which warn of others
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compilers(setup):
    """Those of setup_compiler.py."""
    return setup.setup_compiler


@pytest.fixture
def build(tmp_path):
    """Build the small module with variables of the environment; gives the process that did."""
    (tmp_path / "plain.c").write_text(MODULE)

    def build(**variables):
        names = (
            "CC",
            "CFLAGS",
            "CPPFLAGS",
            "LDFLAGS",
            "LDSHARED",
            "FASTMLP_NO_OPENMP",
            "FASTMLP_SANITIZE",
            "FASTMLP_DEBUG",
        )
        kept = {name: value for name, value in os.environ.items() if name not in names}
        command = [sys.executable, Path(__file__).parent / "scripts" / "build_module.py", ROOT]
        return subprocess.run(command, cwd=tmp_path, env=kept | variables, capture_output=True, text=True, timeout=120)

    return build


def loaded(folder):
    """Whether a process that loads the module keeps its floating-point mode; the compiler's flags, and the levels."""
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def script(path, *commands):
    path.write_text("\n".join(["#!/bin/sh", *commands, ""]))
    path.chmod(0o755)
    return str(path)


CHANGING = """
    -Ofast --optimize=fast -ffast-math -Wp,-ffast-math -funsafe-math-optimizations -ffinite-math-only -fassociative-math
    -freciprocal-math -fno-signed-zeros -fsingle-precision-constant -mfpmath=387 -mfpmath=both -mfpmath=sse,387
    -ffp-contract=fast -ffp-contract=on -mdaz-ftz -mpc32 -mpc64 -mrecip -mrecip=all -mveclibabi=svml
    -fallow-store-data-races -ffp-model=fast -ffp-model=aggressive -fapprox-func -fno-honor-nans -fno-honor-infinities
    -fdenormal-fp-math=positive-zero -fdenormal-fp-math-f32=preserve-sign -ffp-eval-method=extended -fveclib=libmvec
    /usr/lib/gcc/x86_64-linux-gnu/12/crtfastmath.o -l:crtfastmath.o
""".split()  # noqa: SIM905
NEUTRAL = """
    -O0 -O1 -O2 -O3 -Os -Og -O -march=native -mtune=generic -mavx2 -mfma -g -fPIC -fPIE -flto -fno-plt -pipe -Wall
    -Werror -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
    -Wp,-D_FORTIFY_SOURCE=2 -fwrapv -fno-strict-aliasing -fno-semantic-interposition -fsigned-zeros -fno-fast-math
    -fhonor-nans -fno-associative-math -mno-daz-ftz -ffile-prefix-map=/a=. -Wl,-z,now -Wl,-O1 -Wl,-rpath,/lib -L/lib
    -shared -I/usr/include -fopenmp
""".split()  # noqa: SIM905


def test_flags_that_change_results_are_left_out_of_commands_and_no_others(compilers):
    for flag in CHANGING:
        assert compilers.without_value_changing(["gcc", "-g", flag, "-O2"]) == (["gcc", "-g", "-O2"], [flag])
    for flag in ("-menable-no-nans", "-menable-no-infs", "-menable-unsafe-fp-math", "-mreassociate"):
        assert compilers.without_value_changing(["clang", "-Xclang", flag, "-g"])[0] == ["clang", "-g"]
    for flag in ("-enable-unsafe-fp-math", "-enable-no-nans-fp-math=true", "-fp-contract=fast"):
        assert compilers.without_value_changing(["clang", "-mllvm", flag, "-g"])[0] == ["clang", "-g"]
    command = ["ccache", "clang", "-Xclang", "-ast-dump", *NEUTRAL]
    assert compilers.without_value_changing(command) == (command, [])


# flags that the preprocessor can tell
SEEN = [
    *("-Ofast", "-ffast-math", "-funsafe-math-optimizations", "-ffinite-math-only", "-freciprocal-math"),
    *("-fno-signed-zeros", "-fassociative-math -fno-signed-zeros -fno-trapping-math", "-fsingle-precision-constant"),
    *(("-mfpmath=387", "-mfpmath=both") if ON_X86 else ()),
]


def test_a_flag_that_is_left_is_undone_or_refused(compilers, tmp_path):
    source = tmp_path / "source.c"
    source.write_text('#include "_build.h"\n')
    command = ["gcc", "-fsyntax-only", f"-I{ROOT / 'src_pyx'}", str(source)]

    def said(*flags):
        return subprocess.run([*command, *flags], capture_output=True, text=True).stderr

    undoing = [flag for flag in compilers.VALUE_CHANGING.values() if flag and not said(flag)]
    for given in SEEN:
        assert re.search("changes results|computed in another type", said(*given.split())), given
        assert not said(*given.split(), "-O3", *undoing, *compilers.COMMON_FLAGS), given
    for given in ("-O0", "-O3 -flto", "-march=native", "-march=x86-64-v4 -mavx512fp16", "-std=c11"):
        if "unrecognized" not in said(*given.split()) and "bad value" not in said(*given.split()):
            assert not said(*given.split()), given


def test_all_ways_in_at_once(build, tmp_path):
    (tmp_path / "more").write_text("-ffast-math -O2")
    compiler = script(tmp_path / "cc", 'exec gcc -Ofast -fno-signed-zeros "$@"')
    done = build(
        CC=f"{compiler} -Ofast",
        CFLAGS=f"-O2 -march=native -ffinite-math-only @{tmp_path}/more '-DNAME=\"a b\"'",
        CPPFLAGS="-funsafe-math-optimizations",
        LDFLAGS=f"-ffast-math -Wl,-z,now @{tmp_path}/more",
    )
    assert done.returncode == 0, done.stderr
    (left_out,) = re.findall("is built without these flags, which change results: (.*)", done.stderr)
    assert set(left_out.split()) == {"-Ofast", "-ffinite-math-only", "-funsafe-math-optimizations", "-ffast-math"}
    unchanged, flags, _ = loaded(tmp_path)
    assert unchanged
    assert not set(flags.split()) & set(CHANGING)
    for part in ("-O2 -march=native", "@", "'-DNAME=\"a b\"'", "-fPIC", "-O3", "-ffp-contract=off"):
        assert part in flags


def test_a_build_with_checks_has_the_levels_of_a_release(build, tmp_path):
    levels = {}
    for variables, optimised in (({}, "-O3"), ({"FASTMLP_DEBUG": "1"}, "-O0")):
        done = build(CC="gcc", **variables)
        assert done.returncode == 0, done.stderr
        _, flags, levels[optimised] = loaded(tmp_path)
        assert re.findall(r"-O\d", flags)[-1] == optimised
    assert levels["-O0"] == levels["-O3"]


LINKING = 'case " $* " in *" -c "*) exec gcc "$@";; *) exec gcc "$@" {};; esac'
WITH_ITSELF = {
    "all in one": (
        'exec gcc "$@" -ffast-math',
        '_build.h:.* error: .*"-ffast-math, or a part of it, changes results: take',
    ),
    "constants": (
        'exec gcc "$@" -fsingle-precision-constant',
        "_build.h:.* error: .*-fsingle-precision-constant changes",
    ),
    "denormals": (
        LINKING.format("$(gcc -print-file-name=crtfastmath.o)"),
        "by .* changes the floating-point mode of every",
    ),
    **({"digits": (LINKING.format("-mpc32"), "by .* changes the floating-point mode of every")} if ON_X86 else {}),
}


@pytest.mark.parametrize("name", WITH_ITSELF)
def test_what_a_compiler_does_by_itself_is_refused(build, tmp_path, name):
    commands, message = WITH_ITSELF[name]
    done = build(CC=script(tmp_path / "cc", commands))
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert not list(tmp_path.glob("plain*.so"))


def without(pattern):
    """Lines of a shell script that runs gcc without the arguments of a pattern."""
    return f'for word; do shift; case $word in {pattern}) ;; *) set -- "$@" "$word";; esac; done; exec gcc "$@"'


def test_a_compiler_without_openmp_builds_for_one_thread(build, tmp_path):
    compiler = script(
        tmp_path / "cc", f"case $* in *-fopenmp*) echo 'error: {'no -fopenmp'}' >&2; exit 1;; esac", without("-")
    )
    done = build(CC=compiler)
    assert done.returncode == 0, done.stderr
    assert "WITHOUT OpenMP and will use one thread only.\nThe probe failed: error: no -fopenmp\n" in done.stderr
    assert "-fopenmp" not in loaded(tmp_path)[1]


@pytest.mark.parametrize(
    ("compiler", "message"),
    [
        (None, "fastmlp needs a C compiler to be built, and '.*nowhere/cc' does not work: .*No such file"),
        (
            "echo 'cc: fatal error: cannot execute cc1' >&2; exit 1",
            "a C compiler .*: fatal error: cannot execute cc1\nInst",
        ),
        (
            without("-I*include*"),
            r"needs Python's headers .* not there: .*Python\.h.*\n.* apt install python3\.\d+-dev",
        ),
    ],
)
def test_what_is_missing_is_the_first_and_only_thing_said(build, tmp_path, compiler, message):
    done = build(CC=script(tmp_path / "cc", compiler) if compiler else str(tmp_path / "nowhere" / "cc"))
    assert done.returncode == 1
    assert re.match(f".*{message}", done.stderr)
    assert "OpenMP" not in done.stderr
    assert done.stderr.count("\n") == 3
    assert done.stdout == ""


class Compiler:
    """In the place of setuptools' compilers: gcc that pretends to be another one, or to build for another system."""

    def __init__(self, *flags):
        self.compiler_so, self.linker_so, self.include_dirs = ["gcc", *flags], ["gcc", "-shared"], []

    def set_executable(self, name, command):
        setattr(self, name, command)


def test_the_compiler_says_which_processor_it_builds_for(compilers, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert compilers.known_levels(Compiler("-U__x86_64__")) == ["plain"]
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert compilers.known_levels(Compiler("-D__x86_64__"))[0] == "plain"
    if ON_X86:
        assert compilers.known_levels(Compiler()) == list(compilers.LEVELS)


def test_modules_for_macos_are_probed_for_the_processors_that_they_are_built_for(compilers, monkeypatch):
    monkeypatch.setenv("ARCHFLAGS", "-arch x86_64")
    for system, added in (("darwin", ["-arch", "x86_64"]), ("linux", [])):
        monkeypatch.setattr(sys, "platform", system)
        compiler = Compiler()
        compilers.adapt_to_target(compiler)
        assert compiler.compiler_so == ["gcc", *added]
        assert compiler.linker_so == ["gcc", "-shared", *added]


def test_modules_look_for_no_library_in_pythons_own_folder(compilers, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", {"LDSHARED": "gcc -shared -Wl,-rpath,/opt/python/lib"}.get)
    compiler = Compiler()
    compiler.linker_so += ["-Wl,-rpath,/opt/python/lib", "-Wl,-rpath,/opt/mine"]
    compilers.adapt_to_target(compiler)
    assert compiler.linker_so == ["gcc", "-shared", "-Wl,-rpath,/opt/mine"]


WINDOWS = ("-D_WIN32", "-D__MINGW32__")


def test_modules_for_windows_need_no_library_of_gcc_and_no_aligned_stack(compilers):
    for flags, linked, moved in (
        (WINDOWS, ["-static"], ["-Wa,-muse-unaligned-vector-move"]),
        ((*WINDOWS, "-D__clang__"), ["-static"], []),
        ((), [], []),
    ):
        compiler = Compiler(*flags)
        compilers.adapt_to_target(compiler)
        assert compiler.linker_so == ["gcc", "-shared", *linked]
        assert compilers.flags_of("x86_64_v4", compiler)[-1:] == (moved or ["-mavx512vl"])
        assert compilers.flags_of("plain", compiler) == compilers.flags_of("process", compiler) == []


def test_an_assembler_that_would_crash_modules_for_windows_builds_the_plain_one_alone(compilers, tmp_path):
    compiler = Compiler(*WINDOWS)
    compiler.compiler_so[0] = script(
        tmp_path / "cc", "case $* in *unaligned*) echo 'Error: unrecognized option' >&2; exit 1;; esac", 'exec gcc "$@"'
    )
    assert compilers.known_levels(compiler) == ["plain"]


def test_windows_has_gcc_without_being_asked_and_never_microsofts_compiler(setup, monkeypatch, tmp_path):
    command = setup.BuildKernels(setuptools.Distribution())
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "nowhere-gcc -m64")
    with pytest.raises(SystemExit, match=r"^fastmlp needs a C compiler .* 'nowhere-gcc' does not work: it is not ther"):
        command.run()
    assert command.compiler == "mingw32"
    command.compiler = "cygwin"  # asked for
    command.run()
    assert command.compiler == "cygwin"
    command.compiler = SimpleNamespace(compiler_type="msvc")
    with pytest.raises(SystemExit, match=r"(?s)^fastmlp needs gcc or clang .* again\nwithout --compiler=msvc"):
        command.build_extensions()


@pytest.mark.parametrize(
    ("found", "unmet"),
    [
        ({"setuptools": "65.5.0", "Cython": "3.3.1", "scipy": "1.11.4"}, r"setuptools>=\d+ \(65\.5\.0 is here\)"),
        ({"setuptools": "99.1", "Cython": "3.2.9", "scipy": "1.12.0rc1"}, r"cython>=\S+ \(3\.2\.9 is here\)"),
        ({"setuptools": "99.1", "Cython": "4.0.0a1", "scipy": "1.20"}, r"cython>=\S+ \(4\.0\.0a1 is here\)"),
        ({"setuptools": "99.1", "scipy": "1.11.3"}, r"cython>=\S+ \(none is here\), scipy>=\S+ \(1\.11\.3 is here\)"),
        ({}, r"setuptools>=\S+ \(none .*, cython>=\S+ \(none .*, scipy>=\S+ \(none is here\)"),
    ],
)
def test_old_tools_are_named_in_one_line(tmp_path, found, unmet):
    for name, version in found.items():
        (tmp_path / f"{name}.py").write_text(f"__version__ = {version!r}\n")
    # -S: none of the environment's libraries
    command = [sys.executable, "-S", str(SETUP), "--version"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(f"building fastmlp needs {unmet}: leave out .* pip install 'setuptools>=.*\n", done.stderr)
