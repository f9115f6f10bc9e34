from typing import Any

import numpy as np

LOSSES: tuple[str, ...]
MAX_BLOCKS: int
OPTIMIZERS: tuple[str, ...]
TILE_ROWS: int

class Propagation:
    def __init__(
        self,
        layers: np.ndarray,
        room: np.ndarray,
        params: np.ndarray,
        gradients: np.ndarray,
        arena: np.ndarray,
        sums: np.ndarray,
        statistics: tuple[np.ndarray, ...],
        loss: int,
    ) -> None: ...
    def forward(self, X: np.ndarray, n_threads: int) -> bool: ...
    def backward(self, wanted: np.ndarray, regularization: float, n_threads: int) -> float: ...
    def predict(
        self,
        X: np.ndarray,
        tiled: bool,
        n_threads: int,
        outputs: np.ndarray | None,
        classes: np.ndarray | None,
        labels: np.ndarray | None,
        losses: np.ndarray | None,
    ) -> None: ...

class Update:
    def __init__(self, optimizer: int, params: np.ndarray, gradients: np.ndarray, *moments: np.ndarray) -> None: ...
    def step(self, rate: float, beta1: float, beta2: float, epsilon: float, time_step: int, n_threads: int) -> None: ...

class Training:
    def __init__(
        self,
        passes: Propagation,
        update: Update,
        X: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        batch_size: int,
        regularization: float,
        rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        time_step: int,
        time_grows: int,
    ) -> None: ...
    @property
    def n_done(self) -> int: ...
    @property
    def n_batches(self) -> int: ...
    @property
    def n_updates(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def n_correct(self) -> int: ...
    @property
    def diverged(self) -> bool: ...
    @property
    def slept(self) -> float: ...
    def advance(self, seconds: float, n_threads: int) -> int: ...

def partials_needed(layers: np.ndarray, n_rows: int, itemsize: int) -> int: ...
def standardize(
    X: np.ndarray, out: np.ndarray, mean: np.ndarray, mean_rest: np.ndarray, inverse_scale: np.ndarray
) -> None: ...
def is_stored(array: np.ndarray) -> bool: ...
def is_finite(buffer: np.ndarray) -> bool: ...
def first_outside(labels: np.ndarray, n_classes: int) -> int: ...
def bind_blas(get_threads: int, set_threads: int) -> None: ...
def after_fork_in_child() -> bool: ...
def max_threads() -> int: ...
def build_info() -> dict[str, Any]: ...
