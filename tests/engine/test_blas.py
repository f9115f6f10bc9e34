"""Which BLAS is controlled: libraries are built that stand in for those that SciPy may be linked with."""

import ctypes
import itertools
import shutil
import subprocess
import sys

import pytest
from process_helpers import run_python

from fastmlp.engine.blas import Blas, find_blas

COMPILER = shutil.which("cc")

PRODUCTS = "void sgemm_(void) {}"
CONTROLS = """
int n_threads = 4;
int openblas_get_num_threads(void) { return n_threads; }
void openblas_set_num_threads(int n) { if (OBEYS) n_threads = n; }
int openblas_get_parallel(void) { return PARALLEL; }
const char *openblas_get_config(void) { return "OpenBLAS of a test "; }
"""
BUFFERS = "void *blas_memory_alloc(int i) { return 0; } void blas_memory_free(void *p) {}"


@pytest.fixture
def linked(tmp_path):
    """Makes an extension module that is linked with libraries of these sources, in this order; gives its path."""
    if COMPILER is None or sys.platform != "linux":
        pytest.skip("needs a C compiler, and the linker's options on Linux")
    numbers = itertools.count()

    def build(source, options):
        path = tmp_path / f"{tmp_path.name}_{next(numbers)}.so"  # a name that no loaded library has
        path.with_suffix(".c").write_text(source)
        flags = ["-shared", "-fPIC", f"-Wl,-rpath,{tmp_path}", f"-L{tmp_path}", "-Wl,--no-as-needed"]
        subprocess.run([COMPILER, *flags, "-o", path, path.with_suffix(".c"), *options], check=True)
        return path

    def link(*sources, obeys=1, parallel=1):
        libraries = [build(source, [f"-DOBEYS={obeys}", f"-DPARALLEL={parallel}"]) for source in sources]
        return str(build("", [f"-l:{library.name}" for library in libraries]))

    return link


@pytest.mark.parametrize(("parallel", "obeys", "usable"), [(0, 1, True), (1, 1, True), (2, 1, False), (1, 0, False)])
def test_limit_is_used_only_where_it_holds(linked, parallel, obeys, usable):
    module = linked(PRODUCTS + CONTROLS, obeys=obeys, parallel=parallel)
    found = find_blas(module)
    assert found.description == "OpenBLAS of a test"
    assert bool(found.get_threads and found.set_threads) is usable
    assert found[3:] == (0, 0)
    assert ctypes.CDLL(module).openblas_get_num_threads() == 4


@pytest.mark.parametrize("sources", [(PRODUCTS,), (PRODUCTS, CONTROLS), ("", PRODUCTS, CONTROLS + BUFFERS)])
def test_another_library_beside_an_openblas_is_not_taken_for_it(linked, sources):
    """As BLIS or the reference BLAS may be where OpenBLAS is there for its LAPACK."""
    assert find_blas(linked(*sources)) == Blas("unknown")


def test_buffers_are_those_of_the_same_library(linked):
    assert all(find_blas(linked(PRODUCTS + CONTROLS + BUFFERS)))
    assert not any(find_blas(linked(PRODUCTS + CONTROLS, BUFFERS))[3:])


@pytest.mark.parametrize(
    ("asked", "products"),
    [
        ("auto", "tiles"),
        ("tiles", "tiles"),
        (
            "blas",
            "the environment variable FASTMLP_PRODUCTS must be 'auto' or 'tiles', since SciPy's BLAS cannot be limited "
            "to one thread, got 'blas'",
        ),
    ],
)
def test_a_blas_that_cannot_be_limited_computes_no_products(linked, asked, products):
    """Nor does it in the build that would leave them to it."""
    script = f"""
    import scipy.linalg.cython_blas
    scipy.linalg.cython_blas.__file__ = {linked(PRODUCTS + CONTROLS, parallel=2)!r}
    try:
        from fastmlp.engine import threads
        print(threads.products)
    except ValueError as error:
        print(error)
    """
    assert run_python(script, FASTMLP_SIMD="plain", FASTMLP_PRODUCTS=asked) == products


def test_scipys_own_openblas_is_found_whole():
    if "OpenBLAS" not in find_blas().description:
        pytest.skip("SciPy has another BLAS")
    assert all(find_blas())
