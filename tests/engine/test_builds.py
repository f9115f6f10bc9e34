"""The compiled code: it allocates nothing, and each of its builds gives the same bits, denormal numbers included."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import SHAPES, assert_same, batch, trained_state, under_p2
from epoch_helpers import fused

from fastmlp import NeuralNetwork, Standardizer, _kernels
from fastmlp._kernels import plain
from fastmlp.engine import engine, threads, workspace

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
long allocations;
/* some of OpenBLAS's kernels for small products allocate; that is not ours to change */
static int by_blas(void *caller) {
    Dl_info place;
    return dladdr(caller, &place) && strstr(place.dli_fname, "blas");
}
#define COUNTED(type, name, parameters, arguments) \\
    type name parameters { \\
        static type (*next) parameters; \\
        if (!next) next = dlsym(RTLD_NEXT, #name); \\
        if (!by_blas(__builtin_return_address(0))) __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); \\
        return next arguments; \\
    }
COUNTED(void *, malloc, (size_t n), (n))
COUNTED(void *, realloc, (void *p, size_t n), (p, n))
COUNTED(void *, aligned_alloc, (size_t a, size_t n), (a, n))
COUNTED(int, posix_memalign, (void **p, size_t a, size_t n), (p, a, n))
COUNTED(void *, mmap, (void *p, size_t n, int a, int b, int c, off_t d), (p, n, a, b, c, d))
"""

COUNT = """
import ctypes, sys
import numpy as np
from fastmlp import NeuralNetwork
from fastmlp.engine import engine, threads

count = ctypes.c_long.in_dll(ctypes.CDLL(None), "allocations")
threads.SERIAL_WORK = 0
engine.SPAN = 1e9
random = np.random.RandomState(0)
X, y = random.randint(0, 256, (3000, 300)).astype(sys.argv[1]), random.randint(0, 10, 3000)
for optimizer in ("SGD", "Momentum", "Adam"):
    net = NeuralNetwork(300, [120, 40], 10, dtype="float32", seed=0, n_threads=2)

    def allocations(n):
        order = np.arange(n)
        before = count.value
        net.train_epoch(X, y, order, batch_size=100, learning_rate=1e-6, optimizer=optimizer)
        return count.value - before

    allocations(100)
    arena = net._engine._batch._arena.ctypes.data
    few, many = ([allocations(n) for _ in range(3)] for n in (200, 3000))
    print(optimizer, min(few), min(many))
    assert min(few) == min(many), (optimizer, few, many)
    assert net._engine._batch._arena.ctypes.data == arena
assert count.value > 1000  # the shim is at work
"""


@under_p2
@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="the sanitizer has its own allocator")
@pytest.mark.parametrize("stored", ["uint8", "float32"])
def test_nothing_is_allocated_after_the_first_step(tmp_path, stored):
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-c", COUNT, stored],
        env={**os.environ, "LD_PRELOAD": str(tmp_path / "shim.so")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("level", plain.supported_levels())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_build_gives_the_same_bits(shape, dtype, level, no_gate, monkeypatch):
    """One after the other in this process."""
    sizes, n_rows = SHAPES[shape]
    X, y = batch(n_rows, sizes[0], sizes[-1])
    X = (50 * X).astype(np.int8).view(np.uint8)

    def results():
        net = NeuralNetwork(
            sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype, n_threads=2, standardizer=Standardizer().fit(X)
        )
        for optimizer in OPTIMIZERS:
            loss, accuracy = fused(net, X, y, np.arange(n_rows), max(1, n_rows // 2), 0.1, optimizer)
        return {"loss": np.array(loss), "accuracy": np.array(accuracy), "scores": net.forward(X), **trained_state(net)}

    expected = results()
    module = __import__(f"fastmlp._kernels.{level}", fromlist=["*"])
    if threads.pattern == "openmp":
        module.bind_blas(*threads.blas[1:])
    for user in (engine, workspace):
        monkeypatch.setattr(user, "_kernels", module)
    assert_same(results(), expected)


def test_a_build_is_chosen_by_name(monkeypatch):
    script = "from fastmlp import _kernels; print(_kernels.Update.__module__)"
    for level in plain.supported_levels():
        shown = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "FASTMLP_SIMD": level}, capture_output=True, text=True
        )
        assert shown.stdout.strip() == f"fastmlp._kernels.{level}"
    refused = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "FASTMLP_SIMD": "x"}, capture_output=True, text=True
    )
    assert "FASTMLP_SIMD must be 'plain'" in refused.stderr


FEW_PRODUCTS = """
import numpy as np
from fastmlp import NeuralNetwork, _kernels

random = np.random.RandomState(0)
X, y = random.randint(0, 256, (40, 6)).astype(np.uint8), random.randint(0, 3, 40)
print(_kernels.build_info()["simd"])
for dtype in ("float32", "float64"):
    net = NeuralNetwork(6, [5, 4], 3, dtype=dtype, seed=0)
    for optimizer in ("SGD", "Momentum"):
        net.train_epoch(X, y, batch_size=6, learning_rate=1e-4, regularization=0.1, optimizer=optimizer)
    print([w.tobytes().hex() for w in net.params.values()])
    print(net.predict(X).tolist())
"""


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64, of Debian's qemu-user")
@pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="a sanitizer's memory does not fit into qemu")
def test_a_processor_of_2008_gets_the_same_bits():
    """Nehalem has SSE 4.2, and no AVX. All products are small enough for loops: BLAS has other kernels there."""
    here = subprocess.run(
        [sys.executable, "-c", FEW_PRODUCTS],
        env={**os.environ, "FASTMLP_SIMD": "plain"},
        capture_output=True,
        text=True,
    )
    there = subprocess.run(
        ["qemu-x86_64", "-cpu", "Nehalem", sys.executable, "-c", FEW_PRODUCTS],
        env={name: value for name, value in os.environ.items() if name != "FASTMLP_SIMD"},
        capture_output=True,
        text=True,
    )
    assert there.stdout.startswith("SSE2\n"), there.stderr
    assert there.stdout == here.stdout


@pytest.mark.parametrize("n_threads", [1, 2])
def test_denormal_numbers_are_zero_in_kernels_and_nowhere_else(n_threads, no_gate):
    X, y = batch(4, 30, 3, dtype=np.float32)
    X[:, 0] = 0  # its weights have no gradient
    net = NeuralNetwork(30, [40], 3, dtype="float32", seed=0, n_threads=n_threads)
    fused(net, X, y, np.arange(4), 4, 0.0, "Adam")
    (m, v) = net._engine.moments["Adam"]
    m[:40], v[:40] = 1.5e-38, 1.5e-38
    for _ in range(20):
        fused(net, X, y, np.arange(4), 4, 0.0, "Adam")
    assert (m[:40] == 0).all()
    assert np.float32(1e-40) * np.float32(1) > 0  # this thread is as it was
    net.forward(X)
    net.backward(y)
    m[:40] = 1e-38
    for _ in range(20):
        net.update(0.001, opt="Adam")
    assert (m[:40] == 0).all()
    assert np.float32(1e-40) * np.float32(1) > 0


def test_a_denormal_number_is_zero_in_kernels():
    """What goes in, and what comes out."""
    net = NeuralNetwork(1, [1], 2, dtype="float32")
    net.params["W1"] = [[1e30]]
    net.forward(np.full((1, 1), 1e-40, np.float32))
    assert net.outputs["h1"].tolist() == [[0]]
    assert Standardizer.of_statistics([0.0], [1e20]).transform([[1e-20]], "float32").tolist() == [[0]]
