"""The `fastmlp` command."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS
from cli_helpers import found, interrupted_in_epoch
from conftest import on_posix, python

import fastmlp
from fastmlp.cli import sources
from fastmlp.functions.optimizers import OPTIMIZERS

pytestmark = pytest.mark.application

COMMANDS = ["describe", "train", "predict", "evaluate", "compare", "tune", "data", "info"]
COLUMNS = ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]


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
    assert sorted(os.listdir(out)) == ["checkpoint.npz", "history.json", "history.png", "model.npz"]
    assert (out / "history.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert f"test accuracy {found['test_accuracy']:.4f}" in result.output
    assert re.search(r"[\d,]+ samples a second", result.output)
    assert "wrote model.npz, history.json, history.png to runs/digits-adam\n" in result.output


def epochs_shown(result):
    """The rows of the table of epochs."""
    return [line.split() for line in result.output.splitlines() if re.match(r" +\d+ ", line)]


def test_table_has_one_readable_row_an_epoch(run):
    result = run("train", "--epochs", "2")
    rows = epochs_shown(result)
    assert [row[0] for row in rows] == ["1", "2"]
    assert {len(row) for row in rows} == {7}
    history = record(Path("runs/digits-adam"))["history"]
    for number, row in enumerate(rows):
        shown = [float(text) for text in row[1:]]
        assert shown == pytest.approx([history[name][number] for name in COLUMNS], abs=1e-3)
    assert "\r" not in result.output
    assert "\x1b" not in result.output


def test_of_many_epochs_a_few_have_a_row_and_the_last_and_the_best_one(run):
    few = [row[0] for row in epochs_shown(run("train", "--epochs", "100"))]
    assert few == list(map(str, range(1, 101)))
    rows = epochs_shown(run("train", "--epochs", "150", "--patience", "5", "--out", "a"))
    past = record(Path("a"))
    last, best = len(past["history"]["seconds"]), past["best_epoch"]
    assert 10 < best < last
    usual = [n for n in (*range(1, 10), *range(10, 100, 10), 100) if n < last]
    assert [int(row[0]) for row in rows] == list(dict.fromkeys((*usual, last, best)))
    of_best = next(row for row in rows if row[0] == str(best))
    assert float(of_best[3]) == pytest.approx(past["history"]["val_loss"][best - 1], abs=1e-4)


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
        (("--activation", "softmax"), ["--activation", "softmax", *HIDDEN_ACTIVATIONS]),
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


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=["fastmlp", *COMMANDS])
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


# ---- options, interruptions


def test_every_option_reaches_the_training(run, tmp_path):
    wanted = {"epochs": 2, "batch_size": 50, "learning_rate": 0.5, "learning_rate_decay": 0.5, "regularization": 0.01}
    options = [text for name, value in wanted.items() for text in (f"--{name.replace('_', '-')}", value)]
    sizes = ("--hidden-sizes", "9,8", "--layers", "3", "--optimizer", "momentum", "--beta1", "0.8")
    trained = found(run("train", *options, *sizes, "--json"))
    assert trained["network"].startswith("NeuralNetwork(64-9-8-10, float32")
    for name, value in {**wanted, "optimizer": "Momentum", "beta1": 0.8}.items():
        assert trained["settings"][name] == value


def test_every_option_of_an_optimizer_reaches_the_training(run):
    for optimizer, row in OPTIMIZERS.items():
        wanted = dict.fromkeys(row.options, 0.0625)
        options = [text for name, value in wanted.items() for text in (f"--{name.replace('_', '-')}", value)]
        settings = found(run("train", "--optimizer", optimizer, "--epochs", "1", *options, "--json"))["settings"]
        assert {name: settings[name] for name in wanted} == wanted
        assert settings["optimizer"] == optimizer


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        (("--layers", "1"), "64-10,"),
        (("--layers", "4"), "64-64-64-64-10,"),
        (("--layers", "3", "--hidden-sizes", "5"), "64-5-5-10,"),
        (("--hidden-sizes", "5"), "64-5-10,"),
        (("--hidden-sizes", "5, 6"), "64-5-6-10,"),
    ],
)
def test_layers(run, options, sizes):
    trained = found(run("train", "--epochs", "1", "--json", *options))
    assert trained["network"].startswith(f"NeuralNetwork({sizes}")


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (
            ("--layers", "2", "--hidden-sizes", "5,6"),
            2,
            "--hidden-sizes must be one size, or layers - 1 = 1 sizes, got 2",
        ),
        (("--layers", "1", "--hidden-sizes", "5"), 2, "--hidden-sizes must be left out with 0 sizes, got 1"),
        (("--optimizer", "SGD", "--beta1", "0.5"), 2, "--beta1 has no effect with SGD"),
        (("--optimizer", "Momentum", "--beta2", "0.5"), 2, "--beta2 has no effect with Momentum"),
        (("--optimizer", "SGD", "--epsilon", "0.5"), 2, "--epsilon has no effect with SGD"),
        (("--weight-decay", "0.5"), 2, "--weight-decay has no effect with Adam"),
        (("--folder", "."), 2, "--folder is for --data cifar10, got --data digits"),
        (("--label", "x"), 2, "--target is for tables, got digits"),
        (("--ignore", "x", "--missing", "-"), 2, "--ignore, --missing are for tables, got digits"),
        (("--task", "regression"), 2, "--task regression is for files, got --data digits"),
        (("--split", "0.5,0.5"), 2, "'0.5,0.5' is not two shares of the rows, to validate and to test"),
        (("--hidden-sizes", "5,x"), 2, "'5,x' is not a list of positive integers such as 120,120"),
        (("--hidden-sizes", "0"), 2, "'0' is not a list of positive integers"),
        (("--learning-rate", "nan"), 2, "learning_rate must be finite"),
        (("--beta1", "1"), 2, "beta1 must be finite, at least 0 and below 1, got 1"),
        (("--batch-size", "0"), 2, "--batch-size"),
        (("--learning-rate", "1e30"), 1, "training diverged at epoch 1"),
    ],
)
def test_bad_settings_are_named(run, tmp_path, options, exit_code, message):
    result = run("train", *options)
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert not list(tmp_path.rglob("model.npz"))


def test_what_was_trained_before_it_diverged_is_kept(run, tmp_path):
    result = run("train", "--learning-rate", "0.1", "--learning-rate-decay", "1e20", "--optimizer", "SGD")
    assert result.exit_code == 1
    assert (
        "Error: stopped after 1 of 40 epochs; the network as it was then is saved: training diverged at epoch 2"
        in result.stderr
    )
    accuracy = found(run("evaluate", "runs/digits-sgd/model.npz", "digits", "--json"))["accuracy"]
    assert f"test accuracy {accuracy:.4f}" in result.stdout


@pytest.mark.parametrize(
    ("optimizer", "rate", "layers"),
    [("Adam", "1e9", 2), ("Adam", "1e9", 3), ("SGD", "1e3", 2), ("SGD", "1e3", 1), ("Momentum", "1e3", 1)],
)
def test_a_loss_that_is_finite_may_be_divergence_too(run, tmp_path, optimizer, rate, layers):
    options = ("--optimizer", optimizer, "--learning-rate", rate, "--layers", layers, "--epochs", "10", "--out", "a")
    for again in ((), ("--resume",)):
        result = run("train", *options, *again)
        assert result.exit_code == 1
        assert (
            "Error: stopped after 10 of 10 epochs; the network as it was then is saved: training diverged, "
            f"learning rate {float(rate):g}: the loss is "
        ) in result.stderr
        assert "; try a lower learning rate\n" in result.stderr
        accuracy = found(run("evaluate", "a/model.npz", "digits", "--json"))["accuracy"]
        assert f"test accuracy {accuracy:.4f}" in result.stdout
        assert record(tmp_path / "a")["history"]["train_loss"][-1] > 23
        (tmp_path / "a" / "model.npz").unlink()


def test_a_large_penalty_is_no_divergence(run, tmp_path):
    options = ("--regularization", "1000", "--learning-rate", "1e-6", "--epochs", "1")
    assert run("train", *options, "--out", "a").exit_code == 0
    assert record(tmp_path / "a")["history"]["train_loss"][-1] > 1000


@on_posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_an_interrupted_training_is_saved(run, tmp_path, name):
    """By Ctrl-C, by a terminal that is closed, or by a batch system."""
    command = [sys.executable, "-m", "fastmlp", "train", "--epochs", "1000000", "--out", "a"]
    env = {**os.environ, "PYTHONPATH": str(Path(fastmlp.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
    number = getattr(signal, name)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # a parent process may ignore the signal, as nohup does, and the command would too
    with subprocess.Popen(
        command, env=env, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL), **pipes
    ) as process:
        try:
            for line in process.stdout:
                if re.match(r" +5 ", line):
                    break
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, errors
    n_epochs = len(json.loads((tmp_path / "a" / "history.json").read_text())["history"]["train_loss"])
    assert n_epochs >= 5
    assert errors == f"interrupted after {n_epochs} of 1000000 epochs; the network as it was then is saved\n"
    accuracy = found(run("evaluate", "a/model.npz", "digits", "--json"))["accuracy"]
    assert f"test accuracy {accuracy:.4f} on 300 rows" in output


@pytest.mark.parametrize("command", ["train", "compare"])
def test_nothing_is_lost_where_nothing_was_trained(run, tmp_path, command):
    """A network that is there stays as it is when the first epoch is interrupted."""
    assert run(command, "--epochs", "1", "--out", "a").exit_code == 0

    def results():
        return {path: path.read_bytes() for path in (tmp_path / "a").iterdir() if path.name != "checkpoint.npz"}

    before = results()

    with interrupted_in_epoch(1):
        result = run(command, "--epochs", "1", "--out", "a", "--replace")
    assert (result.exit_code, result.stderr) == (130, "\ninterrupted\n")
    assert results() == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root may write to")
def test_a_folder_that_cannot_be_written_to_is_found_before_the_training(run, tmp_path, monkeypatch):
    def trained(*arguments, **options):
        raise AssertionError("it was trained")

    monkeypatch.setattr(fastmlp.NeuralNetwork, "fit", trained)
    result = run("train", "--out", "/proc/self")
    assert result.exit_code == 1
    assert "/proc/self" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_says_what_the_defaults_are(run):
    text = " ".join(run("train", "--help").output.split())
    assert "[default: SGD 0.2, Momentum 0.02, Nesterov 0.02, Adam 0.003, AdamW 0.003, RMSprop 0.001; tables: " in text
    assert "[default: 32; tables: a fiftieth of the rows, 32 to 200; cifar10: 200]" in text


def test_any_other_command_ends_as_a_shell_expects(run, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "load", interrupted)
    result = run("compare")
    assert (result.exit_code, result.stderr) == (130, "\ninterrupted\n")


def test_info_as_json(run):
    assert found(run("info", "--json"))["numpy"] == np.__version__
