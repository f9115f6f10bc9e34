"""Short of memory or of threads: neither OpenBLAS nor libgomp comes back from that, so both are tried first."""

import re
import sys

import pytest
from conftest import under_p2, with_openmp
from process_helpers import run_python

from fastmlp import _kernels

pytestmark = [
    under_p2,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(_kernels.build_info()["build"] == "sanitize", reason="a sanitizer has an allocator of its own"),
]

START = """
    import re, resource, threading
    import numpy as np
    from fastmlp import NeuralNetwork

    X = np.random.RandomState(0).randn(400, 800)
    def network(n_threads):
        net = NeuralNetwork(800, [120], 10, seed=1, n_threads=n_threads)
        net.forward(X[:1])
        net._engine._batch_workspace(400)
        return net

    def limit(mib):
        size = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1])
        resource.setrlimit(resource.RLIMIT_AS, (size + (mib << 20), resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("call", ["forward(X)", "predict(X)", "fit(X, np.arange(400) % 10, epochs=1, seed=0)"])
@with_openmp
def test_too_little_memory_for_blas_is_a_memory_error(call):
    """Each member of a team needs a buffer; a network that needs no more than there is goes on."""
    script = f"""{START}
    net, serial = network(2), network(1)
    limit(20)
    before = net.snapshot()["flat_params"]
    try:
        net.{call}
    except MemoryError as error:
        print(error)
    print(np.array_equal(before, net.snapshot()["flat_params"]))
    serial.{call}
    limit(1000)
    net.{call}
    print(np.array_equal(net.predict(X), serial.predict(X)))
    """
    error, *others = run_python(script).splitlines()
    assert re.fullmatch(r"BLAS needs \d+ MiB for each of 2 threads, which are not to be had", error)
    assert others == ["True", "True"]


@with_openmp
def test_threads_that_cannot_be_started_are_a_runtime_error():
    """BLAS has its buffers already, but a second thread has no team yet."""
    script = f"""{START}
    net = network(2)
    expected = net.forward(X)
    ready, found = threading.Event(), []

    def work():
        ready.wait()
        try:
            net.forward(X)
        except RuntimeError as error:
            found.append(str(error))
        net.n_threads = 1
        found.append(np.array_equal(net.forward(X), expected))

    thread = threading.Thread(target=work)
    thread.start()
    limit(1)  # a stack is larger
    ready.set()
    thread.join()
    print(*found, sep="\\n")
    """
    error, same = run_python(script).splitlines()
    assert error.startswith("2 threads are needed, and cannot be started: ")
    assert error.endswith("; lower n_threads, or raise the limits of processes and memory")
    assert same == "True"


def test_loops_without_blas_need_no_memory_for_it():
    script = f"""{START}
    net, rows = NeuralNetwork(4, [10], 3, seed=0), np.ones((5, 4))
    net.forward(rows)
    limit(20)
    print(net.fit(rows, [0, 1, 2, 0, 1], epochs=3, seed=0))
    """
    assert run_python(script).startswith("History(3 epochs")
