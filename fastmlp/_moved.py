"""Module names of earlier versions, which users' code and pickles still import."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Named in the documentation: what is taken from these warns, and they go after one release. But pickles name modules in
# `fastmlp.compat`, so that one stays; to import it alone, as Python does then, does not warn.
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
    """Imports modules under their old names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        moved = importlib.import_module(MOVED[old])
        if old in PICKLED:
            sys.modules[old] = moved  # which the import system then returns
            return

        def attribute(name: str) -> Any:
            value = getattr(moved, name)
            if not name.startswith("__"):
                warnings.warn(f"{old} is now {MOVED[old]}", DeprecationWarning, stacklevel=2)
            return value

        module.__dict__.update(__path__=[], __getattr__=attribute)


def register() -> None:
    """Let imports find modules by their old names, before a search of the new packages finds them a second time."""
    sys.meta_path.insert(0, _MovedModules())
