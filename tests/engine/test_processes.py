"""Networks in several processes, in other libraries' pools and beside their threads."""

import importlib.util
import multiprocessing
import os
import re
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from conftest import assert_same, limits_blas, with_openmp
from process_helpers import CASES, rows_and_labels, run_python, trained

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def serial():
    """The data, and what each case trains to in this process, one after the other."""
    X, y = rows_and_labels()
    return X, y, [trained(X, y, *case) for case in CASES]


def assert_all_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("method", sorted({"spawn", "forkserver"} & {*multiprocessing.get_all_start_methods()}))
def test_workers_that_start_anew_give_the_parents_results(serial, method):
    X, y, expected = serial
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        found = [pool.submit(trained, X, y, *case) for case in CASES]
        assert_all_same([future.result(timeout=120) for future in found], expected)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_gives_the_serial_results(serial, backend):
    """Processes get the rows as a memory map that cannot be written to."""
    joblib = pytest.importorskip("joblib")
    X, y, expected = serial
    try:
        found = joblib.Parallel(2, backend, timeout=120)(joblib.delayed(trained)(X, y, *case) for case in CASES)
    finally:
        if backend == "loky":
            joblib.externals.loky.get_reusable_executor().shutdown()
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


@pytest.fixture(scope="module")
def alone():
    """fastmlp's line of that script without other libraries."""
    return {*run_python(SCRIPTS / "together.py", "fastmlp").splitlines()}


@pytest.mark.parametrize("others", [["sklearn"], ["torch"], ["numba"], ["sklearn", "torch", "numba"]])
def test_libraries_with_threads_of_their_own_in_one_process(alone, others):
    """Imported and used in either order, each gives the same bits as before, and as without the others."""
    for library in others:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"could not import '{library}'")
    order = ["fastmlp", *others]
    first, second = (
        {*run_python(SCRIPTS / "together.py", *one, PYTHONWARNINGS="ignore").splitlines()}
        for one in (order, order[::-1])
    )
    assert len(alone) == 1
    assert len(first) == len(order)  # one result of each library
    assert first == second
    assert alone < first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_of_a_trained_process_trains_serially():
    parent, child, parent_again = run_python(SCRIPTS / "fork_after_training.py", PYTHONWARNINGS="ignore").splitlines()
    assert child == f"{parent} 1"
    assert parent_again == parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_forked_while_another_thread_was_inside():
    """Forks while a team trains and another thread predicts: the child trains the same networks, by one thread."""
    assert run_python(SCRIPTS / "fork_during_calls.py", PYTHONWARNINGS="ignore") == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_forked_by_a_callback_is_still_inside():
    assert run_python(SCRIPTS / "fork_in_callback.py", PYTHONWARNINGS="ignore") == "0 [1, 2]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@limits_blas
def test_child_forked_while_a_kernel_was_at_work_gets_blas_back():
    assert run_python(SCRIPTS / "fork_in_kernel.py", PYTHONWARNINGS="ignore") == "0"


@with_openmp
@pytest.mark.skipif(sys.platform != "linux", reason="looks for a library in /proc")
@pytest.mark.parametrize("moment", ["early", "late"])
def test_forked_child_trains_whoever_had_started_openmps_threads(moment):
    """Another library may have brought the same OpenMP, and have used it: here it is called itself."""
    shown = run_python(SCRIPTS / "fork_after_openmp.py", libgomp(), moment, PYTHONWARNINGS="ignore")
    child, parent = (line.split() for line in shown.splitlines())
    assert child == [parent[0], "1"]


def libgomp():
    """The path of the OpenMP that this process has loaded with the kernels."""
    found = set(re.findall(r"/\S*libgomp\S*", Path("/proc/self/maps").read_text()))
    if not found:
        pytest.skip("the kernels have another OpenMP")
    return found.pop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_childs_own_thread_may_have_the_number_of_one_that_was_inside():
    """Thread numbers are reused; in the child no thread holds the network at first, and then the calling one does."""
    code = run_python(SCRIPTS / "fork_reuses_thread_numbers.py", PYTHONWARNINGS="ignore", OPENBLAS_NUM_THREADS="1")
    if code == "2":
        pytest.skip("no thread has got that number")
    assert code == "0"


@with_openmp
def test_a_team_works_after_there_was_a_subinterpreter():
    serial, team = run_python(SCRIPTS / "subinterpreter.py").splitlines()
    assert team == serial
