"""Libraries of the extras: imported when they are used, and named with the extra to install when they are missing."""

import importlib
from types import ModuleType


class MissingLibraryError(ImportError):
    """A library of an extra is not installed."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Raises
    ------
    MissingLibraryError
        In one line, with the command that installs what is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingLibraryError(f"{purpose} needs {package}: pip install 'fastmlp[{extra}]'") from error
