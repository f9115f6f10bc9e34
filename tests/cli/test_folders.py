"""The `fastmlp` command: the folder of its results, and what becomes of the results that are there."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import cut_off
from conftest import on_posix

import fastmlp
from fastmlp.cli import folders
from fastmlp.files.access import alone_in

pytestmark = pytest.mark.application


def contents(folder):
    """Of all files in a folder and below."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def done(result, where):
    """A command that has written its results there."""
    assert result.exit_code == 0, result.output
    assert f" to {where}\n" in result.stdout
    return result


@pytest.mark.parametrize("command", ["train", "compare"])
@pytest.mark.parametrize("options", [(), ("--seed", "1"), ("--dtype", "float64")], ids=["same", "seed", "dtype"])
def test_results_of_another_command_stay_where_they_are(run, tmp_path, command, options):
    usual = {"train": "runs/digits-adam", "compare": "runs/digits-compare"}[command]
    assert done(run(command, "--epochs", "1"), usual).stderr == ""
    before = contents(tmp_path)
    again = done(run(command, "--epochs", "1", *options), f"{usual}-2")
    assert again.stderr == f"{usual} is in use: the results are written to {usual}-2\n"
    done(run(command, "--epochs", "1", *options), f"{usual}-3")
    assert contents(tmp_path).items() >= before.items()
    assert len(contents(tmp_path)) == 3 * len(before)


def test_another_label_is_another_training(run, tmp_path):
    rows = [f"{i % 7},{i % 2},{i % 3}" for i in range(60)]
    (tmp_path / "my.csv").write_text("\n".join(["x,a,b", *rows]))
    for label, where in (("a", "runs/my-adam"), ("b", "runs/my-adam-2")):
        done(run("train", "--data", "my.csv", "--label", label, "--epochs", "1"), where)
    # and each goes on where it was
    for label, where in (("a", "runs/my-adam"), ("b", "runs/my-adam-2")):
        result = done(run("train", "--data", "my.csv", "--label", label, "--epochs", "2", "--resume"), where)
        assert f"resuming from {where}/checkpoint.npz\n" in result.stdout
    assert sorted(os.listdir("runs")) == ["my-adam", "my-adam-2"]


def test_resume_finds_the_folder_of_the_training(run, tmp_path):
    for size in (8, 16, 32, 64):
        cut_off(run, 3, "--epochs", "4", "--batch-size", size)
    for i, size in ((2, 16), (3, 32), (1, 8), (4, 64)):
        where = "runs/digits-adam" if i == 1 else f"runs/digits-adam-{i}"
        before = contents(tmp_path)
        result = done(run("train", "--epochs", "4", "--batch-size", size, "--resume"), where)
        assert f"resuming from {where}/checkpoint.npz\n" in result.stdout
        assert result.stderr == ""
        after = contents(tmp_path)
        assert {name for name in after if after[name] != before[name]} <= {
            f"{where}/{file}" for file in os.listdir(where)
        }
        done(run("train", "--epochs", "4", "--batch-size", size, "--out", "whole", "--replace"), "whole")
        assert after[f"{where}/model.npz"] == contents(tmp_path)["whole/model.npz"]
    # none has these settings
    before = contents(tmp_path)
    result = run("train", "--epochs", "4", "--batch-size", "9", "--resume")
    assert (result.exit_code, "Error: batch_size must be 64, as in the checkpoint '" in result.stderr) == (1, True)
    assert contents(tmp_path) == before


def test_resume_takes_the_latest_of_the_same_training(run, tmp_path):
    first, second = (tmp_path / "runs" / name / "checkpoint.npz" for name in ("digits-adam", "digits-adam-2"))
    for folder in ("runs/digits-adam", "runs/digits-adam-2"):
        done(run("train", "--epochs", "2"), folder)
    (tmp_path / "runs" / "digits-adam-x").mkdir()
    os.utime(first, (1, 1))
    done(run("train", "--epochs", "3", "--resume"), "runs/digits-adam-2")
    os.utime(second, (0, 0))
    done(run("train", "--epochs", "3", "--resume"), "runs/digits-adam")


def test_resume_starts_from_the_start_in_a_free_folder(run, tmp_path):
    done(run("train", "--epochs", "1"), "runs/digits-adam")
    (tmp_path / "runs/digits-adam/checkpoint.npz").unlink()
    before = contents(tmp_path)
    done(run("train", "--epochs", "1", "--resume"), "runs/digits-adam-2")
    assert contents(tmp_path).items() >= before.items()


def test_a_folder_with_nothing_to_lose_is_free(run, tmp_path):
    """One of something else, and one of a training that did not get through its first epoch."""
    (tmp_path / "runs" / "digits-adam").mkdir(parents=True)
    (tmp_path / "runs" / "digits-adam" / "notes.txt").write_text("mine")
    cut_off(run, 1, "--epochs", "4")
    assert sorted(os.listdir("runs/digits-adam")) == ["checkpoint.npz", "notes.txt"]
    assert done(run("train", "--epochs", "1"), "runs/digits-adam").stderr == ""
    assert (tmp_path / "runs" / "digits-adam" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("damaged", [False, True])
def test_a_folder_with_a_checkpoint_is_not_free(run, tmp_path, damaged):
    """Also one that was killed, and has no results yet."""
    cut_off(run, 2, "--epochs", "4")
    folder = tmp_path / "runs" / "digits-adam"
    for name in ("model.npz", "history.json", "history.png"):
        (folder / name).unlink()
    if damaged:
        (folder / "checkpoint.npz").write_text("a letter")
    before = contents(folder)
    done(run("train", "--epochs", "1"), "runs/digits-adam-2")
    assert contents(folder) == before


@on_posix
def test_what_is_no_folder_is_passed_over(run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "digits-adam").write_text("a file")
    (tmp_path / "runs" / "digits-adam-2").symlink_to("nowhere")
    done(run("train", "--epochs", "1"), "runs/digits-adam-3")


@pytest.mark.parametrize("command", ["train", "compare", "tune"])
def test_a_folder_that_another_process_has_is_not_free(run, tmp_path, command):
    pytest.importorskip("fcntl")
    usual = tmp_path / "runs" / {"train": "digits-adam"}.get(command, f"digits-{command}")
    usual.mkdir(parents=True)
    with alone_in(usual, "not raised"):
        done(run(command, "--epochs", "1"), f"runs/{usual.name}-2")
    assert os.listdir(usual) == []


def test_a_folder_that_has_just_been_used_is_not_free(run, tmp_path, monkeypatch):
    """By a process that ended after it was looked at."""

    @contextmanager
    def late(folder, message):
        if folder.name == "digits-adam":
            (folder / "model.npz").write_text("another's")
        with alone_in(folder, message):
            yield

    monkeypatch.setattr(folders, "alone_in", late)
    done(run("train", "--epochs", "1"), "runs/digits-adam-2")
    assert contents(tmp_path / "runs" / "digits-adam") == {"model.npz": b"another's"}


def test_processes_that_start_at_the_same_moment_have_folders_of_their_own(tmp_path):
    pytest.importorskip("fcntl")
    environment = {**os.environ, "PYTHONPATH": str(Path(fastmlp.__file__).parents[1])}
    command = [sys.executable, "-m", "fastmlp", "train", "--epochs", "20", "--seed"]
    processes = [
        subprocess.Popen([*command, str(seed)], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        for seed in range(4)
    ]
    assert [process.wait(300) for process in processes] == [0] * 4
    found = sorted((tmp_path / "runs").iterdir())
    assert [folder.name for folder in found] == ["digits-adam", *(f"digits-adam-{i}" for i in (2, 3, 4))]
    assert len({(folder / "model.npz").read_bytes() for folder in found}) == 4


@pytest.mark.parametrize(
    ("command", "others"),
    [("train", ("--seed", "1")), ("compare", ("--seed", "1")), ("tune", ("--param", "learning_rate", "0.1"))],
)
def test_results_in_a_folder_that_was_named_are_replaced_where_it_is_said(run, command, others):
    done(run(command, "--epochs", "1", "--out", "a"), "a")
    refused = run(command, "--epochs", "1", "--out", "a", *others)
    assert refused.exit_code == 2
    assert "--out must not have results, got a with " in refused.stderr
    assert refused.stderr.endswith(": name another folder, or say --replace\n")
    before = {path.name: path.read_bytes() for path in Path("a").iterdir()}
    result = done(run(command, "--epochs", "1", "--out", "a", "--replace", *others), "a")
    assert result.stderr == ""
    replaced = [name for name, content in before.items() if Path("a", name).read_bytes() != content]
    assert {"train": "model.npz", "compare": "histories.json", "tune": "best.npz"}[command] in replaced


@pytest.mark.parametrize("command", [("train", "--resume"), ("tune", "--param", "learning_rate", "0.1,0.2")])
def test_what_goes_on_replaces_nothing(run, command):
    """In a folder that was named, too."""
    for _ in range(2):
        assert done(run(*command, "--epochs", "1", "--out", "a"), "a").stderr == ""


def test_an_interrupted_training_in_a_folder_that_was_named_may_be_resumed(run):
    cut_off(run, 3, "--epochs", "5", "--out", "a")
    refused = run("train", "--epochs", "5", "--out", "a")
    assert (refused.exit_code, "interrupted there by --resume, or say --replace" in refused.stderr) == (2, True)
    done(run("train", "--epochs", "5", "--out", "a", "--resume"), "a")


SEARCH = ("tune", "--epochs", "2", "--param", "learning_rate")


@pytest.mark.parametrize(
    ("first", "second", "goes_on"),
    [
        (("0.1,0.2",), ("0.1,0.2",), True),
        (("0.1,0.2",), ("0.2,0.1,0.05",), True),
        (("0.1,0.2",), ("0.1",), False),
        (("0.1,0.2",), ("0.2,0.3",), False),
        (("0.1,0.2",), ("0.1,0.2", "--seed", "1"), False),
        (("0.1,0.2",), ("0.1,0.2", "--dtype", "float64"), False),
        (("0.1,0.2",), ("0.1,0.2", "--halving", "2"), True),
        (("0.1,0.2", "--halving", "2"), ("0.1,0.2", "--halving", "2"), True),
        (("0.1,0.2", "--halving", "2"), ("0.1,0.2",), False),
        (("uniform(0.1, 0.2)", "--random", "2"), ("uniform(0.1, 0.2)", "--random", "3"), True),
        (("uniform(0.1, 0.2)", "--random", "3"), ("uniform(0.1, 0.2)", "--random", "2"), False),
    ],
)
def test_a_search_goes_on_where_all_trials_are_its_own(run, tmp_path, first, second, goes_on):
    done(run(*SEARCH, *first), "runs/digits-tune")
    before = contents(tmp_path)
    result = done(run(*SEARCH, *second), "runs/digits-tune" if goes_on else "runs/digits-tune-2")
    if goes_on:
        assert result.stderr == ""
        name = "runs/digits-tune/trials.jsonl"
        assert contents(tmp_path)[name].startswith(before[name])
    else:
        assert contents(tmp_path).items() >= before.items()
        # the first one's folder is still its own
        again = done(run(*SEARCH, *first), "runs/digits-tune")
        assert again.stderr == ""


def test_a_search_leaves_what_is_no_search_alone(run, tmp_path):
    np.savez(tmp_path / "my.npz", X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    for i, content in enumerate((b"a letter\n", b"", b"{}\n[]\n"), 1):
        folder = tmp_path / "runs" / ("my-tune" if i == 1 else f"my-tune-{i}")
        folder.mkdir(parents=True)
        (folder / "trials.jsonl").write_bytes(content)
    before = contents(tmp_path)
    done(run(*SEARCH, "0.1", "--data", "my.npz"), "runs/my-tune-4")
    assert contents(tmp_path).items() >= before.items()
