"""Networks that a signal interrupts, in a script and in a notebook's cell."""

from pathlib import Path

import pytest
from conftest import on_posix
from process_helpers import run_python

pytestmark = on_posix

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.mark.parametrize("loop", ["fit", "three_calls"])
def test_a_process_that_is_interrupted_at_any_moment_has_a_consistent_network(loop):
    """It is as after some batch, knows which, lets other threads in, and can go on."""
    assert run_python(SCRIPTS / "interrupted_training.py", loop) == "consistent"


CELLS = [
    """
import os, signal, threading
import numpy as np
from fastmlp import NeuralNetwork

X, y = np.random.RandomState(0).randn(4000, 300), np.arange(4000) % 10
net, expected = (NeuralNetwork(300, [100], 10, seed=1) for _ in range(2))
net.train_epoch(X, y, [0])
""",
    """
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
net.fit(X, y, epochs=10**6, batch_size=50, optimizer="Adam", seed=7)
""",
    """
n_updates = lambda network: network.snapshot()["n_updates"]
random = np.random.RandomState(7)
expected.train_epoch(X, y, [0])
while (left := n_updates(net) - n_updates(expected)) > 0:
    expected.train_epoch(X, y, random.permutation(4000)[: 50 * left], batch_size=50, optimizer="Adam")
print(n_updates(net) > 1)
print(all(np.array_equal(net.params[name], expected.params[name]) for name in net.params))
print(len(net.fit(X, y, epochs=1)))
""",
]


def test_a_cell_of_a_notebook_can_be_interrupted(tmp_path, monkeypatch):
    """By the signal that Jupyter's button sends; the next cell finds the network as after some batch."""
    nbclient, nbformat, _ = map(pytest.importorskip, ("nbclient", "nbformat", "ipykernel"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.cells[1].metadata["tags"] = ["raises-exception"]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert [output.ename for output in notebook.cells[1].outputs] == ["KeyboardInterrupt"]
    assert "".join(output.text for output in notebook.cells[2].outputs) == "True\nTrue\n1\n"


def test_a_signals_handler_may_predict_whatever_it_interrupts():
    assert run_python(SCRIPTS / "prediction_in_handler.py") == "True"
