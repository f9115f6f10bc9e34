"""The picture of a network in a notebook: HTML in the page's own colours, whose layers break lines as words do."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from fastmlp.architecture import Architecture
from fastmlp.curves import BLUE

# Pixels: a layer's cell, and its bar, whose height grows with the number of digits of the layer's size.
CELL, BAR, LEAST, DIGIT, MOST = 84, 16, 14, 12, 90
# Of more layers, or names of classes, only the first and the last ones are shown.
MAX_LAYERS, MAX_NAMES = 24, 12
NBSP = "\N{NO-BREAK SPACE}"
SMALL = "font-size: 11px; line-height: 1.4; opacity: 0.75; overflow-wrap: anywhere"


def network_html(
    name: str, architecture: Architecture, n_parameters: int, is_standardized: bool, class_names: Sequence[str] | None
) -> str:
    """A bar for each layer, with its size and what is done to its outputs, between name, loss and classes.

    Parameters
    ----------
    name : str
        What the network's class is called.
    is_standardized : bool
        Whether rows of X are standardised first.
    """
    sizes = architecture.sizes
    heights = [min(LEAST + DIGIT * math.log10(size), MOST) for size in sizes]
    meeting = [None, *((a + b) / 2 for a, b in pairwise(heights)), None]
    fills = ["currentColor", *[BLUE] * (len(sizes) - 2), "currentColor"]
    pictures = (_picture(max(heights), *layer) for layer in zip(heights, pairwise(meeting), fills, strict=True))
    layers = [*zip(map("{:,}".format, sizes), _steps(architecture, is_standardized), pictures, strict=True)]
    if len(layers) > MAX_LAYERS:
        left_out = len(layers) - MAX_LAYERS + 1
        gap = ("\N{HORIZONTAL ELLIPSIS}", [f"{left_out:,} more layers"], _svg(max(heights), ""))
        layers[MAX_LAYERS - 2 : -1] = [gap]
    label = "; ".join(", ".join([size, *steps]) for size, steps, _ in layers)
    cells = "".join(_cell(*layer) for layer in layers)
    options = [f"{architecture.loss_row.option} {value:g}" for value in architecture.loss_options]
    facts = [", ".join([architecture.loss, *options]), f"{n_parameters:,} parameters", architecture.dtype.name]
    # a line breaks between facts alone
    head = f"{NBSP}\N{MIDDLE DOT} ".join(fact.replace(" ", NBSP) for fact in facts)
    names = "" if class_names is None else f'<div style="{SMALL}">classes: {escape(_listed(class_names))}</div>'
    return (
        '<div style="font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.4">'
        f'<div><b>{escape(name)}</b> <span style="{SMALL}">{head}</span></div>'
        f'<div role="img" aria-label="{escape(f"{name}: {label}")}" '
        f'style="display: flex; flex-wrap: wrap; row-gap: 10px; margin: 8px 0">{cells}</div>{names}</div>'
    )


def _steps(architecture: Architecture, is_standardized: bool) -> Iterable[list[str]]:
    """What is done in each layer: what the inputs are, or an activation; then dropout."""
    names = ["standardized inputs" if is_standardized else "inputs", *architecture.activations]
    for name, rate in zip(names, (*architecture.dropout_rates, 0.0), strict=True):
        yield [name, f"dropout {rate:g}"] if rate else [name]


def _cell(size: str, steps: Iterable[str], picture: str) -> str:
    """A layer: its picture, and texts below."""
    lines = "".join(f"<div>{step}</div>" for step in steps)
    return (
        f'<div style="width: {CELL}px; text-align: center">{picture}'
        f'<div style="font-weight: 600; margin-top: 4px">{size}</div>'
        f'<div style="{SMALL}; padding: 0 3px">{lines}</div></div>'
    )


def _picture(tallest: float, height: float, meeting: tuple[float | None, float | None], fill: str) -> str:
    """A layer's bar, and its halves of the bands to its neighbours; `meeting` is how high these are in their middle."""
    left, right, middle = (CELL - BAR) / 2, (CELL + BAR) / 2, tallest / 2
    bands = [(0, meeting[0], left, height), (right, height, CELL, meeting[1])]
    shapes = "".join(
        f'<path d="M{a:g} {middle - h / 2:.1f}L{b:g} {middle - k / 2:.1f}v{k:.1f}L{a:g} {middle + h / 2:.1f}z" '
        'fill="currentColor" fill-opacity="0.1"/>'
        for a, h, b, k in bands
        if h is not None and k is not None
    )
    opacity = 0.55 if fill == "currentColor" else 1
    bar = f'<rect x="{left:g}" y="{middle - height / 2:.1f}" width="{BAR}" height="{height:.1f}" rx="3" '
    return _svg(tallest, f'{shapes}{bar}fill="{fill}" fill-opacity="{opacity}"/>')


def _svg(height: float, content: str) -> str:
    return f'<svg width="{CELL}" height="{height:.0f}" style="display: block">{content}</svg>'


def _listed(names: Sequence[str]) -> str:
    """The names, or some of many."""
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMES - 1])}, \N{HORIZONTAL ELLIPSIS}, {names[-1]} ({len(names):,} in all)"
