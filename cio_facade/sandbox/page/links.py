"""Where things are on the page: an id is its sender's to choose, and may hold what an address gives a meaning.

A browser takes a segment of dots, however it is written, for a step in the path. Such an id goes as a parameter, after
a segment that stands for it.

>>> person("a/b c"), person("..")
('/people/a%2Fb%20c', '/people/-?id=..')
"""

from typing import Final
from urllib.parse import quote, unquote, urlencode

from starlette.requests import Request

__all__ = ["ELSEWHERE", "event", "letter", "nobody", "object", "person", "request", "segments", "stream"]

# Stands for what the parameters of the address say.
ELSEWHERE: Final = "-"

_NO_SEGMENTS: Final = {"", ".", ".."}


def person(user_id: str) -> str:
    """Give the address of the person with a user id."""
    return _address("people", id=user_id)


def nobody(number: int) -> str:
    """Give the address of a person who may have no user id, by the number of the row."""
    return f"/people/{ELSEWHERE}/{number}"


def object(type_id: str, object_id: str) -> str:  # noqa: A001 - the API's own word
    """Give the address of an object."""
    return _address("objects", type=type_id, id=object_id)


def event(name: str) -> str:
    """Give the address of what is known of an event."""
    return _address("events", id=name)


def letter(message_id: str) -> str:
    """Give the address of a dead letter."""
    return _address("outbox", id=message_id)


def request(number: int) -> str:
    """Give the address of a request."""
    return f"/requests/{number}"


def stream(**filters: str) -> str:
    """Give the address of the stream of calls, narrowed by its filters."""
    return f"/?{urlencode(filters)}" if filters else "/"


def _address(room: str, **parts: str) -> str:
    if _NO_SEGMENTS.isdisjoint(parts.values()):
        return "/".join(("", room, *(quote(part, safe="") for part in parts.values())))
    return f"/{room}/{ELSEWHERE}?{urlencode(parts)}"


def segments(asked: Request, *names: str) -> list[str]:
    """Read the parts of an address that follow its room, as the functions above made it.

    Parameters
    ----------
    asked : Request
    *names : str
        What the parameters are called, where the address says it so.
    """
    raw: bytes = asked.scope.get("raw_path") or quote(asked.scope["path"]).encode()
    found = [unquote(part) for part in raw.decode("ascii", "replace").split("/")[2:]]
    if found == [ELSEWHERE] and all(name in asked.query_params for name in names):
        return [asked.query_params[name] for name in names]
    return found
