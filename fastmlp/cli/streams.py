"""Standard output and standard error, whose loss must not end what a command does."""

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any


class Outlasted(io.RawIOBase):
    """A stream that goes on after its first error, which is remembered: what is written from then on goes nowhere.

    Attributes
    ----------
    error : OSError or None
        A reader that has gone, a terminal that was closed, a disk that is full.
    """

    def __init__(self, stream: Any):
        self.stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """That of the stream beneath."""
        return int(self.stream.fileno())

    def isatty(self) -> bool:
        """Whether the stream beneath is a terminal."""
        return bool(self.stream.isatty())

    def write(self, data: Any) -> int:
        """Write some of it, or drop all of it; gives how much."""
        try:
            while self.error is None:
                n_bytes = self.stream.write(data)
                if n_bytes is not None:
                    return int(n_bytes)
                select.select([], [self.stream], [])  # a full pipe that does not block
        except OSError as error:
            self.error = error
        return len(data)


@contextlib.contextmanager
def outlasted() -> Iterator[None]:
    """Let a command do all its work though nobody takes what it says: a training must not end, or be lost, by that.

    An output that could not be written is an error in the end; one that the command was started without is none.
    """
    # Files of ours may not get the numbers of streams that are missing: what libraries say there would go into them.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    with open(descriptor, "w", encoding="utf-8") as nowhere:
        (output, raw), (errors, _) = (_outlasted(stream or nowhere) for stream in (sys.stdout, sys.stderr))
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                yield
            except SystemExit as end:
                error = raw.error
                if error is None or end.code:
                    raise
                if not isinstance(error, BrokenPipeError):  # who has seen enough is told nothing
                    print(f"Error: standard output: {error.strerror}", file=errors)
                raise SystemExit(1) from None


def _outlasted(text: Any) -> tuple[Any, Outlasted]:
    """A text stream like this one, which Python may have left without a buffer, and what is beneath it.

    Each line is written at once. Another library's stream that has no bytes beneath is left as it is.
    """
    buffer = getattr(text, "buffer", None)
    raw = Outlasted(getattr(buffer, "raw", buffer))
    if buffer is None:
        return text, raw
    return io.TextIOWrapper(io.BufferedWriter(raw), text.encoding, text.errors, line_buffering=True), raw
