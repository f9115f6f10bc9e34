"""The `fastmlp` command (extra `cli`)."""

import sys

from fastmlp.cli.streams import outlasted
from fastmlp.optional import MissingLibraryError, require


def main() -> None:
    """Run the command, or say in one line which library is missing."""
    try:
        for library in ("click", "tqdm"):
            require(library, "cli", "the fastmlp command")
        from fastmlp.cli.commands import cli

        with outlasted():
            cli(prog_name="fastmlp")
    except MissingLibraryError as error:
        sys.exit(str(error))
