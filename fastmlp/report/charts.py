"""Charts as SVG in the page's own colours: points, distributions, bars."""

from html import escape

import numpy as np

from fastmlp.curves import BLUE, ORANGE, ticks, widened
from fastmlp.report.markup import Markup, element

# Pixels: a chart, and the edges of what is drawn; on the left there is room for texts, of so much a character.
WIDTH, HEIGHT, TOP, BOTTOM, RIGHT, CHARACTER = 420, 330, 12, 280, 408, 6.4
# Points of a chart; of more, some are drawn.
MAX_POINTS = 1500
# Pixels of the small picture of a distribution, and bars at most.
SPARK_WIDTH, SPARK_HEIGHT, MAX_BARS = 96, 22, 16


def scatter(label: str, x_name: str, y_name: str, x: np.ndarray, y: np.ndarray) -> Markup:
    """Points, of which many are thinned out evenly along x, and the line of y = x."""
    order = np.argsort(x, kind="stable")
    if len(order) > MAX_POINTS:
        order = order[np.linspace(0, len(order) - 1, MAX_POINTS).astype(np.intp)]
    x, y = x[order], y[order]
    low, high = widened(x.min(), x.max())
    frame = _Frame((low, high), widened(min(x.min(), y.min()), max(x.max(), y.max())))
    opacity = 0.7 if len(x) <= 300 else 0.35
    points = "".join(
        f'<circle cx="{frame.x(a):.1f}" cy="{frame.y(b):.1f}" r="3"/>'
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    )
    path = f"M{frame.x(low):.1f} {frame.y(low):.1f}L{frame.x(high):.1f} {frame.y(high):.1f}"
    inner = (
        f'<g fill="{BLUE}" fill-opacity="{opacity}">{points}</g>'
        f'<path d="{path}" stroke="{ORANGE}" stroke-width="1.6" stroke-dasharray="6 4"/>'
    )
    return frame.drawn(label, x_name, y_name, inner)


def histogram(label: str, x_name: str, y_name: str, values: np.ndarray) -> Markup:
    """How often values are in each of some ranges, with a line at 0."""
    low, high = widened(min(values.min(), 0.0), max(values.max(), 0.0))
    n_bars = int(np.clip(2 * np.sqrt(len(values)), 8, 40))
    counts, edges = np.histogram(values, n_bars, (low, high))
    frame = _Frame((low, high), (0.0, 1.05 * float(counts.max())), whole=True)
    bars = "".join(
        f'<rect x="{frame.x(a) + 0.5:.1f}" y="{frame.y(n):.1f}" width="{frame.x(b) - frame.x(a) - 1:.1f}" '
        f'height="{BOTTOM - frame.y(n):.1f}"/>'
        for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if n
    )
    zero = f'<path d="M{frame.x(0):.1f} {TOP}V{BOTTOM}" stroke="{ORANGE}" stroke-width="1.6" stroke-dasharray="6 4"/>'
    return frame.drawn(label, x_name, y_name, f'<g fill="{BLUE}">{bars}</g>{zero}')


class _Frame:
    """Axes of these ranges; `whole` is for counts."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float], whole: bool = False):
        self.x_range, self.y_range = x_range, y_range
        self.x_ticks, self.y_ticks = ticks(*x_range), ticks(*y_range, *([0] if whole else []))
        self.left = 26 + CHARACTER * max(map(len, self.y_ticks.values()), default=0)

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (RIGHT - self.left) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)

    def drawn(self, label: str, x_name: str, y_name: str, inner: str) -> Markup:
        """The chart, with names of its axes."""
        parts = []
        for tick, text in self.y_ticks.items():
            parts.append(f'<path d="M{self.left:.1f} {self.y(tick):.1f}H{RIGHT}" {_GRID}/>')
            parts.append(f'<text x="{self.left - 6:.1f}" y="{self.y(tick) + 4:.1f}" text-anchor="end">{text}</text>')
        # ticks of long numbers would touch each other
        room = CHARACTER * max(map(len, self.x_ticks.values()), default=0) + 12
        places = [*map(self.x, self.x_ticks)]
        step = 1 if len(places) < 2 else int(np.ceil(room / (places[1] - places[0])))
        for place, text in [*zip(places, self.x_ticks.values(), strict=True)][::step]:
            parts.append(f'<path d="M{place:.1f} {BOTTOM}v4" {_AXIS}/>')
            at = min(place, WIDTH - CHARACTER * len(text) / 2)
            parts.append(f'<text x="{at:.1f}" y="{BOTTOM + 17}" text-anchor="middle">{text}</text>')
        middle = (self.left + RIGHT) / 2
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_name)}</text>')
        turned = f"translate(10 {(TOP + BOTTOM) / 2:.1f}) rotate(-90)"
        parts.append(f'<text transform="{turned}" text-anchor="middle">{escape(y_name)}</text>')
        parts.append(f'{inner}<path d="M{self.left:.1f} {BOTTOM}H{RIGHT}" {_AXIS}/>')
        return Markup(
            f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
        )


_GRID, _AXIS = 'stroke="currentColor" stroke-opacity="0.14"', 'stroke="currentColor" stroke-opacity="0.55"'


def spark(counts: np.ndarray) -> Markup:
    """A small picture of a distribution, by the height of its bars; the text beside it says the same in words."""
    step = SPARK_WIDTH / len(counts)
    heights = np.maximum(SPARK_HEIGHT * counts / counts.max(), (counts > 0) * 1.5)
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{SPARK_HEIGHT - one:.1f}" width="{max(step - 1, 1):.1f}" height="{one:.1f}"/>'
        for i, one in enumerate(heights.tolist())
    )
    size = f'width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}"'
    return Markup(f'<svg class="spark" aria-hidden="true" {size} fill="{BLUE}">{bars}</svg>')


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
    n_bars = min(MAX_BARS, len(np.unique(values)))
    return np.histogram(values, n_bars, widened(values.min(), values.max()))[0]
