"""The package where the system lacks what Windows, or another system that is not Linux, lacks."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastmlp

pytestmark = pytest.mark.application

SCRIPT = Path(__file__).parent / "scripts" / "as_on_windows.py"


def ran(folder, system, *arguments):
    """What the script writes to a console of Windows, `here`, or with what Windows lacks taken `away`."""
    folder.mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    # without its BLAS, which cannot be controlled there
    variables = {"PYTHONPATH": path, "FASTMLP_PRODUCTS": "tiles", "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", SCRIPT, system, *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def test_training_files_and_searches_are_the_same_on_windows(tmp_path):
    here, there = (json.loads(ran(tmp_path / system, system)) for system in ("here", "away"))
    assert there.pop("blas") == "unknown"
    assert here.pop("blas")
    assert there.pop("refused") == "[Errno 13] Permission denied: 'only read'"
    assert here.pop("refused") in (None, "[Errno 13] Permission denied: 'only read'")
    assert there == here
    assert here["left"] == ["net.checkpoint.npz", "net.npz", "only read", "search"]


@pytest.mark.skipif(not all(map(find_spec, ("click", "tqdm", "matplotlib"))), reason="needs the extra cli")
def test_the_command_on_a_console_of_windows(tmp_path):
    """Whose encoding lacks most of the world's letters: they are shown as escapes, and written to files as they are."""
    X, y = np.random.RandomState(0).randn(120, 2), np.repeat(["Löwenzahn", "玫瑰", "rose"], 40)
    rows = [f"{a},{b},{name}" for (a, b), name in zip(X, y, strict=True)]
    (tmp_path / "花.csv").write_text("\n".join(["länge,幅,种", *rows]), encoding="utf-8")
    shown = ran(tmp_path, "away", "train", "--data", "花.csv", "--label", "种", "--epochs", "2")
    assert rb"\u82b1-adam" in shown
    model, test_rows = (os.path.join("runs", "花-adam", name) for name in ("model.npz", "test.npz"))
    assert "Löwenzahn".encode("cp1252") in ran(tmp_path, "away", "evaluate", model, test_rows)
    options = ("predict", model, "花.csv", "--label", "种", "--out")
    ran(tmp_path, "away", *options, "predicted.csv")
    predicted = (tmp_path / "predicted.csv").read_bytes()
    assert "玫瑰".encode() in predicted
    assert ran(tmp_path, "away", *options, "-") == predicted
