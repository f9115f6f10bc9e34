"""The curves of a history in a notebook: HTML with SVG, in the page's own colours."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

# They stand out from white and from black.
BLUE, ORANGE = "#3d85d1", "#e0821f"
COLORS = {"train": BLUE, "validation": ORANGE}
# Pixels: a panel, and the edges of its curves; on their left there is room for texts, of so much a character.
WIDTH, HEIGHT, TOP, BOTTOM, RIGHT, CHARACTER = 320, 176, 26, 136, 314, 6.4
# A curve of more epochs has the lowest and the highest in each of so many parts, a pixel wide.
MAX_PARTS = 280
# The most steps from tick to tick.
MAX_STEPS = 6
# Larger numbers are left out as infinities are, since their range may not be finite.
HUGE = 1e300


def curves_html(
    summary: str, columns: Mapping[str, tuple[np.ndarray, np.ndarray]], best_epoch: int | None = None
) -> str:
    """A panel for each column, side by side where there is room, between summary and legend.

    Parameters
    ----------
    columns : mapping of str to (train, validation)
        Numbers by epoch, in arrays (n_epochs,); where they are not finite, the curve has a gap.
    best_epoch : int, optional
        Counted from 1; it is marked in each panel.
    """
    panels = "".join(_panel(name, curves, best_epoch) for name, curves in columns.items())
    legend = ""
    for (part, color), *curves in zip(COLORS.items(), *columns.values(), strict=True):
        if not np.isnan(curves).all():
            legend += _key(f"2px solid {color}", part)
    if best_epoch is not None:
        legend += _key("1px dashed", "best epoch")
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
    both = np.where(np.abs(curves) < HUGE, curves, np.nan)
    numbers = both[~np.isnan(both)]
    low, high = _widened(numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    first, last = _widened(1, both.shape[1])
    y_ticks, x_ticks = _ticks(low, high), _ticks(max(first, 0.5), last, least_power=0)
    left = 8 + CHARACTER * max(map(len, y_ticks.values()))

    def x(epoch: float) -> float:
        return left + (RIGHT - left) * (epoch - first) / (last - first)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)

    parts = [f'<text y="14" font-size="13">{escape(name[0].upper() + name[1:])}</text>']
    for tick, text in y_ticks.items():
        parts.append(_line(f"M{left:.1f} {y(tick):.1f}H{RIGHT}", 0.15))
        parts.append(_text(left - 6, y(tick) + 4, "end", text))
    for tick, text in x_ticks.items():
        parts.append(_line(f"M{x(tick):.1f} {BOTTOM}v4", 0.6))
        parts.append(_text(min(x(tick), WIDTH - CHARACTER * len(text) / 2), BOTTOM + 16, "middle", text))
    parts.append(_line(f"M{left:.1f} {BOTTOM}H{RIGHT}", 0.6))
    parts.append(_text((left + RIGHT) / 2, HEIGHT - 6, "middle", "Epoch"))
    if best_epoch is not None:
        parts.append(_line(f"M{x(best_epoch):.1f} {TOP}V{BOTTOM}", 0.6, ' stroke-dasharray="4 3"'))
    for color, values in zip(COLORS.values(), both, strict=True):
        points = [(x(i + 1), y(values[i])) for i in _shown(values)]
        for is_gap, run in groupby(points, key=lambda point: math.isnan(point[1])):
            if not is_gap:
                parts.append(_curve([*run], color))
    return (
        f'<svg role="img" aria-label="{escape(name)} by epoch" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-size="11" fill="currentColor" '
        f'style="max-width: 100%; height: auto; stroke-linejoin: round">{"".join(parts)}</svg>'
    )


def _widened(low: float, high: float) -> tuple[float, float]:
    """A range with a margin, also that of a single number."""
    margin, largest = 0.04 * (high - low), max(abs(low), abs(high))
    if largest < 1 / HUGE:
        margin = 0.04
    elif high - low < 1e-9 * largest:
        margin = 0.04 * largest
    return float(low - margin), float(high + margin)


def _ticks(low: float, high: float, least_power: int = -400) -> dict[float, str]:
    """Multiples of 1, 2 or 5 times a power of ten, no lower one than this, and their texts."""
    least = max(math.floor(math.log10((high - low) / MAX_STEPS)), least_power)
    factors = [(factor, power) for power in (least, least + 1) for factor in (1, 2, 5)]
    factor, power = next((f, p) for f, p in factors if f * 10.0**p * MAX_STEPS >= high - low)
    step = factor * 10.0**power
    # very small numbers have an exponent
    form = f",.{-power}f" if power < 0 and max(abs(low), abs(high)) > 1e-4 else ",.12g"
    return {i * step: format(i * step, form) for i in range(math.ceil(low / step), math.floor(high / step) + 1)}


def _shown(values: np.ndarray) -> list[int]:
    """The epochs to draw, from 0."""
    shown: list[int] = []
    for part in np.array_split(np.arange(len(values)), min(MAX_PARTS, len(values))):
        low = np.where(np.isnan(values[part]), np.inf, values[part]).argmin()
        high = np.where(np.isnan(values[part]), -np.inf, values[part]).argmax()
        shown += sorted({int(part[low]), int(part[high])})
    return shown


def _curve(points: Sequence[tuple[float, float]], color: str) -> str:
    """A line without gaps; a single number is a point."""
    if len(points) == 1:
        ((x, y),) = points
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"/>'


def _line(path: str, opacity: float, more: str = "") -> str:
    return f'<path d="{path}" stroke="currentColor" stroke-opacity="{opacity}"{more}/>'


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" opacity="0.8">{text}</text>'
