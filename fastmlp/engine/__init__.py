"""The engine under a network: its buffers, its calls into the compiled kernels, and the threads that these may use."""

from fastmlp.engine.engine import Engine

__all__ = ["Engine"]
