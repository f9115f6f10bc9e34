"""The `fastmlp` command (extra `cli`)."""

import signal
import sys

from fastmlp.cli.streams import outlasted
from fastmlp.optional import MissingLibraryError, require


def main() -> None:
    """Run the command, or say in one line which library is missing."""
    try:
        for library in ("click", "tqdm"):
            require(library, "cli", "the fastmlp command")
        from fastmlp.cli.commands import cli

        # a terminal that is closed, or a batch system's end of time, ends a training as Ctrl-C does: it is saved
        for name in ("SIGHUP", "SIGTERM"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
        with outlasted():
            cli(prog_name="fastmlp")
    except MissingLibraryError as error:
        sys.exit(str(error))
