"""The pictures that are drawn from the results."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.cases import threads_text
from benchmarks.compare import is_void_result

# Okabe and Ito's colours, which are told apart by people with any colour vision
COLORS = {
    "floor": "#000000",
    "three calls": "#56b4e9",
    "NumPy": "#0072b2",
    "notebook": "#cc79a7",
    "scikit-learn": "#e69f00",
    "PyTorch": "#d55e00",
    "JAX": "#009e73",
}
MARKERS = dict(zip(COLORS, "|oosD^v", strict=True))
# 1,000 rather than a power of ten
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")
PHASE_COLORS = {"gather": "#56b4e9", "products": "#000000", "element-wise": "#e69f00", "update": "#d55e00"}


class Picture(NamedTuple):
    """A picture's file, the results' file that it comes from, and the function that makes a figure of them."""

    name: str
    source: str
    draw: Callable[[dict], Figure]


def family(system: str) -> str:
    """PyTorch and JAX come in several ways."""
    return next(name for name in COLORS if system.startswith(name))


def draw_ratios(record: dict) -> Figure:
    """The time of every system as a multiple of fit's, a row a case, a panel a number of threads."""
    threads = sorted({result["threads"] for result in record["cases"]})
    names = [result["name"] for result in record["cases"] if result["threads"] == threads[0]]
    figure = Figure(figsize=(6 + 4 * len(threads), 1.6 + 0.34 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(threads), sharex=True, sharey=True, squeeze=False)[0]
    for axes, n in zip(panels, threads, strict=True):
        for result in record["cases"]:
            if result["threads"] != n or is_void_result(result):
                continue
            best: dict[str, float] = {}
            for system, found in result["systems"].items():
                if system != "fit" and not found["flags"]:
                    value = float(np.median(found["times_fit"]))
                    best[family(system)] = min(value, best.get(family(system), np.inf))
            for system, value in best.items():
                axes.plot(
                    value,
                    names.index(result["name"]),
                    MARKERS[system],
                    color=COLORS[system],
                    markersize=11 if system == "floor" else 6,
                    markeredgewidth=2 if system == "floor" else 1,
                )
        axes.axvline(1, color="#888888", linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.grid(axis="both", alpha=0.3)
        axes.set_title(threads_text(n))
        axes.set_xlabel("time, as a multiple of fit's (right of 1: slower than fastmlp)")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    handles = [
        panels[0].plot([], [], MARKERS[system], color=color, label=system)[0] for system, color in COLORS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def draw_phases(record: dict) -> Figure:
    """Where the time of a step goes, as stacked bars."""
    panels = record["phases"]
    figure = Figure(figsize=(9, 1.2 + 1.5 * len(panels)), layout="constrained")
    for axes, study in zip(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], panels, strict=True):
        products = study["seconds"]["floor"]["products"]
        systems = [name for name in study["seconds"] if name != "floor"]
        left = np.zeros(len(systems))
        for phase, color in PHASE_COLORS.items():
            widths = [milliseconds(study["seconds"][system], phase, products) for system in systems]
            axes.barh(systems, widths, left=left, color=color, label=phase)
            left += widths
        axes.invert_yaxis()
        axes.set_title(f"{study['name']}, {threads_text(study['threads'])}", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("milliseconds of a step")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(PHASE_COLORS))
    return figure


def milliseconds(seconds: dict[str, float], phase: str, products: float) -> float:
    """Of one part of a step: element-wise is what the two passes take beyond the floor's products."""
    if phase == "products":
        return products * 1e3
    if phase == "element-wise":
        return (seconds["forward"] + seconds["backward"] - products) * 1e3
    return seconds[phase] * 1e3


def draw_sizes(record: dict) -> Figure:
    """Time and memory over each size, with the line that was fitted."""
    studies = record["studies"]
    figure = Figure(figsize=(3.2 * len(studies), 6), layout="constrained")
    rows = figure.subplots(2, len(studies), squeeze=False)
    for axes_row, kind, scale, unit in zip(rows, ("seconds", "bytes"), (1e3, 2**-20), ("ms", "MiB"), strict=True):
        for axes, study in zip(axes_row, studies, strict=True):
            values, cost = np.array(study["values"], float), np.array(study[kind]["measured"]) * scale
            axes.loglog(values, cost, "o", color="#0072b2")
            fitted = study[kind]
            if fitted["exponent"] is not None:
                upper = values[values >= fitted["fitted_from"]]
                line = np.exp(fitted["intercept"]) * upper ** fitted["exponent"] * scale
                axes.loglog(upper, line, color="#d55e00", label=f"exponent {fitted['exponent']:.2f}")
                axes.legend(fontsize=8, loc="upper left")
            # what hardly changes should look so
            low, high = axes.get_ylim()
            middle, half = (low * high) ** 0.5, max((high / low) ** 0.5, 4)
            axes.set_ylim(middle / half, middle * half)
            if len(values) < 4:
                axes.set_xticks(values)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(PLAIN)
                axis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(study["name"])
            axes.set_ylabel(f"{study['cost'] if kind == 'seconds' else 'memory'}, {unit}")
            axes.grid(alpha=0.3, which="both")
    return figure


PICTURES = (
    Picture("ratios.png", "compare.json", draw_ratios),
    Picture("phases.png", "compare.json", draw_phases),
    Picture("sizes.png", "sizes.json", draw_sizes),
)
