"""Why a build of the kernels cannot be imported, and what to do."""

import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

_FOLDER = Path(__file__).parent
_PACKAGES = {
    "libgomp": "Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp; Alpine: apk add libgomp",
    "libomp": "Debian, Ubuntu: apt install libomp5; Fedora: dnf install libomp; macOS: brew install libomp",
}


def explained(error: ImportError) -> ImportError:
    """An error that says it in the user's words, or the error itself where it is about another package."""
    package, _, level = (error.name or "").rpartition(".")
    if isinstance(error, ModuleNotFoundError):
        return ImportError(_not_there(level), name=error.name) if package == __package__ else error
    # of glibc, musl and macOS
    lost = re.search(
        r"(lib[^\s/]+): cannot open shared object|loading shared library (\S+):|Library not loaded: (\S+)", str(error)
    )
    if lost:
        library = Path(next(filter(None, lost.groups()))).name
        packages = _PACKAGES.get(library.partition(".")[0], "by your system's package manager")
        return ImportError(
            f"fastmlp's kernels need the library {library}, which this system does not have: install it ({packages})",
            name=error.name,
        )
    if error.path is None:  # it is loaded, and needs a module
        return error
    return ImportError(
        f"fastmlp's kernels cannot be loaded here: {error}: they were built on another system, or are damaged; "
        f"{_build_again()}",
        name=error.name,
        path=error.path,
    )


def _not_there(level: str) -> str:
    needed = level + EXTENSION_SUFFIXES[0]
    others = sorted(path.name for path in _FOLDER.glob(f"{level}.*") if path.suffix in (".so", ".pyd"))
    if others:
        return (
            f"fastmlp in {_FOLDER.parent} is built for another Python or another system: it has {', '.join(others)}, "
            f"and this Python loads {needed}; {_build_again()}"
        )
    if _source_folder():
        return (
            f"fastmlp is not built in {_FOLDER.parents[1]}, its source folder, which Python has found before any other "
            f"fastmlp; start Python in another folder to have the installed one, or {_build_again()}"
        )
    return f"fastmlp in {_FOLDER.parent} lacks its compiled kernels, {needed}; {_build_again()}"


def _source_folder() -> bool:
    return (_FOLDER.parents[1] / "setup.py").is_file() and (_FOLDER.parents[1] / "src_pyx").is_dir()


def _build_again() -> str:
    if _source_folder():
        return f"build it there for this Python: {sys.executable} -m pip install -e {_FOLDER.parents[1]}"
    return f"install it again for this Python: {sys.executable} -m pip install --force-reinstall fastmlp"
