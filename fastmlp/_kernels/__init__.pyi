from collections.abc import Callable
from typing import Any, TypeVar, final

import numpy as np

_T = TypeVar("_T")

MAX_BLOCKS: int
CHUNK_ROWS: int
forked_with_openmp: bool

@final
class Exclusive:
    def run(self, function: Callable[..., _T], *arguments: object) -> _T: ...

@final
class Propagation:
    def __init__(
        self,
        layers: np.ndarray,
        offsets: np.ndarray,
        activation: int,
        loss: int,
        loss_option: float,
        params: np.ndarray,
        gradients: np.ndarray,
        arena: np.ndarray,
        sums: np.ndarray,
        statistics: tuple[np.ndarray, ...],
    ) -> None: ...
    slept: float
    def forward(self, X: np.ndarray, dropout: tuple[int, int] | None, n_threads: int) -> bool: ...
    def backward(
        self,
        y: np.ndarray,
        weights: np.ndarray | None,
        l2: float,
        denominator: float,
        earlier: np.ndarray | None,
        n_threads: int,
    ) -> float: ...
    def clip(self, max_norm: float, n_threads: int) -> float: ...
    def predict(
        self,
        X: np.ndarray,
        n_threads: int,
        outputs: np.ndarray | None,
        classes: np.ndarray | None,
        y: np.ndarray | None,
        losses: np.ndarray | None,
    ) -> bool: ...

@final
class Update:
    def __init__(self, optimizer: int, params: np.ndarray, gradients: np.ndarray, *moments: np.ndarray) -> None: ...
    n_steps: int
    slept: float
    def step(self, options: tuple[float, ...], learning_rate: float, time_step: int, n_threads: int) -> None: ...

@final
class EpochRun:
    def __init__(
        self,
        passes: Propagation,
        update: Update,
        dropout: tuple[int, int] | None,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        order: np.ndarray,
        batch_size: int,
        steps: np.ndarray,
        scores: np.ndarray,
        options: tuple[float, ...],
        time_step: int,
        time_increment: int,
    ) -> None: ...
    n_done: int
    n_batches: int
    n_updates: int
    loss: float
    diverged: bool
    slept: float
    def advance(self, seconds: float, n_threads: int) -> int: ...

def assign_all(owner: object, attributes: dict[str, object], copies: list[tuple[np.ndarray, np.ndarray]]) -> None: ...
def scratch_needed(layers: np.ndarray, n_rows: int, itemsize: int) -> tuple[int, int]: ...
def product_is_tiled(transposed: bool, m: int, n: int, k: int) -> bool: ...
def standardize(X: np.ndarray, out: np.ndarray, *statistics: np.ndarray) -> None: ...
def is_stored(array: np.ndarray) -> bool: ...
def first_outside(labels: np.ndarray, n_classes: int) -> int: ...
def blas_addresses() -> tuple[int, int]: ...
def use_blas(
    sgemm: int, dgemm: int, get_threads: int, set_threads: int, provide: Callable[[int, int], None] | None
) -> None: ...
def after_fork_in_child() -> None: ...
def max_threads() -> int: ...
def bound_processors() -> int: ...
def build_info() -> dict[str, Any]: ...
