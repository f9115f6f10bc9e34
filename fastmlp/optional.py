"""Optional libraries: imported on use; where one is missing, the error says which extra to install."""

import importlib
from types import ModuleType

# What packages are called where they are installed from, if not by the name of their module.
NAMES = {"sklearn": "scikit-learn"}


class MissingLibraryError(ImportError):
    """An optional library is not installed."""


def require(module: str, extra: str, purpose: str, at_least: str = "0.0") -> ModuleType:
    """Import a module of an extra, or raise a MissingLibraryError with the command that installs it.

    Its package must have a version of at least this one, by its first two numbers.
    """
    package = module.partition(".")[0]
    wanted = "" if at_least == "0.0" else f" {at_least} or newer"
    needed = f"{purpose} needs {NAMES.get(package, package)}{wanted}"
    remedy = f"pip install 'fastmlp[{extra}]'"
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"{needed}: {remedy}") from error
    if wanted and _numbers(version := importlib.import_module(package).__version__) < _numbers(at_least):
        raise MissingLibraryError(f"{needed}, got {version}: {remedy}")
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))
