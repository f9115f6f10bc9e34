"""Rows of a sparse matrix, which are made dense a few at a time."""

from typing import Any, Self

import numpy as np

# Numbers in the dense rows that are made at once: 64 MiB of doubles.
MAX_DENSE = 1 << 23
MAX_ROWS = 512


class SparseRows:
    """The rows of a SciPy matrix in CSR format; an index gives them as a dense array.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array or csr_matrix (n_rows, n_columns)
        Of floats; it must not change while it is used.
    """

    def __init__(self, matrix: Any):
        self.matrix = matrix
        self.shape: tuple[int, int] = matrix.shape
        self.dtype: np.dtype = matrix.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.matrix[rows].toarray()

    def taken(self, rows: np.ndarray) -> Self:
        """These rows, sparse."""
        return type(self)(self.matrix[rows])

    @property
    def block_rows(self) -> int:
        """How many rows to make dense at once."""
        return max(1, min(MAX_ROWS, MAX_DENSE // max(1, self.shape[1])))
