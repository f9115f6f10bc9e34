"""The pictures that are drawn from the results."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.cases import threads_text

# Okabe and Ito's colours, which people with any colour vision can tell apart
COLORS = {
    "products only": "#000000",
    "three calls": "#56b4e9",
    "NumPy": "#0072b2",
    "notebook": "#cc79a7",
    "scikit-learn": "#e69f00",
    "PyTorch": "#d55e00",
    "JAX": "#009e73",
}
STYLES = {
    family: {"marker": marker, "color": color, "linestyle": "", "markersize": 6, "markeredgewidth": 1}
    for (family, color), marker in zip(COLORS.items(), "|oosD^v", strict=True)
}
# to be seen between the others
STYLES["products only"] |= {"markersize": 11, "markeredgewidth": 2}
# 1,000 instead of a power of ten
PLAIN = FuncFormatter(lambda value, _: f"{value:,g}")
PHASE_COLORS = {"gather": "#56b4e9", "products": "#000000", "element-wise": "#e69f00", "update": "#d55e00"}


def draw_ratios(record: dict) -> Figure:
    """The time of every system as a multiple of fit's, a row a case, a panel a number of threads."""
    threads = sorted({result["threads"] for result in record["cases"]})
    names = [result["name"] for result in record["cases"] if result["threads"] == threads[0]]
    figure = Figure(figsize=(6 + 4 * len(threads), 1.6 + 0.34 * len(names)), layout="constrained")
    panels = dict(
        zip(threads, figure.subplots(1, len(threads), sharex=True, sharey=True, squeeze=False)[0], strict=True)
    )
    for result in record["cases"]:
        if result["noisy"]:
            continue
        for family in COLORS:  # PyTorch and JAX have several variants
            systems = (system for name, system in result["systems"].items() if name.startswith(family))
            ratios = [system["ratio"] for system in systems if not system["errors"]]
            if ratios:
                panels[result["threads"]].plot(min(ratios), names.index(result["name"]), **STYLES[family])
    for n, axes in panels.items():
        axes.axvline(1, color="#888888", linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(PLAIN)
        axes.grid(axis="both", alpha=0.3)
        axes.set_title(threads_text(n))
        axes.set_xlabel("time, as a multiple of fit's (right of 1: slower than fastmlp)")
    axes = panels[threads[0]]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    handles = [axes.plot([], [], label=family, **STYLES[family])[0] for family in COLORS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def draw_phases(record: dict) -> Figure:
    """Where the time of a step goes, as stacked bars; element-wise is what the passes take beyond their products."""
    panels = record["phases"]
    figure = Figure(figsize=(9, 1.2 + 1.5 * len(panels)), layout="constrained")
    for axes, study in zip(figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], panels, strict=True):
        products = study["seconds"]["products only"]["products"]
        systems = {name: seconds for name, seconds in study["seconds"].items() if name != "products only"}
        left = np.zeros(len(systems))
        for phase, color in PHASE_COLORS.items():
            widths = []
            for seconds in systems.values():
                passes = seconds["forward"] + seconds["backward"]
                widths.append(1e3 * (seconds | {"products": products, "element-wise": passes - products})[phase])
            axes.barh(list(systems), widths, left=left, color=color, label=phase)
            left += widths
        axes.invert_yaxis()
        axes.set_title(f"{study['name']}, {threads_text(study['threads'])}", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("milliseconds of a step")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(PHASE_COLORS))
    return figure


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


# the file of results that each picture comes from, and the function that draws it
PICTURES = {
    "ratios.png": ("compare.json", draw_ratios),
    "phases.png": ("compare.json", draw_phases),
    "sizes.png": ("sizes.json", draw_sizes),
}
