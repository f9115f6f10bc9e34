"""Notebooks, executed in a Jupyter kernel: our own, and cells as the assignment has them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from cifar10_helpers import BATCHES, write_binary

import fastmlp
from fastmlp import _kernels
from fastmlp.datasets import get_CIFAR10_data

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.application

EXAMPLES = Path(__file__).parents[2] / "examples"

# The two cells of the companion notebook that checks gradients, and its toy training.
SETUP = """
%load_ext autoreload
%autoreload 2
import copy
import numpy as np
from kaggle_submission import output_submission_csv
from models.neural_net import NeuralNetwork
from utils.data_process import get_CIFAR10_data
from utils.gradient_check import eval_numerical_gradient

def rel_error(x, y):
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))

def init_toy_model(num_layers):
    np.random.seed(0)
    return NeuralNetwork(4, [10] * (num_layers - 1), 3, num_layers)

np.random.seed(0)
X = 10 * np.random.randn(5, 4)
y = np.random.randint(3, size=5)
"""
GRADIENT_CHECK = """
for num_layers in (2, 3):
    net = init_toy_model(num_layers)

    def loss(_):
        net.forward(X)
        return net.backward(y, 0.08)

    net.forward(X)
    net.backward(y, 0.08)
    gradients = copy.deepcopy(net.gradients)
    for name in net.params:
        error = rel_error(eval_numerical_gradient(loss, net.params[name], verbose=False), gradients[name])
        print(num_layers, name, error)
"""
TOY_TRAINING = """
net = init_toy_model(2)
for epoch in range(20):
    predictions = np.argmax(net.forward(X), axis=1)
    print(net.backward(y, 0.05), (predictions == y).mean())
    net.update(0.1)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the examples, a data set of the official layout, and a kernel that finds this fastmlp."""
    if _kernels.build_info()["build"] != "release":
        pytest.skip("takes minutes in a build for debugging")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, (len(BATCHES), 200), np.uint8)
    # each class is a shade
    images = random.integers(0, 100, (*labels.shape, 3072), np.uint8) + 15 * labels[..., np.newaxis]
    write_binary(tmp_path / "cifar10" / "cifar-10-batches-bin", images, labels)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    for name, value in {
        "FASTMLP_DATA": str(tmp_path / "cifar10"),
        "FASTMLP_NOTEBOOK": "small",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": path,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "examples"


def execute(notebook, folder):
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def text_of(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures_of(notebook):
    return [output for output in outputs_of(notebook) if "image/png" in output.get("data", {})]


def complaints_of(notebook):
    return [out for out in outputs_of(notebook) if out.output_type == "error" or out.get("name") == "stderr"]


def test_our_notebook_runs_on_a_small_part_of_the_data(folder):
    notebook = execute(nbformat.read(folder / "cifar10.ipynb", 4), folder)
    assert not complaints_of(notebook)
    assert len(pictures_of(notebook)) == 8
    text = "".join(text_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    for n_layers in (2, 3):
        for optimizer in ("SGD", "Adam"):
            assert f"{n_layers} layers, {optimizer}: test accuracy 0." in text
            lines = (folder / "submissions" / f"nn_{n_layers}layer_{optimizer.lower()}_submission.csv").read_text()
            assert len(lines.splitlines()) == 1 + 200
    assert "24 networks in" in text
    assert "History(2 epochs" in text


def test_our_notebook_is_complete_as_it_is_committed():
    notebook = nbformat.read(EXAMPLES / "cifar10.ipynb", 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert len(pictures_of(notebook)) == 8
    assert not complaints_of(notebook)
    assert "JPEG copies" in notebook.cells[0].source
    shown = [line for cell in code for line in text_of(cell).splitlines() if ": test accuracy" in line]
    accuracies = {line.split(":")[0]: float(line.split("accuracy ")[1].split(",")[0]) for line in shown}
    assert list(accuracies) == ["3 layers, SGD", "3 layers, Adam", "2 layers, SGD", "2 layers, Adam"]
    for name in ("3 layers, SGD", "3 layers, Adam"):
        assert 0.510 <= accuracies[name] <= 0.540


def test_cells_of_the_assignment_run_with_their_own_imports(folder):
    cells = [SETUP, GRADIENT_CHECK, TOY_TRAINING]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    _, check, training = execute(notebook, folder).cells
    errors = [line.split() for line in text_of(check).splitlines()]
    assert [(n, name) for n, name, _ in errors] == [
        ("2", "W1"), ("2", "b1"), ("2", "W2"), ("2", "b2"),
        ("3", "W1"), ("3", "b1"), ("3", "W2"), ("3", "b2"), ("3", "W3"), ("3", "b3"),
    ]  # fmt: skip
    assert all(float(error) < 1e-6 for _, _, error in errors)
    rows = [[float(number) for number in line.split()] for line in text_of(training).splitlines()]
    assert len(rows) == 20
    assert rows[-1][0] < rows[0][0]
    assert rows[-1][1] == 1


def test_the_other_imports_lead_to_fastmlp_too(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    from kaggle_submission import output_submission_csv
    from models.neural_net import NeuralNetwork
    from utils.data_process import get_CIFAR10_data as shimmed
    from utils.data_process import get_FASHION_data
    from utils.gradient_check import eval_numerical_gradient

    assert shimmed is get_CIFAR10_data
    assert get_FASHION_data is fastmlp.get_FASHION_data
    assert NeuralNetwork is fastmlp.NeuralNetwork
    assert eval_numerical_gradient is fastmlp.eval_numerical_gradient
    assert output_submission_csv is fastmlp.output_submission_csv
