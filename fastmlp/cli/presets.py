"""Default settings of the commands, by data set and optimizer."""

from typing import Any, NamedTuple

from fastmlp.functions import OPTIMIZERS
from fastmlp.training import Settings

# The assignment's own settings: its notebook takes whole batches only and counts Adam's time steps in epochs.
_ASSIGNMENT = {"epochs": 40, "batch_size": 200, "learning_rate_decay": 0.85, "time_step": "epoch", "drop_last": True}
_CIFAR10 = {
    "SGD": {"learning_rate": 0.05, "regularization": 0.0004},
    "Momentum": {"learning_rate": 0.005, "regularization": 0.0004},
    "Adam": {"learning_rate": 0.0003, "regularization": 0.00001, "beta1": 0.7, "beta2": 0.79},
    "AdamW": {"learning_rate": 0.0003, "beta1": 0.7, "beta2": 0.79},
}
# For the digits, and for users' files.
_SMALL = {"epochs": 40, "batch_size": 32, "learning_rate_decay": 0.95, "regularization": 1e-4}
_RATES = {"SGD": 0.2, "Momentum": 0.02, "Adam": 0.003, "AdamW": 0.003}
_DIGITS = {optimizer: {"learning_rate": rate} for optimizer, rate in _RATES.items()}


class Preset(NamedTuple):
    """Sizes of the hidden layers, and the settings of training that differ from those of `fit`."""

    hidden_sizes: tuple[int, ...]
    settings: dict[str, Any]

    def checked(self, **changes: Any) -> Settings:
        """All settings, with those changes that are not None."""
        return Settings(**self.settings | {name: value for name, value in changes.items() if value is not None})


def preset(data: str, optimizer: str) -> Preset:
    """The preset of CIFAR-10, or that of the digits and of files; other optimizers have the defaults of `fit`."""
    if data == "cifar10":
        return Preset((120, 120), _ASSIGNMENT | {"optimizer": optimizer} | _CIFAR10.get(optimizer, {}))
    return Preset((64,), _SMALL | {"optimizer": optimizer} | _DIGITS.get(optimizer, {}))


def default_of(name: str) -> str:
    """The default of a setting for help pages, where it differs by optimizer and for CIFAR-10."""
    texts = []
    for data in ("digits", "cifar10"):
        values = {
            optimizer: getattr(preset(data, optimizer).checked(), name)
            for optimizer, row in OPTIMIZERS.items()
            if not name.startswith("beta") or name in row.options
        }
        shown = [f"{optimizer} {value:g}" for optimizer, value in values.items()]
        texts.append(", ".join(shown) if len(set(values.values())) > 1 else shown[0].partition(" ")[2])
    return f"[default: {texts[0]}; cifar10: {texts[1]}]"
