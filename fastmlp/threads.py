"""The one owner of threads: who may use how many.

Two patterns. Under "openmp" the kernels' own team computes, and SciPy's BLAS is held to one thread for as long as a
kernel runs; results have the same bits for any number of threads. It needs a BLAS that can be told, and that says that
it has obeyed. Where there is none, or where FASTMLP_THREADING=blas asks for it, "blas" is the pattern: BLAS keeps its
threads, the kernels have one, and results may differ in rounding from one number of threads to another.
"""

import functools
import os
import time
from pathlib import Path

from fastmlp import _kernels
from fastmlp.blas import find_blas

# Multiplications of a forward pass below which a team costs more than it saves. In training, two threads lose a tenth
# to a quarter at 0.8 million (784-32-10, batch of 32), break even at 1.2 to 1.6 million (64-32-10, batch of 512;
# 784-64-10, batch of 32) and gain a fifth or more from three million.
SERIAL_WORK = 1 << 21
# Products are cut into at most as many blocks.
MAX_THREADS = 64

# A team is disturbed where its members have slept for this share of their time, since one of them was not running: of
# a window of so many seconds, or of less where it has this share of the speed of one thread.
DISTURBED = 0.1
WINDOW = 0.5
HOPELESS = 0.5
# How long the faster one of a team and one thread is left alone once that has been tried, in seconds.
HOLD = 2.0


def _choose_pattern() -> str:
    asked = os.environ.get("FASTMLP_THREADING", "openmp")
    if asked not in ("openmp", "blas"):
        raise ValueError(f"the environment variable FASTMLP_THREADING must be 'openmp' or 'blas', got {asked!r}")
    return "openmp" if asked == "openmp" and blas.get_threads else "blas"


blas = find_blas()
pattern = _choose_pattern()
_forked = _kernels.forked_with_openmp

if pattern == "openmp":
    _kernels.bind_blas(*blas[1:])


def _after_fork_in_child() -> None:
    # OpenMP's threads are gone in the child, and a team there would wait for them for ever (gcc bug 58378): whoever
    # started them, since other libraries may have brought the OpenMP that the kernels use too
    global _forked
    _forked = True
    _kernels.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def available_threads() -> int:
    """How many threads a network uses that was not told: OpenMP's number, the processors that this process may use, or
    as many as its control group's share of them comes to, whichever is least.

    Asked at each call, so that what has been set since the import counts.
    """
    if pattern == "blas" or _forked:
        return 1
    limit = _kernels.bound_processors()
    if limit == 0:
        limit = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_kernels.max_threads(), limit, _quota_now(int(time.monotonic())), MAX_THREADS))


@functools.lru_cache(maxsize=1)
def _quota_now(second: int) -> int:
    """Processors of the control group, read from its files at most once a second."""
    quota = processor_quota()
    # rounded down: a member that is stopped for the rest of a period is waited for by all others
    return MAX_THREADS if quota is None else max(1, int(quota))


def processor_quota(root: Path = Path("/")) -> float | None:
    """How many processors' time the control groups of this process may use; None for no limit.

    Kernel documentation, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (version 1).
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:  # another system
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, read = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            mount, read = root / "sys/fs/cgroup/cpu", _quota_v1
        else:
            continue
        # in a container the path may be that of the host: what can be seen from there is at the mount
        group = mount / path.lstrip("/")
        quotas += [read(folder) for folder in (group, *group.parents) if folder.is_relative_to(mount)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return None if quota <= 0 else quota / period
    except (OSError, ValueError):
        return None


def team_size(n_threads: int | None, work: int) -> int:
    """Threads for one call that does this much work, for a network with this `n_threads`."""
    if work < SERIAL_WORK or n_threads == 1:
        return 1
    if n_threads is None:
        return available_threads()
    return 1 if pattern == "blas" or _forked else min(n_threads, MAX_THREADS)


class Pace:
    """Trains with a team, or with one thread where other processes take the team's processors.

    A member that is not running is waited for by all others, at each of many barriers, so that on a busy machine a team
    may be many times slower than one thread. Which is faster is tried, a span of training each, and only by a team that
    is disturbed; the results are the same.
    """

    def __init__(self) -> None:
        self._alone = False
        self._trial = False
        self._until = 0.0
        self._team_speed = self._alone_speed = 0.0
        self._window = [0.0, 0.0, 0.0]  # of the team: rows, seconds, seconds slept

    def advance(self, run: _kernels.Training, seconds: float, n_threads: int) -> int:
        """Train for so long, by at most so many threads; returns how many batches it was."""
        n_members = 1 if self._alone else n_threads
        before, start = run.n_done, time.monotonic()
        n_batches = run.advance(seconds, n_members)
        now = time.monotonic()
        if n_threads > 1:
            self._choose(n_members, run.n_done - before, max(now - start, 1e-9), run.slept, now)
        return n_batches

    def _choose(self, n_members: int, n_rows: float, seconds: float, slept: float, now: float) -> None:
        """Whether one thread does the next span, after one of so many seconds in which the members slept so long."""
        if self._trial:
            self._alone_speed = n_rows / seconds
            self._alone, self._trial, self._until = self._alone_speed > self._team_speed, False, now + HOLD
        elif now < self._until:
            return
        elif self._alone:
            self._alone = False
        else:
            self._window = [a + b for a, b in zip(self._window, (n_rows, seconds, slept), strict=True)]
            n_rows, seconds, slept = self._window
            disturbed = slept > DISTURBED * seconds * (n_members - 1)
            # a short disturbance is none, unless the team is far behind what one thread did last
            if seconds >= WINDOW or (disturbed and n_rows < HOPELESS * self._alone_speed * seconds):
                self._window = [0.0, 0.0, 0.0]
                self._alone = self._trial = disturbed
                self._team_speed = n_rows / seconds
