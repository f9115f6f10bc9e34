"""What several test files need."""

import errno
import gc
import io
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp import _kernels
from fastmlp.datasets import download
from fastmlp.engine import threads
from fastmlp.engine.blas import find_blas
from fastmlp.environment import environment

# Relative tolerance against the reference, after many steps.
RTOL = {"float64": 1e-11, "float32": 1e-4}

# sizes and rows, chosen so that each product is cut along its rows, along its columns, and not at all
SHAPES = {
    "one of everything": ((1, 1), 1),
    "one class": ((3, 4, 1), 5),
    "one row": ((7, 5, 3), 1),
    "toy": ((4, 10, 10, 3), 5),
    "odd": ((33, 31, 29, 7), 17),
    "vector edges": ((8, 9, 15, 16), 31),
    "inputs that are packed": ((1201, 67, 10), 103),
    "narrow": ((40, 32, 9), 3001),
    "narrow, with inputs that are packed": ((300, 27), 3001),
    "rows in chunks": ((90, 96, 9), 3001),
    "over outputs": ((101, 1531, 3), 97),
    "input gradients over outputs": ((23, 53, 1409), 211),
    "input gradients over inputs": ((11, 1409, 53), 211),
}

on_posix = pytest.mark.skipif(os.name != "posix", reason="needs signals, links or shells as POSIX has them")
with_openmp = pytest.mark.skipif(not _kernels.build_info()["openmp"], reason="built without OpenMP")
limits_blas = pytest.mark.skipif(threads.products != "blas", reason="needs products by BLAS: FASTMLP_PRODUCTS=blas")
can_limit_blas = pytest.mark.skipif(
    not find_blas().get_threads, reason="SciPy's BLAS cannot be limited to one thread, so that it computes no products"
)


def batch(n_rows, n_in, n_classes, seed=0, dtype=np.float64):
    """Random rows and labels."""
    random = np.random.RandomState(seed)
    return random.randn(n_rows, n_in).astype(dtype), random.randint(n_classes, size=n_rows)


def assert_same(a, b):
    """Two mappings of arrays are the same, bit for bit."""
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name, strict=True)


def assert_near(a, b, rtol):
    """max|a - b| <= rtol * max|b| for each array of two mappings."""
    assert list(a) == list(b)
    for name in a:
        assert np.abs(a[name] - b[name]).max(initial=0) <= rtol * np.abs(b[name]).max(initial=0), name


def at_place(n, call, action, event="line"):
    """Call, and do something at the n-th line of Python that runs meanwhile; whether there was such a place.

    Or at its n-th "opcode", the finest places where Python looks for signals.
    """
    places, reached = itertools.count(), False

    def trace(frame, found, argument):
        nonlocal reached
        frame.f_trace_opcodes = event == "opcode"
        if found == event and next(places) == n:
            reached = True
            action()
        return trace

    tracer = sys.gettrace()
    gc.disable()  # its callbacks, as Hypothesis has them, would be interrupted too, and their exceptions ignored
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(tracer)
        gc.enable()
    return reached


def interrupted_at(n, call, error=KeyboardInterrupt, event="line"):
    """Call, with Ctrl-C, or what else a signal's handler may raise, at the n-th place.

    It must come out as it is; whether there was such a place.
    """
    mark = object()

    def interrupt():
        raise error(mark)

    try:
        reached = at_place(n, call, interrupt, event)
    except error as found:
        if found.args == (mark,):
            return True
        raise
    assert not reached, "the interruption was lost"
    return False


def full(*arguments):
    """What a full disk answers, in the place of a function of `os`."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def npy_header(descr, shape):
    """The beginning of an .npy file, whatever it says."""
    target = io.BytesIO()
    np.lib.format.write_array_header_1_0(target, {"descr": descr, "fortran_order": False, "shape": shape})
    return target.getvalue()


def python(*args, folder):
    """Run Python in a folder that has no fastmlp in it."""
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *args], cwd=folder, env=env, capture_output=True, text=True)


def trained_state(net):
    """Copies of all that training changes but units and shape of the targets, and the seed of dropout, as arrays."""
    snapshot = net.snapshot()
    moments = {f"{name}.{i}": m for name, moments in snapshot["moments"].items() for i, m in enumerate(moments)}
    numbers = {name: np.array(snapshot[name]) for name in ("n_updates", "dropout_seed")}
    return {"params": snapshot["flat_params"], **numbers, **moments}


@pytest.fixture(autouse=True)
def _same_global_random_numbers():
    """Each test starts NumPy's global generator afresh, and leaves it as it was."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path_factory):
    """Nothing is downloaded, and nothing that the user has downloaded is found."""
    for layout, archive in download.ARCHIVES.items():
        # no server listens at port 9 of this machine
        monkeypatch.setitem(
            download.ARCHIVES, layout, archive._replace(url=f"http://127.0.0.1:9/{archive.folder}.tar.gz")
        )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "no-cache"))


@pytest.fixture
def no_gate(monkeypatch):
    """Small nets use threads too."""
    monkeypatch.setattr(threads, "SERIAL_WORK", 0)


def pytest_report_header():
    """Which build is tested, and what computes its products."""
    return [f"fastmlp: {environment()[name]}" for name in ("build", "OpenMP", "BLAS", "products")]
