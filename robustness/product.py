"""What several attempts need of fastmlp beyond its public names."""

from fastmlp._kernels import OPTIMIZERS
from fastmlp.engine import threads

__all__ = ["OPTIMIZERS", "always_parallel"]


def always_parallel() -> None:
    """Let small networks too use several threads in this process."""
    assert isinstance(threads.SERIAL_WORK, int)
    threads.SERIAL_WORK = 0
