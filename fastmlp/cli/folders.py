"""Output folders: each is used by one command at a time, and earlier results are not lost unnoticed."""

import itertools
import os
import re
from collections.abc import Callable, Iterator
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
    is_own: Callable[[Path], bool] = lambda folder: False,
    can_resume: Callable[[Path], bool] = lambda folder: False,
    replace: bool = False,
) -> Path:
    """Create and lock the output folder, and check that its files can be written: before the training, not after it.

    That is `out`, or the first of runs/USUAL, runs/USUAL-2, ... that has none of the command's files, or whose files
    are this run's own, by `is_own`. Files are the results, which are replaced at the end, and the state, from which an
    interrupted run continues. Results in `out` are replaced only if it is said; if `can_resume` says that a training
    was interrupted there, --resume is offered.
    """
    files = (*state, *results)

    def is_free(folder: Path) -> bool:
        return not any(os.path.lexists(folder / name) for name in files) or is_own(folder)

    # whether it is free is asked before the folder is locked, which could stop its owner, and again once it is
    for folder in filter(is_free, _numbered(usual)) if out is None else [out]:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            message = f"another process is training into {folder}; wait for it, or name another folder with --out"
            try:
                stack.enter_context(alone_in(folder, message))
            except BlockingIOError:
                if out is not None:
                    raise
                continue
            free = is_free(folder)
            if out is None and not free:
                continue
            for path in (folder / name for name in files):
                check_writable(path)
                check_not_read("out", path, data)
            if not free and not replace:
                there = ", ".join(name for name in files if os.path.lexists(folder / name))
                resume = "continue the training that was interrupted there by --resume, " if can_resume(folder) else ""
                raise click.UsageError(
                    f"--out must not have results, got {folder} with {there}: name another folder, {resume}or "
                    "say --replace"
                )
            click.get_current_context().with_resource(stack.pop_all())
        if out is None and folder != RUNS / usual:
            click.echo(f"{RUNS / usual} is in use: the results are written to {folder}", err=True)
        return folder
    raise AssertionError("unreachable")


def check_not_read(option: str, result: Path, *read: str | Path) -> None:
    """Refuse to write a result into one of the files that are read."""
    for path in map(Path, read):
        if result.exists() and path.exists() and result.samefile(path):
            raise click.UsageError(
                f"--{option} must not put a result in the place of {path}, which is read; name another"
            )


def latest(usual: str, file: str, is_own: Callable[[Path], bool]) -> Path | None:
    """The folder of this name with the newest such file, of those that `is_own` accepts, or else of all."""
    if not RUNS.is_dir():
        return None
    named = re.compile(re.escape(usual) + r"(-\d+)?").fullmatch
    folders = [folder for folder in RUNS.iterdir() if named(folder.name) and (folder / file).is_file()]
    folders.sort(key=lambda folder: (folder / file).stat().st_mtime_ns, reverse=True)
    return next((folder for folder in folders if is_own(folder)), folders[0] if folders else None)


def _numbered(usual: str) -> Iterator[Path]:
    """runs/USUAL, runs/USUAL-2, ...: those that are folders, or can become one."""
    for number in itertools.count(1):
        path = RUNS / (usual if number == 1 else f"{usual}-{number}")
        if path.is_dir() or not os.path.lexists(path):
            yield path
