"""Model files: whole or refused, never half loaded, and never in the way of an older one."""

import contextlib
import copy
import errno
import json
import os
import pickle
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch, trained_state

from fastmlp import ModelFileError, NeuralNetwork, Standardizer, load_digits, persistence
from fastmlp.persistence import digest

SIZES = [(4, 3), (5, 7, 3), (4, 6, 5, 3), (7, 5, 6, 4, 2)]


def trained(sizes=(4, 6, 3), optimizers=("Adam",), **options):
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=0, **options)
    train(net, optimizers)
    return net


def train(net, optimizers=("Adam",), n_steps=5):
    X, y = batch(9, net.input_size, net.output_size)
    for i in range(n_steps):
        net.forward(X)
        net.backward(y, 0.01)
        net.update(0.01, opt=optimizers[i % len(optimizers)])


# ---- there and back


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


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(umask, tmp_path):
    net, before = trained(), os.umask(umask)
    try:
        net.save(tmp_path / "net")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == 0o666 & ~umask


# ---- damaged and foreign files


def write_npz(path, **arrays):
    """`numpy.savez` under exactly this name."""
    with open(path, "wb") as file:
        np.savez(file, **arrays)


@pytest.fixture
def saved(tmp_path):
    net = trained((2, 2), dtype="float32")
    net.save(tmp_path / "net")
    return net, tmp_path / "net"


def test_every_truncation_is_refused(saved):
    _, path = saved
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="not a whole fastmlp model file"):
            NeuralNetwork.load(path)


def flips(n_bytes):
    """Bits all over the file, and all of the record at its end that leads to everything else."""
    spread = np.linspace(0, 8 * (n_bytes - 22) - 1, 200).astype(int)
    return [*spread, *range(8 * (n_bytes - 22), 8 * n_bytes)]


def test_a_flipped_bit_is_refused_or_harmless(saved):
    net, path = saved
    whole, refused, wrong = path.read_bytes(), 0, []
    for bit in flips(len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            loaded = NeuralNetwork.load(path)
        except ModelFileError:
            refused += 1
        except Exception as error:
            wrong.append(f"bit {bit}: {error!r}")
        else:
            assert repr(loaded) == repr(net)
            assert_same(trained_state(loaded), trained_state(net))
    assert refused > 150
    assert not wrong


@pytest.mark.parametrize("part", ["W1", "b2", "Adam.0.W2", "Adam.1.b1", "header"])
def test_a_changed_array_is_refused(part, tmp_path):
    trained().save(tmp_path / "net")
    with np.load(tmp_path / "net") as archive:
        arrays = dict(archive)
    changed = arrays[part].copy()
    if part == "header":
        changed = np.frombuffer(changed.tobytes().replace(b'"n_updates": 5', b'"n_updates": 6'), np.uint8)
    else:
        changed.flat[0] += 1
    assert (changed != arrays[part]).any()
    write_npz(tmp_path / "net", **{**arrays, part: changed})
    with pytest.raises(ModelFileError, match="checksum is wrong: it has been changed since it was saved"):
        NeuralNetwork.load(tmp_path / "net")


def rewrite(path, change):
    """Change the header and the arrays of a file, checksum included."""
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays.pop("header").tobytes())
    del header["sha256"]
    header = change(header, arrays) or header
    header["sha256"] = digest(header, arrays)
    write_npz(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


CHANGES = {
    "version": (
        lambda header, arrays: {**header, "version": 99},
        "its version is 99; this fastmlp reads versions 1 to 3",
    ),
    "version 0": (lambda header, arrays: {**header, "version": 0}, "its version is 0"),
    "mean without scale": (lambda header, arrays: arrays.update({"standardizer.mean": np.ones(4)}), "scale"),
    "short statistics": (
        lambda header, arrays: arrays.update({"standardizer.mean": np.ones(3), "standardizer.scale": np.ones(3)}),
        "standardizer must be fitted to rows of 4 features, got one for 3",
    ),
    "no scale": (
        lambda header, arrays: arrays.update({"standardizer.mean": np.ones(4), "standardizer.scale": np.zeros(4)}),
        "above 0",
    ),
    "format": (lambda header, arrays: {**header, "format": "torch"}, "its format is 'torch'"),
    "wider": (lambda header, arrays: {**header, "sizes": [4, 7, 3]}, r"sizes \[4, 7, 3\] need"),
    "deeper": (lambda header, arrays: {**header, "sizes": [4, 6, 3, 3]}, r"sizes \[4, 6, 3, 3\] need"),
    "no sizes": (lambda header, arrays: {**header, "sizes": []}, None),
    "one size": (lambda header, arrays: {**header, "sizes": [4]}, None),
    "negative size": (lambda header, arrays: {**header, "sizes": [4, -6, 3]}, "positive integer, got -6"),
    "text for sizes": (lambda header, arrays: {**header, "sizes": "463"}, "positive integer, got '4'"),
    "huge sizes": (lambda header, arrays: {**header, "sizes": [2**31 - 1, 2**31 - 1, 3]}, "need"),
    "dtype": (lambda header, arrays: {**header, "dtype": "float32"}, "float32"),
    "unknown dtype": (lambda header, arrays: {**header, "dtype": "int8"}, "its dtype is 'int8'"),
    "negative count": (lambda header, arrays: {**header, "n_updates": -1}, "n_updates must be .* got -1"),
    "fractional count": (lambda header, arrays: {**header, "n_updates": 1.5}, "n_updates must be .* got 1.5"),
    "missing header field": (lambda header, arrays: {k: header[k] for k in header if k != "dtype"}, "dtype"),
    "missing weights": (lambda header, arrays: arrays.__delitem__("W2"), "where sizes"),
    "missing moment": (lambda header, arrays: arrays.__delitem__("Adam.1.W2"), "where sizes"),
    "another array": (lambda header, arrays: arrays.update(W3=np.ones(2)), "where sizes"),
    "big-endian": (lambda header, arrays: arrays.update(W1=arrays["W1"].astype(">f8")), "where sizes"),
    "integers": (lambda header, arrays: arrays.update(b1=arrays["b1"].astype(int)), "where sizes"),
    "transposed": (lambda header, arrays: arrays.update(W1=arrays["W1"].T.copy()), "where sizes"),
}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_files_of_every_version_are_read(version):
    """They were written by the releases of their time."""
    loaded = NeuralNetwork.load(Path(__file__).with_name("models") / f"version{version}.npz")
    assert_near(trained_state(loaded), trained_state(trained()), 1e-12)
    X, _ = batch(9, 4, 3)
    if version == 1:
        assert loaded.standardizer is None
    else:
        np.testing.assert_allclose(loaded.standardizer.mean_, X.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(loaded.standardizer.scale_, X.std(axis=0), rtol=1e-12)
    assert loaded.class_names == (["a", "b", "c"] if version == 3 else None)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_contradicts_itself_is_refused(change, tmp_path):
    trained().save(tmp_path / "net")
    rewrite(tmp_path / "net", lambda header, arrays: None)
    NeuralNetwork.load(tmp_path / "net")  # so far it is whole
    action, match = CHANGES[change]
    rewrite(tmp_path / "net", action)
    with pytest.raises(ModelFileError, match=match):
        NeuralNetwork.load(tmp_path / "net")


class Intruder:
    """Its unpickling leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("place", ["header", "W1", "the whole file"])
def test_nothing_is_unpickled(place, tmp_path):
    path, trace = tmp_path / "net", tmp_path / "trace"
    trained().save(path)
    if place == "the whole file":
        path.write_bytes(pickle.dumps(Intruder(trace)))
    else:
        with np.load(path) as archive:
            arrays = {**archive, place: np.array([Intruder(trace)], object)}
        write_npz(path, **arrays)
    with pytest.raises(ModelFileError):
        NeuralNetwork.load(path)
    assert not trace.exists()


def text_header(path, text):
    write_npz(path, header=np.frombuffer(text, np.uint8))


def write_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("id,category\n0,3\n"),
    "other npz": lambda path: write_npz(path, X=load_digits()[0]),
    "npy": write_npy,
    "no JSON": lambda path: text_header(path, b"{"),
    "a list": lambda path: text_header(path, b"[1, 2]"),
    "a number": lambda path: text_header(path, b"1"),
    "no text": lambda path: text_header(path, b"\xff\xfe\x00"),
    "other JSON": lambda path: text_header(path, b"{}"),
    "nested JSON": lambda path: text_header(path, b"[" * 100_000),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_foreign_files_are_refused(foreign, tmp_path):
    FOREIGN[foreign](tmp_path / "model file")
    with pytest.raises(ModelFileError, match="model file' is not a whole fastmlp model file"):
        NeuralNetwork.load(tmp_path / "model file")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        NeuralNetwork.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        NeuralNetwork.load(tmp_path)


# ---- a save that fails


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["numpy.savez", "os.fsync", "os.replace"])
def test_a_failing_save_leaves_the_old_file(where, error, tmp_path, monkeypatch):
    net = trained()
    net.save(tmp_path / "net")
    old = (tmp_path / "net").read_bytes()
    other = trained((4, 3))
    before = copy.deepcopy(trained_state(other))

    def fail(*args, **arrays):
        if where == "numpy.savez":
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


# ---- class names, safetensors, sizes


def test_names_are_kept(tmp_path):
    net = trained()
    assert net.class_names is net.feature_names is None
    net.class_names, net.feature_names = ("cat", "dog", "hörse"), np.array(["a", "b", "c", "d e"])
    for name in ("net.npz", "net.safetensors"):
        if name.endswith("safetensors"):
            pytest.importorskip("safetensors")
        net.save(tmp_path / name)
        for other in (NeuralNetwork.load(tmp_path / name), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert other.class_names == ["cat", "dog", "hörse"]
            assert other.feature_names == ["a", "b", "c", "d e"]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["cat", "dog"], ValueError, "class_names must be 3 different names, one for each class, got 2"),
        (["cat", "dog", "cat"], ValueError, "class_names must be 3 different names"),
        ("cat", TypeError, "class_names must be a sequence of texts, got 'cat'"),
        ([1, 2, 3], TypeError, r"class_names must be a sequence of texts, got \[1, 2, 3\]"),
        (3, TypeError, "class_names must be a sequence of texts, got 3"),
    ],
)
def test_what_is_no_list_of_class_names_is_refused(names, error, message):
    net = trained()
    net.class_names = ["a", "b", "c"]
    with pytest.raises(error, match=message):
        net.class_names = names
    assert net.class_names == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature_names must be 4 different names, one for each feature, got 3"):
        net.feature_names = ["a", "b", "c"]


@pytest.mark.parametrize("optimizers", [("SGD",), ("Momentum", "Adam")], ids="+".join)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_safetensors_hold_the_same(dtype, optimizers, tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    net = trained(optimizers=optimizers, dtype=dtype)
    net.standardizer = Standardizer(n_channels=2).fit(np.arange(12).reshape(3, 4))
    net.save(tmp_path / "net.npz")
    net.save(tmp_path / "net.safetensors")
    loaded = NeuralNetwork.load(tmp_path / "net.safetensors")
    assert_same(trained_state(loaded), trained_state(net))
    assert loaded.standardizer.n_channels == 2
    with np.load(tmp_path / "net.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "header"}
    found = library.load_file(tmp_path / "net.safetensors")
    assert_same({name: found[name] for name in arrays}, arrays)
    assert len(found) == len(arrays)


def test_every_truncation_and_flip_of_safetensors_is_refused_or_harmless(tmp_path):
    pytest.importorskip("safetensors")
    net, path = trained((2, 2), dtype="float32"), tmp_path / "net.safetensors"
    net.save(path)
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="not a whole fastmlp model file"):
            NeuralNetwork.load(path)
    for bit in np.linspace(0, 8 * len(whole) - 1, 200).astype(int):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            loaded = NeuralNetwork.load(path)
        except ModelFileError:
            continue
        assert_same(trained_state(loaded), trained_state(net))


def test_oversized_headers_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    write_npz(path, header=np.zeros(persistence.MAX_HEADER + 1, np.uint8))
    with pytest.raises(ModelFileError, match="its header has more than 16,777,216 bytes"):
        NeuralNetwork.load(path)
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    for n in (persistence.MAX_HEADER + 1, 2**63, 100):
        path.write_bytes(n.to_bytes(8, "little") + b" " * 50)
        with pytest.raises(ModelFileError, match=f"its header has {n:,} bytes"):
            NeuralNetwork.load(path)


def test_compressed_members_are_refused(tmp_path):
    """A small file that would fill the memory."""
    with open(tmp_path / "net", "wb") as file:
        np.savez_compressed(file, header=np.zeros(10, np.uint8), W1=np.zeros(10**7))
    assert (tmp_path / "net").stat().st_size < 10**5
    with pytest.raises(ModelFileError, match="compressed"):
        NeuralNetwork.load(tmp_path / "net")


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_what_is_saved_can_be_loaded(tmp_path, monkeypatch, ending):
    """Up to the last byte of the largest header; beyond, nothing is written."""
    if ending == "safetensors":
        pytest.importorskip("safetensors")
    monkeypatch.setattr(persistence, "MAX_HEADER", 4000)
    path, net = tmp_path / f"net.{ending}", NeuralNetwork(1, [], 2)
    refused = 0
    for n in range(3000, 4000, 7):
        net.class_names = ["a", '"é' + "b" * n]
        with contextlib.suppress(ValueError):
            net.save(path)
        if path.exists():
            assert not refused
            assert NeuralNetwork.load(path).class_names == net.class_names
            path.unlink()
        else:
            refused += 1
    assert 0 < refused < 100
    with pytest.raises(ValueError, match=r"feature_names must fit into a header of 4,000 bytes, got [4-9],\d{3}"):
        net.save(path)


def test_names_are_checked_however_they_come(tmp_path):
    net = trained()
    net.class_names = ["a", "b", "c"]
    net.class_names[1] = "a"
    assert net.class_names == ["a", "b", "c"]


def test_members_that_share_bytes_are_refused(tmp_path):
    """Another small file that would fill the memory."""
    with zipfile.ZipFile(tmp_path / "net", "w") as archive:
        archive.writestr("header.npy", b"0" * 10**5)
        archive.filelist *= 10
    with pytest.raises(ModelFileError, match="larger than the file"):
        NeuralNetwork.load(tmp_path / "net")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (trained().save, NeuralNetwork.load):
        with pytest.raises(
            ImportError, match=r"a .safetensors file needs safetensors: pip install 'fastmlp\[safetensors\]'"
        ):
            call(tmp_path / "net.safetensors")
    assert os.listdir(tmp_path) == []
