"""What `fastmlp train` does unless told otherwise, for each data set and optimiser."""

from typing import Any, NamedTuple

from fastmlp.training import Settings


class Preset(NamedTuple):
    """The network's hidden layers and the settings of its training."""

    hidden_sizes: tuple[int, ...]
    settings: dict[str, Any]

    def checked(self, **changes: Any) -> Settings:
        """The settings with changes; None changes nothing."""
        return Settings(**self.settings | {name: value for name, value in changes.items() if value is not None})


OPTIMIZERS = ("SGD", "Momentum", "Adam")

# The assignment's own settings: its notebook takes whole batches only and counts Adam's time steps in epochs.
_ASSIGNMENT = {"epochs": 40, "batch_size": 200, "learning_rate_decay": 0.85, "time_step": "epoch", "drop_last": True}
# Rows with about as many features as the digits, and any other file.
_SMALL = {"epochs": 40, "batch_size": 32, "learning_rate_decay": 0.95, "regularization": 1e-4}

_CIFAR10 = {
    "SGD": {"learning_rate": 0.05, "regularization": 0.0004},
    "Momentum": {"learning_rate": 0.005, "regularization": 0.0004},
    "Adam": {"learning_rate": 0.0003, "regularization": 0.00001, "beta1": 0.7, "beta2": 0.79},
}
_SMALL_RATES = {"SGD": 0.2, "Momentum": 0.02, "Adam": 0.003}


def preset(data: str, optimizer: str) -> Preset:
    """The preset of a named data set; that of the digits serves files too."""
    if data == "cifar10":
        return Preset((120, 120), _ASSIGNMENT | {"optimizer": optimizer} | _CIFAR10[optimizer])
    return Preset((64,), _SMALL | {"optimizer": optimizer, "learning_rate": _SMALL_RATES[optimizer]})


def described(name: str) -> str:
    """What a setting is by default, for help pages: for all optimisers or for each, and for CIFAR-10."""
    texts = []
    for data in ("digits", "cifar10"):
        values = {optimizer: preset(data, optimizer).settings.get(name) for optimizer in OPTIMIZERS}
        if len(set(values.values())) == 1:
            texts.append(f"{values['SGD']:g}")
        else:
            texts.append(", ".join(f"{optimizer} {value:g}" for optimizer, value in values.items() if value))
    return f"[default: {texts[0]}; cifar10: {texts[1]}]"
