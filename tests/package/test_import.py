"""What an import says where the package cannot work: not built, built for another Python, or without a library."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import fastmlp
from fastmlp._moved import DEPRECATED, PICKLED

PACKAGE = Path(fastmlp.__file__).parent

pytestmark = pytest.mark.application


@pytest.fixture
def copied(tmp_path):
    """A folder with a copy of the package, in which nothing is built."""
    shutil.copytree(PACKAGE, tmp_path / "fastmlp", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    return tmp_path


def error_of(folder):
    """How an import in a folder ends, which must be one error."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", "import fastmlp"]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    return done.stderr.splitlines()[-1]


def test_a_source_folder_that_is_not_built(copied):
    (copied / "setup.py").touch()
    (copied / "src_pyx").mkdir()
    place = re.escape(str(copied))
    assert re.fullmatch(
        f"ImportError: fastmlp is not built in {place}, its source folder, .*; start Python in another folder "
        f"to have the installed one, or build it there for this Python: .* -m pip install -e {place}",
        error_of(copied),
    )


def test_a_package_without_its_kernels(copied):
    assert re.fullmatch(
        r"ImportError: fastmlp in .* lacks its compiled kernels, process\.\S+; install it again .*", error_of(copied)
    )


def test_kernels_for_another_python(copied):
    (copied / "fastmlp" / "_kernels" / "process.cpython-399-riscv64-linux-gnu.so").touch()
    assert re.fullmatch(
        r"ImportError: fastmlp in .* is built for another Python or another system: it has process\.cpython-399-\S+\.so"
        r", and this Python loads process\.\S+; install it again for this Python: .*",
        error_of(copied),
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("libgomp.so.1: cannot open shared object file: No such file or directory", r"libgomp\.so\.1, .* libgomp1;"),
        ("libomp.so.5: cannot open shared object file: No such file or directory", r"libomp\.so\.5, .* libomp5;"),
        ("Error loading shared library libgomp.so.1: No such file (needed by /x/plain.so)", r"libgomp\.so\.1, .* apk"),
        ("dlopen(/x/plain.so, 2): Library not loaded: /usr/lib/libomp.dylib", r"libomp\.dylib, .* brew install libomp"),
        (
            "libgomp-f9a9ad78.so.1.0.0: cannot open shared object file: No such file or directory",
            r"libgomp-f9a9ad78\.so\.1\.0\.0, .* fastmlp\.libs and is gone; install it again .*--force-reinstall",
        ),
        ("libm.so.6: cannot open shared object file: No such file or directory", r"libm\.so\.6, .*\(by your system"),
    ],
)
def test_a_library_that_is_not_there(copied, said, message):
    (copied / "fastmlp" / "_kernels" / "process.py").write_text(f"raise ImportError({said!r})")
    assert re.search(f"ImportError: fastmlp's kernels need the library {message}", error_of(copied))


def test_kernels_that_cannot_be_loaded(copied):
    name = f"process{EXTENSION_SUFFIXES[0]}"
    (copied / "fastmlp" / "_kernels" / name).write_bytes(b"of no system")
    assert re.search(
        "ImportError: fastmlp's kernels cannot be loaded here: .*process.*: they were built", error_of(copied)
    )


def test_a_library_that_windows_does_not_name(copied):
    said = "DLL load failed while importing process: The specified module could not be found."
    (copied / "fastmlp" / "_kernels" / "process.py").write_text(f"raise ImportError({said!r}, path='process.pyd')")
    assert re.search(
        "cannot be loaded here: DLL load .* not be found: they were built on another system, lack a library, or are",
        error_of(copied),
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise ImportError('cython_blas does not export dgemm')", "ImportError: cython_blas does not export dgemm"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_errors_of_other_packages_are_theirs(copied, statement, message):
    (copied / "fastmlp" / "_kernels" / "process.py").write_text(statement)
    assert error_of(copied) == message


@pytest.mark.parametrize(("old", "new"), DEPRECATED.items())
def test_what_is_taken_from_a_module_that_has_moved_warns(monkeypatch, old, new):
    monkeypatch.delitem(sys.modules, old, raising=False)
    module, moved = importlib.import_module(old), importlib.import_module(new)
    name = next(name for name, value in vars(moved).items() if getattr(value, "__module__", "").startswith("fastmlp"))
    with pytest.warns(DeprecationWarning, match=f"^{re.escape(old)} is now {re.escape(new)}$") as caught:
        assert getattr(module, name) is getattr(moved, name)
    assert caught[0].filename == __file__
    with pytest.raises(AttributeError):
        _ = module.not_there


@pytest.mark.parametrize(("old", "new"), PICKLED.items())
def test_a_module_that_pickles_name_is_imported_without_a_warning(monkeypatch, old, new):
    monkeypatch.delitem(sys.modules, old, raising=False)
    monkeypatch.delitem(sys.modules, "fastmlp.compat", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert importlib.import_module(old) is importlib.import_module(new)


def test_the_reference_is_an_attribute_of_the_package():
    assert fastmlp.reference is importlib.import_module("fastmlp.reference")
    with pytest.raises(AttributeError, match="'not_there'"):
        _ = fastmlp.not_there
