"""The `fastmlp` command as a whole."""

from typing import Any

import click

import fastmlp
from fastmlp.cli.compare import compare
from fastmlp.cli.data import data
from fastmlp.cli.evaluate import evaluate
from fastmlp.cli.info import info
from fastmlp.cli.options import INTERRUPTED
from fastmlp.cli.predict import predict
from fastmlp.cli.tables import printable
from fastmlp.cli.train import train
from fastmlp.cli.tune import tune


class Commands(click.Group):
    """Subcommands whose errors are one line each."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand: 1 is the exit status of an error, 2 of a misuse, 130 of an interruption."""
        try:
            return super().invoke(ctx)
        except (click.Abort, click.exceptions.Exit, BrokenPipeError):  # click's own, or the reader has seen enough
            raise
        except (ArithmeticError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
            silent = "the memory is not enough" if isinstance(error, MemoryError) else type(error).__name__
            raise click.ClickException(printable(str(error)) or silent) from error
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one needs them."""
        return list(self.commands)


cli = Commands(
    name="fastmlp",
    help="Train multilayer perceptrons on the CPU, and predict with them.",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Begin with `fastmlp train`, which needs no data and takes a second.",
)
click.version_option(fastmlp.__version__, prog_name="fastmlp")(cli)
for command in (train, predict, evaluate, compare, tune, data, info):
    cli.add_command(command)
