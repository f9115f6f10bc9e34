"""How many threads there are to use: what OpenMP, the scheduler, control groups and the user say."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest
from conftest import with_openmp
from process_helpers import run_python

from fastmlp.engine import quotas, threads


@with_openmp
def test_omp_num_threads_is_obeyed():
    script = "from fastmlp.engine import threads; print(threads.available_threads())"
    assert run_python(script, OMP_NUM_THREADS="1") == "1"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_affinity_is_obeyed_at_each_call():
    script = """
    import os
    from fastmlp.engine import quotas, threads
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    print(threads.available_threads())
    """
    assert run_python(script) == "1"


@with_openmp
@pytest.mark.parametrize(
    "variable", [{"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "spread"}, {"OMP_PLACES": "threads"}]
)
def test_threads_that_openmp_binds_to_processors_are_as_many(variable):
    """There, the first thread is bound to one of them, and so is its affinity."""
    script = "from fastmlp.engine import threads; print(threads.available_threads())"
    assert run_python(script, **variable) == run_python(script)


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
    return quotas.processor_quota(root)


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
    assert quotas.processor_quota(tmp_path) is None
    assert quotas.free_memory(tmp_path) is None


def test_memory_that_the_system_has_and_its_control_groups_allow(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:     50 kB\n")
    assert quotas.free_memory(tmp_path) == 50 * 1024
    cgroup(tmp_path, "0::/a/b\n", **{"a__b__memory-max": "max\n", "a__memory-max": "40000\n"})
    assert quotas.free_memory(tmp_path) == 40000
    cgroup(tmp_path, "5:memory:/m\n", **{"memory__m__memory-limit_in_bytes": "30000\n"})
    assert quotas.free_memory(tmp_path) == 30000


def test_the_quota_limits_the_default_and_is_read_once_a_second(monkeypatch):
    reads = []

    def quota():
        reads.append(1)
        return 1.9

    monkeypatch.setattr(quotas, "processor_quota", quota)
    monkeypatch.setattr(time, "monotonic", lambda: 100.25)
    quotas.quota_now.cache_clear()
    try:
        assert [threads.available_threads() for _ in range(5)] == [1] * 5
        assert len(reads) == 1
        monkeypatch.setattr(time, "monotonic", lambda: 101.25)
        threads.available_threads()
        assert len(reads) == 2
        threads.team_size(None, threads.SERIAL_WORK - 1)  # too small to ask
        assert len(reads) == 2
        assert threads.team_size(3, threads.SERIAL_WORK) == 3  # who asks for a number gets it
    finally:
        quotas.quota_now.cache_clear()


def test_small_work_stays_in_the_calling_thread():
    assert threads.team_size(4, threads.SERIAL_WORK - 1) == 1
    assert threads.team_size(4, threads.SERIAL_WORK) == 4
    assert threads.team_size(1, 10**9) == 1
    assert threads.team_size(None, 10**9) == threads.available_threads()
    assert threads.team_size(1000, 10**9) == threads.MAX_THREADS


@with_openmp
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_limits_of_threadpoolctl_are_obeyed_and_forgotten():
    """One that is set after the import holds for as long as it is there, for OpenMP's threads that are started too."""
    pytest.importorskip("threadpoolctl")
    script = Path(__file__).parent / "scripts" / "threadpoolctl_limits.py"
    three = {"OMP_NUM_THREADS": "3"}
    assert run_python(script, **three).splitlines() == ["1 0", "3 2"]
    # a team that was there before sleeps on
    assert run_python(script, "started", **three).splitlines() == ["2", "1 0", "3 0"]


@pytest.fixture
def cpu_group():
    """An empty control group of version 1."""
    group = Path("/sys/fs/cgroup/cpu", f"fastmlp-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("150000")
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"needs a control group of version 1: {error}")
    yield group
    group.rmdir()


def test_a_quota_of_this_system_is_found(cpu_group):
    """1.5 processors, rounded down."""
    script = f"""
    import os
    from pathlib import Path
    Path({str(cpu_group / "cgroup.procs")!r}).write_text(str(os.getpid()))
    from fastmlp.engine import quotas, threads
    print(quotas.processor_quota(), threads.available_threads())
    """
    assert run_python(script) == "1.5 1"
