"""Optional libraries: imported on use; where one is missing, the error says which extra to install."""

import importlib
from types import ModuleType


class MissingLibraryError(ImportError):
    """An optional library is not installed."""


def require(module: str, extra: str, purpose: str, has: str = "", version: str = "") -> ModuleType:
    """Import a module of an extra, or raise a MissingLibraryError with the command that installs it.

    The module of the oldest supported version has this name.
    """
    package = module.partition(".")[0]
    name = {"sklearn": "scikit-learn"}.get(package, package)
    needed, remedy = (
        f"{purpose} needs {name}{f' {version} or newer' if version else ''}",
        f"pip install 'fastmlp[{extra}]'",
    )
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"{needed}: {remedy}") from error
    if has and not hasattr(found, has):
        raise MissingLibraryError(f"{needed}, got {importlib.import_module(package).__version__}: {remedy}")
    return found
