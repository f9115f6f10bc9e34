"""Libraries of the extras: imported when they are used, and named with the extra to install when they are missing."""

import importlib
from types import ModuleType


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Raises
    ------
    ImportError
        In one line, with the command that installs what is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}: pip install 'fastmlp[{extra}]'") from error
