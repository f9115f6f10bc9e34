"""A lock that refuses instead of waiting."""

import threading


class Exclusive:
    """Lets one thread in at a time, as often as it likes, and refuses the others.

    It remembers the thread, so that one that was interrupted on its way in or out is not locked out of its own net.
    """

    def __init__(self) -> None:
        self._owner: dict[str, int] = {}
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner.setdefault("thread", me) != me:  # atomic, unlike a test and an assignment
            raise RuntimeError("this network is at work in another thread; give each thread a network of its own")
        self._depth += 1

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner.clear()
