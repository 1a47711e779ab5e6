"""Help that reads well: options in groups, then examples and exit codes; and a guess at what was mistyped."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Described", "Grouped", "Guessing"]


class Grouped(click.Option):
    """An option under a heading of its own.

    Parameters
    ----------
    group : str
        The heading.
    """

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class Described(click.Command):
    """A command whose help ends in examples and exit codes.

    Parameters
    ----------
    examples : sequence of (str, str)
        What an example does, and the command line.
    exits : mapping of int to str
        Exit codes and what they mean.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[tuple[str, str]] = (),
        exits: Mapping[int, str] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.examples, self.exits = examples, exits or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        plain: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                (groups.setdefault(param.group, []) if isinstance(param, Grouped) else plain).append(record)
        for name, records in [*groups.items(), ("Options", plain)]:
            with formatter.section(name):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are typed, and the exit codes."""
        if self.examples:
            with formatter.section("Examples"):
                for what, line in self.examples:
                    formatter.write(
                        f"{'':>{formatter.current_indent}}# {what}\n{'':>{formatter.current_indent}}{line}\n"
                    )
        if self.exits:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), what) for code, what in self.exits.items()])
        super().format_epilog(ctx, formatter)


class Guessing(click.Group):
    """A group that names the command which was meant, where one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if not (close := get_close_matches(args[0], self.list_commands(ctx), n=1)):
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}; did you mean {close[0]!r}?", ctx) from error
