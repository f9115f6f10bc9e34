"""Notebooks in each edition's style, whose cells assert what they show, executed in a Jupyter kernel."""

import os
from pathlib import Path

import pytest

import fastmlp
from fastmlp import _kernels

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.application

FOLDER = Path(__file__).with_name("notebooks")
# what notebooks import
MODULES = ("digits.py", "solver.py")


def cells_of(text):
    """The code of cells between lines `# %%`."""
    return [cell for cell in text.split("# %%\n")[1:] if cell.strip()]


@pytest.mark.skipif(_kernels.build_info()["build"] != "release", reason="takes minutes in a build for debugging")
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py") if path.name not in MODULES))
def test_notebook(name, tmp_path, monkeypatch):
    path = [str(Path(fastmlp.__file__).parents[1]), str(FOLDER), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    cells = [nbformat.v4.new_code_cell(source) for source in cells_of((FOLDER / name).read_text("utf-8"))]
    assert len(cells) >= 3
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
