"""Pictures of the page: figures of matplotlib as SVG in the page's own colours, and small bars of HTML."""

import io
import re
from typing import Any

import numpy as np

from fastmlp.report.markup import Markup, element, html

# Colours that no figure has, of texts and axes, and behind a legend; and what they and those of lines are on the page.
INK, PAPER = "#010203", "#fdfcfb"
COLORS = {INK: "currentColor", PAPER: "var(--page)", "#1f77b4": "var(--blue)", "#ff7f0e": "var(--orange)"}
# Bars of a distribution at most.
MAX_BARS = 16


def chart(label: str, figure: Any) -> Markup:
    """A figure as SVG, without what would not be valid, or not be the figure's alone, within a page.

    Its ids begin with the label, which must be that of no other chart.
    """
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    for panel in figure.axes:
        panel.set_facecolor("none")
        panel.tick_params(which="both", color=INK)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["bottom", "left"]].set_color(INK)
    for text in figure.findobj(Text):
        text.set_color(INK)
    for legend in figure.findobj(Legend):
        legend.get_frame().set(facecolor=PAPER, edgecolor="none")
    file = io.StringIO()
    figure.savefig(
        file, format="svg", facecolor="none", dpi=200, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    svg = re.sub(r"<style.*?</style>|\s+", " ", file.getvalue(), flags=re.DOTALL)
    start = re.search(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', svg)
    assert start is not None
    inner = svg[start.end() :]
    for color, of_page in COLORS.items():
        inner = inner.replace(color, of_page)
    reference, prefix = r'(href="#|url\(#)([^")]+)', re.sub(r"\W+", "-", label.lower())
    ids = {
        name: f"{prefix}-{i}" for i, name in enumerate(dict.fromkeys(name for _, name in re.findall(reference, svg)))
    }
    inner = re.sub(r' id="([^"]*)"', lambda found: f' id="{ids[found[1]]}"' if found[1] in ids else "", inner)
    inner = re.sub(reference, lambda found: found[1] + ids[found[2]], inner)
    return Markup(f'<svg class="chart" role="img" aria-label="{html(label)}" viewBox="{start[1]}">{inner}')


def spark(counts: np.ndarray) -> Markup:
    """A small picture of a distribution, by the height of its bars; the text beside it says the same in words."""
    heights = np.ceil(100 * counts / counts.max())
    bars = (element("span", style=f"height: {height:.0f}%") for height in heights.tolist())
    return element("div", *bars, class_="spark", aria_hidden="true")


def bar(length: float, spread: float, label: str) -> Markup:
    """A horizontal bar of a length and a spread in percent of its room."""
    whisker = f"left: {max(length - spread, 0):.1f}%; width: {min(length + spread, 100) - max(length - spread, 0):.1f}%"
    inner = [element("span", class_="fill", style=f"width: {max(length, 0):.1f}%")]
    if spread > 0 and length + spread > 0:
        inner.append(element("span", class_="whisker", style=whisker))
    return element("div", *inner, class_="bar", role="img", aria_label=label)


def scale(value: float, constant: float, label: str) -> Markup:
    """A score from 0 to 1 as a bar, with a mark where the constant predictor is."""
    filled = element("span", class_="fill", style=f"width: {100 * min(max(value, 0.0), 1.0):.1f}%")
    mark = element("span", class_="mark", style=f"left: {100 * min(max(constant, 0.0), 1.0):.1f}%")
    return element("div", filled, mark, class_="scale", role="img", aria_label=label)


def distribution(values: np.ndarray) -> np.ndarray:
    """Counts of finite numbers in a few ranges of the same width."""
    low, high = float(values.min()), float(values.max())
    n_bars = min(MAX_BARS, len(np.unique(values)))
    places = np.zeros(len(values)) if low == high else (values - low) / (high - low) * n_bars
    return np.bincount(np.minimum(places.astype(np.intp), n_bars - 1), minlength=n_bars)
