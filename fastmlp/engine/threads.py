"""How many threads a call uses, and whether tiles or BLAS compute its products; the only place that decides this.

The kernels use a team of OpenMP threads. Where BLAS computes the products, it is limited to one thread meanwhile, and
one that cannot be limited is not used. So results have the same bits for any number of threads.
"""

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator

from fastmlp import _kernels
from fastmlp.engine.blas import WorkBuffers, find_blas
from fastmlp.engine.quotas import quota_now

# Multiplications of a forward pass below which a team costs more than it saves. In training, two threads lose a tenth
# to a quarter at 0.8 million (784-32-10, batch of 32), break even at 1.2 to 1.6 million (64-32-10, batch of 512;
# 784-64-10, batch of 32) and gain a fifth or more from three million.
SERIAL_WORK = 1 << 21
# The most threads in a team.
MAX_THREADS = _kernels.MAX_BLOCKS


def _choose_products() -> str:
    """What FASTMLP_PRODUCTS asks for, tiles or BLAS; by default the faster one in this build."""
    asked = os.environ.get("FASTMLP_PRODUCTS", "auto")
    if asked == "tiles" or (asked == "auto" and _kernels.build_info()["has_fma"]):
        return "tiles"  # without SciPy, which takes longer to import than all the rest
    can_use_blas = find_blas().get_threads != 0
    choices = ("auto", "tiles", "blas") if can_use_blas else ("auto", "tiles")
    if asked not in choices:
        needed = " or ".join(map(repr, choices))
        reason = "" if can_use_blas else ", since SciPy's BLAS cannot be limited to one thread"
        raise ValueError(f"the environment variable FASTMLP_PRODUCTS must be {needed}{reason}, got {asked!r}")
    return "blas" if can_use_blas else "tiles"


class _Token:
    """Lives as long as a training."""


# By the identifiers of Python threads in which a network is being trained; what Ctrl-C leaves behind is gone by itself.
_training: weakref.WeakValueDictionary[int, _Token] = weakref.WeakValueDictionary()

products = _choose_products()
_forked = _kernels.forked_with_openmp

if products == "blas":
    _blas = find_blas()
    _provide = WorkBuffers(_blas).provide if _blas.allocate and _blas.deallocate else None
    _kernels.use_blas(*_kernels.blas_addresses(), _blas.get_threads, _blas.set_threads, _provide)


def _after_fork_in_child() -> None:
    # OpenMP's threads are gone in the child, and a team there would wait for them for ever (gcc bug 58378): whoever
    # started them, since other libraries may have brought the OpenMP that the kernels use too
    global _forked
    _forked = True
    _training.clear()
    _kernels.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


@contextlib.contextmanager
def training() -> Iterator[None]:
    """While a network is trained in this Python thread, those that are trained in others get a smaller share."""
    thread = threading.get_ident()
    if thread in _training:  # a callback of another training in this thread
        yield
        return
    token = _training[thread] = _Token()
    try:
        yield
    finally:
        _training.pop(thread, None)
        del token


def available_threads() -> int:
    """How many threads a network with n_threads=None uses: the least of OpenMP's number, the processors that this
    process may use, and its control group's quota; shared between the Python threads in which networks are trained.

    Determined at each call, so that what has been set since the import counts.
    """
    if _forked:
        return 1
    limit = _kernels.bound_processors()
    if limit == 0:
        limit = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = quota_now(int(time.monotonic()))
    # rounded down, since all threads wait for one that the quota stops for the rest of a period
    allowed = MAX_THREADS if quota is None else int(quota)
    return max(1, min(_kernels.max_threads(), limit, allowed, MAX_THREADS) // max(1, len(_training)))


def team_size(n_threads: int | None, work: int) -> int:
    """Number of threads for a call of `work` multiplications, for a network with this `n_threads`."""
    if work < SERIAL_WORK or n_threads == 1:
        return 1
    if n_threads is None:
        return available_threads()
    return 1 if _forked else min(n_threads, MAX_THREADS)
