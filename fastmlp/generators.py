"""Random generators: one for each seed that a user gives, or NumPy's global one."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastmlp.validation import checked_seed

# Generators to use again: to make one takes as long as a hundred steps of a tiny network, to seed one a single step.
_unused: list[np.random.RandomState] = []


@contextlib.contextmanager
def random_state(seed: Any) -> Iterator[Any]:
    """A generator with this seed; for None the module `numpy.random`, whose functions draw from the global one."""
    seed = checked_seed(seed)
    if seed is None:
        yield np.random
        return
    try:
        generator = _unused.pop()
    except IndexError:
        generator = np.random.RandomState()
    generator.seed(seed)
    yield generator
    _unused.append(generator)


def drawn_seed(generator: Any) -> int:
    """A seed of 32 bits, drawn from a generator of `random_state`."""
    return int(generator.randint(2**32, dtype=np.uint32))
