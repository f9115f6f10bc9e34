"""Networks in several processes, in other libraries' pools and beside their threads."""

import importlib.util
import multiprocessing
import os
import re
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import joblib
import pytest
from conftest import assert_near, assert_same, under_p2, with_openmp
from joblib.externals.loky import get_reusable_executor
from process_helpers import CASES, rows_and_labels, run_python, trained

from fastmlp.engine import threads


@pytest.fixture(scope="module")
def serial():
    """The data, and what each case trains to in this process, one after the other."""
    X, y = rows_and_labels()
    return X, y, [trained(X, y, *case) for case in CASES]


def assert_all_same(found, expected):
    """With the same bits under P2; under P1 a product of another number of BLAS's threads may be rounded otherwise."""
    for (dtype, _), a, b in zip(CASES, found, expected, strict=True):
        if threads.pattern == "openmp":
            assert_same(a, b)
        else:
            assert_near(a, b, {"float64": 1e-11, "float32": 1e-4}[dtype])


@pytest.mark.parametrize("method", sorted({"spawn", "forkserver"} & {*multiprocessing.get_all_start_methods()}))
def test_workers_that_start_anew_give_the_parents_results(serial, method):
    X, y, expected = serial
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        found = [pool.submit(trained, X, y, *case) for case in CASES]
        assert_all_same([future.result(timeout=120) for future in found], expected)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_gives_the_serial_results(serial, backend):
    """Processes get the rows as a memory map that cannot be written to."""
    X, y, expected = serial
    try:
        found = joblib.Parallel(2, backend, timeout=120)(joblib.delayed(trained)(X, y, *case) for case in CASES)
    finally:
        if backend == "loky":
            get_reusable_executor().shutdown()
    assert_all_same(found, expected)


def test_nets_that_are_fitted_in_threads_of_their_own_give_the_serial_results(serial):
    X, y, expected = serial
    found = [None] * len(CASES)

    def work(i):
        found[i] = trained(X, y, *CASES[i])

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(CASES))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert_all_same(found, expected)


TOGETHER = """
    import hashlib
    import numpy as np
    for name in {order!r}:
        __import__(name)

    def fastmlp_bits():
        from fastmlp import NeuralNetwork
        X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
        net = NeuralNetwork(300, [100], 10, seed=1)
        net.fit(X, y, epochs=2, optimizer="Adam", seed=0)
        return hashlib.sha256(net._engine.flat_params).hexdigest()

    def sklearn_bits():
        from sklearn.ensemble import HistGradientBoostingClassifier
        X, y = np.random.RandomState(0).randn(400, 20), np.arange(400) % 3
        classifier = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=4, random_state=0).fit(X, y)
        return hashlib.sha256(classifier.predict_proba(X).tobytes()).hexdigest()

    def torch_bits():
        import torch
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(300, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        X, y = torch.randn(400, 300), torch.arange(400) % 10
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(X), y).backward()
            optimizer.step()
        return hashlib.sha256(net[0].weight.detach().numpy()).hexdigest()

    # each of them before and after the others have computed
    for name in {order!r} + {order!r}[::-1]:
        print(name, globals()[name + "_bits"]())
"""


@pytest.fixture(scope="module")
def alone():
    """fastmlp's line of that script without other libraries."""
    return {*run_python(TOGETHER.format(order=["fastmlp"])).splitlines()}


@pytest.mark.parametrize("others", [["sklearn"], ["torch"], ["sklearn", "torch"]])
def test_libraries_with_threads_of_their_own_in_one_process(alone, others):
    """Imported and used in either order, each gives the same bits as before, and as without the others."""
    for library in others:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"could not import '{library}'")
    order = ["fastmlp", *others]
    first, second = ({*run_python(TOGETHER.format(order=one)).splitlines()} for one in (order, order[::-1]))
    assert len(alone) == 1
    assert len(first) == len(order)  # one result of each library
    assert first == second
    assert alone < first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_of_a_trained_process_trains_serially():
    script = """
    import os
    import numpy as np
    from fastmlp import NeuralNetwork
    from fastmlp.engine import threads
    X, y = np.random.RandomState(0).randn(200, 800), np.arange(200) % 10
    def train():
        net = NeuralNetwork(800, [120], 10, seed=1, n_threads=2)
        net.fit(X, y, epochs=3, batch_size=100, seed=0)
        return float(net.params["W1"].sum())
    print(train(), flush=True)
    child = os.fork()
    if child == 0:
        print(train(), threads.available_threads(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(train())
    """
    parent, child, parent_again = run_python(script, PYTHONWARNINGS="ignore").splitlines()
    assert child == f"{parent} 1"
    assert parent_again == parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_forked_while_another_thread_was_inside():
    """Forks while a team trains and another thread predicts: the child trains the same networks, by one thread."""
    script = """
    import os, threading
    import numpy as np
    from fastmlp import NeuralNetwork
    from fastmlp.engine import threads
    X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
    net, other = (NeuralNetwork(300, [120], 10, seed=1, n_threads=2) for _ in range(2))
    done = threading.Event()

    def train():
        while not done.is_set():
            net.fit(X, y, epochs=1, learning_rate=1e-6, seed=0)

    def predict():
        while not done.is_set():
            net.predict(X)

    def child():
        other.fit(X, y, epochs=1, seed=0)
        assert threads.available_threads() == 1
        net.fit(X, y, epochs=1, seed=0)
        net.predict(X)
        return other.params["W1"].sum()

    workers = [threading.Thread(target=work) for work in (train, predict)]
    for worker in workers:
        worker.start()
    net.predict(X)
    codes = []
    for _ in range(10):
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                os.write(writer, repr(child()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        codes.append((os.waitpid(process, 0)[1], os.read(reader, 100)))
    done.set()
    for worker in workers:
        worker.join()
    other.fit(X, y, epochs=1, seed=0)
    print(set(codes) == {(0, repr(other.params["W1"].sum()).encode())})
    """
    assert run_python(script, PYTHONWARNINGS="ignore") == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_forked_by_a_callback_is_still_inside():
    script = """
    import os, threading
    import numpy as np
    from fastmlp import NeuralNetwork
    X, y = np.ones((9, 4)), np.arange(9) % 3
    net = NeuralNetwork(4, [5], 3, seed=0)
    children, refused = [], []

    def other():
        try:
            net.forward(X)
        except RuntimeError:
            refused.append(len(net.history))

    def callback(network, history):
        if len(history) == 1:
            children.append(os.fork())
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    net.fit(X, y, epochs=2, seed=0, callbacks=[callback])
    if children == [0]:
        os._exit(refused != [1, 2])
    print(os.waitpid(children[0], 0)[1], refused)
    """
    assert run_python(script, PYTHONWARNINGS="ignore") == "0 [1, 2]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@under_p2
def test_child_forked_while_a_kernel_was_at_work_gets_blas_back():
    script = """
    import ctypes, os, threading
    import numpy as np
    from fastmlp import NeuralNetwork
    from fastmlp.engine import threads
    get = ctypes.CFUNCTYPE(ctypes.c_int)(threads.blas.get_threads)
    ctypes.CFUNCTYPE(None, ctypes.c_int)(threads.blas.set_threads)(2)
    net = NeuralNetwork(3000, [1000], 10, n_threads=1)
    net.forward(np.ones((1, 3000)))
    net.backward([0])
    done = threading.Event()
    def work():
        while not done.is_set():
            net.update(1e-6, opt="Adam")
    worker = threading.Thread(target=work)
    worker.start()
    while get() != 1:
        pass
    child = os.fork()
    if child == 0:
        os._exit(get() != 2)
    done.set()
    worker.join()
    print(os.waitpid(child, 0)[1])
    """
    assert run_python(script, PYTHONWARNINGS="ignore") == "0"


@with_openmp
@pytest.mark.skipif(sys.platform != "linux", reason="looks for a library in /proc")
@pytest.mark.parametrize("first", ["import fastmlp", "pass"], ids=["imported before", "imported in the child"])
def test_forked_child_trains_whoever_had_started_openmps_threads(first):
    """Another library may have brought the same OpenMP, and have used it: here it is called itself."""
    script = f"""
    import ctypes, os
    import numpy as np
    {first}

    def train():
        from fastmlp import NeuralNetwork
        from fastmlp.engine import threads
        X, y = np.random.RandomState(0).randn(400, 800), np.arange(400) % 10
        net = NeuralNetwork(800, [120], 10, seed=1, n_threads=2)
        net.fit(X, y, epochs=1, seed=0)
        return float(net.params["W1"].sum()), threads.available_threads()

    work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda context: None)
    ctypes.CDLL({libgomp()!r}).GOMP_parallel(work, None, 2, 0)
    child = os.fork()
    if child == 0:
        print(*train(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(*train())
    """
    child, parent = (line.split() for line in run_python(script, PYTHONWARNINGS="ignore").splitlines())
    assert child == [parent[0], "1"]


def libgomp():
    """The path of the OpenMP that this process has loaded with the kernels."""
    found = set(re.findall(r"/\S*libgomp\S*", Path("/proc/self/maps").read_text()))
    if not found:
        pytest.skip("the kernels have another OpenMP")
    return found.pop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_childs_own_thread_may_have_the_number_of_one_that_was_inside():
    """Threads get the numbers of those that are gone; the network is nobody's in the child, and then this thread's."""
    script = """
    import os, threading
    import numpy as np
    from fastmlp import NeuralNetwork
    X, y = np.ones((9, 4)), np.arange(9) % 3
    net = NeuralNetwork(4, [5], 3, seed=0)
    inside, done = threading.Event(), threading.Event()
    numbers = []

    def callback(network, history):
        numbers.append(threading.get_ident())
        inside.set()
        done.wait(60)

    worker = threading.Thread(target=net.fit, args=(X, y), kwargs={"epochs": 1, "callbacks": [callback]})
    worker.start()
    inside.wait(60)
    child = os.fork()
    if child == 0:
        barrier, found = threading.Barrier(21), []

        def work():
            barrier.wait()
            if threading.get_ident() == numbers[0]:
                found.append(net.forward(X))
            barrier.wait()

        for _ in range(20):
            threading.Thread(target=work, daemon=True).start()
        barrier.wait()
        barrier.wait()
        try:
            net.forward(X)
        except RuntimeError:
            os._exit(1)
        os._exit(0 if found else 2)
    done.set()
    worker.join()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    code = run_python(script, PYTHONWARNINGS="ignore", OPENBLAS_NUM_THREADS="1")
    if code == "2":
        pytest.skip("no thread has got that number")
    assert code == "0"


@with_openmp
def test_a_team_works_after_there_was_a_subinterpreter():
    script = """
    import numpy as np
    from fastmlp import NeuralNetwork
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    interpreters.destroy(interpreters.create())
    X, y = np.random.RandomState(0).randn(400, 800), np.arange(400) % 10
    for n_threads in (1, 2):
        net = NeuralNetwork(800, [120], 10, seed=1, n_threads=n_threads)
        net.fit(X, y, epochs=1, seed=0)
        print(float(net.params["W1"].sum()))
    """
    serial, team = run_python(script).splitlines()
    assert team == serial
