"""The table of docs/robustness.md, made from the results' files.

python -m robustness.report            # writes it
python -m robustness.report --check    # fails where it is not what the files give
"""

import argparse
import json
import re
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PAGE = Path(__file__).parents[1] / "docs" / "robustness.md"
START, END = "<!-- python -m robustness.report -->", "<!-- end -->"


def table(records: list[dict]) -> str:
    """A row for each fault, and where the numbers come from."""
    lines = ["| what was tried | cases | survived | command |", "|---|---:|---:|---|"]
    for record in records:
        command = re.sub(r" --results \S+", "", record["command"])
        lines += [
            f"| {fault['what']} | {fault['cases']:,} | {fault['survived']:,} | `{command}` |"
            for fault in record["faults"]
        ]
    lines.append("")
    lines += dict.fromkeys(place(record) for record in records)
    survivors = {name: reason for record in records for name, reason in record.get("survivors", {}).items()}
    if survivors:
        lines += ["", "Mutations that the suite does not notice:", ""]
        lines += [f"* {name}: {reason}" for name, reason in survivors.items()]
    return "\n".join(lines)


def place(record: dict) -> str:
    """When and where one of the records was made."""
    where = record["environment"]
    return (
        f"* `{record['command'].split()[2]}`: {record['date'][:10]}, commit {where['commit']}, "
        f"{where['processors']} processors ({where['processor']}), Python {where['python']}, "
        f"NumPy {where['numpy']}, SciPy {where['scipy']}"
    )


def filled(page: str) -> str:
    """The page with its table as it should be."""
    records = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    before, after = page.partition(START)[0], page.partition(END)[2]
    return f"{before}{START}\n{table(records)}\n{END}{after}"


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 where the page differs")
    check = parser.parse_args().check
    page = PAGE.read_text()
    right = filled(page)
    if check and page != right:
        print(f"{PAGE} is not what the results give: python -m robustness.report", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(right)
    return 0


if __name__ == "__main__":
    sys.exit(main())
