"""Whether the test suite notices small mistakes in the code, made at random places by a few general operators.

    python -m robustness.mutants --seed 1 --count 20
    python -m robustness.mutants --paths src_pyx --count 10 --tests tests/engine tests/network

Each mutant is one changed line in a copy of the working tree, where the suite runs until a test fails: first the tests
whose names or words fit the file, then all others. A failing test, a crash, a hang or an import that fails kills it.
Survivors are printed as diffs, to be read: one that changes nothing that anybody could notice is no gap of the suite.
Kernels are built without optimisation and with bounds checks (FASTMLP_DEBUG=1).
"""

import difflib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import ROOT
from robustness.report import Fault, parser, write
from robustness.running import watched

LANGUAGES = {"Python sources": (".py",), "kernels": (".pyx", ".pxd", ".h")}
# Seconds after which a test, or the whole suite, counts as hung.
HANG, ENDLESS = 150, 3600
# What is no code: texts and comments; in C also directives.
PROSE = {
    "Python sources": r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*",
    "C": r"/\*[\s\S]*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:\\\n|[^\n])*",
}
PROSE["kernels"] = PROSE["Python sources"]
# Where each operator applies, and what it puts in place of its group; operators stand between spaces in formatted code.
SWAPS = {
    "comparison": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "+=": "-=", "-=": "+=", "*=": "/="},
    "logic": {"and": "or", "or": "and", "&&": "||", "||": "&&", "True": "False", "False": "True"},
}
WORD = r"[\w.\[\]*&]+"
PATTERNS = {
    **{name: rf"(?<=[\s(=])({'|'.join(map(re.escape, pairs))})(?=[\s),:;])" for name, pairs in SWAPS.items()},
    "off by one": r"(?<![\w.])(\d+)(?![\w.])",
    "dropped barrier": r"^[ ]+([\w.]*(?:barrier_wait|barrier|meet|wait)\([^\n]*\);?)$",
    "dropped statement": rf"^[ ]+((?!cdef|print|assert)(?:raise [^\n]*|[\w.]+\([^\n]*\)|(?:{WORD})"
    r" (?:[-+*/|&]?=) [^\n]*|return|continue|break);?)$",
    "swapped arguments": rf"(?<=\w)\((?:[^()\n]*, )?({WORD}, {WORD})(?:, [^()\n]*)?\)",
}


class Mutant(NamedTuple):
    """A file, and what it becomes."""

    file: str
    operator: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What changes."""
        lines = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return f"# {self.operator}\n" + "".join(difflib.unified_diff(*lines, f"a/{self.file}", f"b/{self.file}", n=2))


def language(file: str) -> str:
    """Of a source file; empty for any other."""
    return next((name for name, suffixes in LANGUAGES.items() if file.endswith(suffixes)), "")


def code(file: str, text: str) -> str:
    """The text with spaces where there is no code."""
    prose = PROSE["C" if file.endswith(".h") else language(file)]
    return re.sub(prose, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.MULTILINE)


def places(masked: str, operator: str) -> Iterator[tuple[int, int, str]]:
    """Where an operator applies, and what it puts there."""
    for match in re.finditer(PATTERNS[operator], masked, re.MULTILINE):
        found, (start, end) = match[1], match.span(1)
        line = masked[masked.rfind("\n", 0, start) + 1 : masked.find("\n", end)]
        if re.match(r"\s*(from|import|cimport|def|class|cdef .*\(|cpdef|@|if TYPE_CHECKING)\b", line):
            continue
        # these would break every run: a Python name without a value, and a type that is none
        unbound = re.match(r"\w+ = (?!.*;$)", found) and "cdef " not in masked
        if unbound or masked.endswith("isinstance", 0, match.start()):
            continue
        if operator in SWAPS:
            yield start, end, SWAPS[operator][found]
        elif operator == "off by one":
            yield start, end, str(int(found) + 1)
        elif operator == "swapped arguments":
            first, second = found.split(", ")
            if first != second:
                yield start, end, f"{second}, {first}"
        elif all(line.count(a) == line.count(b) for a, b in ("()", "[]", "{}")):
            yield start, end, ";" if found.endswith(";") else "pass"


def mutants(files: list[str], chance: random.Random) -> Iterator[Mutant]:
    """Mutants without end, each operator as often as any other that applies in these files."""
    texts = {file: (ROOT / file).read_text() for file in files}
    masked = {file: code(file, text) for file, text in texts.items()}
    found = {name: [(file, *place) for file in files for place in places(masked[file], name)] for name in PATTERNS}
    operators = [name for name in PATTERNS if found[name]]
    while operators:
        operator = chance.choice(operators)
        file, start, end, new = chance.choice(found[operator])
        mutant = Mutant(file, operator, texts[file], texts[file][:start] + new + texts[file][end:])
        try:
            if language(file) == "Python sources":
                compile(mutant.after, file, "exec")
        except SyntaxError:
            continue
        yield mutant


class Copy:
    """A copy of the working tree, in which the suite runs."""

    def __init__(self, tree: Path, tests: list[str]):
        self.tree, self.tests = tree, tests
        self.variables = {"PYTHONPATH": str(tree), "FASTMLP_DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)

    def build(self) -> bool:
        """Build the kernels whose sources have changed."""
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        return watched(command, self.variables, self.tree, captured=True)[0] == 0

    def killer(self, mutant: Mutant) -> str | None:
        """What kills a mutant; None if nothing does, and "" if it cannot be built."""
        path = self.tree / mutant.file
        path.write_text(mutant.after)
        try:
            return self.suite(mutant.file) if language(mutant.file) == "Python sources" or self.build() else ""
        finally:
            path.write_text(mutant.before)

    def suite(self, file: str = "") -> str | None:
        """What fails first, None if nothing does, in the tests that fit a file before all others."""
        words = [word for word in re.split(r"\W|_", file) if len(word) > 2 and word not in ("fastmlp", "init", "src")]

        def fit(test: Path) -> tuple[int, str]:
            name, text = str(test.relative_to(self.tree)), test.read_text()
            return -sum(100 * (word in name) + (word in text) for word in words), name

        asked = [self.tree / test for test in self.tests]
        tests = {file for test in asked for file in (test.rglob("test_*.py") if test.is_dir() else [test])}
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        options += ["-o", f"faulthandler_timeout={HANG}", "-o", "faulthandler_exit_on_timeout=true"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, sorted(tests, key=fit))]
        status, output = watched(command, self.variables, self.tree, captured=True, patience=ENDLESS)
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
        if status == 0:
            return None
        hung = "Timeout (" in output or status == -signal.SIGKILL
        return failed[1] if failed else "a hang" if hung else f"exit status {status}"


def main() -> None:
    """Make mutants and say which survive."""
    command = parser(__doc__)
    command.add_argument("--count", type=int, default=20, help="mutants of each language (default: 20)")
    command.add_argument("--paths", nargs="+", default=["fastmlp", "src_pyx"], help="files and folders to change")
    command.add_argument("--tests", nargs="+", default=["tests"], help="files and folders of tests (default: all)")
    options = command.parse_args()
    # a script's command in the background ignores it, and what it starts would do so too, against what tests expect
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", *options.paths], capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Copy(Path(folder, "tree"), options.tests)
        if not scratch.build() or (failed := scratch.suite()) is not None:
            raise SystemExit(f"the suite fails without a mutant: {failed}")
        for name in LANGUAGES:
            files = [file for file in listed.stdout.split() if language(file) == name]
            killers: dict[str, str | None] = {}
            for mutant in mutants(files, random.Random(f"{options.seed} {name}")):
                if len(killers) == options.count:
                    break
                killer = None if mutant.diff in killers else scratch.killer(mutant)
                if mutant.diff in killers or killer == "":
                    continue
                killers[mutant.diff] = killer
                print(f"{mutant.diff}killed by {killer}\n" if killer else f"{mutant.diff}SURVIVED\n", flush=True)
            n_killed = sum(killer is not None for killer in killers.values())
            if killers:
                print(f"{n_killed} of {len(killers)} mutants of the {name} were killed", flush=True)
                fault = Fault(f"random mutants of the {name} that the suite notices", len(killers), n_killed)
                write(f"mutants_{name.split()[0].lower()}", [fault], options.results)


if __name__ == "__main__":
    main()
