"""The `fastmlp` command where its output is not read: the training goes on, and its results are written."""

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import cli_helpers  # noqa: F401, skips where the extra is missing
import pytest

import fastmlp
from fastmlp import NeuralNetwork

pytestmark = [
    pytest.mark.application,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell, and a device that is full"),
]

RESULTS = {
    "train": ["checkpoint.npz", "history.json", "history.png", "model.npz"],
    "compare": ["compare_2layer.png", "compare_3layer.png", "compare_all.png", "histories.json"]
    + [f"nn_{n}layer_{optimizer}_submission.csv" for n in (2, 3) for optimizer in ("adam", "sgd")],
    "tune": ["best.npz", "curves.png", "grid.png", "trials.jsonl"],
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(fastmlp.__file__).parents[1])}


@contextmanager
def started(folder, *arguments, streams="", **options):
    """A command, with its streams as a shell puts them; what it says as an error is a pipe's."""
    line = ["sh", "-c", f'exec "$0" "$@" {streams}', sys.executable, "-m", "fastmlp", *arguments]
    options = {"stderr": subprocess.PIPE, **options}
    with subprocess.Popen(line, cwd=folder, env=ENVIRONMENT, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def check_end(process, status, said=b""):
    assert process.communicate(timeout=120)[1] == said
    assert process.returncode == status


def check_results(folder, name="train", epochs=2):
    assert sorted(os.listdir(folder)) == RESULTS[name]
    if name == "train":
        NeuralNetwork.load(folder / "model.npz")
        assert len(json.loads((folder / "history.json").read_text())["history"]["seconds"]) == epochs


@pytest.fixture
def deaf():
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize(
    ("streams", "status", "said"),
    [
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
        ("> /dev/full", 1, b"Error: standard output: No space left on device\n"),
        ("2> /dev/full", 0, b""),
        ("1< /dev/null", 1, b"Error: standard output: Bad file descriptor\n"),
    ],
)
def test_streams_that_are_missing_or_full(tmp_path, name, streams, status, said):
    options = {"streams": streams, "stdout": subprocess.DEVNULL}
    with started(tmp_path, name, "--epochs", "2", "--out", "a", **options) as process:
        check_end(process, status, said)
    check_results(tmp_path / "a", name)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("name", "options"), [*((name, ()) for name in RESULTS), ("train", ("--json",))])
def test_a_reader_that_has_gone(tmp_path, monkeypatch, name, options, unbuffered, deaf):
    monkeypatch.setitem(ENVIRONMENT, "PYTHONUNBUFFERED", unbuffered)
    with started(tmp_path, name, "--epochs", "2", "--out", "a", *options, stdout=deaf) as process:
        check_end(process, 1)
    check_results(tmp_path / "a", name)


def test_a_reader_that_goes(tmp_path):
    """As `head -1` does; each epoch is said when it is over."""
    with started(tmp_path, "train", "--epochs", "3000", "--out", "a", stdout=subprocess.PIPE) as process:
        while not process.stdout.readline().startswith(b"    1 "):
            pass
        assert not (tmp_path / "a" / "model.npz").exists()
        process.stdout.close()
        assert process.wait(120) == 1
        assert process.stderr.read() == b""
    check_results(tmp_path / "a", epochs=3000)


def test_a_terminal_that_is_closed(tmp_path):
    """Which has the progress bar."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    terminal, stream = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    with started(tmp_path, "train", "--epochs", "500", "--out", "a", stdout=stream, stderr=stream) as process:
        os.close(stream)
        shown = b""
        while b"batch/s]" not in shown:
            shown += os.read(terminal, 1000)
        os.close(terminal)
        assert process.wait(120) == 1
    check_results(tmp_path / "a", epochs=500)


def test_a_pipe_that_is_full_and_does_not_block_is_waited_for(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # less than the table of epochs takes
    with started(tmp_path, "train", "--epochs", "100", "--out", "a", stdout=writer) as process:
        while select.select([], [writer], [], 0.1)[1]:
            assert process.poll() is None
        os.close(writer)
        with open(reader, "rb") as file:
            said = file.read()
        check_end(process, 0)
    assert said.count(b"\n") > 100
    assert b"\nwrote model.npz, history.json, history.png to a\ntest accuracy " in said
    check_results(tmp_path / "a", epochs=100)


def test_predictions_that_nobody_takes_are_an_error(tmp_path, deaf):
    NeuralNetwork(64, [], 10, seed=0).save(tmp_path / "model.npz")
    for options, status in (({"stdout": deaf}, 1), ({"streams": "> /dev/full"}, 1), ({"streams": ">&-"}, 0)):
        with started(tmp_path, "predict", "model.npz", "digits", "--out", "-", **options) as process:
            assert process.wait(120) == status
            assert b"wrote 300 predictions to -;" in process.stderr.read()


def test_a_misuse_is_one_without_streams_too(tmp_path):
    with started(tmp_path, "train", "--epochs", "0", streams=">&- 2>&-") as process:
        assert process.wait(120) == 2
