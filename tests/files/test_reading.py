"""Files that are read: what has no end is refused, and what a signal's handler raises is not the file's fault."""

import functools
import gc
import itertools
import os
import re
import signal
import weakref
from pathlib import Path

import fashion_helpers
import numpy as np
import pytest
from cifar10_helpers import SIZES, random_batches, write_binary, write_pickled
from conftest import at_place, interrupted_at
from fashion_helpers import random_parts, write_fashion
from model_helpers import trained
from table_helpers import blobs, write_csv

from fastmlp import ModelFileError, NeuralNetwork
from fastmlp.data import arrays
from fastmlp.datasets import get_CIFAR10_data, get_FASHION_data
from fastmlp.files.access import reading, undisturbed
from fastmlp.tables import read_table
from fastmlp.tuning.results import ResultsFile

pytestmark = [
    pytest.mark.application,
    # where the interruption comes between the opening of a file and the block that closes it
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored.*FileIO:pytest.PytestUnraisableExceptionWarning"),
]

KINDS = ["a model", "safetensors", "an archive", "an array", "a table", "bytes", "pickles", "IDX", "results"]


@pytest.fixture
def kind(request, tmp_path):
    """What reads a whole file of this kind."""
    if request.param == "safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / {"safetensors": "net.safetensors", "an array": "x.npy", "a table": "file.csv"}.get(
        request.param, "file.npz"
    )
    if request.param in ("a model", "safetensors"):
        trained().save(path)
        return lambda: NeuralNetwork.load(path)
    if request.param == "an archive":
        np.savez_compressed(path, X=np.ones((30, 4)), y=np.arange(30))
        return lambda: arrays.read_arrays(path)
    if request.param == "an array":
        np.save(path, np.ones((30, 4)))
        return lambda: arrays.read_arrays(path)
    if request.param == "a table":
        write_csv(path, *blobs(20))
        return lambda: read_table(path)
    if request.param in ("bytes", "pickles"):
        {"bytes": write_binary, "pickles": write_pickled}[request.param](tmp_path, *random_batches())
        return lambda: get_CIFAR10_data(**SIZES, folder=tmp_path, dtype=np.uint8)
    if request.param == "IDX":
        write_fashion(tmp_path, random_parts())
        return lambda: get_FASHION_data(**fashion_helpers.SIZES, folder=tmp_path, dtype=np.uint8)
    ResultsFile(path, {}).close()
    return lambda: ResultsFile(path, {}).close()


class StoppedError(Exception):
    """What a program raises to end what it is at."""


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("error", [StoppedError, TimeoutError, ValueError])
def test_what_interrupts_a_reading_comes_out_as_it_is(kind, error):
    for n in itertools.count():
        if not interrupted_at(n, kind, error):
            break
    assert n > 5
    kind()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("error", [StoppedError, TimeoutError, ValueError])
def test_what_a_signals_handler_raises_is_not_the_files_fault(kind, error):
    raised, caught, random = [], [], np.random.RandomState(0)

    def handle(number, frame):
        raised.append(error())
        raise raised[-1]

    before = signal.signal(signal.SIGALRM, handle)
    try:
        while len(caught) < 30:
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-3))
                kind()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except error as found:
                caught.append(found)
                found.__traceback__ = found.__context__ = None  # their frames have this one's variables
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught == raised


def test_what_is_raised_where_it_is_undisturbed_comes_out_and_is_let_go_of():
    class Content:
        pass

    def read():
        content = Content()
        kept.append(weakref.ref(content))
        raise MemoryError

    kept = []
    gc.disable()
    try:
        with pytest.raises(MemoryError):
            undisturbed(read)
        assert kept[0]() is None
    finally:
        gc.enable()


def test_a_file_is_read_where_no_thread_is_to_be_had(tmp_path, monkeypatch):
    def refuse(function, arguments):
        raise RuntimeError("can't start new thread")

    NeuralNetwork(3, [2], 2, seed=0).save(tmp_path / "net")
    monkeypatch.setattr("fastmlp.files.access.start_new_thread", refuse)
    assert NeuralNetwork.load(tmp_path / "net").hidden_sizes == [2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["a model", "safetensors", "columns", "an archive", "results"], indirect=True)
def test_a_pipe_that_takes_a_files_place_is_not_waited_for(kind, tmp_path):
    """At any moment: the file is read, or the pipe is refused."""
    (path,) = tmp_path.iterdir()
    content, refused = path.read_bytes(), []

    def swap(make):
        """In one step, since another thread may be reading."""
        other = path.with_name(f"other {path.name}")
        make(other)
        os.replace(other, path)

    def read():
        try:
            kind()
        except OSError as error:
            refused.append(str(error))

    for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
        for n in itertools.count():
            swap(lambda path: path.write_bytes(content))
            if not at_place(n, read, functools.partial(swap, make)):
                break
        assert n > 10
    assert refused
    for error in refused:
        assert re.search(rf"(a pipe or a device cannot be used as a file|No such device.*): '.*{path.name}'", error)


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/pagemap"])
def test_a_file_of_the_system_that_never_ends_is_an_empty_one(path):
    if not os.access(path, os.R_OK):
        pytest.skip("not there, or not to be read")
    with reading(path) as file:
        assert file.read() == b""
    with pytest.raises(ModelFileError, match="is not a zip file"):
        NeuralNetwork.load(path)
    with pytest.raises(ValueError, match="is not a file of NumPy arrays"):
        arrays.read_arrays(Path(path))
