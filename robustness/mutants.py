"""Whether the test suite notices mistakes: each is made in a copy of the working tree, which the suite is then run on.

The suite has to pass on the copy as it is. A mutation is caught by the first test that fails, by a crash, or by a test
that takes longer than any should, which counts as a hang. `--check` runs nothing: it looks whether each mutation's text
is in its file, once.

The copy's kernels are built for every processor alone and with no optimisation, which takes a tenth of the time.
There are no bounds checks in them, as there are none in what users get.
"""

import concurrent.futures
import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import ROOT
from robustness import mutations_kernels, mutations_python
from robustness.results import Fault, parser, write

QUICK_BUILD = (
    ('"release", ["-O3"]', '"release", ["-O0"]'),
    (', "x86_64_v3": ["-march=x86-64-v3"]}', "}"),
)
# Seconds that no test takes, and that no run of the suite does.
HANG, ENDLESS = 150, 1800
# The share of mutations that must be caught.
ENOUGH = 0.95

# Tests that are likely to notice, in this order; before them come a Python file's own, and the others after them.
FIRST = {
    "python": "parameters validation engine network training preprocessing model_names train_epoch threads",
    "kernels": "kernels engine validation train_epoch training builds numbers reference network courses preprocessing",
}
WHAT = {"python": "engine, the training loop and the checks", "kernels": "kernels"}


class Mutation(NamedTuple):
    """A mistake: what it breaks, and the text that is exchanged for another one."""

    group: str
    name: str
    file: str
    before: str
    after: str


def mutations() -> list[Mutation]:
    """Those of Python code, which need no build of their own, come first."""
    return [
        Mutation(group, name, file, before, after)
        for group, table in (("python", mutations_python.MUTATIONS), ("kernels", mutations_kernels.MUTATIONS))
        for file, entries in table.items()
        for name, (before, after) in entries.items()
    ]


def mistakes_in_tables(found: list[Mutation]) -> list[str]:
    """What does not fit the files as they are."""
    exchanges = [(m.name, m.file, m.before, m.after) for m in found]
    exchanges += [("the quick build", "setup.py", before, after) for before, after in QUICK_BUILD]
    wrong = []
    for name, file, before, after in exchanges:
        count = (ROOT / file).read_text().count(before) if (ROOT / file).is_file() else 0
        if count != 1:
            wrong.append(f"{name}: {count} times in {file}: {before!r}")
        if before == after:
            wrong.append(f"{name}: changes nothing")
    names = [m.name for m in found]
    wrong += [f"{name}: twice" for name in sorted({name for name in names if names.count(name) > 1})]
    return wrong + [f"{name}: survives, but is no mutation" for name in sorted(reasons().keys() - set(names))]


def reasons() -> dict[str, str]:
    """Why the mutations that are known to survive do."""
    return {**mutations_python.SURVIVORS, **mutations_kernels.SURVIVORS}


class Scratch:
    """A copy of the working tree, with a virtual environment of its own."""

    def __init__(self, folder: Path, seed: int):
        self.tree = folder / "tree"
        self.python = str(folder / "env" / "bin" / "python")
        self.variables = {**os.environ, "PYTHONHASHSEED": str(seed), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        for before, after in QUICK_BUILD:
            self.exchange("setup.py", before, after)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        requires = tomllib.loads((self.tree / "pyproject.toml").read_text())["build-system"]["requires"]
        self._pip("--upgrade", "pip", *requires)
        self._pip("--no-build-isolation", "--editable", ".[all]", "--group", "test")

    def _pip(self, *arguments: str) -> None:
        command = [self.python, "-m", "pip", "install", "--quiet", *arguments]
        subprocess.run(command, cwd=self.tree, env=self.variables, check=True)

    def exchange(self, file: str, before: str, after: str) -> str:
        """Exchange a text in a file; returns what the file was."""
        text = (self.tree / file).read_text()
        (self.tree / file).write_text(text.replace(before, after))
        return text

    def verdict(self, mutation: Mutation) -> str | None:
        """What catches a mutation, None if nothing does."""
        text = self.exchange(mutation.file, mutation.before, mutation.after)
        try:
            if mutation.group == "kernels":
                self._build()
            return self.suite(Path(mutation.file).stem, *FIRST[mutation.group].split())
        finally:
            (self.tree / mutation.file).write_text(text)

    def _build(self) -> None:
        command = [self.python, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(command, cwd=self.tree, env=self.variables, check=True, stdout=subprocess.DEVNULL)

    def suite(self, *likely: str) -> str | None:
        """What fails first in the suite, None if nothing does."""
        files = sorted(str(path.relative_to(self.tree)) for path in self.tree.glob("tests/**/test_*.py"))
        first = [file for name in likely for file in files if Path(file).name == f"test_{name}.py"]
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        options += ["-o", f"faulthandler_timeout={HANG}", "-o", "faulthandler_exit_on_timeout=true"]
        command = [self.python, "-m", "pytest", *options, *dict.fromkeys([*first, *files])]
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                command,
                cwd=self.tree,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(ENDLESS)
            except subprocess.TimeoutExpired:
                return "a run without end"
            finally:
                # its children too, which a test that hung leaves behind
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            output.seek(0)
            return None if status == 0 else cause(output.read(), status)


def cause(output: str, status: int) -> str:
    """What the suite failed of, from all that it printed."""
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    if failed:
        return failed[1]
    place = re.search(r'/(tests/\S+\.py)", line \d+ in (test_\w+)', output)
    where = f" in {place[1]}::{place[2]}" if place else ""
    if "Timeout (" in output:
        return f"a hang{where}"
    if status < 0:
        return f"{signal.Signals(-status).name}{where}"
    raise SystemExit(f"the suite could not be run:\n{output}")


@contextlib.contextmanager
def judge(n_jobs: int, seed: int) -> Iterator[Callable[[list[Mutation]], dict[str, str | None]]]:
    """A function that tells what catches each of some mutations; None where nothing does."""
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(n_jobs) as pool:
        free: queue.Queue[Scratch] = queue.Queue()
        for scratch in pool.map(lambda i: Scratch(Path(folder, str(i)), seed), range(n_jobs)):
            free.put(scratch)

        def verdict(mutation: Mutation) -> str | None:
            scratch = free.get()
            try:
                return scratch.verdict(mutation)
            finally:
                free.put(scratch)

        def verdicts(wanted: list[Mutation]) -> dict[str, str | None]:
            found = {}
            for mutation, caught in zip(wanted, pool.map(verdict, wanted), strict=True):
                found[mutation.name] = caught
                print(f"{mutation.name}: {f'caught by {caught}' if caught else 'SURVIVED'}", flush=True)
            return found

        failed = scratch.suite()
        if failed is not None:
            raise SystemExit(f"the suite fails without a mutation: {failed}")
        yield verdicts


def main() -> None:
    """Check the tables, run the suite on each mutation, and say what it caught."""
    command = parser(__doc__)
    command.add_argument("--only", nargs="+", metavar="NAME", help="these mutations alone")
    command.add_argument("--group", choices=WHAT, help="those of Python's code or those of the kernels alone")
    command.add_argument("--check", action="store_true", help="only look whether the tables fit the files")
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="copies to work in at a time (default: 1)")
    options = command.parse_args()
    # a script's command in the background ignores it, and what it starts would do so too, against what tests expect
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = mutations()
    wrong = mistakes_in_tables(found)
    if wrong:
        raise SystemExit("\n".join(wrong))
    if options.check:
        print(f"{len(found)} mutations fit their files")
        return
    unknown = set(options.only or ()) - {m.name for m in found}
    if unknown:
        raise SystemExit(f"no such mutations: {', '.join(sorted(unknown))}")
    enough = True
    with judge(options.jobs, options.seed) as verdicts:
        for group, what in WHAT.items():
            wanted = [m for m in found if m.group == group and (not options.only or m.name in options.only)]
            if not wanted or options.group not in (None, group):
                continue
            caught_by = verdicts(wanted)
            survivors = {name: reasons().get(name, "not known") for name, by in caught_by.items() if by is None}
            n_caught = len(wanted) - len(survivors)
            print(f"{n_caught} of {len(wanted)} mutations of the {what} were caught")
            for name, reason in survivors.items():
                print(f"survived: {name}: {reason}")
            fault = Fault(f"mutations of the {what} that the suite notices", len(wanted), n_caught)
            write("mutants", [fault], options.results, group, survivors=survivors)
            enough &= n_caught >= ENOUGH * len(wanted)
    if not enough:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
