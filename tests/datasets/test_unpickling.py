"""Batches of CIFAR-10 are pickles, which need not be what they say: nothing of them is executed."""

import os
import pickle
import tracemalloc

import numpy as np
import pytest
from cifar10_helpers import SIZES, random_batches, write_pickled

from fastmlp.datasets import get_CIFAR10_data, unpickling

pytestmark = pytest.mark.application

PIXELS = np.zeros((2, 3072), np.uint8)


@pytest.fixture
def pickled(tmp_path):
    write_pickled(tmp_path, *random_batches())
    return tmp_path


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"data": PIXELS[:, 1:], "labels": [0, 0]}, r"got uint8 \(2, 3071\)"),
        ({"data": PIXELS[0], "labels": [0]}, r"got uint8 \(3072,\)"),
        ({"data": PIXELS.astype(float), "labels": [0, 0]}, "got float64"),
        ({"data": PIXELS[:0], "labels": []}, r"n > 0, got uint8 \(0, 3072\)"),
        ({"data": PIXELS, "labels": [0]}, "2 integers, one an image, got 1 of type int"),
        ({"data": PIXELS, "labels": [0.0, True]}, "got 2 of type bool, float"),
        ({"data": PIXELS, "labels": "01"}, "one an image, got str"),
        ({"data": PIXELS, "labels": np.zeros((9, 0), int)}, r"one an image, got an array \(9, 0\)"),
        ({"data": PIXELS, "labels": [0, 1], ("batch", 1): 0}, "a key must be a text, got tuple"),
        ({"data": PIXELS, "labels": {0, 1}}, r"it has the operation b'\\x8f', which no array needs"),
        ({"data": PIXELS, "labels": [0, 2**70]}, "labels from 0 to 9, got 9223372036854775807 at index 1"),
        ({"data": PIXELS.astype("O"), "labels": [0, 0]}, "asks for the type 'O8', which is none of plain numbers"),
        ({"data": PIXELS.astype("U1"), "labels": [0, 0]}, "asks for the type 'U1'"),
        ({"data": PIXELS, "labels": [np.datetime64("2026-11-24"), 0]}, "asks for the type 'M8'"),
        ({"data": PIXELS, "labels": [[0], [1, 2]]}, "got 2 of type list"),
        ({"data": PIXELS, "labels": [0, -1]}, "labels from 0 to 9, got -1 at index 1"),
        ({"data": PIXELS}, "KeyError: b'labels'"),
        ([1, 2, 3], "not a pickled batch"),
    ],
)
def test_pickles_of_something_else_are_refused(pickled, batch, message):
    (pickled / "data_batch_2").write_bytes(pickle.dumps(batch))
    with pytest.raises(ValueError, match=f"data_batch_2 .*{message}"):
        get_CIFAR10_data(**SIZES, folder=pickled)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_read(pickled):
    (pickled / "data_batch_3").unlink()
    os.mkfifo(pickled / "data_batch_3")
    with pytest.raises(OSError, match=r"a pipe or a device cannot be used as a file: '.*data_batch_3'"):
        get_CIFAR10_data(**SIZES, folder=pickled)


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_cannot_run_code(pickled, tmp_path, protocol):
    trace = tmp_path / "trace"
    payload = pickle.dumps({"data": Hostile(f'mkdir "{trace}"'), "labels": [0]}, protocol)
    (pickled / "data_batch_1").write_bytes(payload)
    with pytest.raises(ValueError, match=rf"data_batch_1 is not .*: it asks for {os.name}\.system"):
        get_CIFAR10_data(**SIZES, folder=pickled)
    assert not trace.exists()
    pickle.loads(payload)
    assert trace.exists(), "the payload is live: an ordinary unpickler runs it"


@pytest.mark.parametrize("function", [eval, getattr, np.load, pickle.loads])
def test_a_pickle_cannot_look_up_other_functions(pickled, function):
    (pickled / "test_batch").write_bytes(pickle.dumps(function))
    with pytest.raises(ValueError, match=r"test_batch is not .* it asks for"):
        get_CIFAR10_data(**SIZES, folder=pickled)


def test_a_pickle_cannot_use_other_codecs(pickled):
    forged = b"c_codecs\nencode\n(Vtext\nVrot13\ntR."
    assert pickle.loads(forged) == "grkg"
    (pickled / "test_batch").write_bytes(forged)
    with pytest.raises(ValueError, match="it asks for the codec 'rot13'"):
        get_CIFAR10_data(**SIZES, folder=pickled)


def test_a_pickle_cannot_change_the_functions_that_it_calls(pickled):
    forged = b"c_codecs\nencode\n(N}V__defaults__\n(Vlatin1\ntstb."
    (pickled / "test_batch").write_bytes(forged)
    with pytest.raises(ValueError, match="test_batch is not"):
        get_CIFAR10_data(**SIZES, folder=pickled)
    assert unpickling._Unpickler.encode.__defaults__ is None


SCALAR, TYPE, ARRAY = b"cnumpy.core.multiarray\nscalar\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n"
FORGED = {
    # each of these ends a process that hands them to NumPy, which would follow the address in them
    "array of objects": b"\x80\x04}(X\x04\0\0\0datah"
    + ARRAY
    + b"((K\x01tX\x01\0\0\0OC\x08AAAAAAAAtRX\x06\0\0\0labels]u.",
    "field of objects": SCALAR
    + b"("
    + TYPE
    + b"(VV8\nI00\nI01\ntR(I3\nV|\nN(Va\nt(dVa\n("
    + TYPE
    + b"(VO\ntRI0\ntsI8\nI1\nI0\ntbVAAAAAAAA\ntR.",
    "state of a number": TYPE + b"(Vu1\ntR(I3\nV|\nN(Va\ntN.",
    "no state": b"cnumpy.core.multiarray\n_reconstruct\n(NNNtR.",
    "too few bytes": b"cnumpy.core.numeric\n_frombuffer\n(C\x01A" + TYPE + b"(Vu1\ntR(I1000000000000\nI3072\ntVC\ntR.",
    "class made anew": b"\x80\x02" + ARRAY + b")\x81.",
    "endless": b"(" * 10_000,
    "no text": b"\x80\x04\x8c\x01\xff.",
    # the hash of this key needs more of the stack than there is
    "deep key": b"}K\x01" + b"\x85" * 1_000_000 + b"K\0s.",
    # and this one's for ever: the same tuple twice, within itself twice, 60 times
    "wide key": b"}K\x01" + b"".join(b"q\x01h\x01\x86" for _ in range(60)) + b"K\0s.",
    "state of a name": TYPE + b"(NNNNtb.",
    "arguments that are no tuple": TYPE + b"(NlR.",
    "places that collide": b"Np2305843009213693951\n.",
    "axis as a text": ARRAY + b")R(I1\n(V1\nV1\nt" + TYPE + b"(Vu1\ntRI00\nC\x01Atb.",
    "key from the start": b"(K\x01K\x02d.",
    "wide type": TYPE + b"(K\x01" + b"".join(b"q\x01h\x01\x86" for _ in range(60)) + b"tR.",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_pickle_cannot_make_anything_but_numbers(pickled, name):
    (pickled / "test_batch").write_bytes(FORGED[name])
    with pytest.raises(ValueError, match=r"test_batch (is not a pickled batch|must hold)"):
        get_CIFAR10_data(**SIZES, folder=pickled)


GREEDY = {
    "room for bytes": b"\x80\x05\x96" + (1 << 29).to_bytes(8, "little") + b".",
    "room for a frame": b"\x80\x04\x95" + (1 << 29).to_bytes(8, "little") + b".",
    "nested": b"(" * 5_000_000,
    "empty dictionaries": b"}" * 3_000_000,
    "the same text again and again": b"c_codecs\nencode\np1\n(V"
    + b"x" * 3_000_000
    + b"\nVlatin1\ntp2\nR"
    + b"h\x01h\x02R" * 100,
    # as many functions with these keywords, if a name may be given a state
    "the same state again and again": b"\x80\x04("
    + TYPE
    + b")}("
    + b"".join(b"V%d\nN" % i for i in range(20_000))
    + b"uNt\x94"
    + (TYPE + b"h\0b") * 1000,
    "labels without room": pickle.dumps({"data": PIXELS, "labels": np.empty((1 << 24, 0), np.uint8)}),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_pickle_takes_no_more_memory_than_the_data_set(pickled, name):
    (pickled / "data_batch_1").write_bytes(GREEDY[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"data_batch_1 (is not a pickled batch|must hold)"):
            get_CIFAR10_data(**SIZES, folder=pickled)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
