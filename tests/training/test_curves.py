"""A history in a notebook: HTML with its curves."""

import re
import sys
from xml.etree import ElementTree

import pytest
from plot_helpers import NAN, history

from fastmlp import History
from fastmlp.history import Epoch

pytestmark = pytest.mark.application

BLUE, ORANGE = "#3d85d1", "#e0821f"
INF = float("inf")


def shown(past):
    """The whole, and the panels of loss and score."""
    root = ElementTree.fromstring(past._repr_html_())
    return root, list(root.iter("svg"))


def loss_of(*losses):
    """The panel of these training losses."""
    return shown(History(Epoch(loss, 0.5, NAN, NAN, 0.1, 1.0) for loss in losses))[1][0]


def keys(root):
    """The entries of the legend."""
    return ["".join(span.itertext()) for span in root.iter("span") if len(span)]


def lines(panel, color=BLUE):
    """The points of each line of this colour; y goes down."""
    found = [line.get("points").split() for line in panel.iter("polyline") if line.get("stroke") == color]
    return [[tuple(map(float, point.split(","))) for point in points] for points in found]


def ticks(panel, anchor):
    """The texts at an axis and where they are: of the y axis they end at it, of the x axis their middle is below."""
    at, other = ("y", "x") if anchor == "end" else ("x", "y")
    found = [text for text in panel.iter("text") if text.get("text-anchor") == anchor and text.text != "Epoch"]
    assert len({text.get(other) for text in found}) == 1
    return {text.text: float(text.get(at)) for text in found}


@pytest.mark.parametrize("validation", [True, False])
def test_the_curves_of_loss_and_score(validation):
    past = History(history(4, validation), "R2")
    root, panels = shown(past)
    assert [panel.get("aria-label") for panel in panels] == ["loss by epoch", "R2 by epoch"]
    for panel in panels:
        assert [len(line) for line in lines(panel)] == [4]
        assert [len(line) for line in lines(panel, ORANGE)] == [4] * validation
    assert keys(root) == ["train", "validation"][: 1 + validation]
    assert repr(past) == f"History({root[0].text})"


def test_curves_lie_where_the_axes_say():
    panel = loss_of(2.0, 0.5, 1.0)
    (curve,) = lines(panel)
    at = ticks(panel, "middle")
    assert [x for x, _ in curve] == [at["1"], at["2"], at["3"]]
    at = ticks(panel, "end")
    assert [y for _, y in curve] == pytest.approx([at[text] - 4 for text in ("2.0", "0.5", "1.0")], abs=0.11)


@pytest.mark.parametrize(
    ("losses", "texts"),
    [
        ([2.3, 0.4], ["0.5", "1.0", "1.5", "2.0"]),
        ([-30, 40], ["-20", "0", "20", "40"]),
        ([0.0, 60_000.0], ["0", "20,000", "40,000", "60,000"]),
        ([1e-7, 3e-7], ["1e-07", "1.5e-07", "2e-07", "2.5e-07", "3e-07"]),
        ([0.9999995, 1.0], ["0.9999995", "0.9999996", "0.9999997", "0.9999998", "0.9999999", "1.0000000"]),
        ([1.0, 1.0 + 1e-15], ["0.96", "0.98", "1.00", "1.02", "1.04"]),
        ([1e-7, 1.0000000014e-7], ["1e-07", "1.0000000005e-07", "1.000000001e-07"]),
        ([0.0, 5e-324], ["-0.04", "-0.02", "0.00", "0.02", "0.04"]),
        ([1e299, -1e299], ["-1e+299", "-5e+298", "0", "5e+298", "1e+299"]),
        ([-INF, 1.0, 1e308], ["0.96", "0.98", "1.00", "1.02", "1.04"]),
        ([NAN, INF], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round_numbers_of_any_size(losses, texts):
    assert list(ticks(loss_of(*losses), "end")) == texts


@pytest.mark.parametrize(
    ("n_epochs", "texts"),
    [
        (1, ["1"]),
        (3, ["1", "2", "3"]),
        (12, ["2", "4", "6", "8", "10", "12"]),
        (100_000, ["20,000", "40,000", "60,000", "80,000", "100,000"]),
    ],
)
def test_ticks_are_whole_epochs_within_the_picture(n_epochs, texts):
    panel = loss_of(*[1.0] * n_epochs)
    found = ticks(panel, "middle")
    assert list(found) == texts
    assert found[texts[-1]] + 3 * len(texts[-1]) < float(panel.get("width"))


def test_gaps_where_numbers_are_not_finite_and_points_between_them():
    panel = loss_of(3.0, 2.0, NAN, 1.0, INF, 3.0, 2.0, 1.0)
    assert [len(line) for line in lines(panel)] == [2, 3]
    (point,) = panel.iter("circle")
    assert float(point.get("cx")) == ticks(panel, "middle")["4"]
    assert point.get("fill") == BLUE


def test_many_epochs_are_small_and_keep_their_extremes():
    losses = [1.0] * 100_000
    losses[54_321], losses[54_325] = 9.0, -7.0
    past = History(Epoch(loss, 0.5, NAN, NAN, 0.1, 1.0) for loss in losses)
    assert len(past._repr_html_()) < 20_000
    (curve,) = lines(shown(past)[1][0])
    heights = [y for _, y in curve]
    assert heights.index(min(heights)) == heights.index(max(heights)) - 1
    few = loss_of(9.0, 1.0, -7.0)
    assert [min(heights), max(heights)] == [lines(few)[0][0][1], lines(few)[0][2][1]]


def test_the_best_epoch_is_marked():
    past = history(4)
    past.monitored = "val_loss"
    root, panels = shown(past)
    assert keys(root) == ["train", "validation", "best epoch"]
    for panel in panels:
        (best,) = (path.get("d") for path in panel.iter("path") if path.get("stroke-dasharray"))
        assert float(re.match("M([0-9.]+) ", best)[1]) == lines(panel)[0][-1][0]  # the last one


def test_texts_and_axes_have_the_colour_of_the_page():
    root, _ = shown(history(4))
    colors = {tag.get(name) for tag in root.iter() for name in ("fill", "stroke", "color")} - {None}
    assert colors == {"none", "currentColor", BLUE, ORANGE}


def test_no_library_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert shown(history(4))[1]


def test_before_the_first_epoch_there_is_the_text_alone():
    assert History()._repr_html_() is None
