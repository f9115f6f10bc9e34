"""What an attempt found, as a file that docs/robustness.md is written from."""

import argparse
import json
from collections.abc import Iterable, Mapping
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


def write(name: str, faults: Iterable[Fault], folder: Path | None, part: str = "", **more: object) -> None:
    """Write what was found, and more that there is to say of it, where a folder is given; each part has its file."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        record = {**provenance(f"robustness.{name}"), "faults": [fault._asdict() for fault in faults], **more}
        (folder / f"{name}{part and '_' + part}.json").write_text(json.dumps(record, indent=1) + "\n")


def conclude(name: str, faults: Iterable[Fault], folder: Path | None) -> None:
    """Print what was found, write it where a folder is given, and end with status 1 where anything broke."""
    conclude_parts(name, {"": faults}, folder)


def conclude_parts(name: str, parts: Mapping[str, Iterable[Fault]], folder: Path | None) -> None:
    """The same for several parts, each as soon as it is through, so that a run that is cut off keeps the others."""
    broken = False
    for part, faults in parts.items():
        found = list(faults)
        for fault in found:
            print(f"{fault.survived:>8,} of {fault.cases:>8,} survived  {fault.what}", flush=True)
        write(name, found, folder, part)
        broken |= any(fault.survived < fault.cases for fault in found)
    if broken:
        raise SystemExit(1)
