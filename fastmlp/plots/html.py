"""A history as a notebook shows it: its curves as SVG, on light and on dark pages."""

import io
import re
from html import escape
from typing import Any

import numpy as np

from fastmlp.history import History
from fastmlp.optional import require
from fastmlp.plots.panels import plot_epochs

# of train and validation: they stand out from white and from black
COLORS = {"train": "#3d85d1", "validation": "#e0821f"}
# in place of the page's own colour, which matplotlib has no word for
INK = "#010203"
WIDTH, HEIGHT = 320, 170  # of a panel, in pixels
STYLE: dict[str, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "font.size": 11,
    "grid.color": INK,
    "lines.linewidth": 1.8,
    # of thousands of epochs, what is less than a pixel apart is one point
    "path.simplify_threshold": 0.6,
    "svg.fonttype": "none",  # texts stay texts, in the page's own font
    "xtick.bottom": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
}


def history_html(history: History) -> str:
    """Curves of loss and score, side by side where there is room.

    Raises
    ------
    fastmlp.optional.MissingLibraryError
        Without matplotlib.
    """
    columns = {
        "loss": (history.train_loss, history.val_loss),
        history.score_name: (history.train_score, history.val_score),
    }
    # not the user's settings, which may be those of dark figures
    with require("matplotlib.style", "plots", "a figure").context(["default", STYLE]):
        panels = "".join(_panel(name, curves, history.best_epoch) for name, curves in columns.items())
    drawn = [name for name, values in zip(COLORS, columns["loss"], strict=True) if not np.isnan(values).all()]
    legend = "".join(_key(f"2px solid {COLORS[name]}", name) for name in drawn)
    if history.best_epoch is not None:
        legend += _key("1px dashed", "best epoch")
    summary = repr(history).partition("(")[2].removesuffix(")")
    return (
        '<div style="font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.5; max-width: 680px">'
        f'<div style="opacity: 0.8">{escape(summary)}</div>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 4px 16px; margin-top: 6px">{panels}</div>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 0 16px; font-size: 12px">{legend}</div>'
        "</div>"
    )


def _key(line: str, name: str) -> str:
    """An entry of the legend."""
    rule = f'<span style="display: inline-block; width: 20px; border-top: {line}; margin-right: 6px"></span>'
    return f'<span style="display: inline-flex; align-items: center">{rule}{name}</span>'


def _panel(name: str, curves: tuple[np.ndarray, np.ndarray], best_epoch: int | None) -> str:
    """The curves of train and validation as an SVG element."""
    figure = require("matplotlib.figure", "plots", "a figure").Figure(
        figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained"
    )
    panel = figure.subplots()
    for (part, color), values in zip(COLORS.items(), curves, strict=True):
        plot_epochs(panel, [(part, values)], color=color)
    if best_epoch is not None:
        panel.axvline(best_epoch, color=INK, linestyle="--", linewidth=1, alpha=0.6)
    panel.set_title(name[0].upper() + name[1:])
    panel.set_xlabel("Epoch")
    panel.grid(alpha=0.15)
    panel.locator_params("x", nbins=5)
    panel.locator_params("y", nbins=4)
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True)
    return _inline(file.getvalue(), f"{name} by epoch")


def _inline(svg: str, label: str) -> str:
    """An SVG file of matplotlib's as a part of a page."""
    svg = svg[svg.index("<svg") :]
    content = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    # the style would be that of the whole page
    content = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", content, flags=re.DOTALL)
    content = re.sub("<[^>]*>", _short, content).replace(INK, "currentColor")
    # those that are referred to are random, the others the same in each figure
    content = re.sub(r' id="([^"]*)"', lambda found: found[0] if f"#{found[1]}" in content else "", content)
    content = re.sub(r">\s+<", "><", content.strip())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{escape(label)}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'style="max-width: 100%; height: auto; stroke-linejoin: round">{content}</svg>'
    )


def _short(tag: re.Match[str]) -> str:
    """A tag in one line, with two decimals, and without a font."""
    text = re.sub(r"(\.\d\d)\d+", r"\1", " ".join(tag[0].split()))
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    return re.sub(r"font-family: [^;\"]*;? ?", "", text)
