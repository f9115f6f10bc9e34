"""The tables of README and the documentation and the pictures beside the results, made from the results' files.

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
from PIL.PngImagePlugin import PngInfo

from benchmarks import assignment, pictures, stages
from benchmarks.cases import threads_text
from benchmarks.compare import is_void_result
from benchmarks.rounds import BLOCKS, REPETITIONS

FOLDER = Path(__file__).with_name("results")
ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "notebook.md")
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


def fastest(result: dict, names: tuple[str, ...]) -> str:
    """How many times fit's time the fastest sound one of these systems takes, and half the range of the repetitions.

    Bold where fit loses to a rival; the floor and the three calls are none.
    """
    taking_part = [result["systems"][name] for name in names if name in result["systems"]]
    sound = [system["times_fit"] for system in taking_part if not system["flags"]]
    if not sound:
        failed = any(name in result["failed"] for name in names)
        return "wrong" if taking_part else "failed" if failed else ""
    ratios = min(sound, key=np.median)
    text = f"{np.median(ratios):.2f} ± {np.ptp(ratios) / 2:.2f}"
    loses = round(np.median(ratios), 2) < 1 and not {"floor", "three calls"} & set(names)
    return f"**{text}**" if loses else text


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def ratios_table(record: dict, threads: int) -> list[str]:
    """Every case at one number of threads."""
    lines = [
        f"| {threads_text(threads)} | fit | of peak | over 1 thread | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 4) + "|",
    ]
    for result in record["cases"]:
        if result["threads"] != threads:
            continue
        fit = result["systems"]["fit"]
        seconds, share = np.median(fit["seconds"]), fit["share_of_peak"]
        share = "" if share is None else f"{share:.0%}"
        if result["kind"] == "cifar10":
            seconds *= result["steps"]
        cells = [fastest(result, names) for names in COLUMNS.values()]
        name = result["name"] + (", **void**" if is_void_result(result) else "")
        lines.append(f"| {name} | {duration(seconds)} | {share} | {speedup(record, result)} | {' | '.join(cells)} |")
    return lines


def speedup(record: dict, result: dict) -> str:
    """How many times as fast fit is as with one thread."""
    for other in record["cases"]:
        if other["name"] == result["name"] and other["threads"] == 1 != result["threads"]:
            seconds = (np.median(r["systems"]["fit"]["seconds"]) for r in (other, result))
            return f"{next(seconds) / next(seconds):.2f}"
    return ""


def whole_table(record: dict) -> list[str]:
    """Start, CIFAR-10 and memory by system."""
    epochs = [result for result in record["cases"] if result["kind"] == "cifar10"]
    heads = [f"CIFAR-10 epoch, {threads_text(result['threads'])} | samples a second" for result in epochs]
    lines = [
        f"| system | start to first step | {' | '.join(heads)} | peak memory |",
        "|---" * (2 * len(epochs) + 3) + "|",
    ]
    for name in dict.fromkeys(name for result in epochs for name in result["systems"]):
        first = record["first_step"].get(name)
        cells = [duration(np.median(first)) if first else ""]
        peaks = []
        for result in epochs:
            system = result["systems"].get(name)
            if system is None or system["flags"]:
                cells += ["failed" if system is None else "wrong"] * 2
                continue
            seconds = np.median(system["seconds"]) * result["steps"]
            cells += [duration(seconds), f"{result['batch'] * result['steps'] / seconds:,.0f}"]
            peaks.append(system["VmHWM"])
        cells.append(f"{max(peaks) / 2**20:,.0f} MiB" if peaks else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines if epochs else []


def sizes_table(record: dict) -> list[str]:
    """The exponents of cost against size."""
    lines = ["| cost against | from | to | time grows as | memory grows as |", "|---|---|---|---|---|"]
    for study in record["studies"]:
        power = {
            kind: "" if study[kind]["exponent"] is None else f"{study['quantity']}^{study[kind]['exponent']:.2f}"
            for kind in ("seconds", "bytes")
        }
        ends = study["values"][0], study["values"][-1]
        lines.append(f"| {study['name']} | {ends[0]:,} | {ends[1]:,} | {power['seconds']} | {power['bytes']} |")
    return lines


def provenance(record: dict) -> str:
    """What a figure was measured with."""
    found = record["environment"]
    rounds = f"{record['repetitions']} repetitions of {record['blocks']} blocks; " if "blocks" in record else ""
    rivals = ", ".join(f"{name} {found[name]}" for name in ("scikit-learn", "torch", "jax") if name in found)
    return (
        f"`{record['command']}`, {rounds}{record['date'][:10]}, commit {found['commit']}: "
        f"{found['processor']}, {found['processors']} processors, Python {found['python']}, fastmlp {found['fastmlp']} "
        f"({found['compiler']} {found['flags']}; {found['SIMD']}), NumPy {found['numpy']}, SciPy {found['scipy']}, "
        f"{found['BLAS']}" + (f", {rivals}." if rivals else ".")
    )


def loaded(path: Path) -> dict:
    """A file of results."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} is not a file of results: {error}") from error


def sections() -> dict[str, str]:
    """The parts of the pages that come from files of results, by the name in their markers."""
    found = {"assignment": assignment.table(loaded(FOLDER / "assignment.json"))}
    for path in sorted(FOLDER.glob("compare*.json")):
        record = loaded(path)
        missing = {"first_step", "phases"} - record.keys()
        if missing:
            raise SystemExit(f"{path} is of a part only: it has no {', '.join(sorted(missing))}")
        if record["blocks"] < BLOCKS or record["repetitions"] < REPETITIONS:
            raise SystemExit(
                f"{path} is nothing to quote: it has fewer than {REPETITIONS} repetitions of {BLOCKS} blocks"
            )
        parts = [ratios_table(record, n) for n in sorted({result["threads"] for result in record["cases"]})]
        parts.append(whole_table(record))
        found[path.stem] = "\n".join("\n".join([*part, ""]) for part in parts if part) + "\n" + provenance(record)
    record = loaded(FOLDER / "sizes.json")
    found["sizes"] = "\n".join([*sizes_table(record), "", provenance(record)])
    record = loaded(FOLDER / "stages.json")
    found["stages"] = "\n".join([*stages.table(record), "", provenance(record)])
    return found


def filled(pages: dict[Path, str]) -> dict[Path, str]:
    """The pages' texts with their sections as they should be."""
    found = sections()
    marked = [
        name for text in pages.values() for name in re.findall("<!-- (.*): python -m benchmarks.report -->", text)
    ]
    if sorted(marked) != sorted(found):
        raise SystemExit(f"the pages have marks for {sorted(marked)}, and there are results for {sorted(found)}")
    return {path: _filled(path.name, text, found) for path, text in pages.items()}


def _filled(page: str, text: str, found: dict[str, str]) -> str:
    for name, section in found.items():
        start, end = f"<!-- {name}: python -m benchmarks.report -->", f"<!-- end of {name} -->"
        if start not in text:
            continue
        if text.count(end) != 1:
            raise SystemExit(f"{page} must have the line {end} once")
        text = re.sub(
            f"({re.escape(start)}).*?({re.escape(end)})", lambda m, s=section: f"{m[1]}\n{s}\n{m[2]}", text, flags=re.S
        )
    return text


def origin(picture: pictures.Picture) -> str:
    """A digest of what a picture is made from: its results, and the code that draws it."""
    content = (FOLDER / picture.source).read_bytes() + Path(pictures.__file__).read_bytes()
    return hashlib.sha256(content).hexdigest()


def pixels(path: Path) -> str:
    """A digest of what is to be seen in a picture."""
    with Image.open(path) as image:
        return hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest()


def draw(picture: pictures.Picture) -> None:
    """Write a picture that says what it was made from, and what it shows."""
    path = FOLDER / picture.name
    picture.draw(loaded(FOLDER / picture.source)).savefig(path, dpi=120)
    tags = PngInfo()
    tags.add_text("Origin", origin(picture))
    tags.add_text("Pixels", pixels(path))
    with Image.open(path) as image:
        image.load()
        image.save(path, pnginfo=tags)


def is_drawn(picture: pictures.Picture) -> bool:
    """Whether the picture that lies there is of these results and this code, and nobody has touched it."""
    path = FOLDER / picture.name
    try:
        with Image.open(path) as image:
            tags = image.info
        return (tags.get("Origin"), tags.get("Pixels")) == (origin(picture), pixels(path))
    except OSError:  # it is missing, or no picture
        return False


def main() -> int:
    """Write the pages' sections and the pictures, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 where something differs")
    check = parser.parse_args().check
    pages = {path: path.read_text() for path in PAGES}
    right = filled(pages)
    stale = [str(path) for path, text in pages.items() if right[path] != text]
    stale += [str(FOLDER / picture.name) for picture in pictures.PICTURES if not is_drawn(picture)]
    if check:
        for path in stale:
            print(f"{path} is not what the results give: python -m benchmarks.report", file=sys.stderr)
        return 1 if stale else 0
    for path, text in right.items():
        path.write_text(text)
    for picture in pictures.PICTURES:
        draw(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
