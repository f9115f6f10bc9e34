"""Model files: there and back, and never in the way of an older one."""

import copy
import errno
import itertools
import os
import stat
import warnings

import numpy as np
import pytest
from conftest import assert_same, batch, interrupted_at, trained_state
from model_helpers import train, trained

from fastmlp import NeuralNetwork

SIZES = [(4, 3), (5, 7, 3), (4, 6, 5, 3), (7, 5, 6, 4, 2)]


@pytest.mark.parametrize("optimizers", [("SGD",), ("Adam",), ("Momentum", "Adam", "SGD")], ids="+".join)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_loaded_network_goes_on_with_the_same_bits(sizes, dtype, optimizers, tmp_path):
    net = trained(sizes, optimizers, dtype=dtype)
    before = trained_state(net)
    net.save(tmp_path / "net.npz")
    assert_same(trained_state(net), before)
    loaded = NeuralNetwork.load(tmp_path / "net.npz")
    assert (repr(loaded), loaded.dtype) == (repr(net), net.dtype)
    assert (loaded.input_size, *loaded.hidden_sizes, loaded.output_size) == sizes
    assert loaded.num_layers == len(sizes) - 1
    assert_same(loaded.params, net.params)
    assert_same(trained_state(loaded), before)
    X, _ = batch(20, sizes[0], sizes[-1], seed=3)
    np.testing.assert_array_equal(loaded.predict_proba(X), net.predict_proba(X), strict=True)
    for each in (net, loaded):
        train(each, ("Adam", "Momentum"))
    assert_same(loaded.params, net.params)
    assert_same(trained_state(loaded), trained_state(net))


@pytest.mark.parametrize("name", ["model", "model.npz", "model.bin", ".hidden", "with space é"])
@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_the_file_has_exactly_the_name_given(name, kind, tmp_path):
    net = trained()
    for _ in range(2):
        net.save(kind(tmp_path / name))
        assert os.listdir(tmp_path) == [name]
    assert_same(NeuralNetwork.load(kind(tmp_path / name)).params, net.params)


def test_save_replaces_an_older_file(tmp_path):
    for sizes in SIZES:
        trained(sizes).save(tmp_path / "net")
        assert NeuralNetwork.load(tmp_path / "net").num_layers == len(sizes) - 1


def test_load_makes_the_class_it_is_called_on(tmp_path):
    class Mine(NeuralNetwork):
        pass

    trained().save(tmp_path / "net")
    assert type(Mine.load(tmp_path / "net")) is Mine


def test_load_draws_no_random_numbers(tmp_path):
    trained().save(tmp_path / "net")
    before = np.random.get_state()[1:3]
    NeuralNetwork.load(tmp_path / "net")
    np.testing.assert_equal(np.random.get_state()[1:3], before)


def test_values_that_are_not_finite_are_kept(tmp_path):
    net = trained()
    net.params["b1"] = [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.0]
    net.save(tmp_path / "net")
    assert NeuralNetwork.load(tmp_path / "net").params["b1"].tobytes() == net.params["b1"].tobytes()


def test_a_parameter_that_was_given_another_shape_is_saved_in_its_own(tmp_path):
    net, expected = trained(), trained()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2.5
        net.params["W1"].shape = -1
    net.save(tmp_path / "net")
    assert_same(NeuralNetwork.load(tmp_path / "net").params, expected.params)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(umask, tmp_path):
    net, before = trained(), os.umask(umask)
    try:
        net.save(tmp_path / "net")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["numpy.lib.format.write_array", "os.fsync", "os.replace"])
def test_a_failing_save_leaves_the_old_file(where, error, tmp_path, monkeypatch):
    net = trained()
    net.save(tmp_path / "net")
    old = (tmp_path / "net").read_bytes()
    other = trained((4, 3))
    before = copy.deepcopy(trained_state(other))

    def fail(*args, **arrays):
        if where == "numpy.lib.format.write_array":
            args[0].write(b"PK\3\4 the beginning of it")
        raise error

    monkeypatch.setattr(where, fail)
    for name in ("net", "new"):
        with pytest.raises(type(error)):
            other.save(tmp_path / name)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["net"]
    assert (tmp_path / "net").read_bytes() == old
    assert_same(trained_state(other), before)
    assert_same(NeuralNetwork.load(tmp_path / "net").params, net.params)


def test_save_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        trained().save(tmp_path / "nowhere" / "net")
    assert os.listdir(tmp_path) == []


def test_save_over_a_folder(tmp_path):
    (tmp_path / "net").mkdir()
    with pytest.raises(OSError, match="net"):
        trained().save(tmp_path / "net")
    assert os.listdir(tmp_path) == ["net"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_save_into_a_folder_that_cannot_be_written(tmp_path):
    trained((4, 3)).save(tmp_path / "net")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            trained().save(tmp_path / "net")
    finally:
        tmp_path.chmod(0o755)
    assert os.listdir(tmp_path) == ["net"]
    assert NeuralNetwork.load(tmp_path / "net").num_layers == 1


# where it comes between the opening of a file, or of a member, and the block that closes it
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings(r"ignore:Exception ignored.*_ZipWriteFile:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("nameless", [True, False], ids=["without a name", "with one"])
@pytest.mark.parametrize("name", ["net.npz", "net.safetensors"])
def test_a_save_that_is_interrupted_says_so_and_leaves_a_whole_file(name, nameless, tmp_path, monkeypatch):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    net, path = trained((2, 2)), tmp_path / name
    net.save(path)
    before = path.read_bytes()
    train(net, ("Adam",))
    n_interrupted = 0
    for n in itertools.count():
        if not interrupted_at(n, lambda: net.save(path)):
            break
        n_interrupted += 1
        assert os.listdir(tmp_path) == [name]
        if path.read_bytes() != before:
            assert_same(trained_state(NeuralNetwork.load(path)), trained_state(net))
    assert n_interrupted > 100
