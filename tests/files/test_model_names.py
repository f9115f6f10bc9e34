"""Model files' names, endings and sizes."""

import contextlib
import copy
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
from conftest import assert_same, trained_state
from model_helpers import trained, write_npz

from fastmlp import ModelFileError, NeuralNetwork, Standardizer
from fastmlp.files import models


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
    write_npz(path, header=np.zeros(models.MAX_HEADER + 1, np.uint8))
    with pytest.raises(ModelFileError, match="its header has more than 16,777,216 bytes"):
        NeuralNetwork.load(path)
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    for n in (models.MAX_HEADER + 1, 2**63, 100):
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
    monkeypatch.setattr(models, "MAX_HEADER", 4000)
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
    with pytest.raises(
        ValueError, match=r"feature_names and schema must fit into a header of 4,000 bytes, got [4-9],\d{3}"
    ):
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
