"""The state of a network that training changes: parameters, gradients, moments and the number of updates."""

import copy
from typing import Any

import numpy as np

from fastmlp import _kernels
from fastmlp.architecture import Architecture
from fastmlp.engine.parameters import Layout
from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import boolean, integer

# Attributes of a snapshot besides parameters and moments; they are replaced as a whole, and never changed in place.
SCALARS = ("n_updates", "dropout_seed", "target_units", "flat_targets")


class Buffers:
    """Flat buffers of one layout, their named views, and snapshots of them."""

    def __init__(self, architecture: Architecture):
        self.architecture = architecture
        self.layout = Layout(architecture)
        self.n_updates = 0
        self.dropout_seed = 0  # which units are dropped follows from it, and from the number of updates
        self.flat_params = self.layout.zeros()
        self.flat_gradients = self.layout.zeros()
        self.moments: dict[str, list[np.ndarray]] = {}
        # mean and scale (n_outputs,) of the targets, in float64; the network is trained on (y - mean) / scale
        self.target_units: tuple[np.ndarray, np.ndarray] | None = None
        self.flat_targets = True  # whether they were (n_rows,), as predictions of one output then are
        self.exclusive = _kernels.Exclusive()
        self.params = self.layout.views(self.flat_params, self.exclusive)
        self.gradients = self.layout.views(self.flat_gradients, self.exclusive)
        self._backup: dict[str, Any] | None = None

    def is_finite(self) -> bool:
        """Whether all parameters are."""
        return bool(np.isfinite(self.flat_params).all())

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that training changes, and the sizes of the layers."""
        state = {
            "sizes": self.architecture.sizes,
            "loss": self.architecture.loss,
            "flat_params": self.flat_params,
            "moments": self.moments,
            **{name: getattr(self, name) for name in SCALARS},
        }
        return self.exclusive.run(copy.deepcopy, state)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of this engine, or of one with the same sizes and dtype; a refused one changes nothing.

        Raises
        ------
        TypeError, ValueError
            If it is no snapshot, or one of other sizes.
        """
        self.exclusive.run(self._restore, snapshot)

    def _restore(self, snapshot: dict[str, Any]) -> None:
        flat_params, moments, others = self._checked_snapshot(snapshot)
        copies = [(self.flat_params, flat_params)]
        for name in {**self.moments, **moments}:
            buffers = self.moments_of(name)
            copies += zip(buffers, moments.get(name, [np.zeros(1)] * len(buffers)), strict=True)
        _kernels.assign_all(self, others, copies)

    def _checked_snapshot(self, snapshot: Any) -> tuple[np.ndarray, dict[str, list[np.ndarray]], dict[str, Any]]:
        wanted = "snapshot must come from snapshot() of a network"
        try:
            sizes, flat_params = tuple(snapshot["sizes"]), np.asarray(snapshot["flat_params"])
            n_updates = integer("snapshot['n_updates']", snapshot["n_updates"], 0, 2**53)
            groups = {name: list(map(np.asarray, group)) for name, group in dict(snapshot["moments"]).items()}
            buffers = [flat_params, *(moment for group in groups.values() for moment in group)]
            sound = all(buffer.dtype == self.layout.dtype for buffer in buffers)
            units = snapshot.get("target_units")
            units = None if units is None else checked_units(units[0], units[1], self.architecture.n_outputs)
            flat_targets = boolean("snapshot['flat_targets']", snapshot.get("flat_targets", True))
            dropout_seed = checked_dropout_seed(snapshot.get("dropout_seed", self.dropout_seed))
            sound &= all(len(group) == OPTIMIZERS[name].n_moments for name, group in groups.items())
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise TypeError(f"{wanted}: {error!r}") from None
        if sizes != self.architecture.sizes:
            raise ValueError(f"snapshot must be of a network of sizes {self.architecture.sizes}, got one of {sizes}")
        if (loss := snapshot.get("loss", self.architecture.loss)) != self.architecture.loss:
            raise ValueError(f"snapshot must be of a network with loss={self.architecture.loss!r}, got {loss!r}")
        if not sound or any(buffer.shape != self.flat_params.shape for buffer in buffers):
            raise ValueError(f"{wanted} of dtype {self.layout.dtype}")
        others: dict[str, Any] = {"n_updates": n_updates, "dropout_seed": dropout_seed}
        others |= {"target_units": units, "flat_targets": flat_targets}
        return flat_params, groups, others

    def back_up(self) -> None:
        """Take a snapshot for `roll_back`, in the memory of the last one where it fits."""
        backup = self._backup
        if backup is None or backup["moments"].keys() != self.moments.keys():
            self._backup = self.snapshot()
            return
        backup |= {name: getattr(self, name) for name in SCALARS}
        backup["flat_params"][...] = self.flat_params
        for name, moments in self.moments.items():
            for moment, kept in zip(moments, backup["moments"][name], strict=True):
                kept[...] = moment

    def roll_back(self) -> None:
        """Go back to where `back_up` was called last."""
        if self._backup is None:
            raise RuntimeError("there is nothing to go back to: nothing has been backed up")
        self.restore(self._backup)

    def moments_of(self, optimizer: str) -> list[np.ndarray]:
        """The optimiser's flat buffers, zeros when it is new to this network."""
        if optimizer not in self.moments:
            self.moments[optimizer] = [self.layout.zeros() for _ in range(OPTIMIZERS[optimizer].n_moments)]
        return self.moments[optimizer]


def checked_dropout_seed(seed: Any) -> int:
    """The seed as an int of 32 bits."""
    return integer("dropout_seed", seed, 0, 2**32 - 1)


def checked_units(mean: Any, scale: Any, n_outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of targets as arrays (n_outputs,) of float64, copies; an error where they are none."""
    units = Standardizer.of_statistics(mean, scale)
    if len(units.mean_) != n_outputs:
        raise ValueError(f"the targets' mean and scale must have shape ({n_outputs},), got {units.mean_.shape}")
    return units.mean_, units.scale_
