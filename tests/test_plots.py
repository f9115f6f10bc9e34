"""Figures of a training."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import batch

import fastmlp
from fastmlp import History, NeuralNetwork
from fastmlp.training import Epoch

figure_module = pytest.importorskip("matplotlib.figure")
plots = pytest.importorskip("fastmlp.plots")

NAN = float("nan")


def history(n_epochs, validation=True):
    return History(
        Epoch(2 / i, 1 - 0.5 / i, 3 / i if validation else NAN, 1 - 0.6 / i if validation else NAN, 0.1 * 0.9**i, 1.0)
        for i in range(1, n_epochs + 1)
    )


def lines(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


@pytest.mark.parametrize("n_epochs", [1, 2, 40])
def test_three_labelled_panels(n_epochs):
    past = history(n_epochs)
    figure = plots.plot_history(past, title="Digits")
    assert isinstance(figure, figure_module.Figure)
    loss, accuracy, rate = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["Loss", "Accuracy", "Learning rate"]
    assert rate.get_xlabel() == "Epoch"
    assert figure.get_suptitle() == "Digits"
    np.testing.assert_array_equal(lines(loss)["train"], past.train_loss)
    np.testing.assert_array_equal(lines(loss)["validation"], past.val_loss)
    np.testing.assert_array_equal(lines(accuracy)["train"], past.train_accuracy)
    np.testing.assert_array_equal(lines(accuracy)["validation"], past.val_accuracy)
    np.testing.assert_array_equal(rate.get_lines()[0].get_ydata(), past.learning_rate)
    for axes in (loss, accuracy):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "validation"]
    for axes in figure.axes:
        for line in axes.get_lines():
            assert list(line.get_xdata()) == list(range(1, n_epochs + 1))
            # a line through one point shows nothing
            assert (line.get_marker() not in ("None", None, "")) == (n_epochs == 1)


def test_without_validation_data(tmp_path):
    X, y = batch(20, 4, 3)
    figure = plots.plot_history(NeuralNetwork(4, [5], 3).fit(X, y, epochs=3, seed=0))
    assert [list(lines(axes)) for axes in figure.axes[:2]] == [["train"], ["train"]]
    figure.savefig(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    for axes in figure.axes[:2]:
        finite = [label for label, values in lines(axes).items() if np.isfinite(values).all()]
        assert finite == ["train"]


def test_works_without_a_display(tmp_path):
    code = """
import sys
from fastmlp.plots import plot_history
from fastmlp.training import Epoch, History
plot_history(History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0)])).savefig(sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "history.png")],
        env={**env, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "history.png").stat().st_size > 1000
