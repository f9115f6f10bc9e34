"""Optional libraries: imported on use; where one is missing, the error says which extra to install."""

import importlib
from types import ModuleType


class MissingLibraryError(ImportError):
    """An optional library is not installed."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra, or raise a MissingLibraryError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingLibraryError(f"{purpose} needs {package}: pip install 'fastmlp[{extra}]'") from error
