"""A training that was cut off goes on from its checkpoint, and ends with the bits of one that was not."""

import errno
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from checkpoint_helpers import SETTINGS, X, Y, fit, make
from choices import OPTIMIZERS
from conftest import assert_same, batch, full, on_posix, python, trained_state

from fastmlp import NeuralNetwork


class CutError(Exception):
    """The training's process is gone."""


def cut_off(path, n_batches, net=None, **changes):
    """Train until `n_batches` are done."""
    counter = itertools.count(1)

    def advance(n):
        for _ in range(n):
            if next(counter) == n_batches:
                raise CutError

    net = net or make()
    with pytest.raises(CutError):
        fit(net, path, progress=advance, **changes)
    return net


def numbers(history):
    """What of a history does not depend on the clock."""
    return [epoch._replace(seconds=0.0) for epoch in history]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ending", ["net.npz", "net.safetensors"])
def test_the_resumed_training_has_the_bits_of_an_uninterrupted_one(optimizer, dtype, ending, tmp_path):
    if ending == "net.safetensors":
        pytest.importorskip("safetensors")
    settings = {"optimizer": optimizer, "time_step": "epoch", "X_val": X[:20], "y_val": Y[:20]}
    whole = make(dtype=dtype)
    history = whole.fit(X, Y, **{**SETTINGS, **settings})
    cut_off(tmp_path / ending, 24, make(dtype=dtype), **settings)  # in the fourth of the six epochs
    other = make(dtype=dtype, seed=9)
    views = dict(other.params)
    resumed = fit(other, tmp_path / ending, resume=True, **settings)
    assert_same(trained_state(other), trained_state(whole))
    assert_same(views, dict(whole.params))
    assert numbers(resumed) == numbers(history)
    assert resumed is other.history
    more = [net.fit(X, Y, **{**SETTINGS, **settings}).train_loss for net in (other, whole)]
    np.testing.assert_array_equal(*more)


def test_the_global_generator_goes_on_too(tmp_path):
    np.random.seed(5)
    whole = make()
    whole.fit(X, Y, **{**SETTINGS, "seed": None})
    after = np.random.rand()
    np.random.seed(5)
    cut_off(tmp_path / "net", 30, seed=None)
    np.random.seed(99)
    resumed = make()
    fit(resumed, tmp_path / "net", seed=None, resume=True)
    assert_same(trained_state(resumed), trained_state(whole))
    assert np.random.rand() == after


def test_without_a_checkpoint_it_starts_from_the_start(tmp_path):
    whole, resumed = make(), make()
    whole.fit(X, Y, **SETTINGS)
    fit(resumed, tmp_path / "net", resume=True)
    assert_same(trained_state(resumed), trained_state(whole))


def test_names_in_lower_case_are_the_same_settings(tmp_path):
    X, y = batch(20, 4, 3)
    path = tmp_path / "net.npz"
    for epochs, names in enumerate([("Adam", "epoch"), ("adam", "EPOCH")], 1):
        settings = {"epochs": epochs, "optimizer": names[0], "time_step": names[1], "seed": 0}
        net = NeuralNetwork(4, [10], 3, seed=0)
        assert len(net.fit(X, y, checkpoint=path, resume=True, **settings)) == epochs


def test_a_training_that_is_complete_is_not_repeated(tmp_path):
    whole, resumed = make(), make(seed=1)
    history = fit(whole, tmp_path / "net")
    written = (tmp_path / "net").read_bytes()
    again = fit(resumed, tmp_path / "net", resume=True)
    assert_same(trained_state(resumed), trained_state(whole))
    assert repr(list(again)) == repr(list(history))  # NaN is not equal to itself
    assert (tmp_path / "net").read_bytes() == written


def test_more_epochs_may_follow(tmp_path):
    whole, resumed = make(), make()
    whole.fit(X, Y, **{**SETTINGS, "epochs": 9})
    fit(make(), tmp_path / "net")
    fit(resumed, tmp_path / "net", epochs=9, resume=True)
    assert_same(trained_state(resumed), trained_state(whole))


def test_a_training_that_a_callback_ended_is_over(tmp_path):
    net = make()
    fit(net, tmp_path / "net", callbacks=[lambda net, history: len(history) == 2])
    resumed = make()
    assert len(fit(resumed, tmp_path / "net", resume=True)) == 2
    assert_same(trained_state(resumed), trained_state(net))


def test_callbacks_come_before_the_checkpoint(tmp_path):
    def double(net, history):
        net.params["W1"] *= 2

    whole, resumed = make(), make()
    whole.fit(X, Y, **SETTINGS, callbacks=[double])
    cut_off(tmp_path / "net", 20, callbacks=[double])
    fit(resumed, tmp_path / "net", callbacks=[double], resume=True)
    assert_same(trained_state(resumed), trained_state(whole))


def test_it_is_a_model_file_of_the_last_epoch(tmp_path):
    seen = []

    def look(net, history):
        seen.append(trained_state(net))

    cut_off(tmp_path / "net", 24, callbacks=[look])
    loaded = NeuralNetwork.load(tmp_path / "net")
    assert len(seen) == len(loaded.history) == 3
    assert_same(trained_state(loaded), seen[-1])


def test_without_resume_an_older_checkpoint_is_replaced(tmp_path):
    fit(make(), tmp_path / "net")
    history = fit(make(), tmp_path / "net", epochs=2)
    assert len(history) == len(NeuralNetwork.load(tmp_path / "net").history) == 2


def test_a_training_that_starts_anew_takes_the_files_place_at_once(tmp_path):
    """Or one that goes on later would go on from another one."""
    fit(make(), tmp_path / "net")
    whole = make(seed=5)
    whole.fit(X, Y, **{**SETTINGS, "learning_rate": 0.1})
    cut_off(tmp_path / "net", 2, make(seed=5), learning_rate=0.1)
    loaded = NeuralNetwork.load(tmp_path / "net")
    assert len(loaded.history) == 0
    assert_same(loaded.params, make(seed=5).params)
    resumed = make()
    fit(resumed, tmp_path / "net", learning_rate=0.1, resume=True)
    assert_same(trained_state(resumed), trained_state(whole))


def test_seconds_lie_between_two_checkpoints(tmp_path, monkeypatch):
    now, written = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def tick(net, history):
        written.append(len(NeuralNetwork.load(tmp_path / "net").history))
        now[0] += 1.0

    fit(make(), tmp_path / "net", checkpoint_seconds=2.5, epochs=7, callbacks=[tick])
    assert sorted(set(written)) == [0, 3, 6]
    assert len(NeuralNetwork.load(tmp_path / "net").history) == 7


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("resume", 1, TypeError),
        ("checkpoint_seconds", -1, ValueError),
        ("checkpoint_seconds", None, TypeError),
        ("checkpoint", 5, TypeError),
        ("checkpoint", b"net", TypeError),
    ],
)
def test_arguments_are_checked(name, value, error, tmp_path):
    with pytest.raises(error, match=name):
        make().fit(X, Y, **{"checkpoint": tmp_path / "net", name: value})
    assert os.listdir(tmp_path) == []


def test_another_global_generator_needs_a_seed(tmp_path):
    usual = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    try:
        with pytest.raises(ValueError, match="a checkpoint needs a seed, or MT19937 for NumPy's generator, got PCG64"):
            fit(make(), tmp_path / "net", seed=None)
    finally:
        np.random.set_bit_generator(usual)


@pytest.mark.parametrize(("place", "error"), [("missing/net", FileNotFoundError), ("", IsADirectoryError)])
def test_a_place_that_cannot_be_written_is_refused_before_the_training(place, error, tmp_path):
    net = make()
    before = trained_state(net)
    with pytest.raises(error, match=re.escape(str(tmp_path))):
        fit(net, tmp_path / place)
    assert_same(trained_state(net), before)
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_any_more_is_refused_before_the_training_goes_on(tmp_path, monkeypatch):
    def forbidden(**options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path, net = tmp_path / "net", make()
    cut_off(path, 20)
    before = trained_state(net)
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", forbidden)
        with pytest.raises(PermissionError, match=str(path)):
            fit(net, path, resume=True)
    assert_same(trained_state(net), before)
    fit(net, path, resume=True)
    monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
    fit(make(), path, resume=True)  # there is nothing left to write


def test_a_checkpoint_that_needs_a_library_is_refused_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    net = make()
    before = trained_state(net)
    with pytest.raises(ImportError, match="safetensors"):
        fit(net, tmp_path / "net.safetensors")
    assert_same(trained_state(net), before)


def test_a_seed_may_be_numpys(tmp_path):
    net, again = make(), make()
    fit(net, tmp_path / "net", seed=np.int64(3))
    fit(again, tmp_path / "net", seed=3, resume=True)
    assert_same(trained_state(net), trained_state(again))


@pytest.mark.parametrize("resume", [False, True])
def test_a_bar_that_needs_a_library_is_refused_before_the_checkpoint_is_touched(tmp_path, monkeypatch, resume):
    fit(make(), tmp_path / "net")
    before, net = (tmp_path / "net").read_bytes(), make()
    state = trained_state(net)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="tqdm"):
        fit(net, tmp_path / "net", progress=True, resume=resume)
    assert (tmp_path / "net").read_bytes() == before
    assert_same(trained_state(net), state)
    assert net.history is None


def test_a_callback_may_change_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    fit(make(), "net", callbacks=[lambda net, history: os.chdir(tmp_path / "other")])
    assert len(NeuralNetwork.load(tmp_path / "net").history) == SETTINGS["epochs"]
    assert os.listdir(tmp_path / "other") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_checkpoint_is_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(OSError, match=f"a pipe or a device cannot be used as a file: '{path}'"):
            fit(make(), path)
    with pytest.raises(ValueError, match="checkpoint must be a path without null characters"):
        fit(make(), "a\0b")


def test_a_disk_that_is_full_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path, whole = tmp_path / "net", make()
    whole.fit(X, Y, **SETTINGS)

    def fill(net, history):
        if len(history) == 4:
            monkeypatch.setattr(os, "fsync", full)

    net = make()
    with pytest.raises(OSError, match="No space left"):
        fit(net, path, callbacks=[fill])
    monkeypatch.undo()
    assert len(net.history) == 4
    assert len(NeuralNetwork.load(path).history) == 3
    assert os.listdir(tmp_path) == ["net"]
    resumed = make()
    fit(resumed, path, resume=True)
    assert_same(trained_state(resumed), trained_state(whole))


KILLED = """
    import numpy as np
    from fastmlp import NeuralNetwork
    X, y = np.random.RandomState(0).randn(2000, 50), np.arange(2000) % 10
    net = NeuralNetwork(50, [64], 10, seed=0)
    print("ready", flush=True)
    net.fit(X, y, epochs=100, batch_size=20, optimizer="Adam", seed=1, checkpoint="net.npz", resume=True)
    net.save("end.npz")
"""


@on_posix
def test_a_process_that_is_killed_goes_on(tmp_path):
    """At four moments, the first of them before the first checkpoint perhaps."""
    (tmp_path / "whole").mkdir()
    script = textwrap.dedent(KILLED)
    assert python("-c", script, folder=tmp_path / "whole").returncode == 0
    n_killed = 0
    for seconds in (0.01, 0.1, 0.2, 0.15):
        child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        n_killed += child.returncode == -signal.SIGKILL
        if (tmp_path / "net.npz").exists():
            NeuralNetwork.load(tmp_path / "net.npz")
    assert n_killed >= 1
    finished = python("-c", script, folder=tmp_path)
    assert finished.returncode == 0, finished.stderr
    end, whole = (NeuralNetwork.load(folder / "end.npz") for folder in (tmp_path, tmp_path / "whole"))
    assert_same(trained_state(end), trained_state(whole))
    # a kill at the very moment of a replacement leaves a name in between
    assert sorted(name for name in os.listdir(tmp_path) if not name.endswith(".tmp")) == ["end.npz", "net.npz", "whole"]
