"""A history in a notebook: HTML with its curves."""

import re
import sys
from xml.etree import ElementTree

import pytest
from plot_helpers import NAN, history

from fastmlp import History
from fastmlp.history import Epoch

matplotlib = pytest.importorskip("matplotlib")

pytestmark = pytest.mark.application

SVG = "{http://www.w3.org/2000/svg}"
RED = "#ff0000"


def words(root):
    return " ".join(" ".join(root.itertext()).split())


def curves(panel):
    """The number of points of each coloured line."""
    paths = [path for path in panel.iter(f"{SVG}path") if "stroke: #" in path.get("style", "")]
    return [len(re.findall("[ML]", path.get("d"))) for path in paths]


@pytest.mark.parametrize("validation", [True, False])
def test_the_curves_of_loss_and_score(validation):
    past = History(history(4, validation), "R2")
    root = ElementTree.fromstring(past._repr_html_())
    panels = list(root.iter(f"{SVG}svg"))
    assert [panel.get("aria-label") for panel in panels] == ["loss by epoch", "R2 by epoch"]
    assert [curves(panel) for panel in panels] == [[4, 4] if validation else [4]] * 2
    for part in ("train", "validation"):
        assert (part in [span.text or span[0].tail for span in root.iter("span") if len(span)]) == (
            part == "train" or validation
        )
    assert repr(past) == f"History({root[0].text})"
    assert "best epoch" not in words(root)


def test_the_best_epoch_is_marked():
    past = history(4)
    past.monitored = "val_loss"
    root = ElementTree.fromstring(past._repr_html_())
    assert [words(span) for span in root.iter("span") if len(span)] == ["train", "validation", "best epoch"]
    for panel in root.iter(f"{SVG}svg"):
        lines = {path.get("style"): path.get("d").split() for path in panel.iter(f"{SVG}path")}
        (best,) = (points for style, points in lines.items() if "stroke-dasharray" in style)
        (curve,) = (points for style, points in lines.items() if "#3d85d1" in style)
        assert best[1] == best[4] == curve[-2]  # the last one


def test_texts_and_axes_have_the_colour_of_the_page_whatever_the_user_has_set():
    with matplotlib.rc_context({"axes.facecolor": RED, "text.color": RED, "svg.hashsalt": "same"}):
        root = ElementTree.fromstring(history(4)._repr_html_())
        again = history(4)._repr_html_()
    colors = {color for tag in root.iter() for color in re.findall(r"(?:fill|stroke): ([^;]+)", tag.get("style", ""))}
    assert colors == {"none", "currentColor", "#3d85d1", "#e0821f"}
    assert all("fill: currentColor" in text.get("style") for text in root.iter(f"{SVG}text"))
    ids = {tag.get("id") for tag in root.iter()} - {None}
    assert ids
    assert not any(name in again for name in ids)  # or one output would show parts of another


def test_nothing_is_lost_between_the_tags():
    root = ElementTree.fromstring(History([Epoch(2.0, 0.125, 2.0, 0.126, 0.1, 1.0)] * 2)._repr_html_())
    assert "0.1255" in [text.text for text in root.iter(f"{SVG}text")]
    text = ElementTree.tostring(root, "unicode")
    ids = set(re.findall(r' id="([^"]+)"', text))
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', text)) == ids
    # a style would be that of the whole page, whose font this is
    assert not [tag for tag in root.iter() if tag.tag.endswith(("style", "script"))]
    assert "DejaVu" not in text


def test_many_epochs_are_small():
    assert len(history(20_000)._repr_html_()) < 20_000


@pytest.mark.parametrize(
    "past",
    [
        History(),
        History([Epoch(NAN, NAN, NAN, NAN, 0.1, 1.0)] * 3),
        History([Epoch(float("inf"), -1e308, 1e308, 0.0, 0.1, 1.0), Epoch(1.0, 0.5, 1.0, 0.5, 0.1, 1.0)]),
        History([Epoch("two", 0.5, 1.0, 0.5, 0.1, 1.0)]),
    ],
)
@pytest.mark.filterwarnings("ignore")  # of matplotlib
def test_no_history_is_an_error(past):
    text = past._repr_html_()
    assert text is None or ElementTree.fromstring(text) is not None


def test_without_matplotlib_there_is_the_text_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    assert history(4)._repr_html_() is None
