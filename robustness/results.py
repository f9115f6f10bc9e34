"""What an attempt found, as a file that docs/robustness.md is written from."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import provenance


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


def write(name: str, faults: Iterable[Fault], folder: Path | None, **more: object) -> None:
    """Write what was found, and more that there is to say of it, where a folder is given."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        record = {**provenance(f"robustness.{name}"), "faults": [fault._asdict() for fault in faults], **more}
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def conclude(name: str, faults: Iterable[Fault], folder: Path | None) -> None:
    """Print what was found, write it where a folder is given, and end with status 1 where anything broke."""
    faults = list(faults)
    for fault in faults:
        print(f"{fault.survived:>8,} of {fault.cases:>8,} survived  {fault.what}")
    write(name, faults, folder)
    if any(fault.survived < fault.cases for fault in faults):
        raise SystemExit(1)
