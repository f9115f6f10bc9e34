"""Standard output and standard error that may be closed or full without ending a program's work."""

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any


class RobustStream(io.RawIOBase):
    """A stream that drops what is written after its first `error`, of a closed pipe or terminal or a full disk."""

    def __init__(self, stream: Any):
        self.stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self.stream.fileno())

    def isatty(self) -> bool:
        return bool(self.stream.isatty())

    def write(self, data: Any) -> int:
        """Write some of the bytes, or drop all of them; returns their number."""
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
def robust_streams() -> Iterator[None]:
    """Let a program finish when its output cannot be written: a training must not be lost by that.

    Lost standard output is an error at the end, unless it was closed from the start.
    """
    # Files must not get the descriptors of closed streams, or what libraries print would be written into them.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    with open(descriptor, "w", encoding="utf-8") as null:
        (output, raw), (errors, _) = (_robust(stream or null) for stream in (sys.stdout, sys.stderr))
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                yield
            except SystemExit as end:
                error = raw.error
                if error is None or end.code:
                    raise
                if not isinstance(error, BrokenPipeError):  # a reader that has gone needs no message
                    print(f"Error: standard output: {error.strerror}", file=errors)
                raise SystemExit(1) from None


def _robust(text: Any) -> tuple[Any, RobustStream]:
    """A text stream like this one that writes each line at once, and its raw stream; some have no bytes beneath.

    Characters that its encoding lacks, on Windows most of Unicode, are written as escapes.
    """
    buffer = getattr(text, "buffer", None)
    raw = RobustStream(getattr(buffer, "raw", buffer))  # Python may run without buffers
    if buffer is None:
        return text, raw
    errors = "backslashreplace" if text.errors == "strict" else text.errors
    return io.TextIOWrapper(io.BufferedWriter(raw), text.encoding, errors, line_buffering=True), raw
