"""Why a build of the kernels cannot be imported, and what to do."""

import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_FOLDER = Path(__file__).parent
_ROOT = _FOLDER.parents[1]
_IS_SOURCE = (_ROOT / "setup.py").is_file() and (_ROOT / "src_pyx").is_dir()
_BUILD_AGAIN = (
    f"build it there for this Python: {sys.executable} -m pip install -e {_ROOT}"
    if _IS_SOURCE
    else f"install it again for this Python: {sys.executable} -m pip install --force-reinstall fastmlp"
)
_PACKAGES = {
    "libgomp": "Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp; Alpine: apk add libgomp",
    "libomp": "Debian, Ubuntu: apt install libomp5; Fedora: dnf install libomp; macOS: brew install libomp",
}


def explained(error: ImportError) -> ImportError:
    """The error in the user's words, or the error itself where it is about another package."""
    package, _, level = (error.name or "").rpartition(".")
    # as glibc says it; as musl and macOS do
    lost = re.search(
        r"(\S+): cannot open shared object|(?:loading shared library|Library not loaded:) ([^\s:]+)", str(error)
    )
    if isinstance(error, ModuleNotFoundError) and package == __package__:
        message = _not_there(level)
    elif lost:
        library = Path(lost[1] or lost[2]).name
        if re.search(r"-[0-9a-f]{8}\.", library):  # the name of a wheel's own copy
            todo = f"which was beside this package in fastmlp.libs and is gone; {_BUILD_AGAIN}"
        else:
            packages = _PACKAGES.get(library.partition(".")[0], "by your system's package manager")
            todo = f"which is not on this system: install it ({packages})"
        message = f"fastmlp's kernels need the library {library}, {todo}"
    elif error.path is None:  # the kernels are there, and need another package
        return error
    else:
        message = (
            f"fastmlp's kernels cannot be loaded here: {str(error).rstrip('.')}: they were built on another system, "
            f"lack a library, or are damaged; {_BUILD_AGAIN}"
        )
    return ImportError(message, name=error.name, path=error.path)


def _not_there(level: str) -> str:
    """Why there is no such module of kernels."""
    needed = level + EXTENSION_SUFFIXES[0]
    others = sorted(path.name for path in _FOLDER.glob(f"{level}.*") if path.suffix in (".so", ".pyd"))
    if others:
        return (
            f"fastmlp in {_FOLDER.parent} is built for another Python or another system: it has {', '.join(others)}, "
            f"and this Python loads {needed}; {_BUILD_AGAIN}"
        )
    if _IS_SOURCE:
        return (
            f"fastmlp is not built in {_ROOT}, its source folder, which Python has found before any other "
            f"fastmlp; start Python in another folder to have the installed one, or {_BUILD_AGAIN}"
        )
    return f"fastmlp in {_FOLDER.parent} lacks its compiled kernels, {needed}; {_BUILD_AGAIN}"
