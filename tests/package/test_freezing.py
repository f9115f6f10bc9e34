"""What PyInstaller is told, so that a frozen program has all that it needs of the package."""

import ast
import importlib
import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent
MODULES = (".so", ".pyd")
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

pytestmark = pytest.mark.application

RUN_HOOK = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1]), default=repr))"


def hook_folder():
    """The folder to which the entry point leads."""
    entry_points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["pyinstaller40"]
    module, _, function = entry_points["hook-dirs"].partition(":")
    (folder,) = getattr(importlib.import_module(module), function)()
    return Path(folder)


def hook(name):
    """What a hook defines, in a process of its own."""
    command = [sys.executable, "-P", "-c", RUN_HOOK, str(hook_folder() / f"hook-{name}.py")]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_all_data_come_along():
    pytest.importorskip("PyInstaller")
    data = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", *MODULES)}
    assert {path.name for path in data} >= {"digits.npz", "digits.LICENSE.txt"}
    found = {Path(source): Path(folder) for source, folder in hook("fastmlp")["datas"]}
    assert data <= set(found)
    assert all(found[path] == path.parent.relative_to(PACKAGE.parent) for path in data)


def test_what_is_imported_by_name_comes_along():
    pytest.importorskip("PyInstaller")
    found = [name for of in ("fastmlp", "fastmlp.plots", "fastmlp.report") for name in hook(of)["hiddenimports"]]
    assert {"scipy.linalg.cython_blas", "matplotlib.backends.backend_svg"} <= set(found)
    assert ("tqdm.auto" in found) == (find_spec("tqdm") is not None)
    if find_spec("matplotlib"):
        assert all(map(find_spec, found))
    # all that figures ask for
    texts = [path.read_text() for path in (PACKAGE / "plots").glob("*.py")]
    calls = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    asked = {call.args[0].value for call in calls if getattr(call.func, "id", None) == "require"}
    assert asked
    assert asked <= set(found)


def test_each_build_of_the_kernels_is_imported_by_name():
    """So that packagers see them, also those that a processor here never gets to."""
    tree = ast.parse((PACKAGE / "_kernels" / "__init__.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules = (path.name for path in (PACKAGE / "_kernels").iterdir() if path.suffix in MODULES)
    built = {f"fastmlp._kernels.{name.partition('.')[0]}" for name in modules}
    assert len(built) > 1
    assert built <= imported
