"""What attempts to break fastmlp found, as files of results, and the table of docs/robustness.md that is made of them.

python -m robustness.report            # writes the table
python -m robustness.report --check    # fails where it is not what the files give
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import provenance

RESULTS = Path(__file__).with_name("results")
PAGE = Path(__file__).parents[1] / "docs" / "robustness.md"
START, END = "<!-- python -m robustness.report -->", "<!-- end -->"


class Fault(NamedTuple):
    """One way of breaking things, how often it was tried, and how often all was well."""

    what: str
    cases: int
    survived: int


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the options that every attempt has."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--seed", type=int, default=0, help="what is tried follows from it (default: 0)")
    found.add_argument("--results", type=Path, metavar="FOLDER", help="write what was found into this folder")
    return found


def conclude(parts: Mapping[str, Iterable[Fault]], folder: Path | None, expected: bool = True) -> None:
    """Print what was found and write it, part by part; end with status 1 if not all survived that was expected to."""
    broken = False
    for name, faults in parts.items():
        found = list(faults)
        for fault in found:
            print(f"{fault.survived:>8,} of {fault.cases:>8,} survived  {fault.what}", flush=True)
        broken |= any(fault.survived < fault.cases for fault in found)
        if folder is not None:
            origin = provenance(f"robustness.{name.partition('_')[0]}")
            command, where = re.sub(r" --results \S+", "", origin["command"]), origin["environment"]
            place = f"{origin['date'][:10]}, commit {where['commit']}, {where['processors']} processors "
            place += f"({where['processor']}), " + ", ".join(
                f"{x} {where[x.lower()]}" for x in ("Python", "NumPy", "SciPy")
            )
            folder.mkdir(parents=True, exist_ok=True)
            record = {"command": command, "place": place, "faults": found}
            (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    if broken and expected:
        raise SystemExit(1)


def table() -> str:
    """A row for each fault, and where the numbers come from."""
    records = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    lines = ["| what was tried | cases | survived | command |", "|---|---:|---:|---|"]
    for record in records:
        end = f"`{record['command']}` |"
        lines += [f"| {what} | {n:,} | {survived:,} | {end}" for what, n, survived in record["faults"]]
    return "\n".join([*lines, "", *dict.fromkeys(f"* `{r['command'].split()[2]}`: {r['place']}" for r in records)])


def main() -> None:
    page = PAGE.read_text()
    right = f"{page.partition(START)[0]}{START}\n{table()}\n{END}{page.partition(END)[2]}"
    if "--check" not in sys.argv:
        PAGE.write_text(right)
    elif page != right:
        sys.exit(f"{PAGE} is not what the results give: python -m robustness.report")


if __name__ == "__main__":
    main()
