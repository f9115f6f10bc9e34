"""Whether the test suite notices small mistakes in the code, made at random places by a few general operators.

    python -m robustness.mutants --paths src_pyx --count 10 --tests tests/engine tests/network

Each mutant is one change in a copy of the working tree, where the suite runs until a test fails: first the tests whose
names fit the file, then all others. A failing test, a crash, a hang or an import that fails kills it.
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
import tomllib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.environment import ROOT
from robustness.report import Fault, conclude, parser
from robustness.running import watched

LANGUAGES = {"Python sources": (".py",), "kernels": (".pyx", ".pxd", ".h")}
# Seconds after which a test counts as hung.
HANG = 150
# What is no code: texts and comments; in C also directives.
TEXTS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
PROSE = rf"\"\"\"[\s\S]*?\"\"\"|{TEXTS}|#[^\n]*"
C_PROSE = rf"/\*[\s\S]*?\*/|//[^\n]*|{TEXTS}|^[ \t]*#(?:\\\n|[^\n])*"
# What each operator applies to, as a group, and what it puts there; code is formatted, with spaces around operators.
SWAPS = {
    "comparison": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "+=": "-=", "-=": "+=", "*=": "/="},
    "logic": {"and": "or", "or": "and", "&&": "||", "||": "&&", "True": "False", "False": "True"},
}
WORD = r"[\w.\[\]*&]+"
PATTERNS = {
    **{name: rf"(?<=[\s(=])({'|'.join(map(re.escape, pairs))})(?=[\s),:;])" for name, pairs in SWAPS.items()},
    "off by one": r"(?<![\w.])(\d+)(?![\w.])",
    "dropped barrier": r"^[ ]+([\w.]*(?:barrier_wait|wait)\([^\n]*\);?)$",
    "dropped statement": rf"^[ ]+((?!cdef|print|assert)(?:raise [^\n]*|[\w.]+\([^\n]*\)|(?:{WORD})"
    r" (?:[-+*/|&]?=) [^\n]*|return|continue|break);?)$",
    "swapped arguments": rf"(?<=\w)(?<!isinstance)\((?:[^()\n]*, )?({WORD}, {WORD})(?:, [^()\n]*)?\)",
}


def places(file: str, code: str, operator: str) -> Iterator[tuple[int, int, str]]:
    """Where an operator applies to code without its prose, and what it puts there."""
    for match in re.finditer(PATTERNS[operator], code, re.MULTILINE):
        found, (start, end) = match[1], match.span(1)
        line = code[code.rfind("\n", 0, start) + 1 : code.find("\n", end)]
        if re.match(r"\s*(from|import|cimport|def|class|cdef .*\(|cpdef|@|if TYPE_CHECKING)\b", line):
            continue
        if operator in SWAPS:
            yield start, end, SWAPS[operator][found]
        elif operator == "off by one":
            yield start, end, str(int(found) + 1)
        elif operator == "swapped arguments":
            yield start, end, ", ".join(reversed(found.split(", ")))
        # a Python name without a value would break every run
        elif line.count("(") == line.count(")") and not (file.endswith(".py") and re.match(r"\w+ = ", found)):
            yield start, end, ";" if found.endswith(";") else "pass"


def mutants(files: list[str], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Files as they become, and diffs, without end; each operator as often as any other that applies."""
    texts = {file: (ROOT / file).read_text() for file in files}
    found: dict[str, list[tuple[str, int, int, str]]] = {name: [] for name in PATTERNS}
    for file, text in texts.items():
        prose = C_PROSE if file.endswith(".h") else PROSE
        code = re.sub(prose, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.MULTILINE)
        for operator, choices in found.items():
            choices += [(file, *place) for place in places(file, code, operator)]
    while any(found.values()):
        operator = chance.choice([name for name, choices in found.items() if choices])
        file, start, end, new = chance.choice(found[operator])
        after = texts[file][:start] + new + texts[file][end:]
        lines = (text.splitlines(keepends=True) for text in (texts[file], after))
        diff = "".join(difflib.unified_diff(*lines, f"a/{file}", f"b/{file}, {operator}", n=2))
        try:
            if file.endswith(".py"):
                compile(after, file, "exec")
        except SyntaxError:
            continue
        if diff:
            yield file, after, diff


class Copy:
    """A copy of the working tree, in which the suite runs, and an environment that builds its kernels."""

    def __init__(self, folder: Path, tests: list[str]):
        self.tree, self.python, self.tests = folder / "tree", str(folder / "env" / "bin" / "python"), tests
        self.variables = {"PYTHONPATH": str(self.tree), "FASTMLP_DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines():
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        requires = tomllib.loads((self.tree / "pyproject.toml").read_text())["build-system"]["requires"]
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", *requires], check=True)

    def built(self) -> bool:
        return watched([self.python, "setup.py", "build_ext", "--inplace"], self.variables, self.tree)[0] == 0

    def killer(self, file: str, after: str) -> str | None:
        """What kills a mutant; None if nothing does, and "" if it cannot be built."""
        path = self.tree / file
        before = path.read_text()
        path.write_text(after)
        try:
            return self.failure(file) if file.endswith(".py") or self.built() else ""
        finally:
            path.write_text(before)

    def failure(self, file: str = "") -> str | None:
        """What fails first, None if nothing does; tests whose names fit the file run before all others."""
        words = [word for word in re.split(r"\W|_", file) if len(word) > 2 and word not in ("fastmlp", "init", "src")]
        asked = [self.tree / test for test in self.tests]
        tests = sorted(file for test in asked for file in (test.rglob("test_*.py") if test.is_dir() else [test]))
        tests.sort(key=lambda test: -sum(word in str(test.relative_to(self.tree)) for word in words))
        options = ["-xq", "-pno:cacheprovider", f"-ofaulthandler_timeout={HANG}", "-ofaulthandler_exit_on_timeout=true"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, tests)]
        status, output = watched(command, self.variables, self.tree)
        if status == 0:
            return None
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
        return failed[1] if failed else f"a crash or a hang, exit status {status}"


def main() -> None:
    command = parser(__doc__)
    command.add_argument("--count", type=int, default=20, help="mutants of each language (default: 20)")
    command.add_argument("--paths", nargs="+", default=["fastmlp", "src_pyx"], help="files and folders to change")
    command.add_argument("--tests", nargs="+", default=["tests"], help="files and folders of tests (default: all)")
    asked = command.parse_args()
    # a script's command in the background ignores it, and what it starts would do so too, against what tests expect
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", *asked.paths], capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), asked.tests)
        if not copy.built() or (failed := copy.failure()) is not None:
            raise SystemExit(f"the suite fails without a mutant: {failed}")
        for name, suffixes in LANGUAGES.items():
            files = [file for file in listed.stdout.split() if file.endswith(suffixes)]
            killers: dict[str, str | None] = {}
            for file, after, diff in mutants(files, random.Random(f"{asked.seed} {name}")):
                if len(killers) == asked.count:
                    break
                if diff not in killers and (killer := copy.killer(file, after)) != "":
                    killers[diff] = killer
                    print(diff + (f"killed by {killer}\n" if killer else "SURVIVED\n"), flush=True)
            if killers:
                n, what = len(killers), f"random mutants of the {name} that the suite notices"
                fault = Fault(what, n, n - list(killers.values()).count(None))
                conclude({f"mutants_{name.split()[0].lower()}": [fault]}, asked.results, expected=False)


if __name__ == "__main__":
    main()
