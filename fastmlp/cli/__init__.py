"""The `fastmlp` command (extra `cli`)."""

import signal
import sys

from fastmlp.files.streams import robust_streams
from fastmlp.optional import MissingLibraryError, require


def main() -> None:
    """Run the command; a missing library is an error of one line."""
    try:
        for library in ("click", "tqdm"):
            require(library, "cli", "the fastmlp command")
        from fastmlp.cli.commands import cli

        # a closed terminal, or the end of a batch job's time, ends a training as Ctrl-C does: it is saved
        for name in ("SIGHUP", "SIGTERM"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
        with robust_streams():
            cli(prog_name="fastmlp")
    except MissingLibraryError as error:
        sys.exit(str(error))
