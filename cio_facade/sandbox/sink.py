"""A sandbox that only counts: it answers as the API does, checks no call and keeps nothing."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from cio_facade.sandbox import answers, bodies
from cio_facade.sandbox.keys import NO_KEY
from cio_facade.sandbox.records import Counts, Problem, Refusal
from cio_facade.sandbox.rules import Rules

__all__ = ["Sink"]

_TYPE: Final = (b"content-type", b"application/json")


class Sink:
    """Take calls in and count them; whatever is no call goes to another application.

    It looks at the path, at whether there is a key, at the size of the body, and into the body only as far as counting
    takes: a call's type. It is used on one event loop; the counts may be read from any thread.

    Parameters
    ----------
    rules : Rules
        Paths and limits.

    Attributes
    ----------
    otherwise : ASGIApp
        Answers all other paths and methods; nothing is there at first.
    """

    def __init__(self, rules: Rules) -> None:
        self.otherwise: ASGIApp = Starlette()
        self._types: Mapping[str, str | None] = {
            rules.prefix + path: type_ for path, type_ in [*rules.types.items(), (rules.batch_path, None)]
        }
        self._limits = {
            path: rules.batch_bytes if type_ is None else rules.call_bytes for path, type_ in self._types.items()
        }
        self._strict = rules.strict_header.lower().encode()
        self.clear()

    def clear(self) -> None:
        """Begin again with nothing."""
        self._requests = self._refused = self._lost = 0
        self._calls: Counter[str] = Counter()
        self.bytes = 0

    def counts(self) -> Counts:
        """Total what has come. Repeats, people and events are not looked at."""
        by_type = dict(sorted(self._calls.copy().items()))
        return Counts(self._requests, sum(by_type.values()), self._refused, self._lost, 0, 0, by_type, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._types:
            await self.otherwise(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            await self._count(scope["path"], headers, receive)
        except Refusal as refusal:
            problems = list(refusal.problems)
        except ClientDisconnect:
            return  # nobody is left to read an answer
        else:
            problems = []
        await self._answer(problems, send, strict=headers.get(self._strict) == b"1")

    async def _count(self, path: str, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        if b"authorization" not in headers:
            raise Refusal(NO_KEY)
        encoding = headers.get(b"content-encoding", b"").decode("latin-1")
        body = await bodies.read(_parts(receive), encoding, self._limits[path])
        self.bytes += len(body)
        type_ = self._types[path]
        self._calls.update([type_] if type_ is not None else _types(body))

    async def _answer(self, problems: list[Problem], send: Send, *, strict: bool) -> None:
        status = answers.status(problems, strict=strict)
        self._requests += 1
        self._refused += status != 200
        self._lost += bool(problems) and status == 200
        body = orjson.dumps(answers.body(status, problems))
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [_TYPE, length]})
        await send({"type": "http.response.body", "body": body})


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    """Give the parts of a body as they come."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _types(body: bytes) -> list[str]:
    """List the types of the calls in a batch; those of what is none are empty."""
    try:
        batch: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    items: Any = cast("dict[str, Any]", batch).get("batch") if isinstance(batch, dict) else None
    if not isinstance(items, list):
        return []
    return [_type(item) for item in items]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _type(item: Any) -> str:
    type_: Any = cast("dict[str, Any]", item).get("type") if isinstance(item, dict) else None
    return type_ if isinstance(type_, str) else ""
