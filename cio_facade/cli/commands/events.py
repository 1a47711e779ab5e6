"""``cio-facade events``: which semantic events there are, and what each may carry."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import getdoc
from typing import TYPE_CHECKING

import click

from cio_facade.cli.failures import Misused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cio_facade.messages import SemanticEvent

__all__ = ["command"]


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001  as click calls it
    from cio_facade.cli.completing import events, starting  # noqa: PLC0415  only a shell asks

    return starting(incomplete, events())


@click.command(short_help="List the semantic events, or describe one.")
@click.argument("name", required=False, shell_complete=_names)
def command(*, name: str | None) -> None:
    """List the semantic events by family, or describe the one called NAME, in any case.

    A semantic event is one whose name and properties the API knows: cio-facade events "order completed".
    """
    click.echo(_listing() if name is None else _description(name))


def _known() -> Iterator[tuple[str, type[SemanticEvent]]]:
    """Go through the families, each a module of `cio_facade.events`, and their classes."""
    from cio_facade import events  # noqa: PLC0415  the classes cost time that ``--help`` need not take

    for family in events.__all__:
        module = getattr(events, family)
        for class_name in module.__all__:
            event = getattr(module, class_name)
            if hasattr(event, "event_name"):
                yield family, event


def _listing() -> str:
    lines: list[str] = []
    last = ""
    for family, event in _known():
        if family != last:
            lines += ["", click.style(family, bold=True)]
            last = family
        lines.append(f"  {event.event_name:<36}{event.__name__}")
    return "\n".join([*lines[1:], "", "cio-facade events NAME describes one."])


def _description(name: str) -> str:
    known = {text.casefold(): found for found in _known() for text in (found[1].event_name, found[1].__name__)}
    if name.casefold() not in known:
        close = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
        hint = f"did you mean {known[close[0]][1].event_name!r}?" if close else "cio-facade events lists them"
        raise Misused(f"there is no semantic event {name!r}; {hint}")
    family, event = known[name.casefold()]
    head = click.style(f"from cio_facade.events import {family}\n{family}.{event.__name__}(...)", bold=True)
    return f"{head}\n\n{getdoc(event)}"
