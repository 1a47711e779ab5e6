"""``cio-facade send``: one call from the shell.

::

    cio-facade send identify u1 email=ann@example.com plan=pro
    cio-facade send track u1 "Course Started" title=Intro price:=9.90
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cio_facade import messages
from cio_facade.cli.helping import Guessing
from cio_facade.cli.settings import dotenv_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from cio_facade.messages import Message

__all__ = ["command"]

_TEXTS = {
    "--anonymous-id": "Of somebody who may have no user id yet.",
    "--timestamp": "When it happened, ISO 8601; now without it.",
    "--message-id": "What the call is known by, the same when it is repeated; made without it.",
}
_OBJECTS = {
    "--context": "What is known of the circumstances, such as the ip.",
    "--integrations": "Which destinations get it: names to true or false.",
}


@click.group(cls=Guessing, invoke_without_command=True, short_help="Send one call.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Send one call: cio-facade send identify u1 email=ann@example.com plan=pro.

    What follows the ids are traits or properties: name=text, or name:=json for anything but text. Where there is no
    user id, write - for it and give another identity.

    Exit codes: 0 delivered, 2 called wrongly or a setting is missing, 3 refused by the server, 4 it may not have
    arrived, 5 refused before it was sent.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any] | None:
    """Read ``name=text`` and ``name:=json``."""
    pairs: dict[str, Any] = {}
    for value in values:
        name, found, text = value.partition("=")
        if not found or not name.rstrip(":"):
            raise click.BadParameter(f"{value!r} is neither name=text nor name:=json", ctx, param)
        if name.endswith(":"):
            pairs[name[:-1]] = _json(ctx, param, text)
        else:
            pairs[name] = text
    return pairs or None


def _json(ctx: click.Context, param: click.Parameter, text: str | None) -> Any:
    """Read JSON, where there is any."""
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}", ctx, param) from None


def _send(build: Callable[..., Message], *, user_id: str, dotenv: str | None, **fields: Any) -> None:
    """Build the message, send it, and say under which id it went."""
    from cio_facade import CustomerIO  # noqa: PLC0415  HTTP costs time that ``--help`` need not take

    message = build(None if user_id == "-" else user_id, **fields)
    with CustomerIO.from_env(dotenv) as cio:
        receipt = cio.send(message)
    click.echo(f"delivered, message id {receipt.message_id}")


def _verb(name: str, argument: str | None, pairs: str | None) -> click.Command:
    """Make the command of a verb: its ids, its pairs, and what every call takes."""
    build = getattr(messages, name)
    params: list[click.Parameter] = [click.Argument(["user_id"])]
    if argument is not None:
        params.append(click.Argument([argument]))
    if pairs is not None:
        params.append(click.Argument([pairs], nargs=-1, callback=_pairs))
    texts = {**_TEXTS, **({"--group-id": "The group that it concerns."} if name == "track" else {})}
    params += [click.Option([option], metavar="TEXT", help=what) for option, what in texts.items()]
    params += [click.Option([option], callback=_json, metavar="JSON", help=what) for option, what in _OBJECTS.items()]
    summary = (build.__doc__ or "").partition("\n")[0]
    return dotenv_option(click.Command(name, params=params, callback=partial(_send, build), help=summary))


for _name, _argument, _objects in (
    ("identify", None, "traits"),
    ("track", "event", "properties"),
    ("page", "name", "properties"),
    ("screen", "name", "properties"),
    ("group", "group_id", "traits"),
    ("alias", "previous_id", None),
):
    command.add_command(_verb(_name, _argument, _objects))
