"""What a user can choose from, as the package's own tables list it: tests that go over all of it read it here."""

from fastmlp._kernels import OPTIMIZERS
from fastmlp.engine.parameters import INITIALIZERS
from fastmlp.training import LEARNING_RATES

__all__ = ["INITIALIZERS", "LEARNING_RATES", "OPTIMIZERS", "quoted"]


def quoted(choices):
    """The choices as an error message lists them."""
    return ", ".join(map(repr, choices))
