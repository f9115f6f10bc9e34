"""Files of every kind that fastmlp reads, with their bytes changed, and files that were made to do harm.

Each must load to something valid, to the very same content where a checksum guards it, or be refused by an error that
the reader's documentation has and that names the file; in bounded time and memory, without a warning, with nothing in
it executed and nothing written outside the folder that it was given.
"""

import contextlib
import functools
import shutil
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import click

from robustness import fuzz_bytes
from robustness.fuzz_targets import TARGETS, Target, ground, trace

KINDS = tuple(target.what for target in TARGETS)
# Seconds that one file may take.
PATIENCE = 30.0
# How many folders a case's folder lies below the one in which nothing else may change.
DEPTH = ("a", "b", "c")
# Errors that are about an option, or about all of a search.
NAMELESS = (click.UsageError, RuntimeError)


@functools.cache
def _hostile() -> list[bytes]:
    return fuzz_bytes.hostile(trace())


@functools.cache
def corpus(target: Target) -> tuple[list[bytes], list[bytes], list[Any]]:
    """Files that load, files that were made to do harm, and what is in the former."""
    wholes = target.wholes()
    return wholes, _hostile(), [in_a_folder(target, whole, target.load) for whole in wholes]


def in_a_folder(target: Target, content: bytes, use: Callable[[Path], Any]) -> Any:
    """Do something with a file in a folder of its own."""
    folder = ground().joinpath(*DEPTH, "case")
    folder.mkdir(parents=True)
    try:
        target.beside(folder)
        (folder / target.name).write_bytes(content)
        return use(folder / target.name)
    finally:
        shutil.rmtree(folder)


def outside(folder: Path) -> set[Path]:
    """Everything in this process's place but what is in a case's folder."""
    return {path for path in ground().rglob("*") if folder not in path.parents}


def broken(target: Target, random: Random) -> str | None:
    """Try a file, and say what is wrong with what came of it."""
    wholes, hostile, known = corpus(target)
    choice = random.random()
    if choice < 0.02:
        content = random.choice(wholes)
    elif choice < 0.12:
        content = random.choice(hostile)
    elif choice < 0.2:
        content = fuzz_bytes.changed(random.choice(hostile), wholes, random)
    else:
        content = target.change(random.choice(wholes), [*wholes, *hostile], random)

    def use(path: Path) -> str | None:
        before, began = outside(path.parent), time.monotonic()
        try:
            found = target.load(path)
        except target.refusals as error:
            if content in wholes:
                return f"a whole file was refused: {error!r}"
            if path.name not in str(error) and not isinstance(error, NAMELESS):
                return f"the error does not name the file: {error!r}"
        except Exception:
            return traceback.format_exc(limit=-6)
        else:
            if target.guarded and found not in known:
                return "it was loaded to something else than was saved"
        if outside(path.parent) != before:
            return f"it wrote {outside(path.parent) - before}"
        seconds = time.monotonic() - began
        return None if seconds < PATIENCE else f"it took {seconds:.0f} seconds"

    return in_a_folder(target, content, use)


def run(start: int, n_cases: int, count: Callable[[], object] = int) -> list[tuple[int, str]]:
    """Try so many files, counted one by one, of each kind in turn; gives what went wrong with which."""
    warnings.simplefilter("error")
    # as documented
    warnings.filterwarnings("ignore", "(?s).*the last line is torn", UserWarning)
    failures = []
    with contextlib.chdir(ground()):
        for case in range(n_cases):
            count()
            text = broken(TARGETS[case % len(TARGETS)], Random(f"{start} {case}"))
            if text is not None:
                failures.append((case, text))
    shutil.rmtree(ground())
    return failures
