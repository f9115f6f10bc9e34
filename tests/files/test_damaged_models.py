"""Model files are whole or refused, never half loaded, and nothing in them is executed."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_same, npy_header, trained_state
from model_helpers import trained, write_npz

from fastmlp import ModelFileError, NeuralNetwork, load_digits
from fastmlp.files.models import digest

MODELS = Path(__file__).with_name("models")


@pytest.fixture
def saved(tmp_path):
    net = trained((2, 2), dtype="float32")
    net.save(tmp_path / "net")
    return net, tmp_path / "net"


def test_every_truncation_is_refused(saved):
    _, path = saved
    whole = path.read_bytes()
    for length in range(len(whole)):
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
        "its version is 99; this fastmlp reads versions 1 to 6",
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
    "deeper": (lambda header, arrays: {**header, "sizes": [4, 6, 3, 3]}, "activations must be 3, one for each layer"),
    "no sizes": (lambda header, arrays: {**header, "sizes": []}, None),
    "one size": (lambda header, arrays: {**header, "sizes": [4]}, None),
    "negative size": (lambda header, arrays: {**header, "sizes": [4, -6, 3]}, "positive integer, got -6"),
    "text for sizes": (lambda header, arrays: {**header, "sizes": "463"}, "positive integer, got '4'"),
    "many sizes": (lambda header, arrays: {**header, "sizes": [1] * 300_000}, "too few for 300000 sizes of layers$"),
    "huge sizes": (lambda header, arrays: {**header, "sizes": [2**31 - 1, 2**31 - 1, 3]}, "need"),
    "dtype": (lambda header, arrays: {**header, "dtype": "float32"}, "float32"),
    "unknown dtype": (
        lambda header, arrays: {**header, "dtype": "int8"},
        "dtype must be .* got 'int8'",
    ),
    "negative count": (lambda header, arrays: {**header, "n_updates": -1}, "n_updates must be .* got -1"),
    "huge count": (lambda header, arrays: {**header, "n_updates": 2**53 + 1}, "n_updates must be at most"),
    "fractional count": (lambda header, arrays: {**header, "n_updates": 1.5}, "n_updates must be .* got 1.5"),
    "missing header field": (lambda header, arrays: {k: header[k] for k in header if k != "dtype"}, "dtype"),
    "missing weights": (
        lambda header, arrays: arrays.__delitem__("W2"),
        r"its array 'W2' is missing, where sizes \[4, 6, 3\] need \(6, 3\) of float64$",
    ),
    "missing moment": (lambda header, arrays: arrays.__delitem__("Adam.1.W2"), "where sizes"),
    "another array": (lambda header, arrays: arrays.update(W3=np.ones(2)), "where sizes"),
    "big-endian": (lambda header, arrays: arrays.update(W1=arrays["W1"].astype(">f8")), "where sizes"),
    "integers": (lambda header, arrays: arrays.update(b1=arrays["b1"].astype(int)), "where sizes"),
    "transposed": (lambda header, arrays: arrays.update(W1=arrays["W1"].T.copy()), "where sizes"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_contradicts_itself_is_refused(change, tmp_path):
    trained().save(tmp_path / "net")
    rewrite(tmp_path / "net", lambda header, arrays: None)
    NeuralNetwork.load(tmp_path / "net")  # so far it is whole
    action, match = CHANGES[change]
    rewrite(tmp_path / "net", action)
    with pytest.raises(ModelFileError, match=match):
        NeuralNetwork.load(tmp_path / "net")


def test_a_member_that_claims_more_than_it_has_is_refused(tmp_path):
    trained().save(tmp_path / "net")
    with zipfile.ZipFile(tmp_path / "net", "a") as archive:
        archive.writestr("W3.npy", npy_header("<f8", (1 << 50,)))
    with pytest.raises(
        ModelFileError, match=r"it says that it holds an array \(1125899906842624,\) of float64, and has"
    ):
        NeuralNetwork.load(tmp_path / "net")


@pytest.mark.parametrize("member", ["W1.npy", "header.npy", "W3.npy"])
def test_a_member_that_is_an_expression_is_refused(member, tmp_path):
    """To read it, Python may need more memory than there is, however much that is."""
    trained().save(tmp_path / "net")
    with zipfile.ZipFile(tmp_path / "net") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = b"-" * 9000 + b"1"
    members[member] = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(tmp_path / "net", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match=f"its member '{member}': its header is not that of an array"):
        NeuralNetwork.load(tmp_path / "net")


def test_a_lack_of_memory_is_not_the_files_fault(tmp_path, monkeypatch):
    def load(*args, **options):
        raise MemoryError

    trained().save(tmp_path / "net")
    monkeypatch.setattr(np.lib.format, "read_array", load)
    with pytest.raises(MemoryError):
        NeuralNetwork.load(tmp_path / "net")


def training(**values):
    """Change what the header says of the training."""
    return lambda header, arrays: header["training"].update(values)


TRAINING_CHANGES = {
    "unknown setting": (training(settings={"momentum": 0.9}), "momentum"),
    "negative rate": (training(settings={"learning_rate": -1}), "learning_rate must be .* got -1"),
    "seed": (training(seed=-1), "seed must be .* got -1"),
    "over": (training(over=1), "over must be"),
    "position": (training(generator={"pos": 625, "has_gauss": 0, "gauss": 0.0}), "pos must be at most 624"),
    "no number": (training(generator={"pos": 1, "has_gauss": 1, "gauss": np.nan}), "gauss must be finite"),
    "no generator": (training(generator={}), "pos"),
    "no history": (lambda header, arrays: arrays.__delitem__("training.history"), "training.history"),
    "short history": (
        lambda header, arrays: arrays.update({"training.history": np.ones((2, 5))}),
        r"its history is \(2, 5\) of float64",
    ),
    "no learning rate": (
        lambda header, arrays: arrays["training.history"].__setitem__((1, 4), np.nan),
        "learning_rate must be finite, at least 0, got nan",
    ),
    "short state": (
        lambda header, arrays: arrays.update({"training.generator": np.ones(9, np.uint32)}),
        r"its generator's state is \(9,\) of uint32",
    ),
    "signed state": (
        lambda header, arrays: arrays.update({"training.generator": np.ones(624, np.int32)}),
        r"its generator's state is \(624,\) of int32",
    ),
    "arrays without a header": (lambda header, arrays: header.__delitem__("training"), "where sizes"),
}


@pytest.mark.parametrize("change", TRAINING_CHANGES)
def test_a_checkpoint_that_contradicts_itself_is_refused(change, tmp_path):
    shutil.copy(MODELS / "version4.npz", tmp_path / "net")
    rewrite(tmp_path / "net", lambda header, arrays: None)
    assert len(NeuralNetwork.load(tmp_path / "net").history) == 3  # so far it is whole
    action, match = TRAINING_CHANGES[change]
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
