"""Memory for a batch, its layers' outputs and the kernels' scratch."""

from typing import TypeVar

import numpy as np

from fastmlp import _kernels
from fastmlp.architecture import Architecture
from fastmlp.engine.parameters import Layout, aligned_empty, aligned_offsets
from fastmlp.functions.activations import ACTIVATIONS
from fastmlp.functions.dropout import limit as dropout_limit
from fastmlp.sparse_rows import SparseRows
from fastmlp.validation import as_stored

AnyRows = TypeVar("AnyRows", np.ndarray, SparseRows)

# `Layer` of _layers.pxd
LAYER = np.dtype(
    [
        (name, np.intp)
        for name in (
            *("n_in", "n_out", "w", "b", "kept", "y"),
            *("activation", "input_activation", "dropout", "input_dropout", "number"),
        )
    ]
)


class Workspace:
    """Memory for a batch of up to `capacity` rows, bound to the kernels; to predict only, it needs no scratch."""

    def __init__(
        self,
        architecture: Architecture,
        layout: Layout,
        params: np.ndarray,
        gradients: np.ndarray,
        capacity: int,
        statistics: tuple[np.ndarray, ...],
        *,
        predicts_only: bool = False,
    ):
        sizes, itemsize, n_layers = architecture.sizes, layout.dtype.itemsize, architecture.n_layers
        *hidden, output = architecture.activation_codes
        self.capacity = capacity
        # the dtype of rows that have to be converted: with a standardizer float64, since its mean is subtracted first
        self._row_dtype = np.dtype(np.float64) if statistics else layout.dtype
        self._sizes = sizes
        # the last one has no activation here: the output activation goes with the loss
        table = np.zeros(n_layers, LAYER)
        layers = table.view(np.intp).reshape(n_layers, -1)
        table["n_in"], table["n_out"] = sizes[:-1], sizes[1:]
        table["w"] = [layout.offsets[f"W{i}"] for i in range(1, n_layers + 1)]
        table["b"] = [layout.offsets[f"b{i}"] for i in range(1, n_layers + 1)]
        table["activation"][:-1] = table["input_activation"][1:] = hidden
        table["input_dropout"] = [dropout_limit(rate) for rate in architecture.dropout_rates]
        table["dropout"][:-1], table["number"] = table["input_dropout"][1:], range(n_layers)
        widest = max(sizes[1:])
        deltas = capacity * widest
        scratch = (0, 0) if predicts_only else _kernels.scratch_needed(layers, capacity, itemsize)
        parts = [capacity * sizes[-1], capacity, capacity, deltas, deltas, *scratch]
        of_sums = [ACTIVATIONS[name].of_sums for name in architecture.activations[:-1]]
        kept = np.flatnonzero(np.array([*of_sums, False]) | (table["dropout"] > 0))
        extents = [*(capacity * n for n in sizes), *parts, *(capacity * sizes[i + 1] for i in kept)]
        self._starts, total = aligned_offsets(extents, itemsize)
        table["y"] = table["kept"] = self._starts[1 : n_layers + 1]
        table["kept"][kept] = self._starts[len(extents) - len(kept) :]
        offsets = np.array([self._starts[0], *self._starts[n_layers + 1 :][: len(parts)], widest], np.intp)
        self._arena = aligned_empty(total, layout.dtype)
        self._written = (self._arena, params, gradients)
        sums = np.zeros(_kernels.MAX_BLOCKS * (2 + n_layers + architecture.n_scores))
        self.passes = _kernels.Propagation(
            layers,
            offsets,
            output,
            architecture.loss_row.code,
            architecture.loss_option,
            params,
            gradients,
            self._arena,
            sums,
            statistics,
        )

    def apart(self, X: AnyRows) -> AnyRows:
        """X, or a copy where X shares memory that passes or updates write to."""
        if isinstance(X, SparseRows):
            return X
        owner = X if X.base is None else X.base
        if isinstance(owner, np.ndarray) and owner.flags.owndata:
            # quicker: such an array shares memory with its own views only
            shared = any(owner is buffer.base for buffer in self._written)
        else:
            shared = any(np.may_share_memory(X, buffer) for buffer in self._written)
        return X.copy() if shared else X

    def stored(self, X: np.ndarray) -> np.ndarray:
        """X, converted where the kernels cannot gather its rows as they are."""
        return as_stored(X, self._row_dtype)

    def outputs(self, layer: int, n_rows: int) -> np.ndarray:
        """Outputs of a layer for the batch; 0 are the gathered rows, n_layers + 1 the network's outputs."""
        n_out = self._sizes[min(layer, len(self._sizes) - 1)]
        start = self._starts[layer]
        return self._arena[start : start + n_rows * n_out].reshape(n_rows, n_out)
