"""The tables of README and the documentation and the pictures beside the results, made from the results' files.

python -m benchmarks.report            # writes them
python -m benchmarks.report --check    # fails if they are not what the files give
"""

import argparse
import hashlib
import json
import re
import shlex
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.cases import threads_text
from benchmarks.environment import RESULTS, ROOT

PAGES = (ROOT / "README.md", ROOT / "docs" / "speed.md", ROOT / "docs" / "notebook.md")
SECTION = re.compile(r"(<!-- (\w+): python -m benchmarks.report -->\n).*?(\n<!-- end of \2 -->)", re.DOTALL)
# a column of a table: the systems of which it shows the fastest
COLUMNS = {
    "products only": ("products only",),
    "three calls": ("three calls",),
    "NumPy": ("NumPy",),
    "notebook": ("notebook",),
    "scikit-learn": ("scikit-learn",),
    "PyTorch": ("PyTorch", "PyTorch fused", "PyTorch compiled"),
    "JAX": ("JAX", "JAX scan"),
}
# the rows of README's table: the assignment's network, the case in which fit is slower, large networks and small ones
SELECTED = (
    "3072-120-120-10, batch 200, Adam, float32",
    "3072-120-120-10, batch 2,000, Adam, float32",
    "784-512-512-10, batch 128, Adam, float32",
    "3072-1024-1024-10, batch 256, Adam, float32",
    "64-32-10, batch 32, Adam, float32",
    "64-32-10, predict 1 row, float32",
)
# of these, the two in README's first sentence
SMALL, LARGE = "64-32-10, batch 32, Adam, float32", "3072-120-120-10, batch 200, Adam, float32"
NETWORKS = {3: "3072-120-120-10", 2: "3072-120-10"}
# final test accuracy on the official images, in the assignment's notebook
PRINTED = {(3, "SGD"): "0.528 to 0.530", (3, "Adam"): "0.531 to 0.533"}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    first, *others = (f"| {' | '.join(cells)} |" for cells in (heads, *rows))
    return "\n".join([first, "|---" * (first.count("|") - 1) + "|", *others])


def fastest(result: dict, names: tuple[str, ...]) -> str:
    """How many times fit's time the fastest of these systems takes, those with errors left out.

    Bold if fit is slower than another library or NumPy.
    """
    systems = [result["systems"][name] for name in names if name in result["systems"]]
    ratios = [(system["ratio"], system["ratio_spread"]) for system in systems if not system["errors"]]
    if not ratios:
        return "wrong" if systems else "failed" if any(name in result["failed"] for name in names) else ""
    text = "{:.2f} ± {:.2f}".format(*min(ratios))
    return f"**{text}**" if text.startswith("0") and not {"products only", "three calls"} & set(names) else text


def duration(seconds: float) -> str:
    """With a suitable unit."""
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def fit_time(result: dict) -> str:
    """Of a step or a call, but of CIFAR-10 of an epoch."""
    return duration(result["systems"]["fit"]["seconds"] * (result["steps"] if result["kind"] == "cifar10" else 1))


def ratios_table(record: dict, threads: int) -> str:
    """Every case at one number of threads."""
    serial = {result["name"]: result["systems"]["fit"] for result in record["cases"] if result["threads"] == 1}
    rows = []
    for result in (one for one in record["cases"] if one["threads"] == threads):
        fit, name = result["systems"]["fit"], result["name"]
        share = "" if fit["of_peak"] is None else f"{fit['of_peak']:.0%}"
        speedup = f"{serial[name]['seconds'] / fit['seconds']:.2f}" if threads > 1 and name in serial else ""
        name += ", **noisy**" if result["noisy"] else ""
        rows.append([name, fit_time(result), share, speedup, *(fastest(result, names) for names in COLUMNS.values())])
    return table([threads_text(threads), "fit", "of peak", "over 1 thread", *COLUMNS], rows)


def selected_table(record: dict) -> str:
    """A few cases at one thread."""
    columns = ("NumPy", "scikit-learn", "PyTorch", "JAX")
    cases = {result["name"]: result for result in record["cases"] if result["threads"] == 1}
    rows = [[name, fit_time(cases[name]), *(fastest(cases[name], COLUMNS[c]) for c in columns)] for name in SELECTED]
    return table([threads_text(1), "fit", *columns], rows)


def claim(record: dict) -> str:
    """README's first sentence: how many times as fast as two other libraries, with one thread."""
    cases = {result["name"]: result for result in record["cases"] if result["threads"] == 1}
    scikit_learn, pytorch = (
        [fastest(cases[name], COLUMNS[column]).partition(" ")[0] for name in (SMALL, LARGE)]
        for column in ("scikit-learn", "PyTorch")
    )
    sentence = (
        f"fastmlp trains multilayer perceptrons on the CPU: a small network ({SMALL}) {scikit_learn[0]} times as fast "
        f"as scikit-learn and {pytorch[0]} times as fast as PyTorch, and a university assignment's network ({LARGE}) "
        f"{scikit_learn[1]} and {pytorch[1]} times as fast, with one thread: see [how it is measured](docs/speed.md)."
    )
    return textwrap.fill(sentence, 120, break_long_words=False, break_on_hyphens=False)


def whole_table(record: dict) -> str:
    """Start, CIFAR-10 and memory by system."""
    epochs = [result for result in record["cases"] if result["kind"] == "cifar10"]
    heads = [f"CIFAR-10 epoch, {threads_text(result['threads'])} | samples a second" for result in epochs]
    rows = []
    for name in dict.fromkeys(name for result in epochs for name in result["systems"]):
        cells, peak = [name, duration(record["first_step"][name]["seconds"]) if name in record["first_step"] else ""], 0
        for result in epochs:
            system = result["systems"].get(name)
            if system is None or system["errors"]:
                cells += ["failed" if system is None else "wrong"] * 2
                continue
            seconds = system["seconds"] * result["steps"]
            cells += [duration(seconds), f"{result['batch'] * result['steps'] / seconds:,.0f}"]
            peak = max(peak, system["memory"])
        rows.append([*cells, f"{peak / 2**20:,.0f} MiB" if peak else ""])
    return table(["system", "start to first step", *heads, "peak memory"], rows)


def sizes_table(record: dict) -> str:
    """The exponents of cost against size."""
    rows = []
    for study in record["studies"]:
        exponents = (study[kind]["exponent"] for kind in ("seconds", "bytes"))
        powers = ("" if exponent is None else f"{study['quantity']}^{exponent:.2f}" for exponent in exponents)
        rows.append([study["name"], f"{study['values'][0]:,}", f"{study['values'][-1]:,}", *powers])
    return table(["cost against", "from", "to", "time grows as", "memory grows as"], rows)


def accuracy_table(record: dict) -> str:
    """Test accuracies of the assignment's networks."""
    rows = []
    for layers, optimizer in dict.fromkeys((run["layers"], run["optimizer"]) for run in record["runs"]):
        runs = [run for run in record["runs"] if (run["layers"], run["optimizer"]) == (layers, optimizer)]
        mean = f"{np.mean([run['test_accuracy'] for run in runs]):.4f}"
        each = ", ".join(f"{run['test_accuracy']:.4f}" for run in runs)
        difference = f"within {max(run['largest_loss_difference'] for run in runs):.1g}"
        rows.append([NETWORKS[layers], optimizer, mean, each, PRINTED.get((layers, optimizer), ""), difference])
    return (
        f"Final test accuracy after {record['epochs']} epochs, float32, on {record['images']}; beside it what the "
        "assignment's notebook prints, on the official images.\n\n"
        + table(["network", "optimiser", "mean", "seeds", "printed", "first epochs' loss against NumPy"], rows)
    )


def defaults_table(results: list[dict]) -> str:
    """Scores of networks of the default settings."""
    heads = ["table", "rows", "inputs", "score", "scikit-learn", "fastmlp", "difference", "keeps up"]
    rows = []
    for one in results:
        difference = "{difference:+.4f} ± {standard_error:.4f}".format(**one)
        means = (f"{one[library]:.4f}" for library in ("scikit-learn", "fastmlp"))
        sizes = (f"{one[size]:,}" for size in ("rows", "inputs"))
        rows.append([one["name"], *sizes, one["score"], *means, difference, "yes" if one["keeps_up"] else "**no**"])
    return table(heads, rows)


def estimators_text(record: dict) -> str:
    """Scores and times of the estimators beside scikit-learn's, and what the times come to."""
    libraries = ("scikit-learn", "fastmlp")
    rows = []
    for one in record["scores"]:
        sizes, means = (f"{one[size]:,}" for size in ("rows", "inputs")), (f"{one[name]:.4f}" for name in libraries)
        difference = f"{one['difference']:+.4f}"
        rows.append([one["name"], *sizes, one["score"], *means, difference if one["same"] else f"**{difference}**"])
    parts = [table(["problem", "rows", "inputs", "score", *libraries, "difference"], rows)]
    heads = ("epochs", *libraries, "times as fast", "products only", "`predict` of a row, times as fast")
    for title, found in record["times"].items():
        rows = []
        for one in found:
            seconds = (duration(one[name]) for name in libraries)
            ratios = ("ratio", "products_ratio", "row_ratio")
            texts = ("{:.2f} ± {:.2f}".format(one[name], one[f"{name}_spread"]) for name in ratios)
            rows.append([one["name"], str(one["epochs"]), *seconds, *texts])
        parts.append(table([f"`fit`, {title}", *heads], rows))
    for title, found in record["times"].items():
        least, longest = (pick(found, key=lambda one: one[name]) for pick, name in ((min, "ratio"), (max, "fastmlp")))
        names = ("ratio", "products_ratio", "row_ratio")
        means = (np.exp(np.mean(np.log([one[name] for one in found]))) for name in names)
        shares = (longest["products only"] / longest[name] for name in ("fastmlp", "scikit-learn"))
        rates = (longest["gflops"][name] for name in ("fastmlp", "scikit-learn", "products only"))
        text = (
            "With {}, `fit` is {:.2f} times as fast as scikit-learn's, where products only would be {:.2f} times as "
            "fast, and `predict` of a row {:.1f} times, in the geometric mean; the least, {:.2f} times, is `fit` of "
            "{}. Of {}, which takes the longest, BLAS takes {:.0%} of fastmlp's time for the products alone, and "
            "{:.0%} of scikit-learn's: fastmlp computes {:.1f} GFLOP/s, scikit-learn {:.1f}, and BLAS {:.1f}."
        )
        parts.append(text.format(title, *means, least["ratio"], least["name"], longest["name"], *shares, *rates))
    return "\n\n".join(parts)


def tables_table(results: list[dict]) -> str:
    """Scores of the command on public tables; cells are empty of what was not trained, or failed."""
    systems = ("constant", "scikit-learn", "scikit-learn, early stopping", "fastmlp")
    heads = ["table", "package", "rows", "columns", "gaps", "score", *systems, "difference", "keeps up", "command"]
    rows = []
    for one in results:
        sizes = (f"{one[size]:,}" for size in ("rows", "columns", "gaps"))
        means = (f"{one[system]:.4f}" if system in one else "" for system in systems)
        difference = f"{one['difference']:+.4f}" if "difference" in one else ""
        if difference and len(one["seeds"]) > 1:
            each = [seed["fastmlp"] - seed["scikit-learn"] for seed in one["seeds"]]
            difference += f" ± {np.std(each, ddof=1) / len(each) ** 0.5:.4f}"
        if one["failed"]:
            verdict = "**failed**"
        elif "fastmlp" not in one:
            verdict = ""
        elif not one["above_constant"]:
            verdict = "**below the constant**"
        else:
            verdict = "yes" if one["keeps_up"] else "**no**"
        command = f"`{shlex.join(one['command'])}`"
        rows.append([one["name"], one["package"], *sizes, one["score"], *means, difference, verdict, command])
    return table(heads, rows)


def tables_text(results: list[dict]) -> str:
    """The same, and what the differences come to."""
    compared = [one for one in results if "difference" in one]
    least = min(compared, key=lambda one: one["difference"])
    n_up, n_both = (sum(one[name] for one in compared) for name in ("keeps_up", "keeps_up_with_both"))
    n_below, n_theirs = (
        sum(seed[system] < seed["constant"] for one in compared for seed in one["seeds"])
        for system in ("fastmlp", "scikit-learn")
    )
    mean = np.mean([one["difference"] for one in compared])
    n_trainings = sum(len(one["seeds"]) for one in compared)
    text = (
        f"Of {len(results)} tables, {len(results) - len(compared)} failed. On {n_up}, fastmlp is at most 0.02 behind "
        f"scikit-learn's default settings, and on {n_both}, behind neither of the two by more. The mean difference is "
        f"{mean:+.4f}, the least {least['difference']:+.4f}, of {least['name']}. Below the constant predictor: "
        f"{n_below} of {n_trainings} trainings, and {n_theirs} of scikit-learn's with default settings."
    )
    return f"{tables_table(results)}\n\n{textwrap.fill(text, 120)}"


def stages_table(record: dict) -> str:
    """An epoch of the notebook at each stage."""
    rows = []
    for name, stage in record["stages"].items():
        ratio = "{speedup:.2f} ± {speedup_spread:.2f}".format(**stage) if rows else ""
        rows.append([name, f"{stage['seconds']:.2f}", ratio])
    return table(["stage", "seconds an epoch", "times as fast"], rows)


def measurement(record: dict) -> str:
    """How, when and where a figure was measured."""
    found = record["environment"]
    rounds = f", {record['repetitions']} repetitions of {record['rounds']} rounds" if "repetitions" in record else ""
    return (
        f"`{record['command']}`{rounds}; {record['date'][:10]}, commit {found['commit']}: {found['processor']}, "
        f"{found['processors']} processors"
    )


def provenance(record: dict) -> str:
    """The same, with all versions."""
    found = record["environment"]
    libraries = "".join(f", {name} {found[name]}" for name in ("scikit-learn", "torch", "jax") if name in found)
    return (
        f"{measurement(record)}, Python {found['python']}, fastmlp {found['fastmlp']} ({found['compiler']} "
        f"{found['flags']}; {found['SIMD']}), NumPy {found['numpy']}, SciPy {found['scipy']}, {found['BLAS']}"
        f"{libraries}."
    )


def sections() -> dict[str, str]:
    """The parts of the pages that come from files of results, by the name in their markers."""
    names = ("accuracy", "compare", "defaults", "estimators", "sizes", "stages", "tables")
    accuracy, compare, defaults, estimators, sizes, stages, tables = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in names
    )
    threads = sorted({result["threads"] for result in compare["cases"]})
    found = {
        "accuracy": (accuracy_table(accuracy), provenance(accuracy)),
        "claim": (claim(compare),),
        "compare": (*(ratios_table(compare, n) for n in threads), whole_table(compare), provenance(compare)),
        "defaults": (defaults_table(defaults["tables"]), provenance(defaults)),
        "estimators": (estimators_text(estimators), provenance(estimators)),
        "selected": (selected_table(compare), f"{measurement(compare)}; [versions](docs/speed.md#time)."),
        "sizes": (sizes_table(sizes), provenance(sizes)),
        "stages": (stages_table(stages), provenance(stages)),
        "tables": (tables_text(tables["tables"]), provenance(tables)),
    }
    return {name: "\n\n".join(parts) for name, parts in found.items()}


def filled(pages: dict[Path, str]) -> dict[Path, str]:
    """The pages' texts with their sections as they should be."""
    found = sections()
    marked = sorted(match[2] for text in pages.values() for match in SECTION.finditer(text))
    if marked != sorted(found):
        raise SystemExit(f"the pages have sections for {marked}, and there are results for {sorted(found)}")
    return {path: SECTION.sub(lambda m: m[1] + found[m[2]] + m[3], text) for path, text in pages.items()}


def origin(name: str) -> str:
    """A digest of what a picture is made from: its results, and the code that draws it."""
    source, _ = pictures.PICTURES[name]
    return hashlib.sha256((RESULTS / source).read_bytes() + Path(pictures.__file__).read_bytes()).hexdigest()


def draw(name: str) -> None:
    """Write a picture that says what it was made from."""
    source, function = pictures.PICTURES[name]
    figure = function(json.loads((RESULTS / source).read_text()))
    figure.savefig(RESULTS / name, dpi=120, metadata={"Origin": origin(name)})


def is_drawn(name: str) -> bool:
    """Whether the picture in the folder is of these results and this code."""
    try:
        with Image.open(RESULTS / name) as image:
            return image.info.get("Origin") == origin(name)
    except OSError:  # it is missing, or no picture
        return False


def main() -> int:
    """Write the pages' sections and the pictures, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 if something differs")
    check = parser.parse_args().check
    pages = {path: path.read_text() for path in PAGES}
    right = filled(pages)
    stale = [path for path in pages if right[path] != pages[path]]
    stale += [RESULTS / name for name in pictures.PICTURES if not is_drawn(name)]
    if check:
        for path in stale:
            print(f"{path} is not what the results give: python -m benchmarks.report", file=sys.stderr)
        return 1 if stale else 0
    for path, text in right.items():
        path.write_text(text)
    for name in pictures.PICTURES:
        draw(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
