"""The `fastmlp` command: what becomes of a training that was cut off, and of the folder of its results."""

import json
import os
import re

import numpy as np
import pytest
from cli_helpers import cut_off

from fastmlp.cli import runs, sources
from fastmlp.files.access import alone_in

pytestmark = pytest.mark.application


def history_file(folder):
    return json.loads((folder / "history.json").read_text())


def test_a_training_goes_on_from_its_checkpoint(run, tmp_path):
    assert run("train", "--epochs", "5", "--out", "whole").exit_code == 0
    assert run("train", "--epochs", "2", "--out", "parts").exit_code == 0
    (tmp_path / "parts" / "model.npz").unlink()
    result = run("train", "--epochs", "5", "--out", "parts", "--resume")
    assert result.exit_code == 0, result.output
    assert "resuming from parts/checkpoint.npz\n" in result.output
    assert re.findall(r"^ +(\d+) ", result.output, re.MULTILINE) == ["3", "4", "5"]
    models = [(tmp_path / name / "model.npz").read_bytes() for name in ("whole", "parts")]
    assert models[0] == models[1]
    losses = [history_file(tmp_path / name)["history"]["train_loss"] for name in ("whole", "parts")]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 5


def test_resume_starts_from_the_start_where_there_is_no_checkpoint(run, tmp_path):
    assert run("train", "--epochs", "2", "--out", "a").exit_code == 0
    result = run("train", "--epochs", "2", "--out", "b", "--resume")
    assert result.exit_code == 0
    assert "no b/checkpoint.npz: from the start\n" in result.output
    assert (tmp_path / "a" / "model.npz").read_bytes() == (tmp_path / "b" / "model.npz").read_bytes()


def test_resume_with_other_settings_is_an_error(run, tmp_path):
    assert run("train", "--epochs", "2").exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "runs" / "digits-adam").iterdir()}
    result = run("train", "--epochs", "2", "--resume", "--batch-size", "8")
    assert result.exit_code == 1
    place = tmp_path / "runs" / "digits-adam" / "checkpoint.npz"
    assert f"Error: batch_size must be 32, as in the checkpoint '{place}', got 8" in result.output
    assert {path.name: path.read_bytes() for path in (tmp_path / "runs" / "digits-adam").iterdir()} == before


@pytest.mark.parametrize("command", ["train", "compare", "tune"])
def test_two_trainings_cannot_have_one_folder(run, tmp_path, command):
    pytest.importorskip("fcntl")
    (tmp_path / "a").mkdir()
    with alone_in(tmp_path / "a", "not raised"):
        result = run(command, "--out", "a", "--epochs", "1")
        assert result.exit_code == 1
        assert result.output.endswith(
            "Error: another process is training into a; wait for it, or name another folder with --out\n"
        )
        assert os.listdir(tmp_path / "a") == []
    assert run(command, "--out", "a", "--epochs", "1").exit_code == 0


def test_a_training_that_was_cut_off_is_not_replaced_in_silence(run, tmp_path):
    cut_off(run, 4, "--epochs", "9", "--out", "a")
    replaced = "a/checkpoint.npz is replaced, of a training that was interrupted after 3 of 9 epochs; --resume"
    again = ("train", "--epochs", "2", "--out", "a", "--replace")
    result = run(*again)
    assert result.exit_code == 0
    assert replaced in result.stderr
    assert "is replaced" not in run(*again).stderr  # that one was complete
    (tmp_path / "a" / "checkpoint.npz").write_text("")
    assert run(*again).exit_code == 0


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("train", name) for name in ("model.npz", "history.json", "history.png", "checkpoint.npz", "test.npz")),
        *(("compare", name) for name in ("histories.json", "compare_all.png", "nn_3layer_adam_submission.csv")),
        *(("tune", name) for name in ("trials.jsonl", "best.npz", "curves.png", "grid.png")),
    ],
)
def test_a_result_that_cannot_be_written_is_found_before_the_training(run, tmp_path, command, name):
    (tmp_path / "a" / name).mkdir(parents=True)
    np.savez(tmp_path / "my.npz", X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    result = run(command, "--data", "my.npz", "--out", "a")
    assert result.exit_code == 1
    assert f"Is a directory: 'a/{name}'" in result.stderr
    assert os.listdir(tmp_path / "a") == [name]


@pytest.mark.parametrize(("command", "name"), [("train", "test.npz"), ("tune", "best.npz")])
def test_data_are_not_replaced_by_results(run, tmp_path, command, name):
    """`train` sets rows apart for the test, under a name that these may have."""
    np.savez(tmp_path / name, X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    before = (tmp_path / name).read_bytes()
    result = run(command, "--data", name, "--out", ".")
    assert result.exit_code == 2, result.output
    assert f"--out must not put a result in the place of {name}, which is read; name another" in result.stderr
    assert (tmp_path / name).read_bytes() == before


def test_a_figure_that_fails_costs_nothing_else(run, tmp_path, monkeypatch):
    def fail(*args):
        raise ValueError("no picture")

    np.savez(tmp_path / "my.npz", X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    monkeypatch.setattr(runs, "write_figure", fail)
    result = run("train", "--data", "my.npz", "--epochs", "1", "--out", "a")
    assert (result.exit_code, result.stderr) == (1, "Error: no picture\n")
    assert sorted(os.listdir(tmp_path / "a")) == ["checkpoint.npz", "history.json", "model.npz", "test.npz"]


@pytest.mark.parametrize(("command", "shown"), [("train", r"\n\d+\.\d\d s\nwrote "), ("compare", r"\d  +-\n")])
def test_epochs_may_take_no_time(run, monkeypatch, command, shown):
    """By a clock that is coarse."""
    monkeypatch.setattr(runs.Run, "samples_per_second", None)
    result = run(command, "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert re.search(shown, result.stdout)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_checkpoint(run, tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "checkpoint.npz")
    result = run("train", "--out", "a", "--epochs", "1")
    assert result.exit_code == 1
    assert "a pipe or a device cannot be used as a file: 'a/checkpoint.npz'" in result.stderr


def test_memory_that_is_not_enough_is_said(run, monkeypatch):
    def exhausted(*args, **options):
        raise MemoryError

    monkeypatch.setattr(sources, "load", exhausted)
    assert run("train").stderr == "Error: out of memory\n"
