"""What a folder keeps of a search, whatever ends it."""

import errno
import functools
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import interrupted_at, on_posix
from tuning_helpers import SEED, SPACE, lines, with_key, without_time

import fastmlp
from fastmlp import NeuralNetwork
from fastmlp.training import Epoch
from fastmlp.tuning import Plan, ResultsFileError, search
from fastmlp.tuning.ledger import Ledger
from fastmlp.tuning.results import ResultsFile
from fastmlp.tuning.runner import TrialRunner

pytestmark = pytest.mark.application

VERSION1 = Path(__file__).parent / "searches" / "version1"


def test_the_same_folder_for_another_space_gives_what_a_new_folder_does(data, trained, tmp_path):
    spaces = [
        (SPACE, None),
        ({"hidden_sizes": [[8], [8, 8], [4]], "learning_rate": 0.3, "epochs": 3, "batch_size": 30}, None),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2]}, 2),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2], "epochs": [2, 3]}, 2),
        (SPACE | {"learning_rate": 0.3, "hidden_size": [8, 2], "epochs": 2}, None),
        (SPACE | {"learning_rate": 1e-9, "num_layers": 2}, None),
    ]
    for i, (space, halving) in enumerate(spaces):
        found = search(space, *data, halving=halving, folder=tmp_path / "one")
        alone = search(space, *data, halving=halving, folder=tmp_path / str(i))
        assert without_time(found.trials) == without_time(alone.trials)
        assert found.best.hyper_parameters == alone.best.hyper_parameters
        for name in ("one", str(i)):
            kept = NeuralNetwork.load(tmp_path / name / "best.npz")
            np.testing.assert_array_equal(kept.params["W1"], alone.network.params["W1"])
        np.testing.assert_array_equal(found.network.params["W1"], alone.network.params["W1"])
    content = [json.loads(line)["training"] for line in lines(tmp_path / "one")[1:]]
    assert len({json.dumps(one) for one in content}) == len(content)


def test_the_best_network_is_tested_and_kept(data, tmp_path):
    X, y, X_val, y_val = data
    found = search(SPACE, *data, X_test=X[:50], y_test=y[:50], folder=tmp_path)
    assert found.test_accuracy == found.network.score(X[:50], y[:50])
    kept = NeuralNetwork.load(tmp_path / "best.npz")
    np.testing.assert_array_equal(kept.predict_proba(X_val), found.network.predict_proba(X_val))
    assert kept.score(X_val, y_val) == found.best.val_accuracy


def test_a_finished_search_is_read_back(data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    n_trained, before = len(trained), lines(tmp_path)
    again = search(SPACE, *data, folder=tmp_path)
    assert len(trained) == n_trained
    assert without_time(again.trials) == without_time(found.trials)
    assert lines(tmp_path) == before
    np.testing.assert_array_equal(again.network.params["W1"], found.network.params["W1"])


def test_results_of_every_version_are_read(trained, tmp_path):
    """They were written by the release of their time."""
    shutil.copytree(VERSION1, tmp_path / "search")
    X, y = np.arange(300.0).reshape(60, 5) % 7, np.arange(60) % 3
    space = SPACE | {"optimizer": "SGD"}  # their default
    found = search(space, X[:40], y[:40], X[40:], y[40:], seed=SEED, folder=tmp_path / "search")
    # the best one is trained again where this processor's products are rounded otherwise
    assert len(trained) <= 1
    assert len(found.trials) == 6
    assert lines(tmp_path / "search") == lines(VERSION1)


def test_results_that_lack_a_newer_hyper_parameter_are_used(data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    trained.clear()
    records = [json.loads(line) for line in lines(tmp_path)]
    for record in records[1:]:
        del record["training"]["drop_last"], record["training"]["dropout"]
    del records[0]["label_smoothing"]
    Path(tmp_path, "trials.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    search(SPACE, *data, folder=tmp_path)
    assert trained == []


def test_a_larger_space_trains_only_what_is_new(data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    search(SPACE | {"learning_rate": [0.01, 0.3, 0.2]}, *data, folder=tmp_path)
    assert len(trained) == len(set(trained)) == 8
    assert len(lines(tmp_path)) == 1 + 8


@pytest.mark.parametrize("change", ["missing", "another", "broken"])
def test_a_lost_best_network_is_trained_again(change, data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    trained.clear()
    path = tmp_path / "best.npz"
    if change == "missing":
        path.unlink()
    elif change == "another":
        NeuralNetwork(5, [8], 3, dtype=np.float32, seed=99).save(path)
    else:
        path.write_bytes(path.read_bytes()[:100])
    again = search(SPACE, *data, folder=tmp_path)
    (training,) = map(dict, trained)
    assert training["hidden_sizes"] == (8,) * (found.best.hyper_parameters["num_layers"] - 1)
    assert training["learning_rate"] == found.best.hyper_parameters["learning_rate"]
    np.testing.assert_array_equal(again.network.params["W1"], found.network.params["W1"])
    np.testing.assert_array_equal(NeuralNetwork.load(path).params["W1"], found.network.params["W1"])


def test_a_network_for_which_memory_is_short_is_not_lost(data, monkeypatch, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    before = Path(tmp_path, "best.npz").read_bytes()
    trained.clear()

    def load(path):
        raise MemoryError

    monkeypatch.setattr(NeuralNetwork, "load", load)
    with pytest.raises(MemoryError):
        search(SPACE, *data, folder=tmp_path)
    assert trained == []
    assert Path(tmp_path, "best.npz").read_bytes() == before


def test_a_network_that_is_read_back_has_the_names_of_this_search(data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    trained.clear()
    for names in ((list("abc"), list("pqrst")), (list("abd"), list("pqrst")), (list("abd"), None), (None, None)):
        network = search(SPACE, *data, folder=tmp_path, class_names=names[0], feature_names=names[1]).network
        for net in (network, NeuralNetwork.load(tmp_path / "best.npz")):
            assert (net.class_names, net.feature_names) == names
    assert trained == []


@pytest.mark.parametrize("length", [1, 40, -1])
def test_a_torn_last_line_is_named_and_its_trial_runs_again(length, data, trained, tmp_path):
    found = search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    Path(tmp_path, "trials.jsonl").write_bytes(b"".join([*before[:-1], before[-1][:length]]))
    trained.clear()
    with pytest.warns(UserWarning, match=r"trials.jsonl': the last line is torn") as caught:
        again = search(SPACE, *data, folder=tmp_path)
    assert caught[0].filename == __file__
    assert len(trained) == 1
    assert without_time(again.trials) == without_time(found.trials)
    assert lines(tmp_path)[:-1] == before[:-1]
    assert json.loads(lines(tmp_path)[-1])["hyper_parameters"] == json.loads(before[-1])["hyper_parameters"]


def test_a_search_that_was_killed_at_its_first_line_starts_anew(data, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    first = lines(tmp_path)[0]
    Path(tmp_path, "trials.jsonl").write_bytes(first[:20])
    search(SPACE, *data, folder=tmp_path)
    assert lines(tmp_path)[0] == first
    assert len(lines(tmp_path)) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a letter to my aunt", "no file of results: its first line is not whole"),
        (b"a letter to my aunt\n", "no file of results: "),
        (b'{"format": "nb"}\n', "no file of results: its format is 'nb'"),
        (b"[1, 2]\n", "no file of results: "),
    ],
)
def test_another_file_is_left_alone(content, message, data, trained, tmp_path):
    Path(tmp_path, "trials.jsonl").write_bytes(content)
    with pytest.raises(ResultsFileError, match=f"trials.jsonl' is {message}"):
        search(SPACE, *data, folder=tmp_path)
    assert Path(tmp_path, "trials.jsonl").read_bytes() == content
    assert trained == []


@pytest.mark.parametrize("change", ["seed", "dtype", "data", "label_smoothing"])
def test_results_of_another_search_are_refused(change, data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    trained.clear()
    X, y, X_val, y_val = data
    X = X + 1 if change == "data" else X
    changes = {"seed": 1, "dtype": np.float64, "label_smoothing": 0.1}
    arguments = {change: changes[change]} if change in changes else {}
    with pytest.raises(ResultsFileError, match=f"is of another search: its {change} is"):
        search(SPACE, X, y, X_val, y_val, folder=tmp_path, **arguments)
    assert lines(tmp_path) == before
    assert trained == []


HISTORY = {name: [1.0] for name in Epoch._fields}


def record(**changes):
    """A line of one trial, with these changes."""
    return (
        json.dumps({"hyper_parameters": {}, "training": {"epochs": 1}, "history": HISTORY} | changes).encode() + b"\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        *(b"{}\n", b"nothing\n", b'{"hyper_parameters": {}, "training": {"epochs": 1}}\n', b"\n", b"3\n"),
        record(history=HISTORY | {"val_loss": [10**400]}),
        record(hyper_parameters={"learning_rate": "fast"}),
        record(hyper_parameters={"num_layers": 10**18}),
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_damaged_line_is_named(line, data, trained, tmp_path):
    search(SPACE, *data, folder=tmp_path)
    before = lines(tmp_path)
    trained.clear()
    Path(tmp_path, "trials.jsonl").write_bytes(b"".join([*before[:3], line, *before[4:]]))
    with pytest.raises(ResultsFileError, match=r"trials.jsonl' is damaged in line 4: "):
        search(SPACE, *data, folder=tmp_path)
    assert lines(tmp_path) == [*before[:3], line, *before[4:]]
    assert trained == []


def test_a_first_line_that_is_too_deep_is_no_header(data, trained, tmp_path):
    Path(tmp_path, "trials.jsonl").write_bytes(b"[" * 100_000 + b"\n")
    with pytest.raises(ResultsFileError, match=r"trials.jsonl' is no file of results: "):
        search(SPACE, *data, folder=tmp_path)
    assert trained == []


def test_two_searches_do_not_share_a_folder(data, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    search(SPACE, *data, folder=tmp_path)
    with Path(tmp_path, "trials.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ResultsFileError, match="in use by another search"):
            search(SPACE, *data, folder=tmp_path)
    search(SPACE, *data, folder=tmp_path)


def test_a_search_that_is_interrupted_as_it_opens_its_folder_lets_go_of_it(data, tmp_path):
    kept, runner = [], TrialRunner(Plan(), *data)
    search(SPACE, *data, folder=tmp_path)

    def enter(ledger):
        try:
            ledger.__enter__()
        except KeyboardInterrupt as error:
            kept.append(error)  # as a notebook does, with all that the frames hold
            raise

    # each opening needs what the one before has let go of
    for n in itertools.count():
        ledger = Ledger(tmp_path, runner)
        if not interrupted_at(n, functools.partial(enter, ledger)):
            break
    ledger.__exit__()
    assert len(kept) > 100
    assert len(ledger.trials) == 6


@pytest.mark.parametrize("error", [TimeoutError, ValueError])
def test_what_interrupts_a_look_at_the_best_network_comes_out_as_it_is(error, data, tmp_path):
    """Or the network would be lost, and trained again."""
    runner = TrialRunner(Plan(), *data)
    search(SPACE, *data, folder=tmp_path)
    with Ledger(tmp_path, runner) as ledger:
        places = {key: place for place, key in enumerate(ledger.trials)}
        for n in itertools.count():
            ledger.best = ledger.network = None
            ledger._lock = threading.Lock()  # where no signal is looked for, a tracer leaves it locked
            if not interrupted_at(n, functools.partial(ledger.consider, places), error):
                break
        assert n > 30
        assert ledger.network is not None


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_leaves_whole_lines(failing, monkeypatch, tmp_path):
    whole, calls, write = ResultsFile(tmp_path / "trials.jsonl", {}), itertools.count(), os.write
    one, trial = with_key(learning_rate=0.1, epochs=1)
    whole.add(one, trial)
    before = lines(tmp_path)

    def full(*arguments):
        if failing == "write" and next(calls) == 0:
            return write(arguments[0], arguments[1][:10])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match=r"No space left|full"):
            whole.add(one, trial)
    assert lines(tmp_path) == before
    whole.add(one, trial)
    assert lines(tmp_path) == [*before, before[-1]]
    whole.close()


SCRIPT = """
import json, sys
import numpy as np
from fastmlp.tuning import search
folder, space, n_workers = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
generator = np.random.RandomState(0)
y = generator.randint(3, size=400)
X = (generator.randn(400, 5) + np.eye(3, 5)[y]).astype(np.float32)
found = search(space, X[:300], y[:300], X[300:], y[300:], folder=folder, n_workers=n_workers)
print(found.best.hyper_parameters, found.network.params["W1"].sum())
"""


def start(folder, space, n_workers=2):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder), json.dumps(space), str(n_workers)]
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def finished(folder):
    try:
        return [line for line in lines(folder) if line.endswith(b"\n")][1:]
    except FileNotFoundError:
        return []


@on_posix
def test_a_search_that_is_killed_at_any_moment_goes_on(tmp_path):
    # more trials than ten rounds can finish
    space = {"num_layers": 2, "hidden_size": list(range(4, 84)), "learning_rate": 0.1, "epochs": 300}
    whole = start(tmp_path / "whole", space)
    wanted, _ = whole.communicate(timeout=300)
    assert whole.returncode == 0
    chance, seen, folder = random.Random(1), [], tmp_path / "killed"
    for _ in range(10):
        process = start(folder, space)
        while process.poll() is None and len(finished(folder)) <= len(seen):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert finished(folder)[: len(seen)] == seen  # what was written down once stays
        seen = finished(folder)
    last = start(folder, space)
    found, _ = last.communicate(timeout=300)
    assert found == wanted
    trials = [json.loads(line)["hyper_parameters"]["hidden_size"] for line in finished(folder)]
    assert sorted(trials) == space["hidden_size"]
    assert 10 <= len(seen) < len(trials)


@on_posix
def test_ctrl_c_stops_the_workers_and_keeps_what_is_finished(tmp_path):
    # half of the trials would take hours
    space = {"num_layers": 2, "hidden_size": [4, 5, 6], "epochs": [1, 10**9]}
    process = start(tmp_path, space, n_workers=6)
    try:
        while process.poll() is None and len(finished(tmp_path)) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        # a second for the workers; the rest of the process's end is Python's own, on a machine that may be busy
        _, error = process.communicate(timeout=10)
    finally:
        process.kill()
    assert error.splitlines()[-1] == "KeyboardInterrupt"
    assert [json.loads(line)["training"]["epochs"] for line in finished(tmp_path)] == [1, 1, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["trials.jsonl", "best.npz"])
def test_a_pipe_is_refused_before_anything_is_trained(data, tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match=rf"a pipe or a device cannot be used as a file: '.*{name}'"):
        search(SPACE, *data, folder=tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_a_folder_in_the_networks_place_is_refused_before_anything_is_trained(data, trained, tmp_path):
    Path(tmp_path, "best.npz").mkdir()
    with pytest.raises(IsADirectoryError, match=r"best\.npz"):
        search(SPACE, *data, folder=tmp_path)
    assert trained == []
    assert os.listdir(tmp_path) == ["best.npz"]
