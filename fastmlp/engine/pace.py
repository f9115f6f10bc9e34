"""Whether a team or one thread trains faster, on a machine that other processes use too."""

import time

from fastmlp import _kernels

# A team is disturbed where its members have slept for this share of their time, since one of them was not running: of
# a window of so many seconds, or of less where it has this share of the speed of one thread.
DISTURBED = 0.1
WINDOW = 0.5
HOPELESS = 0.5
# How long the faster one of a team and one thread is left alone once that has been tried, in seconds.
HOLD = 2.0


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
