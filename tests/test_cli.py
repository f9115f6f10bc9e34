"""The `fastmlp` command."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmlp

testing = pytest.importorskip("click.testing")
pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")
commands = pytest.importorskip("fastmlp.cli.commands")

COLUMNS = ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    return lambda *args: testing.CliRunner().invoke(commands.cli, args, prog_name="fastmlp")


def python(*args, folder):
    """Run Python in a folder that has no fastmlp in it."""
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *args], cwd=folder, env=env, capture_output=True, text=True)


def record(folder):
    def no_constant(name):
        raise ValueError(f"{name} is not JSON")

    text = (folder / "history.json").read_text()
    return json.loads(text, parse_constant=no_constant)


def test_defaults_learn_the_digits(run, tmp_path):
    result = run("train")
    assert result.exit_code == 0, result.output
    out = tmp_path / "runs" / "digits-adam"
    found = record(out)
    assert found["test_accuracy"] >= 0.97
    assert set(found["history"]) == set(COLUMNS)
    assert {len(values) for values in found["history"].values()} == {found["settings"]["epochs"]}
    assert all(math.isfinite(value) for values in found["history"].values() for value in values)
    rates, settings = found["history"]["learning_rate"], found["settings"]
    assert rates[5] == pytest.approx(settings["learning_rate"] * settings["learning_rate_decay"] ** 5)
    assert rates[5] < rates[0]
    assert found["data"] == "digits"
    assert found["settings"]["optimizer"] == "Adam"
    assert found["seconds"] > 0
    assert found["samples_per_second"] > 0
    assert found["environment"]["numpy"] == np.__version__
    assert sorted(os.listdir(out)) == ["history.json", "history.png"]
    assert (out / "history.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert f"test accuracy {found['test_accuracy']:.4f}" in result.output
    assert re.search(r"[\d,]+ samples a second", result.output)
    for name in ("history.json", "history.png"):
        assert str(Path("runs", "digits-adam", name)) in result.output


def test_table_has_one_readable_row_an_epoch(run):
    result = run("train", "--epochs", "2")
    rows = [line.split() for line in result.output.splitlines() if re.match(r" +\d+ ", line)]
    assert [row[0] for row in rows] == ["1", "2"]
    assert {len(row) for row in rows} == {7}
    history = record(Path("runs/digits-adam"))["history"]
    for number, row in enumerate(rows):
        shown = [float(text) for text in row[1:]]
        assert shown == pytest.approx([history[name][number] for name in COLUMNS], abs=1e-3)
    assert "\r" not in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize(("given", "optimizer"), [("SGD", "SGD"), ("sgd", "SGD"), ("adam", "Adam")])
def test_optimizer(run, tmp_path, given, optimizer):
    result = run("train", "--optimizer", given, "--epochs", "3")
    assert result.exit_code == 0, result.output
    assert record(tmp_path / "runs" / f"digits-{optimizer.lower()}")["settings"]["optimizer"] == optimizer


def test_sgd_learns_the_digits_too(run, tmp_path):
    assert run("train", "--optimizer", "SGD").exit_code == 0
    assert record(tmp_path / "runs" / "digits-sgd")["test_accuracy"] >= 0.97


def test_options_reach_the_training(run, tmp_path):
    options = ("--epochs", "2", "--dtype", "float64", "--threads", "1", "--seed", "3")
    first, second = run("train", *options, "--out", "a/b"), run("train", *options, "--out", "c")
    other = run("train", *options[:-1], "4", "--out", "d")
    assert [first.exit_code, second.exit_code, other.exit_code] == [0, 0, 0]
    records = [record(tmp_path / name) for name in ("a/b", "c", "d")]
    losses = [found["history"]["train_loss"] for found in records]
    assert losses[0] == losses[1] != losses[2]
    assert len(losses[0]) == 2
    assert [found["seed"] for found in records] == [3, 3, 4]
    assert "float64" in records[0]["network"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--epochs", "0"), ["--epochs", "0"]),
        (("--epochs", "two"), ["--epochs", "two"]),
        (("--optimizer", "L-BFGS"), ["--optimizer", "L-BFGS"]),
        (("--data", "mnist"), ["--data", "mnist", "digits", "cifar10"]),
        (("--dtype", "float16"), ["--dtype", "float16", "float32", "float64"]),
        (("--threads", "0"), ["--threads", "0"]),
        (("--seed", "-1"), ["--seed", "-1"]),
        (("--seed", str(2**32)), ["--seed", str(2**32)]),
        (("--folder", "nowhere"), ["--folder", "nowhere"]),
        (("--out", "file"), ["--out", "file"]),
        (("--colour",), ["--colour"]),
        (("digits",), ["digits"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_options_are_named(run, tmp_path, options, names):
    (tmp_path / "file").write_text("")
    result = run("train", *options)
    assert result.exit_code == 2
    for name in names:
        assert name in result.output
    assert os.listdir(tmp_path) == ["file"]


def test_cifar10_without_its_images(run):
    result = run("train", "--data", "cifar10")
    assert result.exit_code == 1
    message = result.output.strip()
    assert message.startswith("Error: ")
    assert "\n" not in message
    for part in ("CIFAR-10", "cifar10", "FASTMLP_DATA"):
        assert part in message


def test_cifar10_with_damaged_files(run, tmp_path):
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        (tmp_path / name).write_bytes(b"damaged")
    result = run("train", "--data", "cifar10", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "data_batch_1.bin must hold 3073 bytes for each image, got 7" in result.output


@pytest.mark.parametrize("command", [(), ("train",), ("info",)], ids=["fastmlp", "train", "info"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(run, command, option):
    result = run(*command, option)
    assert result.exit_code == 0
    assert result.output.startswith("Usage: fastmlp")


def test_info_prints_what_the_installation_is_made_of(run):
    result = run("info")
    assert result.exit_code == 0
    shown = dict(re.split(r" {2,}", line, maxsplit=1) for line in result.output.splitlines())
    assert shown["fastmlp"] == fastmlp.__version__
    assert shown["numpy"] == np.__version__
    assert shown["python"] == ".".join(map(str, sys.version_info[:3]))
    assert int(shown["threads"]) >= 1
    assert shown["threading"][:2] in ("P1", "P2")
    for name in ("compiler", "build", "SIMD", "OpenMP", "BLAS", "scipy", "platform"):
        assert shown[name]


def test_runs_as_a_module(tmp_path):
    done = python("-m", "fastmlp", "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"fastmlp, version {fastmlp.__version__}\n"), done.stderr


@pytest.mark.parametrize("library", ["click", "tqdm", "matplotlib"])
def test_a_missing_library_is_said_in_one_line(library, tmp_path):
    code = f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = ['train', '--epochs', '1']\n"
    done = python("-c", code + "from fastmlp.cli import main; main()", folder=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert library in done.stderr
    assert "pip install 'fastmlp[" in done.stderr


def test_the_package_needs_no_extra(tmp_path):
    extras = ["click", "tqdm", "matplotlib", "sklearn", "onnx"]
    code = f"""
import sys
sys.modules.update(dict.fromkeys({extras!r}))
import fastmlp
X, y = fastmlp.load_digits()
print(len(fastmlp.NeuralNetwork(64, [], 10, seed=0).fit(X, y, epochs=1, seed=0)))
"""
    done = python("-c", code, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_compare_trains_four_networks(run, tmp_path):
    result = run("compare", "--epochs", "3", "--seed", "1")
    assert result.exit_code == 0, result.output
    out = tmp_path / "runs" / "digits-compare"
    figures = [f"compare_{name}.png" for name in ("2layer", "3layer", "all")]
    submissions = {
        f"{n} layers, {optimizer}": f"nn_{n}layer_{optimizer.lower()}_submission.csv"
        for n in (2, 3)
        for optimizer in ("SGD", "Adam")
    }
    assert sorted(os.listdir(out)) == sorted([*figures, "histories.json", *submissions.values()])
    for name in figures:
        assert (out / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    found = json.loads((out / "histories.json").read_text())
    assert found["environment"]["numpy"] == np.__version__
    assert list(found["runs"]) == list(submissions)
    rows = [line.split() for line in result.output.splitlines() if re.match(r" +[23] ", line)]
    for (name, one), row in zip(found["runs"].items(), rows, strict=True):
        n_layers, optimizer = int(name[0]), name.split()[-1]
        assert row[:2] == [str(n_layers), optimizer] == [str(n_layers), one["settings"]["optimizer"]]
        assert one["network"].startswith("NeuralNetwork(64" + "-64" * (n_layers - 1) + "-10")
        validation = one["history"]["val_accuracy"]
        assert len(validation) == 3
        shown = [float(text.replace(",", "")) for text in row[2:]]
        expected = [validation[-1], max(validation), one["test_accuracy"], one["seconds"], one["samples_per_second"]]
        assert shown == pytest.approx(expected, abs=0.51)
        assert shown[:3] == pytest.approx(expected[:3], abs=5e-5)
    # what is submitted is what was tested
    labels = commands.runs.load("digits", None, "float32", out)["y_test"]
    for name, file in submissions.items():
        lines = (out / file).read_text().splitlines()
        assert lines[0] == "id,category"
        predictions = [int(line.split(",")[1]) for line in lines[1:]]
        assert np.mean(predictions == labels) == pytest.approx(found["runs"][name]["test_accuracy"])


def test_compare_gives_what_train_gives(run, tmp_path):
    options = ("--epochs", "2", "--dtype", "float64", "--threads", "1", "--seed", "3")
    assert run("compare", *options, "--out", "both").exit_code == 0
    assert run("train", *options, "--optimizer", "SGD", "--out", "one").exit_code == 0
    both, one = json.loads((tmp_path / "both" / "histories.json").read_text()), record(tmp_path / "one")
    same = both["runs"]["2 layers, SGD"]
    assert same["history"]["train_loss"] == one["history"]["train_loss"]
    assert same["settings"] == one["settings"]


def test_compare_says_what_is_missing(run, tmp_path):
    result = run("compare", "--data", "cifar10")
    assert result.exit_code == 1
    assert "FASTMLP_DATA" in result.output
    assert run("compare", "--epochs", "0").exit_code == 2
    assert os.listdir(tmp_path) == []


def trials_of(out):
    return [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()[1:]]


def test_tune_searches_a_grid_and_goes_on(run, tmp_path):
    options = ("tune", "--epochs", "2", "--param", "learning_rate", "0.1,0.3", "--param", "hidden_sizes", "[8],[8, 4]")
    first = run(*options)
    assert first.exit_code == 0, first.output
    out = tmp_path / "runs" / "digits-tune"
    assert sorted(os.listdir(out)) == ["best.npz", "curves.png", "grid.png", "trials.jsonl"]
    tried = [
        (one["hyper_parameters"]["learning_rate"], one["hyper_parameters"]["hidden_sizes"]) for one in trials_of(out)
    ]
    assert sorted(tried) == [(0.1, [8]), (0.1, [8, 4]), (0.3, [8]), (0.3, [8, 4])]
    before = (out / "trials.jsonl").read_bytes()
    again = run(*options)
    assert again.output == first.output
    assert (out / "trials.jsonl").read_bytes() == before
    data = commands.runs.load("digits", None, "float32", out)
    accuracy = fastmlp.NeuralNetwork.load(out / "best.npz").score(data["X_test"], data["y_test"])
    assert f"test accuracy of the best {accuracy:.4f} on 300 rows" in first.output
    rows = [line.split() for line in first.output.splitlines() if re.match(r" *0\.\d{4}  ", line)]
    assert len(rows) == 4
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)


def test_tune_at_random_with_halving(run, tmp_path):
    options = (
        "--random",
        "4",
        "--halving",
        "2",
        "--epochs",
        "4",
        "--optimizer",
        "Adam",
        "--workers",
        "2",
        "--seed",
        "5",
    )
    result = run("tune", *options, "--param", "learning_rate", "loguniform(1e-4, 1e-1)", "--out", "a")
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path / "a")) == ["best.npz", "curves.png", "trials.jsonl"]
    found = trials_of(tmp_path / "a")
    assert [one["training"]["epochs"] for one in found] == [1] * 4 + [2] * 2 + [4]
    assert {one["hyper_parameters"]["optimizer"] for one in found} == {"Adam"}
    assert all(1e-4 <= one["hyper_parameters"]["learning_rate"] <= 1e-1 for one in found)


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (("--param", "rate", "1"), 1, "must be one of 'num_layers', "),
        (("--param", "learning_rate", "fast"), 1, "learning_rate must be a number, got 'fast'"),
        (("--param", "learning_rate", "loguniform(0, 1)"), 1, "learning_rate must have two bounds, "),
        (("--param", "learning_rate", "uniform(0, 1)"), 1, "must be a list of choices where n_trials is not given"),
        (("--param", "learning_rate", ""), 1, "learning_rate"),
        (("--param", "batch_size", "8", "--param", "batch_size", "16"), 1, "--param batch_size must be given once"),
        (("--param", "epochs", "1,2", "--epochs", "3"), 1, "epochs must be given by --epochs or by --param epochs"),
        (("--halving", "1"), 2, "--halving"),
        (("--workers", "0"), 2, "--workers"),
        (("--param", "learning_rate"), 2, "--param"),
    ],
)
def test_tune_says_what_it_cannot_search(options, exit_code, message, run, tmp_path):
    result = run("tune", *options)
    assert result.exit_code == exit_code, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("**/trials.jsonl"))


def test_tune_leaves_the_results_of_another_search_alone(run, tmp_path):
    options = ("tune", "--epochs", "1", "--param", "learning_rate", "0.1", "--out", "a")
    assert run(*options).exit_code == 0
    before = (tmp_path / "a" / "trials.jsonl").read_bytes()
    result = run(*options, "--seed", "7")
    assert result.exit_code == 1
    assert "is of another search: its seed is 0, this one's 7; choose another folder" in result.output
    assert (tmp_path / "a" / "trials.jsonl").read_bytes() == before


def test_tune_says_what_it_cannot_have(run, tmp_path, monkeypatch):
    def greedy(*arguments, **options):
        raise MemoryError("Unable to allocate 279. GiB")

    with monkeypatch.context() as patch:
        patch.setattr(commands, "search", greedy)
        result = run("tune", "--epochs", "1", "--out", "a")
    assert (result.exit_code, result.output) == (1, "Error: Unable to allocate 279. GiB\n")
    (tmp_path / "b" / "curves.png").mkdir(parents=True)
    result = run("tune", "--epochs", "1", "--param", "learning_rate", "0.1", "--out", "b")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith("Error: the figure cannot be written: ")
    assert len(trials_of(tmp_path / "b")) == 1
