"""The tables of README and the pictures beside the results, made from the results' files.

python -m benchmarks.report            # writes them
python -m benchmarks.report --check    # fails where they are not what the files give
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import assignment, pictures

FOLDER = Path(__file__).with_name("results")
README = Path(__file__).parent.with_name("README.md")
# a column of the table: the systems of which it shows the fastest
COLUMNS = {
    "floor": ("floor",),
    "three calls": ("three calls",),
    "NumPy": ("NumPy",),
    "notebook": ("notebook",),
    "scikit-learn": ("scikit-learn",),
    "PyTorch": ("PyTorch", "PyTorch fused", "PyTorch compiled"),
    "JAX": ("JAX", "JAX scan"),
}


def fastest(result: dict, names: tuple[str, ...]) -> dict | None:
    """The fastest of these systems in a case, of those that took part."""
    systems = [result["systems"][name] for name in names if name in result["systems"]]
    return min(systems, key=lambda system: np.median(system["times_fit"]), default=None)


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def ratio(system: dict | None) -> str:
    """How many times fit's time a system takes, and half the range of the repetitions; bold where fit loses."""
    if system is None:
        return ""
    if system["flags"]:
        return "wrong"
    middle = np.median(system["times_fit"])
    text = f"{middle:.2f} ± {np.ptp(system['times_fit']) / 2:.2f}"
    return f"**{text}**" if middle < 1 else text


def ratios_table(record: dict, threads: int) -> list[str]:
    """Every case at one number of threads."""
    lines = [
        f"| {threads} thread{'s' if threads > 1 else ''} | fit | of peak | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 3) + "|",
    ]
    for result in record["cases"]:
        if result["threads"] != threads:
            continue
        fit = result["systems"]["fit"]
        seconds, share = np.median(fit["seconds"]), f"{fit['share_of_peak']:.0%}"
        if result["kind"] == "cifar10":
            seconds, share = seconds * result["steps"], ""  # an epoch, which also predicts
        cells = [ratio(fastest(result, names)) for names in COLUMNS.values()]
        name = result["name"] + (", **void**" if result["void"] else "")
        if not result["void"]:
            # the floor is what cannot be beaten
            cells[0] = cells[0].replace("**", "")
        lines.append(f"| {name} | {duration(seconds)} | {share} | {' | '.join(cells)} |")
    return lines


def whole_table(record: dict) -> list[str]:
    """Start, CIFAR-10 and memory by system."""
    epochs = {result["threads"]: result for result in record["cases"] if result["kind"] == "cifar10"}
    if not epochs or "first_step" not in record:
        return []
    lines = [
        "| system | start to first step | "
        + " | ".join(f"CIFAR-10 epoch, {n} thread{'s' if n > 1 else ''} | samples a second" for n in epochs)
        + " | peak memory |",
        "|---" * (2 * len(epochs) + 3) + "|",
    ]
    for name in next(iter(epochs.values()))["systems"]:
        if name == "floor":
            continue
        cells = [duration(np.median(record["first_step"][name])) if name in record["first_step"] else ""]
        for result in epochs.values():
            seconds = np.median(result["systems"][name]["seconds"]) * result["steps"]
            cells += [duration(seconds), f"{result['batch'] * result['steps'] / seconds:,.0f}"]
        memory = min(result["systems"][name]["memory"]["VmHWM"] for result in epochs.values())
        lines.append(f"| {name} | {' | '.join(cells)} | {memory / 2**20:,.0f} MiB |")
    return lines


def sizes_table(record: dict) -> list[str]:
    """The exponents of cost against size."""
    lines = ["| cost against | from | to | time grows as | memory grows as |", "|---|---|---|---|---|"]
    for study in record["studies"]:
        power = {kind: f"{study['quantity']}^{study[kind]['exponent']:.2f}" for kind in ("seconds", "bytes")}
        ends = study["values"][0], study["values"][-1]
        lines.append(f"| {study['name']} | {ends[0]:,} | {ends[1]:,} | {power['seconds']} | {power['bytes']} |")
    return lines


def provenance(record: dict) -> str:
    """What a figure was measured with."""
    found = record["environment"]
    rivals = ", ".join(f"{name} {found[name]}" for name in ("scikit-learn", "torch", "jax") if name in found)
    return (
        f"`{record['command'].strip()}`, {record['date'][:10]}, commit {found['commit']}: {found['processor']}, "
        f"{found['processors']} processors, Python {found['python']}, fastmlp {found['fastmlp']} ({found['compiler']}, "
        f"{found['SIMD']}, {found['build']}), NumPy {found['numpy']}, SciPy {found['scipy']}, {found['BLAS']}"
        + (f", {rivals}." if rivals else ".")
    )


def sections() -> dict[str, str]:
    """The parts of README that come from files of results, by the name in their markers."""
    found = {"assignment": assignment.table()}
    for path in sorted(FOLDER.glob("compare*.json")):
        record = json.loads(path.read_text())
        parts = [ratios_table(record, n) for n in sorted({result["threads"] for result in record["cases"]})]
        parts.append(whole_table(record))
        found[path.stem] = "\n".join("\n".join([*part, ""]) for part in parts if part) + "\n" + provenance(record)
    record = json.loads((FOLDER / "sizes.json").read_text())
    found["sizes"] = "\n".join([*sizes_table(record), "", provenance(record)])
    return found


def filled(text: str) -> str:
    """README's text with its sections as they should be."""
    for name, section in sections().items():
        start, end = f"<!-- {name}: python -m benchmarks.report -->", f"<!-- end of {name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise SystemExit(f"README.md must have the lines {start} and {end} once each")
        text = re.sub(
            f"({re.escape(start)}).*?({re.escape(end)})", lambda m, s=section: f"{m[1]}\n{s}\n{m[2]}", text, flags=re.S
        )
    return text


def fingerprint(picture: pictures.Picture) -> str:
    """Of what a picture is made from: its results, and the code that draws it."""
    content = (FOLDER / picture.source).read_bytes() + Path(pictures.__file__).read_bytes()
    return hashlib.sha256(content).hexdigest()


def is_drawn(picture: pictures.Picture) -> bool:
    """Whether the picture that lies there is of these results and this code."""
    path = FOLDER / picture.name
    if not path.exists():
        return False
    with Image.open(path) as image:
        return image.info.get("Description") == fingerprint(picture)


def main() -> int:
    """Write README's sections and the pictures, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 where something differs")
    check = parser.parse_args().check
    text = README.read_text()
    stale = [] if filled(text) == text else [str(README)]
    stale += [str(FOLDER / picture.name) for picture in pictures.PICTURES if not is_drawn(picture)]
    if check:
        for path in stale:
            print(f"{path} is not what the results give: python -m benchmarks.report", file=sys.stderr)
        return 1 if stale else 0
    README.write_text(filled(text))
    for picture in pictures.PICTURES:
        figure = picture.draw(json.loads((FOLDER / picture.source).read_text()))
        figure.savefig(FOLDER / picture.name, dpi=120, metadata={"Description": fingerprint(picture)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
