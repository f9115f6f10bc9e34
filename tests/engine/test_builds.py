"""The compiled code: it allocates nothing, and each of its builds gives the same bits, denormal numbers included."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from choices import OPTIMIZERS
from conftest import SHAPES, assert_same, batch, can_limit_blas
from epoch_helpers import fused, results_of_build
from process_helpers import run_python

from fastmlp import NeuralNetwork, Standardizer, _kernels
from fastmlp._kernels import process

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="the sanitizer has its own allocator")
@pytest.mark.parametrize("stored", ["uint8", "float32"])
def test_nothing_is_allocated_after_the_first_step(tmp_path, stored):
    counter, source = tmp_path / "counter.so", SCRIPTS / "count_allocations.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", counter, source, "-ldl"], check=True)
    shown = run_python(SCRIPTS / "allocations.py", stored, *OPTIMIZERS, LD_PRELOAD=str(counter))
    counts = [line.split() for line in shown.splitlines()]
    assert [name for name, few, many in counts if few == many] == list(OPTIMIZERS), shown


@pytest.fixture(scope="module", params=["tiles", pytest.param("blas", marks=can_limit_blas)])
def builds(request):
    """A process for each build with fused multiply-add that this processor can run, by its name."""
    _, *levels = process.supported_levels()  # the first one is for any processor
    if len(levels) < 2:
        pytest.skip("this processor runs one build with fused multiply-add at most")
    with ExitStack() as stack:
        pools = {}
        for level in levels:
            pools[level] = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("FASTMLP_SIMD", level)
                patch.setenv("FASTMLP_PRODUCTS", request.param)
                pools[level].submit(os.getpid).result(timeout=60)  # the process starts here
        yield pools


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_build_gives_the_same_bits(shape, dtype, builds):
    futures = [pool.submit(results_of_build, SHAPES[shape], dtype) for pool in builds.values()]
    levels, (first, *others) = zip(*[future.result(timeout=60) for future in futures], strict=True)
    assert list(levels) == list(builds)
    for results in others:
        assert_same(results, first)


def test_tiles_compute_products_in_the_build_for_any_processor_too():
    """A team's training has the bits of one thread's, and what the reference computes up to rounding."""
    script = """
    import numpy as np
    from fastmlp import NeuralNetwork, _kernels, reference
    from fastmlp.engine import threads
    threads.SERIAL_WORK = 0
    random = np.random.RandomState(0)
    X, y = random.randn(600, 300), random.randint(7, size=600)
    alone, team = (NeuralNetwork(300, [70, 50], 7, seed=0, n_threads=n) for n in (1, 3))
    expected = reference.NeuralNetwork(300, [70, 50], 7, seed=0)
    for net in (alone, team, expected):
        net.fit(X, y, epochs=2, optimizer="Adam", seed=0)
    print(_kernels.product_is_tiled(True, 600, 50, 7))
    for found, same, near in zip(*(net.params.values() for net in (alone, team, expected)), strict=True):
        np.testing.assert_array_equal(found, same)
        np.testing.assert_allclose(found, near, rtol=0, atol=1e-11 * np.abs(near).max())
    np.testing.assert_array_equal(team.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_allclose(alone.predict_proba(X), expected.predict_proba(X), rtol=0, atol=1e-11)
    """
    assert run_python(script, FASTMLP_SIMD="plain", FASTMLP_PRODUCTS="tiles") == "True"


def test_a_build_is_chosen_by_name():
    script = "from fastmlp import _kernels; print(_kernels.Update.__module__)"
    for level in process.supported_levels():
        shown = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "FASTMLP_SIMD": level}, capture_output=True, text=True
        )
        assert shown.stdout.strip() == f"fastmlp._kernels.{level}"
    refused = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "FASTMLP_SIMD": "x"}, capture_output=True, text=True
    )
    assert "FASTMLP_SIMD must be 'plain'" in refused.stderr


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64, of Debian's qemu-user")
@pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="a sanitizer's memory does not fit into qemu")
def test_a_processor_of_2008_gets_the_same_bits():
    """Nehalem has SSE 4.2, and no AVX. All products are small enough for tiles: BLAS has other kernels there."""
    script = SCRIPTS / "few_products.py"
    here = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "FASTMLP_SIMD": "plain"},
        capture_output=True,
        text=True,
    )
    there = subprocess.run(
        ["qemu-x86_64", "-cpu", "Nehalem", sys.executable, script],
        # without kernels of OpenBLAS for the processor here
        env={name: os.environ[name] for name in os.environ.keys() - {"FASTMLP_SIMD", "OPENBLAS_CORETYPE"}},
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

    def moments():
        """Adam's, of the weights without a gradient."""
        return [moment[:40] for moment in net.snapshot()["moments"]["Adam"]]

    def set_moments(*values):
        snapshot = net.snapshot()
        for moment, value in zip(snapshot["moments"]["Adam"], values, strict=True):
            moment[:40] = value
        net.restore(snapshot)

    set_moments(1.5e-38, 1.5e-38)
    for _ in range(20):
        fused(net, X, y, np.arange(4), 4, 0.0, "Adam")
    assert (moments()[0] == 0).all()
    assert np.float32(1e-40) * np.float32(1) > 0  # this thread is as it was
    net.forward(X)
    net.backward(y)
    set_moments(1e-38, moments()[1])
    for _ in range(20):
        net.update(0.001, opt="Adam")
    assert (moments()[0] == 0).all()
    assert np.float32(1e-40) * np.float32(1) > 0


def test_a_denormal_number_is_zero_in_kernels():
    """What goes in, and what comes out."""
    net = NeuralNetwork(1, [1], 2, dtype="float32")
    net.params["W1"] = [[1e30]]
    net.forward(np.full((1, 1), 1e-40, np.float32))
    assert net.outputs["h1"].tolist() == [[0]]
    assert Standardizer.of_statistics([0.0], [1e20]).transform([[1e-20]], "float32").tolist() == [[0]]
