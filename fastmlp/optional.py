"""Optional libraries: imported on use; where one is missing, the error says which extra to install."""

import importlib
from types import ModuleType


class MissingLibraryError(ImportError):
    """An optional library is not installed."""


def require(module: str, extra: str, purpose: str, has: str = "", version: str = "") -> ModuleType:
    """Import a module of an extra, or raise a MissingLibraryError with the command that installs it.

    The module of the oldest supported version has this name.
    """
    package, wanted = module.partition(".")[0], f" {version} or newer" if version else ""
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"{purpose} needs {package}{wanted}: pip install 'fastmlp[{extra}]'") from error
    if has and not hasattr(found, has):
        got = importlib.import_module(package).__version__
        raise MissingLibraryError(f"{purpose} needs {package}{wanted}, got {got}: pip install 'fastmlp[{extra}]'")
    return found
