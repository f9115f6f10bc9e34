from typing import Any

import numpy as np

TILE_ROWS: int
MAX_BLOCKS: int
OPTIMIZERS: tuple[str, ...]

class Propagation:
    def __init__(
        self,
        layers: np.ndarray,
        room: np.ndarray,
        params: np.ndarray,
        gradients: np.ndarray,
        arena: np.ndarray,
        sums: np.ndarray,
    ) -> None: ...
    def forward(self, x: np.ndarray, n_threads: int) -> None: ...
    def backward(self, x: np.ndarray, labels: np.ndarray, regularization: float, n_threads: int) -> float: ...
    def loss(self, labels: np.ndarray) -> float: ...

class Update:
    def __init__(self, optimizer: int, params: np.ndarray, gradients: np.ndarray, *moments: np.ndarray) -> None: ...
    def step(
        self,
        rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        correction1: float,
        correction2: float,
        n_threads: int,
    ) -> None: ...

def partials_needed(layers: np.ndarray, n_rows: int, itemsize: int) -> int: ...
def first_outside(labels: np.ndarray, n_classes: int) -> int: ...
def bind_blas(get_threads: int, set_threads: int) -> None: ...
def after_fork_in_child() -> bool: ...
def max_threads() -> int: ...
def build_info() -> dict[str, Any]: ...
