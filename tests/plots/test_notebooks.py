"""What a notebook shows of figures, histories and networks, in a Jupyter kernel."""

import os
from pathlib import Path

import pytest

import fastmlp

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.application

CELLS = [
    """
import sys
from fastmlp import History, NeuralNetwork
from fastmlp.history import Epoch
from fastmlp.plots import plot_history, plot_weights
history = History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0), Epoch(1.9, 0.3, 1.8, 0.4, 0.04, 1.0)])
net = NeuralNetwork(4, [3], 2, seed=0)
""",
    "plot_history(history)",
    "history.plot()",
    "history",
    "net",
    "plot_weights(net.params['W1'], (2, 2))",
]


@pytest.mark.parametrize("inline", [False, True])
def test_everything_is_shown_once(inline, tmp_path, monkeypatch):
    path = [str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    last = "assert ('matplotlib.pyplot' in sys.modules) == " + str(inline)
    first = "%matplotlib inline\nimport matplotlib.pyplot" if inline else "pass"
    if inline:
        last += "\n_, ax = matplotlib.pyplot.subplots()\nhistory.plot(ax=ax);"
    cells = [nbformat.v4.new_code_cell(source) for source in (first, *CELLS, last)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [cell.outputs for cell in notebook.cells[2:-1]]
    assert [[output.output_type for output in outputs] for outputs in shown] == [["execute_result"]] * 5
    kinds = [sorted(outputs[0].data) for outputs in shown]
    picture, page = ["image/png", "text/plain"], ["text/html", "text/plain"]
    assert kinds == [picture, picture, page, page, picture]
    assert not [cell.outputs for cell in notebook.cells[:2] if cell.outputs]
    assert [output.output_type for output in notebook.cells[-1].outputs] == ["display_data"] * inline  # pyplot's
    if not inline:
        assert shown[0][0].metadata == {"image/png": {"width": 700, "height": 800}}
