"""Version and build information, for bug reports and measurements."""

import platform
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy

import fastmlp
from fastmlp import _kernels
from fastmlp.engine import threads
from fastmlp.engine.blas import find_blas


def processor() -> str:
    """The processor's model name, if the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _same_bits(has_fma: bool) -> str:
    """Whether a training has the same bits on other processors, and why."""
    if threads.products == "blas":
        cause = "FASTMLP_PRODUCTS=blas" if has_fma else "this build, without fused multiply-add,"
        return f"not on other processors, because {cause} leaves products to BLAS, which rounds differently on each"
    if has_fma:
        return "yes, on any processor with fused multiply-add, because tiles compute all products"
    return "not on processors with fused multiply-add, because this build is without it, and so rounds differently"


def environment() -> dict[str, str]:
    """Versions, compiler, vector instructions, BLAS and threads of this installation.

    Examples
    --------
    >>> from fastmlp.environment import environment
    >>> environment()["products"] in ("register tiles", "BLAS")
    True
    """
    build = _kernels.build_info()
    openmp = build["openmp"]
    return {
        "fastmlp": fastmlp.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "compiler": build["compiler"],
        "build": build["build"],
        "flags": build["flags"],
        "SIMD": build["simd"],
        "products": {"tiles": "register tiles", "blas": "BLAS"}[threads.products],
        "same bits": _same_bits(build["has_fma"]),
        "OpenMP": f"yes, version {openmp}" if openmp else "no: built without it, one thread",
        "BLAS": find_blas().description,
        "threads": str(threads.available_threads()),
    }


def training_products(sizes: Sequence[int], batch_size: int) -> list[dict[str, Any]]:
    """The matrix products of one training step, and what computes them in this process.

    A batch goes forward and back in chunks of at most 512 rows, and these are the rows of its products here.

    Parameters
    ----------
    sizes : sequence of int
        Sizes of the input, of each hidden layer and of the output.
    batch_size : int
        Number of rows of the batch.

    Returns
    -------
    list of dict
        For each product: `layer`, from 1 on; `product`, which is "forward", "weight gradient" or "input gradient";
        `rows` and `columns` of the result; `terms` in each of its sums; and `computed_by`, "tiles" or "BLAS".

    Raises
    ------
    ValueError
        If a product has 2**62 multiplications or more.

    Examples
    --------
    >>> from fastmlp.environment import training_products
    >>> [product["product"] for product in training_products((64, 10), 32)]
    ['forward', 'weight gradient']
    """
    found = []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        n_rows = min(batch_size, _kernels.CHUNK_ROWS)
        if n_rows * n_in * n_out >= 2**62:
            raise ValueError(f"a layer of {n_in} inputs and {n_out} outputs is too large for {n_rows} rows")
        products = {
            "forward": (n_rows, n_out, n_in),
            "weight gradient": (n_in, n_out, n_rows),
            "input gradient": (n_rows, n_in, n_out),
        }
        if layer == 1:
            del products["input gradient"]  # the network's input needs none
        for name, (rows, columns, terms) in products.items():
            by_tiles = _kernels.product_is_tiled(name == "input gradient", rows, columns, terms)
            shape = {"rows": rows, "columns": columns, "terms": terms}
            found.append({"layer": layer, "product": name, **shape, "computed_by": "tiles" if by_tiles else "BLAS"})
    return found
