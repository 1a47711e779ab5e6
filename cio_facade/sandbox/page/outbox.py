"""The connected outbox: what waits in it, and the dead letters. Only looked at; nobody who uses it waits."""

from collections import deque
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, cast

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.deadletters import Letter, Letters, beside
from cio_facade.errors import CustomerIOError
from cio_facade.glance import Glance, glance
from cio_facade.sandbox.page import links
from cio_facade.sandbox.page.views import View

__all__ = ["routes"]

# What an outbox is made of, by the ends of the names.
_FILES: Final = ("", "-wal", "-deliver", ".dead.jsonl", ".dead.jsonl.retrying")


def routes(view: View) -> list[BaseRoute]:
    """Make the routes of the connected outbox."""

    def everything(request: Request) -> Response:
        if view.outbox is None:
            return view.show(request, "outbox.html", file=None)
        state = _state(view.outbox)
        if answer := view.unchanged(request, state):
            return answer
        found: Glance | None = None
        letters: list[tuple[Letter, Mapping[str, Any]]] = []
        problem = None
        try:
            found = glance(view.outbox)
            letters = [] if found.dead_letters.problem else _newest(view.outbox, view.page)
        except (CustomerIOError, OSError) as error:
            problem = str(error)
        told: dict[str, Any] = {"glance": found, "letters": letters, "problem": problem}
        return view.show(request, "outbox.html", file=str(view.outbox), seen=state, **told)

    def one(request: Request) -> Response:
        message_id = "/".join(links.segments(request, "id"))
        if not message_id:
            return RedirectResponse("/outbox", 302)
        letter, problem = None, None
        if view.outbox is not None:
            try:
                letter = next((one for one in Letters(beside(view.outbox)) if one.message_id == message_id), None)
            except (CustomerIOError, OSError) as error:
                problem = str(error)
        status = 404 if letter is None and problem is None else 200
        body = None if letter is None else _body(letter)
        return view.show(
            request, "letter.html", status, message_id=message_id, letter=letter, body=body, problem=problem
        )

    return [Route("/outbox", everything), Route("/outbox/{rest:path}", one)]


def _newest(outbox: str | PathLike[str], number: int) -> list[tuple[Letter, Mapping[str, Any]]]:
    """Give the letters that came last, the last first, each with its message."""
    last = deque(Letters(beside(outbox)), number)
    return [(letter, _message(letter)) for letter in reversed(last)]


def _message(letter: Letter) -> Mapping[str, Any]:
    try:
        message = orjson.loads(letter.call)
    except orjson.JSONDecodeError:  # edited by hand: numbers that are too long, or none at all
        return {}
    return cast("dict[str, Any]", message) if isinstance(message, dict) else {}


def _body(letter: Letter) -> str:
    """Give the message as people read it; as it stands in the file where it cannot be read."""
    message = _message(letter)
    return (
        orjson.dumps(message, option=orjson.OPT_INDENT_2).decode() if message else letter.call.decode(errors="replace")
    )


def _state(outbox: str | PathLike[str]) -> str:
    """Say in a word what the files are like, so that an open page is made again only where they changed."""
    found: list[str] = []
    for ending in _FILES:
        try:
            stat = Path(f"{Path(outbox).resolve()}{ending}").stat()
        except OSError:
            found.append("-")
        else:
            found.append(f"{stat.st_mtime_ns:x}.{stat.st_size:x}")
    return "_".join(found)
