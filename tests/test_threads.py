"""Who may use how many threads, and what is left behind."""

import ctypes
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch, under_p2

from fastmlp import NeuralNetwork, _kernels, threads


@pytest.fixture
def blas_control():
    """BLAS's own functions that read and set its number of threads, which is put back after the test."""
    get = ctypes.CFUNCTYPE(ctypes.c_int)(threads.blas.get_threads)
    set_ = ctypes.CFUNCTYPE(None, ctypes.c_int)(threads.blas.set_threads)
    before = get()
    yield get, set_
    set_(before)


def train(n_threads=None, steps=5):
    """A network whose products are cut into blocks, after some steps."""
    X, y = batch(200, 800, 10)
    net = NeuralNetwork(800, [120, 120], 10, seed=1, n_threads=n_threads)
    for _ in range(steps):
        net.forward(X)
        net.backward(y, 0.01)
        net.update(0.05)
    return net


def run_python(script, **variables):
    """Standard output of a script in a process of its own; a hang is a failure."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "FASTMLP_THR"))}
    result = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(script)],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@under_p2
@pytest.mark.parametrize("limit", [1, 2])
def test_blas_limit_is_restored(blas_control, limit):
    get, set_ = blas_control
    set_(limit)
    train()
    assert get() == limit


@under_p2
def test_lifted_limit_is_set_again_while_training(blas_control):
    """Another thread lifts it, and waits to see it come down, ten times."""
    get, set_ = blas_control
    stop = threading.Event()
    came_down = []

    def lift():
        while not stop.is_set():
            set_(2)
            while get() == 2 and not stop.is_set():
                pass
            came_down.append(get())

    net = train()
    lifting = threading.Thread(target=lift)
    lifting.start()
    try:
        for _ in range(1000):
            net.backward(np.arange(200) % 10)
            if len(came_down) >= 10:
                break
    finally:
        stop.set()
        lifting.join()
        last = get()
    assert came_down[:10] == [1] * 10
    assert last == 2  # no kernel is under way, and the last wish was not its own


@under_p2
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_results_hold_while_another_thread_lifts_the_limit_without_a_pause(blas_control, n_threads):
    """A product may begin in the instant between the look at the limit and its own, hence the tolerance."""
    expected = train(n_threads)
    _, set_ = blas_control
    stop = threading.Event()

    def lift():
        while not stop.is_set():
            set_(2)

    lifting = threading.Thread(target=lift)
    lifting.start()
    try:
        for _ in range(5):
            assert_near(train(n_threads).params, expected.params, 1e-12)
    finally:
        stop.set()
        lifting.join()


def test_four_nets_in_four_threads_give_the_serial_results():
    """With the same bits under P2; under P1 the four take turns, so that no two products run at once."""
    expected = train(1)
    nets = [None] * 4

    def work(i):
        nets[i] = train(steps=5)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for net in nets:
        assert_near(net.params, expected.params, 0 if threads.pattern == "openmp" else 1e-12)


def test_one_net_refuses_a_second_thread():
    net = train()
    inside, done = threading.Event(), threading.Event()

    def hold():
        with net._engine.exclusive:
            inside.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(60)
    before = net.params.copy()
    try:
        for call in (lambda: net.forward(np.ones((1, 800))), lambda: net.update(0.1)):
            with pytest.raises(RuntimeError, match="at work in another thread"):
                call()
    finally:
        done.set()
        holder.join()
    assert_same(net.params, before)
    net.update(0.1)


def test_refused_fit_leaves_the_one_under_way_alone():
    """A second thread comes in between two calls of the first one's training."""
    X, y = batch(100, 800, 10)
    net, alone = (NeuralNetwork(800, [20], 10, seed=1) for _ in range(2))
    refused = []

    def intrude(network, history):
        def fit():
            try:
                network.fit(X, y, epochs=1)
            except RuntimeError as error:
                refused.append(str(error))

        intruder = threading.Thread(target=fit)
        intruder.start()
        intruder.join()
        assert network.history is history

    net.fit(X, y, epochs=3, seed=0, callbacks=[intrude])
    alone.fit(X, y, epochs=3, seed=0)
    assert len(refused) == 3
    assert "at work in another thread" in refused[0]
    assert_same(net.params, alone.params)
    net.forward(X)  # and nobody is left inside


def test_predictions_may_come_from_several_threads():
    net = train()
    X, _ = batch(1500, 800, 10)
    expected = net.predict_proba(X)
    results = [None] * 4

    def work(i):
        results[i] = net.predict_proba(X)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_of_a_trained_process_trains_serially():
    script = """
    import os
    import numpy as np
    from fastmlp import NeuralNetwork, threads
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
    script = """
    import os, threading
    import numpy as np
    from fastmlp import NeuralNetwork
    net = NeuralNetwork(8, [5], 3, seed=1)
    X = np.ones((4, 8))
    inside, done = threading.Event(), threading.Event()
    def hold():
        with net._engine.exclusive, net._engine._tile_lock:
            inside.set()
            done.wait(60)
    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(60)
    child = os.fork()
    if child == 0:
        net.forward(X)
        net.backward(np.zeros(4, int))
        net.update(0.1)
        net.predict(X)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    done.set()
    """
    assert run_python(script, PYTHONWARNINGS="ignore") == "0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@under_p2
def test_forked_child_of_an_untrained_process_may_use_threads():
    script = """
    import os
    from fastmlp import threads
    here = threads.available_threads()
    child = os.fork()
    if child == 0:
        os._exit(0 if threads.available_threads() == here else 1)
    print(os.waitpid(child, 0)[1])
    """
    assert run_python(script) == "0"


@under_p2
@pytest.mark.skipif(not _kernels.build_info()["openmp"], reason="built without OpenMP")
def test_omp_num_threads_is_obeyed():
    script = "from fastmlp import threads; print(threads.available_threads())"
    assert run_python(script, OMP_NUM_THREADS="1") == "1"


@under_p2
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_affinity_is_obeyed_at_each_call():
    script = """
    import os
    from fastmlp import threads
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    print(threads.available_threads())
    """
    assert run_python(script) == "1"


def test_threads_beyond_those_that_openmp_grants():
    """A team may be smaller than what was asked for; the work is done all the same."""
    script = """
    import numpy as np
    from fastmlp import NeuralNetwork
    X = np.random.RandomState(0).randn(200, 800)
    for n_threads in (1, 4):
        print(float(NeuralNetwork(800, [120], 10, seed=1, n_threads=n_threads).forward(X).sum(axis=0)[3]))
    """
    first, second = run_python(script, OMP_THREAD_LIMIT="2").splitlines()
    assert first == second


def cgroup(root, lines, **files):
    """A file system's root with control groups; names of files have two underscores for a slash."""
    files = {"proc__self__cgroup": lines, **{f"sys__fs__cgroup__{name}": text for name, text in files.items()}}
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("-", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return threads.processor_quota(root)


def test_quota_of_version_2_is_the_least_on_the_way_up(tmp_path):
    assert cgroup(tmp_path, "0::/a/b\n") is None
    assert cgroup(tmp_path, "0::/a/b\n", **{"a__b__cpu-max": "max 100000\n"}) is None
    assert cgroup(tmp_path, "0::/a/b\n", **{"a__cpu-max": "350000 100000\n"}) == 3.5
    assert cgroup(tmp_path, "0::/a/b\n", **{"a__b__cpu-max": "50000 25000\n"}) == 2
    assert cgroup(tmp_path, "0::/elsewhere\n", **{"cpu-max": "150000 100000\n"}) == 1.5
    assert cgroup(tmp_path, "0::/a/b\n", **{"a__b__cpu-max": "nonsense"}) == 1.5


def test_quota_of_version_1(tmp_path):
    lines = "5:memory:/m\n2:cpu,cpuacct:/a\n1:cpuset:/a\n"
    assert cgroup(tmp_path, lines) is None
    period = {"cpu__a__cpu-cfs_period_us": "100000\n"}
    assert cgroup(tmp_path, lines, **period, **{"cpu__a__cpu-cfs_quota_us": "-1\n"}) is None
    assert cgroup(tmp_path, lines, **period, **{"cpu__a__cpu-cfs_quota_us": "250000\n"}) == 2.5


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert threads.processor_quota(tmp_path) is None


@under_p2
def test_the_quota_limits_the_default_and_is_read_once_a_second(monkeypatch):
    reads = []

    def quota():
        reads.append(1)
        return 1.9

    monkeypatch.setattr(threads, "processor_quota", quota)
    monkeypatch.setattr(threads.time, "monotonic", lambda: 100.25)
    threads._quota_now.cache_clear()
    try:
        assert [threads.available_threads() for _ in range(5)] == [1] * 5
        assert len(reads) == 1
        monkeypatch.setattr(threads.time, "monotonic", lambda: 101.25)
        threads.available_threads()
        assert len(reads) == 2
        threads.team_size(None, threads.SERIAL_WORK - 1)  # too small to ask
        assert len(reads) == 2
        assert threads.team_size(3, threads.SERIAL_WORK) == 3  # who asks for a number gets it
    finally:
        threads._quota_now.cache_clear()


def test_pattern_can_be_forced():
    script = "from fastmlp import threads; print(threads.pattern, threads.available_threads())"
    assert run_python(script, FASTMLP_THREADING="blas") == "blas 1"


def test_unknown_pattern_is_refused():
    script = """
    try:
        import fastmlp
    except ValueError as error:
        print(error)
    """
    message = run_python(script, FASTMLP_THREADING="both")
    assert message == "the environment variable FASTMLP_THREADING must be 'openmp' or 'blas', got 'both'"


@under_p2
def test_small_work_stays_in_the_calling_thread():
    assert threads.team_size(4, threads.SERIAL_WORK - 1) == 1
    assert threads.team_size(4, threads.SERIAL_WORK) == 4
    assert threads.team_size(1, 10**9) == 1
    assert threads.team_size(None, 10**9) == threads.available_threads()
    assert threads.team_size(1000, 10**9) == threads.MAX_THREADS


def test_library_whose_limit_cannot_be_told_is_left_alone(monkeypatch):
    class Without:
        def __init__(self, path):
            pass

    monkeypatch.setattr(threads.ctypes, "CDLL", Without)
    assert threads.find_blas() == threads.Blas("unknown", 0, 0)


@pytest.mark.parametrize(("parallel", "obeys", "usable"), [(1, True, True), (2, True, False), (1, False, False)])
def test_limit_is_used_only_where_it_holds(monkeypatch, parallel, obeys, usable):
    state = {"threads": 4}

    def set_threads(n):
        if obeys:
            state["threads"] = n

    class Library:
        """Stands in for a loaded OpenBLAS."""

        def __init__(self, path):
            self.openblas_get_num_threads = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: state["threads"])
            self.openblas_set_num_threads = ctypes.CFUNCTYPE(None, ctypes.c_int)(set_threads)
            self.openblas_get_parallel = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: parallel)

            def config():
                return b"OpenBLAS of a test "

            self.openblas_get_config = config

    monkeypatch.setattr(threads.ctypes, "CDLL", Library)
    found = threads.find_blas()
    assert found.description == "OpenBLAS of a test"
    assert bool(found.get_threads and found.set_threads) is usable
    assert state["threads"] == 4
