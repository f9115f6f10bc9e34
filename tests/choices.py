"""What a user can choose from, as the package's own tables list it: tests that go over all of it read it here."""

from fastmlp.engine.parameters import INITIALIZERS
from fastmlp.functions import losses, optimizers
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS

LOSSES = tuple(losses.LOSSES)
OPTIMIZERS = tuple(optimizers.OPTIMIZERS)
OPTIMIZERS_OF_FIT = (*OPTIMIZERS, optimizers.LBFGS)
LEARNING_RATES = {name: row.learning_rate for name, row in optimizers.OPTIMIZERS.items()}

__all__ = [
    "HIDDEN_ACTIVATIONS",
    "INITIALIZERS",
    "LEARNING_RATES",
    "LOSSES",
    "OPTIMIZERS",
    "OPTIMIZERS_OF_FIT",
    "quoted",
]


def quoted(choices):
    """The choices as an error message lists them."""
    return ", ".join(map(repr, choices))
