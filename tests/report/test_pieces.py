"""The pieces of a report: figures in the page's colours, bars, numbers, and attributes that users wrote."""

import re

import numpy as np
import pytest
from plot_helpers import history

from fastmlp.plots import plot_history
from fastmlp.report.charts import bar, chart, distribution
from fastmlp.report.markup import MINUS, Markup, element, number

pytestmark = pytest.mark.application


def svg(**style):
    """A chart of a history, whatever the style of the user's own figures."""
    with pytest.importorskip("matplotlib").rc_context({f"{key.replace('_', '.')}": v for key, v in style.items()}):
        return chart("A history", plot_history(history(3)))


def test_a_chart_has_the_colours_of_the_page():
    drawn = svg()
    assert "<style" not in drawn  # which would be of all of the page
    colors = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn))
    assert colors == {"none", "currentColor", "var(--page)", "var(--blue)", "var(--orange)", "#2ca02c", "#b0b0b0"}
    light = {"text_color": "red", "axes_labelcolor": "red", "axes_edgecolor": "red", "xtick_color": "red"}
    assert svg(**light, axes_facecolor="black", figure_facecolor="black", legend_facecolor="red") == drawn


@pytest.mark.parametrize(
    ("values", "counts"), [([0, 1, 2, 3], [1, 1, 1, 1]), ([5], [1]), ([1e20, 1e20, 1e20 + 2**15], [2, 1])]
)
def test_a_distribution_counts_each_value_once(values, counts):
    assert distribution(np.array(values, float)).tolist() == counts


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (6000.4, 3, "6000"),
        (999.7, 3, "1000"),
        (9999.7, 4, "10,000"),
        (54666, 3, "54,666"),
        (-0.0123456, 3, f"{MINUS}0.0123"),
        (1e9, 3, "1e+09"),
    ],
)
def test_numbers_have_no_exponent_unless_they_are_very_large(value, digits, text):
    assert number(value, digits) == text


def test_a_spread_stays_within_its_room():
    assert 'style="left: 0.0%; width: 30.0%"' in bar(10, 20, "x")
    assert 'style="left: 70.0%; width: 30.0%"' in bar(90, 20, "x")


def test_attributes_are_escaped():
    assert element("p", "a < b", "&", Markup("<br>"), aria_label='"x"') == (
        '<p aria-label="&quot;x&quot;">a &lt; b&amp;<br></p>'
    )
