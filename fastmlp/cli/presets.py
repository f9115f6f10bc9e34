"""Default settings of the commands, by data set and optimizer."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.settings import Settings

# The assignment's own settings: its notebook takes whole batches only and counts Adam's time steps in epochs.
_ASSIGNMENT = {"epochs": 40, "batch_size": 200, "learning_rate_decay": 0.85, "time_step": "epoch", "drop_last": True}
# For the digits, and for users' arrays.
_SMALL = {"epochs": 40, "batch_size": 32, "learning_rate_decay": 0.95, "regularization": 1e-4}
# For users' tables, which may have a hundred rows or a hundred thousand: each trains until it no longer gets better.
# How these settings were chosen: benchmarks/tables.py.
_TABLE = {"epochs": 400, "learning_rate_decay": 0.99, "patience": 50}
# By optimizer, for the digits and arrays, and for CIFAR-10; others have the defaults of `fit`, as tables have.
_TUNED = {
    "SGD": ({"learning_rate": 0.2}, {"learning_rate": 0.05, "regularization": 0.0004}),
    "Momentum": ({"learning_rate": 0.02}, {"learning_rate": 0.005, "regularization": 0.0004}),
    "Nesterov": ({"learning_rate": 0.02}, {"learning_rate": 0.005, "regularization": 0.0004}),
    "Adam": (
        {"learning_rate": 0.003},
        {"learning_rate": 0.0003, "regularization": 0.00001, "beta1": 0.7, "beta2": 0.79},
    ),
    "AdamW": ({"learning_rate": 0.003}, {"learning_rate": 0.0003, "beta1": 0.7, "beta2": 0.79}),
    "RMSprop": ({"learning_rate": 0.001}, {"learning_rate": 0.0003, "regularization": 0.00001}),
}


class OfRows(NamedTuple):
    """A setting that follows from the number of rows to train on, and how in words."""

    value: Callable[[int], Any]
    text: str


# Also for users' tables. The more rows, the larger the batches, or an epoch would take too long; and the weaker the
# penalty: the loss is a mean, so that the same penalty would count for more than all rows together.
_OF_ROWS = {
    "batch_size": OfRows(lambda n_rows: min(max(n_rows // 50, 32), 200), "a fiftieth of the rows, 32 to 200"),
    "regularization": OfRows(lambda n_rows: 3 / n_rows, "3 / rows"),
}
# What a schedule replaces.
DECAY = "learning_rate_decay"


class Preset(NamedTuple):
    """Sizes of the hidden layers, the settings of training that differ from those of `fit`, and the rate of dropout."""

    hidden_sizes: tuple[int, ...]
    settings: dict[str, Any]
    dropout: float = 0.0

    def checked(self, **changes: Any) -> Settings:
        """All settings, with those changes that are not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        return Settings(**self.beside(given) | given)

    def beside(self, given: Collection[str]) -> dict[str, Any]:
        """The settings beside others, of these names: a schedule takes the place of the decay."""
        return {name: value for name, value in self.settings.items() if "schedule" not in given or name != DECAY}


def preset(data: str, optimizer: str, n_rows: int | None = None) -> Preset:
    """The preset of CIFAR-10, of tables of so many rows to train on, or that of the digits and of arrays.

    Without a number of rows, that of tables lacks what follows from it.
    """
    small, cifar10 = _TUNED.get(optimizer, ({}, {}))
    if data == "cifar10":
        return Preset((120, 120), _ASSIGNMENT | {"optimizer": optimizer} | cifar10)
    if data == "table":
        of_rows = {} if n_rows is None else {name: setting.value(n_rows) for name, setting in _OF_ROWS.items()}
        return Preset((100,), _TABLE | of_rows | {"optimizer": optimizer}, dropout=0.1)
    return Preset((64,), _SMALL | {"optimizer": optimizer} | small)


def with_option(name: str) -> list[str]:
    """The optimizers that use an option; none for a setting of all of them."""
    return [optimizer for optimizer, row in OPTIMIZERS.items() if name in row.options]


def default_of(name: str) -> str:
    """The default of a setting for help pages, where it differs by optimizer, for tables and for CIFAR-10."""
    optimizers = with_option(name) or OPTIMIZERS
    texts = []
    for data in ("digits", "table", "cifar10"):
        if data == "table" and name in _OF_ROWS:
            texts.append(_OF_ROWS[name].text)
            continue
        values = {optimizer: getattr(preset(data, optimizer).checked(), name) for optimizer in optimizers}
        shown = [f"{optimizer} {value:g}" for optimizer, value in values.items()]
        texts.append(", ".join(shown) if len(set(values.values())) > 1 else shown[0].partition(" ")[2])
    return f"[default: {texts[0]}; tables: {texts[1]}; cifar10: {texts[2]}]"
