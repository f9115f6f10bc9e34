"""Whether a team of threads or one thread is faster, on a machine that other processes use too."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")

# A team is disturbed where its threads have slept for the share DISTURBED of their time, waiting for one that was not
# running: over a window of WINDOW seconds, or sooner where it has less than HOPELESS times the speed of one thread.
DISTURBED = 0.1
WINDOW = 0.5
HOPELESS = 0.5
# Seconds for which the faster of the two is kept once both have been tried.
HOLD = 2.0


class Team(Protocol):
    """An object whose calls have a team of threads; seconds that the threads of the last one slept."""

    @property
    def slept(self) -> float: ...


class Pace:
    """Says how many threads are used next, from what calls before, or spans of an epoch, took.

    A thread that is not running is waited for by all others, at each of many barriers, so that on a busy machine a team
    may be many times slower than one thread. Which is faster is tried, a call or span each, and only by a team that
    is disturbed; the results are the same.
    """

    def __init__(self) -> None:
        self._alone = False
        self._trial = False
        self._until = 0.0
        self._team_speed = self._alone_speed = 0.0
        self._window = [0.0, 0.0, 0.0]  # of the team: rows, seconds, seconds slept

    def team_size(self, n_threads: int) -> int:
        """Threads for the next span, n_threads at most."""
        return 1 if self._alone else n_threads

    def run(self, team: Team, n_threads: int, n_rows: float, call: Callable[..., Result], *arguments: object) -> Result:
        """Call a team's function, whose last argument is its number of threads, with n_threads or with one."""
        if n_threads == 1:
            return call(*arguments, 1)
        size, start = self.team_size(n_threads), time.monotonic()
        result = call(*arguments, size)
        now = time.monotonic()
        self.record(size, n_rows, now - start, team.slept, now)
        return result

    def record(self, n_threads: int, n_rows: float, seconds: float, slept: float, now: float) -> None:
        """Record a span of these threads: rows done, seconds taken and slept, and the time at its end."""
        seconds = max(seconds, 1e-9)
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
            disturbed = slept > DISTURBED * seconds * (n_threads - 1)
            # a short disturbance does not count, unless the team is far behind what one thread did last
            if seconds >= WINDOW or (disturbed and n_rows < HOPELESS * self._alone_speed * seconds):
                self._window = [0.0, 0.0, 0.0]
                self._alone = self._trial = disturbed
                self._team_speed = n_rows / seconds
