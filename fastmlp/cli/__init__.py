"""The `fastmlp` command (extra `cli`)."""

import sys


def main() -> None:
    """Run the command, or say in one line which library is missing."""
    try:
        from fastmlp.cli.commands import cli
    except ModuleNotFoundError as error:
        sys.exit(f"the fastmlp command needs {error.name}: pip install 'fastmlp[cli]'")
    cli(prog_name="fastmlp")
