"""The group of commands: one for each module of `cio_facade.cli.commands`, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from cio_facade._version import __version__
from cio_facade.cli import commands
from cio_facade.cli.failures import one_line
from cio_facade.cli.helping import Guessing

__all__ = ["root"]


class Commands(Guessing):
    """Finds commands by module: ``commands/sandbox.py`` holds ``command``, and that is ``cio-facade sandbox``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  as click calls it
        """Name the modules."""
        return sorted(module.name for module in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{commands.__name__}.{cmd_name}").command
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options; what is wrong with them is told in one line."""
        with one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what can be expected to go wrong is told in one line."""
        with one_line():
            return super().invoke(ctx)


_LOOKS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(cls=Commands, invoke_without_command=True, context_settings=_LOOKS)
@click.version_option(__version__, message="cio-facade %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """People and events into Customer.io.

    Begin with the demo, which needs no key. Then put the key of a Data Pipelines source into CIO_API_KEY, or into a
    file that --dotenv names; doctor says whether all is well. Each command has a --help of its own.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
