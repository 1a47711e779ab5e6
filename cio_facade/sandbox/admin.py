"""What tests and tools may ask of a running sandbox over HTTP: its faults, its counts, queries, a fresh start.

For clients on the same machine alone; `cio_facade.sandbox.guard` sees to that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final, cast

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox import bodies
from cio_facade.sandbox.faults import Faults
from cio_facade.sandbox.queries import Answer, Parameters
from cio_facade.sandbox.records import Counts, Refusal

__all__ = ["PREFIX", "Admin"]

PREFIX: Final = "/_sandbox"

_Body = Mapping[str, Any]
_Deed = Callable[[_Body], Awaitable[_Body]]


class _Misused(Exception):  # noqa: N818 - never leaves this module
    """The client asks for what it cannot have; the text is for it."""


class Admin:
    """The admin endpoints.

    Parameters
    ----------
    counts : callable
        Totals what has arrived.
    clear : callable
        Starts the sandbox anew.
    largest : int
        Most bytes of a body.
    faults : Faults or None
        What is shown and set; None where there are none.
    query : callable or None
        Runs a query; None where nothing is kept.
    """

    def __init__(
        self,
        counts: Callable[[], Counts],
        clear: Callable[[], None],
        largest: int,
        *,
        faults: Faults | None = None,
        query: Callable[[str, Parameters], Answer] | None = None,
    ) -> None:
        self._counts = counts
        self._clear = clear
        self._largest = largest
        self._faults = faults
        self._ask = query

    def routes(self) -> list[BaseRoute]:
        """Make the routes."""
        show = put = clear = ask = _only_counts
        if self._faults is not None:
            show = partial(self._show_faults, self._faults)
            put, clear = partial(self._set_faults, self._faults), partial(self._clear_faults, self._faults)
        if self._ask is not None:
            ask = partial(self._query, self._ask)
        return [
            self._route("/faults", GET=show, PUT=put, POST=put, DELETE=clear),
            self._route("/counts", GET=self._count),
            self._route("/clear", POST=self._start_anew),
            self._route("/sql", POST=ask),
        ]

    async def _show_faults(self, faults: Faults, _body: _Body) -> _Body:
        return {"rules": list(faults), "seed": faults.seed}

    async def _set_faults(self, faults: Faults, body: _Body) -> _Body:
        rules, seed = body.get("rules"), body.get("seed")
        if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in cast("list[object]", rules)):
            raise _Misused("rules must be a list of texts")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise _Misused("seed must be a whole number")
        faults.set(*cast("list[str]", rules), seed=seed)
        return await self._show_faults(faults, body)

    async def _clear_faults(self, faults: Faults, body: _Body) -> _Body:
        faults.clear()
        return await self._show_faults(faults, body)

    async def _count(self, _body: _Body) -> _Body:
        return asdict(await run_in_threadpool(self._counts))

    async def _start_anew(self, _body: _Body) -> _Body:
        await run_in_threadpool(self._clear)
        return {}

    async def _query(self, query: Callable[[str, Parameters], Answer], body: _Body) -> _Body:
        text, parameters = body.get("query"), body.get("parameters")
        if not isinstance(text, str):
            raise _Misused("query must be a text")
        if not isinstance(parameters, (list, dict, type(None))):
            raise _Misused("parameters must be a list, or an object of names")
        given = cast("list[Any] | dict[str, Any]", parameters or [])
        answer = await run_in_threadpool(query, text, given)
        return answer._asdict()

    def _route(self, path: str, **deeds: _Deed) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                deed = deeds.get(request.method) or deeds["GET"]  # HEAD
                return _json(await deed(await self._read(request)))
            except (_Misused, ValueError) as error:  # a bad rule and a bad query are a ValueError
                return _json({"error": str(error)}, 400)
            except Refusal as refusal:
                return _json({"error": str(refusal.problems[0])}, refusal.problems[0].status)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is left to read it

        return Route(PREFIX + path, endpoint, methods=list(deeds))

    async def _read(self, request: Request) -> _Body:
        text = await bodies.read(request.stream(), request.headers.get("content-encoding", ""), self._largest)
        if not text:
            return {}
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _Misused("the body is no JSON") from None
        if not isinstance(body, dict):
            raise _Misused("the body is no JSON object")
        return cast("_Body", body)


async def _only_counts(_body: _Body) -> _Body:
    raise _Misused("this sandbox is a sink: it only counts, keeps nothing and makes no faults")


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=_literal), status, media_type="application/json")


def _literal(value: object) -> str:
    """Write bytes as SQL does."""
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    raise TypeError(type(value).__name__)
