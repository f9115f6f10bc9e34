"""Products by register tiles: what they compute, and the machine code that computes it."""

import itertools
import re
import shutil
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from fastmlp import NeuralNetwork, _kernels
from fastmlp.engine import threads

pytestmark = pytest.mark.skipif(threads.products != "tiles", reason="BLAS computes the products")


has_fma = _kernels.build_info()["has_fma"]


def chain(a, b):
    """a @ b in float64, by one multiply-add a term, fused where the build has it, in the order of the terms."""
    c = np.zeros((len(a), b.shape[1]))
    for i, j in np.ndindex(c.shape):
        for x, w in zip(a[i], b[:, j], strict=True):
            c[i, j] = float(Fraction(x) * Fraction(w) + Fraction(c[i, j])) if has_fma else x * w + c[i, j]
    return c


# rows, terms and columns around the edges of tiles and vectors, and of runs of terms
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (7, 9, 33), (13, 300, 17), (6, 130, 8)])
def test_products_are_chains_of_multiply_adds(shape):
    n_rows, n_in, n_out = shape
    random = np.random.RandomState(0)
    net = NeuralNetwork(n_in, [], n_out, loss="squared_error")
    X, y = random.randn(n_rows, n_in), random.randn(n_rows, n_out)
    net.params = {"W1": random.randn(n_in, n_out), "b1": random.randn(n_out)}
    outputs = net.forward(X)
    np.testing.assert_array_equal(outputs, chain(X, net.params["W1"]) + net.params["b1"])
    net.backward(y)
    scale = 2 / (n_rows * n_out)
    np.testing.assert_array_equal(net.gradients["W1"], chain(X.T, scale * (outputs - y)))


@pytest.mark.parametrize("n_rows", [1, 5])
def test_gradients_of_inputs_are_chains_too(n_rows):
    random = np.random.RandomState(1)
    net = NeuralNetwork(4, [9], 150, activation="identity", loss="squared_error")
    X, y = random.randn(n_rows, 4), random.randn(n_rows, 150)
    net.params = {name: random.randn(*array.shape) for name, array in net.params.items()}
    dy = 2 / y.size * (net.forward(X) - y)
    net.backward(y)
    dx = chain(dy, net.params["W2"].T)
    np.testing.assert_array_equal(net.gradients["W1"], chain(X.T, dx))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_prediction_does_not_depend_on_the_rows_beside_it(dtype):
    random = np.random.RandomState(2)
    X = random.randn(700, 300)
    net = NeuralNetwork(300, [70, 50], 7, dtype=dtype, seed=0)
    whole = net.predict_proba(X)
    for start, stop in ((0, 1), (5, 6), (17, 40), (699, 700)):
        np.testing.assert_array_equal(net.predict_proba(X[start:stop]), whole[start:stop])


def instructions(name):
    """The instructions of each function whose name starts so, of the module in use, by its name."""
    module = __import__(_kernels.Update.__module__, fromlist=["Update"])
    shown = subprocess.run(
        ["objdump", "--disassemble", "--no-show-raw-insn", module.__file__], capture_output=True, text=True, check=True
    ).stdout
    functions = re.findall(rf"^[0-9a-f]+ <({name}[\w.]*)>:\n((?:.+\n)+)", shown, re.MULTILINE)
    return {found: re.findall(r"^ *([0-9a-f]+):\t(\S+) *(.*)$", body, re.MULTILINE) for found, body in functions}


def loops(code):
    """The instructions between each jump backwards and its target, innermost loops only."""
    places = {int(place, 16): i for i, (place, *_) in enumerate(code)}
    found = []
    for i, (_, operation, operands) in enumerate(code):
        target = re.match(r"([0-9a-f]+) <", operands)
        if operation.startswith("j") and target and (start := places.get(int(target[1], 16), i)) < i:
            found.append((start, i))
    inner = [
        one for one in found if not any(one != other and one[0] <= other[0] <= other[1] <= one[1] for other in found)
    ]
    return [code[start : stop + 1] for start, stop in inner]


@pytest.mark.skipif(not has_fma, reason="counts fused multiply-adds")
@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("objdump") is None, reason="needs objdump, of Debian's binutils"
)
@pytest.mark.skipif(_kernels.build_info()["build"] != "release", reason="only a release is optimised")
@pytest.mark.parametrize("real", ["float", "double"])
def test_term_loops_have_nothing_but_vectors(real):
    """Each tile has one fused multiply-add a vector and row, no scalar one, and no sum goes to the stack.

    A distance between elements may be there: gcc 16 adds that of two terms of a from the stack, where a tile is large.
    """
    if not instructions("fastmlp_"):
        pytest.skip("this build was stripped of its symbols")
    tiles = {
        tuple(map(int, re.search(r"_(\d+)x(\d+)", name).groups())): code
        for name, code in instructions(f"fastmlp_{real}_tile_[0-9]").items()
    }
    sizes = set(tiles)
    largest = max(sizes)
    assert sizes == set(itertools.product(range(1, largest[0] + 1), range(1, largest[1] + 1)))
    for (rows, vectors), code in tiles.items():
        name = f"{rows}x{vectors}"
        of_terms = [loop for loop in loops(code) if any("fmadd" in operation for _, operation, _ in loop)]
        assert len(of_terms) >= 2, name  # of whole and of partial vectors
        # functions that do not begin so use rbp as any other register
        stack = "rsp|rbp" if any(operands == "%rsp,%rbp" for _, _, operands in code) else "rsp"
        for loop in of_terms:
            fused = [operation for _, operation, _ in loop if "fmadd" in operation]
            assert len(fused) % (rows * vectors) == 0, (name, fused)
            assert not any(operation.endswith(("ss", "sd")) for operation in fused), (name, fused)
            vectors_used = [operands for _, _, operands in loop if "mm" in operands]
            assert not any(re.search(rf"\(%({stack})", operands) for operands in vectors_used), (name, vectors_used)
