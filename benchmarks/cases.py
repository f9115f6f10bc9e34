"""What is measured: networks, batches and the systems that take part in each case."""

from dataclasses import dataclass
from typing import Literal

CORE = ("products only", "fit", "three calls", "NumPy")
# PyTorch and JAX in the variant that is their fastest in the cases that have them all
COMPILERS = ("PyTorch fused", "JAX scan")
LIBRARIES = ("scikit-learn", *COMPILERS)
ALL = (*CORE, "notebook", "scikit-learn", "PyTorch", "PyTorch fused", "PyTorch compiled", "JAX", "JAX scan")


def threads_text(threads: int) -> str:
    """1 thread, 2 threads."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


@dataclass(frozen=True)
class Case:
    """One network and what it does.

    Every system starts a block from the same weights, and trains on the same batches in the same order with the same
    settings, so that all end with the same weights up to rounding.
    """

    sizes: tuple[int, ...]
    batch: int
    systems: tuple[str, ...]
    optimizer: Literal["SGD", "Adam"] = "Adam"
    dtype: Literal["float32", "float64"] = "float32"
    # of one block: updates, or calls of predict
    steps: int = 20
    kind: Literal["train", "predict", "cifar10"] = "train"
    # of the data; blocks take their rows from it in turn, so that these have left the caches
    rows: int = 16_000
    # large enough that a block shows whether it was applied
    regularization: float = 0.01
    # the time of a block, in blocks of other cases; a repetition has fewer of them by this factor
    length: int = 1

    @property
    def name(self) -> str:
        """Unique among the cases."""
        net = "-".join(map(str, self.sizes))
        if self.kind == "predict":
            return f"{net}, predict {self.batch:,} {'row' if self.batch == 1 else 'rows'}, {self.dtype}"
        what = "CIFAR-10, an epoch" if self.kind == "cifar10" else f"batch {self.batch:,}"
        return f"{net}, {what}, {self.optimizer}, {self.dtype}"

    @property
    def learning_rate(self) -> float:
        """Small enough for every case to learn."""
        return {"SGD": 0.02, "Adam": 0.0003}[self.optimizer]

    def rows_of_block(self, block: int) -> tuple[int, int]:
        """First row of a block and the one after its last: blocks go through the data in turn."""
        n_rows = self.batch * self.steps
        start = block % (self.rows // n_rows) * n_rows
        return start, start + n_rows

    @property
    def operations(self) -> int:
        """Floating-point operations of the matrix products of one step, or of one call of predict."""
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        n_products = sum(products)
        if self.kind != "predict":
            n_products = 3 * n_products - products[0]  # the input needs no gradient
        return 2 * self.batch * n_products


# Adam's; so small that it does not matter where a library adds it (scikit-learn does as the paper's section 2 ends)
EPSILON = 1e-10
ASSIGNMENT = (3072, 120, 120, 10)

CASES = (
    Case(ASSIGNMENT, 200, (*CORE, "notebook", *LIBRARIES), "SGD"),
    Case(ASSIGNMENT, 200, ALL),
    *(Case(ASSIGNMENT, 200, (*CORE, "notebook"), optimizer, "float64") for optimizer in ("SGD", "Adam")),
    *(
        Case((3072, 120, 10), 200, CORE, optimizer, dtype)
        for dtype in ("float32", "float64")
        for optimizer in ("SGD", "Adam")
    ),
    Case(ASSIGNMENT, 1, (*CORE, *LIBRARIES), steps=100),
    Case(ASSIGNMENT, 20, (*CORE, *LIBRARIES), steps=40),
    Case(ASSIGNMENT, 2000, ("products only", "fit", "NumPy", *COMPILERS), rows=40_000, length=4),
    Case((64, 32, 10), 32, ALL, steps=200),
    Case((4, 10, 3), 5, (*CORE, "notebook", *LIBRARIES), "SGD", "float64", steps=1000),
    Case((4, 32, 16, 4), 10_000, (*CORE, *LIBRARIES), rows=200_000),
    Case((784, 512, 512, 10), 128, (*CORE, *LIBRARIES)),
    Case((3072, 1024, 1024, 10), 256, ("products only", "fit", "NumPy", *COMPILERS), length=4),
    *(
        Case(sizes, batch, ("products only", "fit", "NumPy", *LIBRARIES), kind="predict", steps=steps)
        for sizes, batch, steps in ((ASSIGNMENT, 10_000, 1), (ASSIGNMENT, 1, 400), ((64, 32, 10), 1, 2000))
    ),
    # an epoch of 245 batches
    Case(ASSIGNMENT, 200, (*CORE, "notebook", *LIBRARIES), "Adam", "float32", 245, "cifar10", 49_000, 1e-5, length=10),
)
# what `--quick` measures
QUICK = (CASES[0], CASES[1], next(case for case in CASES if case.sizes == (64, 32, 10)))
# a process's start is timed to the end of one step on one batch
FIRST_STEP = Case(ASSIGNMENT, 200, ALL, steps=1, rows=200)
# where the parts of a step are timed; all systems in the case's dtype, which the products are in
PHASES = (
    Case(ASSIGNMENT, 200, ("products only", "three calls", "NumPy")),
    Case(ASSIGNMENT, 200, ("products only", "three calls", "NumPy", "notebook"), dtype="float64"),
)
