"""Module names of earlier versions, which users' code and pickles still import."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Named in the documentation: these warn, and go after one release; but pickles name modules in `fastmlp.compat`, which
# Python imports first, so that one stays.
DEPRECATED = {
    "fastmlp.compat": "fastmlp.courses",
    "fastmlp.gradient_check": "fastmlp.courses.gradient_check",
    "fastmlp.kaggle": "fastmlp.courses.kaggle",
}
# Named inside pickles: these stay.
PICKLED = {
    "fastmlp.compat.cs231n": "fastmlp.courses.cs231n",
    "fastmlp.compat.cs498": "fastmlp.courses.cs498",
    "fastmlp.parameters": "fastmlp.engine.parameters",
    "fastmlp.persistence": "fastmlp.files.models",
}
MOVED = DEPRECATED | PICKLED


class _MovedModules(MetaPathFinder, Loader):
    """Imports a module under its old name, as the very module that has the new name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        if old in DEPRECATED:
            warnings.warn(f"{old} is now {MOVED[old]}", DeprecationWarning, stacklevel=2)
        # the import system returns what it finds here afterwards
        sys.modules[old] = importlib.import_module(MOVED[old])


def register() -> None:
    """Let imports find modules by their old names, before a search of the new packages finds them a second time."""
    sys.meta_path.insert(0, _MovedModules())
