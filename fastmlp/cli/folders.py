"""Where results go: a folder that one command has for itself, and where nothing of another's is lost in silence."""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from fastmlp.files.access import alone_in, check_writable

RUNS = Path("runs")


def take(
    out: Path | None,
    usual: str,
    results: tuple[str, ...],
    data: str,
    *,
    state: tuple[str, ...] = (),
    mine: Callable[[Path], bool] = lambda folder: False,
) -> Path:
    """The folder of the results, this command's alone, where it can write them: before the training, not after it.

    Parameters
    ----------
    out : Path or None
        The one that the user has named; without one, the first of runs/USUAL, runs/USUAL-2, ... that is free.
    results, state : tuple of str
        The files to write: those that take the place of others in the end, and those that the work goes on from.
    mine : callable
        Whether what a folder has of these files is this command's, to be gone on with or replaced.
    """
    files = (*state, *results)

    def free(folder: Path) -> bool:
        return not any(os.path.lexists(folder / name) for name in files) or mine(folder)

    for folder in [out] if out is not None else _numbered(usual):
        # once before it is locked, which may keep its owner out, and once when nobody else can take it any more
        if out is None and not free(folder):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            message = f"another process is training into {folder}; wait for it, or name another folder with --out"
            try:
                stack.enter_context(alone_in(folder, message))
            except BlockingIOError:
                if out is not None:
                    raise
                continue
            if out is None and not free(folder):
                continue
            _check(folder, files, data)
            if out is not None and not free(folder):
                stack.callback(_say_what_was_replaced, folder, _stamps(folder, results))
            click.get_current_context().with_resource(stack.pop_all())
        if out is None and folder != RUNS / usual:
            click.echo(f"{RUNS / usual} is taken: the results go to {folder}", err=True)
        return folder
    raise AssertionError("numbers have no end")


def latest(usual: str, file: str, mine: Callable[[Path], bool]) -> Path | None:
    """Of the folders that have this name and this file, the one where it is newest and `mine`, or else newest."""
    if not RUNS.is_dir():
        return None
    named = re.compile(re.escape(usual) + r"(-\d+)?").fullmatch
    folders = [folder for folder in RUNS.iterdir() if named(folder.name) and (folder / file).is_file()]
    folders.sort(key=lambda folder: (folder / file).stat().st_mtime_ns, reverse=True)
    return next((folder for folder in folders if mine(folder)), folders[0] if folders else None)


def _numbered(usual: str) -> Iterator[Path]:
    """Places where there is a folder, or nothing."""
    for number in itertools.count(1):
        place = RUNS / (usual if number == 1 else f"{usual}-{number}")
        if place.is_dir() or not os.path.lexists(place):
            yield place


def _check(folder: Path, files: Iterable[str], data: str) -> None:
    for path in (folder / name for name in files):
        check_writable(path)
        if path.exists() and Path(data).exists() and path.samefile(data):
            raise click.UsageError(
                f"--data must not be in a result's place, got {data}; name another folder with --out"
            )


def _stamps(folder: Path, files: Iterable[str]) -> dict[str, tuple[int, int]]:
    """What is another one for each file that there is, once this has been replaced."""
    found = {name: (folder / name).stat() for name in files if (folder / name).exists()}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def _say_what_was_replaced(folder: Path, before: dict[str, tuple[int, int]]) -> None:
    now = _stamps(folder, before)
    names = [name for name in before if now.get(name) != before[name]]
    if names:
        click.echo(f"replaced what an earlier command had left in {folder}: {', '.join(names)}", err=True)
