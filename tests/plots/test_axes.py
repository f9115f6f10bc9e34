"""Where figures are drawn: in a figure of their own, or in axes at hand."""

import pickle
import re
import struct
import sys

import numpy as np
import pytest
from plot_helpers import history, trials

from fastmlp.optional import MissingLibraryError

figure_module = pytest.importorskip("matplotlib.figure")
plots = pytest.importorskip("fastmlp.plots")

pytestmark = pytest.mark.application


def stacked(function):
    """A figure of three panels, by this name, as a function of its Axes."""
    past = history(3) if function == "plot_history" else {"SGD": history(3)}
    return lambda **options: getattr(plots, function)(past, title="Digits", **options)


def with_line():
    """Axes of a grid that have been drawn into."""
    panel = figure_module.Figure().subplots()
    panel.plot([0, 1])
    return panel


@pytest.mark.parametrize("function", ["plot_history", "plot_comparison"])
def test_three_panels_are_drawn_into_axes_at_hand(function):
    draw = stacked(function)
    labels = [panel.get_ylabel() for panel in draw().axes]
    figure = figure_module.Figure()
    axes = figure.subplots(3, 2)
    assert draw(ax=axes[:, 0]) is figure
    assert [panel.get_ylabel() for panel in axes[:, 0]] == labels
    assert [panel.get_title() for panel in axes.ravel()] == ["Digits", "", "", "", "", ""]
    with pytest.warns(DeprecationWarning, match="^axes is now ax$") as caught:
        assert draw(axes=list(axes[:, 1])) is figure
    assert caught[0].filename == __file__
    assert [panel.get_ylabel() for panel in axes[:, 1]] == labels


@pytest.mark.parametrize("function", ["plot_history", "plot_comparison"])
def test_three_panels_lie_within_one_of_a_grid(function, tmp_path):
    draw = stacked(function)
    labels = [panel.get_ylabel() for panel in draw().axes]
    figure = figure_module.Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    right.plot([0, 1])
    assert draw(ax=left) is figure
    panels = figure.axes[2:]
    assert [panel.get_ylabel() for panel in panels] == labels
    assert [panel.get_title() for panel in panels] == ["Digits", "", ""]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "Epoch"]
    figure.savefig(tmp_path / "figure.png")
    boxes = [panel.get_position() for panel in panels]
    assert all(box.x1 < right.get_position().x0 for box in boxes)
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1
    assert not left.axison
    panels[0].set_xlim(0, 9)
    assert panels[2].get_xlim() == (0, 9)
    with pytest.raises(ValueError, match="ax must be free Axes of a grid, or three Axes, got one that has panels"):
        draw(ax=left)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ax": figure_module.Figure().subplots(1, 2)}, ValueError, "ax must be an Axes or three, got 2"),
        ({"ax": ["left", "right", None]}, TypeError, "ax must be an Axes or three, got ['left', 'right', None]"),
        (
            {"ax": figure_module.Figure().add_axes((0, 0, 1, 1))},
            ValueError,
            "ax must be free Axes of a grid, or three Axes, got one that is not one of a grid, such as figure.subplots "
            "makes",
        ),
        (
            {"ax": with_line()},
            ValueError,
            "ax must be free Axes of a grid, or three Axes, got one that has data in it",
        ),
        ({"ax": 1, "axes": 2}, TypeError, "axes is the old name of ax, got both"),
    ],
)
def test_what_is_no_place_for_three_panels_is_refused(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        plots.plot_history(history(3), **options)


def test_single_panels_are_drawn_into_axes_at_hand():
    axes = figure_module.Figure().subplots(1, 4)
    drawn = [
        plots.plot_weights(np.ones((4, 2)), (2, 2), ax=axes[0]),
        plots.plot_confusion([0, 1], [0, 1], ax=axes[1]),
        plots.plot_grid(trials(), ax=axes[2]),
        plots.plot_learning_curves(trials(), ax=axes[3]),
    ]
    assert all(figure is axes[0].figure for figure in drawn)
    assert [len(panel.images) for panel in axes] == [1, 1, 1, 0]
    assert axes[3].get_lines()
    with pytest.raises(TypeError, match=r"^ax must be an Axes, got array"):
        plots.plot_weights(np.ones((4, 2)), (2, 2), ax=axes)


def test_a_history_draws_itself():
    past = history(3)
    figure = past.plot(title="Digits")
    assert [panel.get_ylabel() for panel in figure.axes] == ["Loss", "Accuracy", "Learning rate"]
    assert figure.axes[0].get_title() == "Digits"
    panels = figure_module.Figure().subplots(3)
    assert past.plot(ax=panels) is panels[0].figure


def test_a_history_cannot_draw_itself_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingLibraryError, match=r"^a figure needs matplotlib: pip install 'fastmlp\[plots\]'$"):
        history(3).plot()


@pytest.mark.parametrize("box", [None, "tight"])
def test_a_picture_has_the_size_that_is_told(box):
    figure = plots.plot_weights(np.ones((4, 2)), (2, 2))  # with much white around
    with pytest.importorskip("matplotlib").rc_context({"savefig.bbox": box}):
        picture, size = figure._repr_png_()
    assert [2 * size["width"], 2 * size["height"]] == pytest.approx(struct.unpack(">2I", picture[16:24]), abs=1)
    assert (size["height"] < 600) == (box == "tight")


def test_figures_are_pickled():
    figure = pickle.loads(pickle.dumps(history(3).plot(title="Digits")))
    assert figure.axes[0].get_title() == "Digits"
    assert figure._repr_png_()[0].startswith(b"\x89PNG")
