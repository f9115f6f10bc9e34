"""The `fastmlp` command: its subcommands, and how their errors end."""

from typing import Any

import click

import fastmlp
from fastmlp.cli.compare import compare
from fastmlp.cli.data import data
from fastmlp.cli.describe import describe
from fastmlp.cli.evaluate import evaluate
from fastmlp.cli.info import info
from fastmlp.cli.options import INTERRUPTED
from fastmlp.cli.predict import predict
from fastmlp.cli.train import train
from fastmlp.cli.tune import tune
from fastmlp.terminal import printable


class Commands(click.Group):
    """Subcommands whose errors are one line each."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; the exit status is 1 after an error, 2 after wrong usage, 130 after an interruption."""
        try:
            return super().invoke(ctx)
        except (click.Abort, click.exceptions.Exit, BrokenPipeError):  # handled by click
            raise
        except (ArithmeticError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
            silent = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
            raise click.ClickException(printable(str(error)) or silent) from error
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The subcommands in the order in which they are used, not alphabetically."""
        return list(self.commands)


cli = Commands(
    name="fastmlp",
    help="Train multilayer perceptrons on the CPU, and predict with them.",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Start with `fastmlp train`: it needs no data of your own, and takes a second.",
)
click.version_option(fastmlp.__version__, prog_name="fastmlp")(cli)
for command in (describe, train, predict, evaluate, compare, tune, data, info):
    cli.add_command(command)
