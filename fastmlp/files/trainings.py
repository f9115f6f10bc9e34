"""What a checkpoint says of a training, in the header of a model file and as arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp.history import Epoch, History
from fastmlp.settings import Settings
from fastmlp.training import CheckpointState
from fastmlp.validation import boolean, checked_seed, integer, number

HISTORY, GENERATOR, RATES = ARRAYS = ("training.history", "training.generator", "training.rates")
# Numbers in the state of the Mersenne twister, which is NumPy's legacy generator.
MT19937_WORDS = 624


def described(training: CheckpointState) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The part of the header, and the arrays; not those of the best epoch, which `fastmlp.files.models` writes."""
    history, generator = training.history, training.generator
    assert generator is not None
    header = {name: getattr(training, name) for name in ("seed", "split_seed", "data", "over")}
    header |= {"settings": training.settings.to_dict(), "monitored": history.monitored}
    header["generator"] = {name: generator[name] for name in ("has_gauss", "gauss")}
    header["generator"] |= {"pos": int(generator["state"]["pos"])}
    arrays = {HISTORY: np.array(history.epochs, np.float64).reshape(-1, len(Epoch._fields))}
    arrays[GENERATOR] = generator["state"]["key"]
    if any(isinstance(rates, np.ndarray) for rates in history.rates):
        n_batches = max(np.size(rates) for rates in history.rates)
        arrays[RATES] = np.array([np.broadcast_to(rates, n_batches) for rates in history.rates])
    return header, arrays


def restored(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], score_name: str) -> CheckpointState:
    """The state that they describe; an error where they describe none."""
    epochs, key, rates = arrays[HISTORY], arrays[GENERATOR], arrays.get(RATES)
    monitored, split_seed, generator = header.get("monitored"), header.get("split_seed"), header["generator"]
    if epochs.dtype != np.float64 or epochs.ndim != 2 or epochs.shape[1] != len(Epoch._fields):
        raise ValueError(f"its history is {epochs.shape} of {epochs.dtype}")
    if key.dtype != np.uint32 or key.shape != (MT19937_WORDS,):
        raise ValueError(f"its generator's state is {key.shape} of {key.dtype}")
    if rates is not None and (rates.dtype != np.float64 or rates.ndim != 2 or len(rates) != len(epochs)):
        raise ValueError(f"its learning rates are {rates.shape} of {rates.dtype}")
    if monitored not in (None, "train_loss", "val_loss"):
        raise ValueError(f"its monitored loss is {monitored!r}")
    history = History((Epoch(*epoch) for epoch in epochs.tolist()), score_name, () if rates is None else rates)
    history.monitored = monitored
    for epoch in history:
        number("learning_rate", epoch.learning_rate, 0)
    if rates is not None and not np.array_equal(rates[:, -1:], epochs[:, 4:5]):
        raise ValueError("its learning rates are not those of its history")
    return CheckpointState(
        settings=Settings.from_dict(header["settings"]),
        seed=checked_seed(header["seed"]),
        split_seed=checked_seed(split_seed),
        data=str(header["data"]),
        generator={
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": integer("pos", generator["pos"], 0, MT19937_WORDS)},
            "has_gauss": integer("has_gauss", generator["has_gauss"], 0, 1),
            "gauss": number("gauss", generator["gauss"]),
        },
        history=history,
        over=boolean("over", header["over"]),
    )
