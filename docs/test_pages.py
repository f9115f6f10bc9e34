"""Every command and every example of README and these pages runs, page by page, from top to bottom."""

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp.cli.commands import cli

ROOT = Path(__file__).parent.parent
CIFAR10 = os.environ.get("FASTMLP_DATA")
# a block of code, or a line of an indented one
PART = re.compile(
    r"^```python\n(?P<code>.*?)^```|^    (?P<command>(?:fastmlp|make|pip|python) [^\n]*)", re.DOTALL | re.MULTILINE
)
PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if PART.search(page.read_text())]
# these are what .ci/run does
ELSEWHERE = ("make ", "pip install ")
# what a page moves from, and what must be installed for its blocks to be run
OTHERS = {"import torch\n": ("torch",), "import keras\n": ("keras", "torch")}
# where it is set, it is an error that one of them is missing
OTHERS_ARE_NEEDED = "FASTMLP_COMPANIONS" in os.environ


def test_guarantees_name_tests_that_there_are():
    page = (ROOT / "docs" / "guarantees.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page)
    assert len(named) == page.count("::")
    missing = [f"{path}::{name}" for path, name in named if f"\ndef {name}(" not in (ROOT / path).read_text()]
    assert not missing


def run_command(line):
    """A command of a page, as a shell would run it in this environment."""
    program, *arguments = shlex.split(line, comments=True)
    assert program == "fastmlp"
    done = subprocess.run([sys.executable, "-m", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def write_iris(folder):
    """The files that README's own-data commands name, as someone has them."""
    random = np.random.RandomState(0)
    with (folder / "train.csv").open("w") as train, (folder / "test.csv").open("w") as test:
        train.write("length,width,species\n")
        test.write("name,length,width\n")
        for kind in random.randint(3, size=100):
            length, width = random.randn(2) + 3 * kind
            train.write(f"{length},{width},{'abc'[kind]}\n")
            test.write(f"{kind} of {length:.3f},{length},{width}\n")
    shutil.copy(folder / "train.csv", folder / "later.csv")  # as rows of later days


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # of Keras
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # files instead of a database, whose library raises warnings
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    if CIFAR10:  # as if it had been downloaded
        (tmp_path / "cache" / "fastmlp").mkdir(parents=True)
        for folder in Path(CIFAR10).resolve().glob("cifar-10-batches-*"):
            (tmp_path / "cache" / "fastmlp" / folder.name).symlink_to(folder)
        monkeypatch.delenv("FASTMLP_DATA")
        # a part of the images, or the notebook's page takes minutes
        monkeypatch.setattr(fastmlp, "get_CIFAR10_data", functools.partial(fastmlp.get_CIFAR10_data, 2000, 500, 500))
    if page.name == "README.md":
        write_iris(tmp_path)
    names, missing = {"__name__": "page"}, set()
    for part in PART.finditer(page.read_text()):
        text = part["command"] or part["code"]
        needed = {name for line, others in OTHERS.items() if line in text for name in others}
        if lacking := {name for name in needed if find_spec(name) is None}:
            assert not OTHERS_ARE_NEEDED, lacking
            missing |= lacking
            continue
        if not CIFAR10 and re.search("cifar10", text, re.IGNORECASE):
            if part["code"]:
                pytest.skip("the rest needs CIFAR-10: set FASTMLP_DATA")
            continue
        if part["code"]:
            exec(compile(text, str(page), "exec"), names)
            # what a comment promises is printed, up to what another processor's BLAS makes of it
            promised = re.findall(r"^print.*# ([\d.]+)$", text, re.MULTILINE)
            printed = [line for line in capsys.readouterr().out.splitlines() if line.replace(".", "").isdecimal()]
            if promised:
                assert [float(line) for line in printed] == pytest.approx([float(one) for one in promised], abs=0.03)
        elif not text.startswith(ELSEWHERE):
            run_command(text)
    if missing:
        pytest.skip(f"all but the blocks that need {', '.join(sorted(missing))}")


def test_examples_of_help_pages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_iris(tmp_path)
    examples = [
        line.strip()
        for command in cli.commands.values()
        for line in (command.help or "").splitlines()
        if line.strip().startswith("fastmlp ")
    ]
    assert len(examples) >= 8
    for line in examples:
        if CIFAR10 or "cifar10" not in line:
            run_command(line)
