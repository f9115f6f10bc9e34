"""What several attempts need of fastmlp beyond its public names."""

from fastmlp import functions
from fastmlp.engine import threads

OPTIMIZERS = tuple(functions.OPTIMIZERS)


def always_parallel() -> None:
    """Let small networks too use several threads in this process."""
    assert isinstance(threads.SERIAL_WORK, int)
    threads.SERIAL_WORK = 0
