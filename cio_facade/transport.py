"""The seam to HTTP: how a request is marked, where it may be redirected, how an answer is read.

All decisions stand in `Policy`, which knows no I/O; `Gate` and `AsyncGate` carry them out around httpx's own transport,
for every request of the generated client, whoever makes it.
"""

from __future__ import annotations

import logging
import os
import sys
from base64 import b64encode
from contextlib import aclosing, closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.request import getproxies, proxy_bypass
from uuid import uuid4

import httpx
from cio_pipelines import constants

from cio_facade._version import __version__
from cio_facade.answers import Answer, reasons_in
from cio_facade.errors import CustomerIOError
from cio_facade.packing import Parcel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from cio_facade.clock import Clock, Stamps
    from cio_facade.config import Settings

__all__ = ["AsyncGate", "Gate", "Policy", "WrongTwin", "aread", "log_answer", "read", "request_for"]

_Thing = TypeVar("_Thing")

_log = logging.getLogger("cio_facade.transport")

_MOST_HOPS = 3
_MOST_BODY = 65_536
_LAST_PORT = 65_535
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ATTEMPT = "cio_facade.attempt"
_USER_AGENT = f"cio-facade/{__version__} (Python {sys.version.split()[0]}; httpx {httpx.__version__})"
_JSON = {"Content-Type": "application/json"}


class Policy:
    """What holds for every request of a client.

    Parameters
    ----------
    settings : Settings
        Key, server, strict mode.
    clock : Clock
        For ``Retry-After`` with a date.
    stamps : Stamps
        For ``X-Timestamp``.
    """

    def __init__(self, settings: Settings, clock: Clock, stamps: Stamps) -> None:
        base = httpx.URL(settings.base_url)
        self._own = _origin(base)
        self._loopback = _is_loopback(base)
        self._servers = {_origin(httpx.URL(server)) for server in constants.REGIONS.values()}
        self._secrets = _secrets(settings)
        self._clock, self._stamps = clock, stamps
        self._moved: httpx.URL | None = None
        self._headers = {"User-Agent": _USER_AGENT}
        if settings.strict:
            self._headers[constants.STRICT_HEADER] = "1"

    def flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Yield the requests that one attempt takes: itself, and what redirects ask for."""
        attempt = request.extensions.get(_ATTEMPT, 1)
        request.headers.update(self._headers)
        request.headers["X-Timestamp"] = self._stamps()
        if attempt > 1:
            request.headers["X-Retry-Count"] = str(attempt - 1)
        if self._moved is not None and _origin(request.url) == self._own:
            request = _elsewhere(request, request.url.copy_with(**_place(self._moved)))
        for hop in range(1, _MOST_HOPS + 1):
            if self._trusted(request.url):
                request.headers["Authorization"] = self._secrets[0]
            response = yield request
            target = self._target(request, response)
            if target is None or hop == _MOST_HOPS:
                if response.status_code in _REDIRECTS:
                    # httpx reads it even where it does not follow, and takes what it cannot read for no answer.
                    response.headers.pop("Location", None)
                return
            request = _elsewhere(request, target)

    def answer(self, response: httpx.Response, body: bytes, request_id: str | None) -> Answer:
        """Read an answer: its reasons if it is no success, without the key."""
        status = response.status_code
        reasons: tuple[str, ...] = ()
        if status >= 400:
            reasons = tuple(self._without_key(reason) for reason in reasons_in(body))
        elif status >= 300:
            reasons = ("the answer is a redirect to a server that is not to get the key",)
        return Answer(status, reasons, self.retry_after(response), request_id)

    def no_answer(self, error: Exception, request_id: str | None) -> Answer:
        """Make the answer of a request to which none came."""
        words = self._without_key(str(error))
        return Answer(0, (f"{type(error).__name__}{f': {words}' if words else ''}",), None, request_id)

    def retry_after(self, response: httpx.Response) -> float | None:
        """Seconds that the server asks to wait, given in seconds or as a date."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isdecimal() and len(text) < 10:
            return float(text)
        with suppress(ValueError):
            moment = parsedate_to_datetime(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, (moment - datetime.fromtimestamp(self._clock.time(), UTC)).total_seconds())
        return None

    def _target(self, request: httpx.Request, response: httpx.Response) -> httpx.URL | None:
        """Where a redirect leads, when the call may follow: a POST with its body, and the key, to no stranger."""
        location = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not location:
            return None
        try:
            target = request.url.join(location)
        except httpx.InvalidURL:
            return None
        if not self._trusted(target) or (target.port or 0) > _LAST_PORT:
            return None
        if response.status_code in {301, 308} and target.raw_path == request.url.raw_path:
            self._moved = target
        return target

    def _trusted(self, url: httpx.URL) -> bool:
        origin = _origin(url)
        local = self._loopback and origin[0] in {"http", "https"} and _is_loopback(url)
        return local or origin == self._own or origin in self._servers

    def _without_key(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


class Gate(httpx.BaseTransport):
    """Marks requests, follows redirects that may be followed, paces and repeats what no delivery is behind.

    Parameters
    ----------
    policy : Policy
        What holds for every request.
    make : callable
        Makes the transport that carries them; called anew in each process.
    run : callable
        Delivers a parcel by a function that posts it: with pace and retries.
    """

    def __init__(
        self,
        policy: Policy,
        make: Callable[[], httpx.BaseTransport],
        run: Callable[[Parcel, Callable[[Parcel], Answer]], object],
    ) -> None:
        self._policy, self._inner, self._run = policy, Own(make), run
        self._inner.get()  # now, since threads may come at once

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out a request: one attempt of a delivery, or a call made through the generated client."""
        if _ATTEMPT in request.extensions:
            return self._attempt(request)
        request.read()
        request.headers.setdefault("X-Request-Id", str(uuid4()))
        outcome = _Outcome()

        def post(parcel: Parcel) -> Answer:
            if outcome.response is not None:
                outcome.response.close()
            try:
                outcome.response = self._attempt(_repeated(request, parcel))
            except httpx.TransportError as error:
                return outcome.lost(self._policy.no_answer(error, parcel.request_id), error)
            return Answer(outcome.response.status_code, (), self._policy.retry_after(outcome.response))

        self._run(_opaque(request), post)
        return outcome.result()

    def _attempt(self, request: httpx.Request) -> httpx.Response:
        flow = self._policy.flow(request)
        request = next(flow)
        while True:
            response = self._inner.get().handle_request(request)
            try:
                request = flow.send(response)
            except StopIteration:
                return response
            response.close()

    def close(self) -> None:
        """Close what carries the requests."""
        self._inner.get().close()


class AsyncGate(httpx.AsyncBaseTransport):
    """`Gate` for asyncio.

    Parameters
    ----------
    policy, run
        As for `Gate`.
    inner : Own
        What carries the requests, for each event loop its own.
    """

    def __init__(
        self,
        policy: Policy,
        inner: Own[httpx.AsyncBaseTransport],
        run: Callable[[Parcel, Callable[[Parcel], Awaitable[Answer]]], Awaitable[object]],
    ) -> None:
        self._policy, self._inner, self._run = policy, inner, run

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out a request: one attempt of a delivery, or a call made through the generated client."""
        if _ATTEMPT in request.extensions:
            return await self._attempt(request)
        await request.aread()
        request.headers.setdefault("X-Request-Id", str(uuid4()))
        outcome = _Outcome()

        async def post(parcel: Parcel) -> Answer:
            if outcome.response is not None:
                await outcome.response.aclose()
            try:
                outcome.response = await self._attempt(_repeated(request, parcel))
            except httpx.TransportError as error:
                return outcome.lost(self._policy.no_answer(error, parcel.request_id), error)
            return Answer(outcome.response.status_code, (), self._policy.retry_after(outcome.response))

        await self._run(_opaque(request), post)
        return outcome.result()

    async def _attempt(self, request: httpx.Request) -> httpx.Response:
        flow = self._policy.flow(request)
        request = next(flow)
        while True:
            response = await self._inner.get().handle_async_request(request)
            try:
                request = flow.send(response)
            except StopIteration:
                return response
            await response.aclose()

    async def aclose(self) -> None:
        """Close what carries the requests."""
        await self._inner.get().aclose()


class WrongTwin(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Stands where the generated client would make an HTTP client of the other kind, without key or strict mode."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse a request of a blocking function."""
        raise CustomerIOError(f"{request.url.path}: not sent; for blocking functions take CustomerIO.api")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse a request of an asyncio function."""
        raise CustomerIOError(f"{request.url.path}: not sent; for asyncio functions take AsyncCustomerIO.api")


class Own(Generic[_Thing]):
    """What each process, or each event loop, makes for itself: two on one connection would garble both their requests.

    Parameters
    ----------
    make : callable
        Makes it.
    owner : callable
        Tells who is asking.
    """

    def __init__(self, make: Callable[[], _Thing], owner: Callable[[], object] = os.getpid) -> None:
        self._make, self._owner = make, owner
        self._made: tuple[object, _Thing] | None = None

    def get(self) -> _Thing:
        """Give the asker's own, made when it is first asked for."""
        owner, made = self._owner(), self._made
        if made is None or made[0] != owner:
            made = self._made = owner, self._make()
        return made[1]


class _Outcome:
    """The last response, or the last exception, of a request that is repeated."""

    def __init__(self) -> None:
        self.response: httpx.Response | None = None
        self._error: Exception | None = None

    def lost(self, answer: Answer, error: Exception) -> Answer:
        self.response, self._error = None, error
        return answer

    def result(self) -> httpx.Response:
        if self.response is not None:
            return self.response
        raise self._error or httpx.RequestError("the request was not sent")


def carriage(base_url: str, connections: int) -> dict[str, Any]:
    """Arguments of httpx's own transports: how many connections, and the proxy that the environment names."""
    # httpcore counts connections in use as kept alive too: a lower limit would mean reconnecting for ever.
    pool = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return {"limits": pool, "proxy": _proxy_for(httpx.URL(base_url))}


def _proxy_for(server: httpx.URL) -> str | None:
    """Look where httpx looks only when it makes the transport itself; this machine is reached without a proxy."""
    if _is_loopback(server) or proxy_bypass(server.host):
        return None
    proxies = getproxies()
    return proxies.get(server.scheme) or proxies.get("all")


def request_for(client: httpx.Client | httpx.AsyncClient, parcel: Parcel) -> httpx.Request:
    """Build the request of one attempt to deliver a parcel, by the generated client's own HTTP client."""
    if parcel.request_id is None:
        parcel.request_id = str(uuid4())
    headers = {**_JSON, "X-Request-Id": parcel.request_id}
    return client.build_request(
        "POST", parcel.path, content=parcel.body(), headers=headers, extensions={_ATTEMPT: parcel.attempts}
    )


def read(response: httpx.Response, clock: Clock, seconds: float) -> bytes:
    """Read what an answer says: no more of it than is of use, and no longer, since a server may go on for ever."""
    body, end = bytearray(), clock.monotonic() + seconds
    with closing(response), suppress(httpx.DecodingError):  # the status counts all the same
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MOST_BODY or clock.monotonic() > end:
                break
    return bytes(body)


async def aread(response: httpx.Response, clock: Clock, seconds: float) -> bytes:
    """`read` for asyncio."""
    body, end = bytearray(), clock.monotonic() + seconds
    async with aclosing(response):
        with suppress(httpx.DecodingError):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BODY or clock.monotonic() > end:
                    break
    return bytes(body)


def log_answer(parcel: Parcel, answer: Answer, seconds: float) -> None:
    """Note an answer under ``cio_facade.transport``: what happened, never what was in it."""
    level = logging.DEBUG if 200 <= answer.status < 300 else logging.INFO
    if _log.isEnabledFor(level):
        fields = {
            "cio_path": parcel.path,
            "cio_status": answer.status,
            "cio_calls": len(parcel),
            "cio_bytes": len(parcel.data),
            "cio_attempt": parcel.attempts,
            "cio_request_id": parcel.request_id,
            "cio_seconds": round(seconds, 6),
        }
        _log.log(
            level, "%s answered %s to %d calls", parcel.path, answer.status or "nothing", len(parcel), extra=fields
        )


def _opaque(request: httpx.Request) -> Parcel:
    """Make a parcel of a request of the generated client: one call whose body is not looked into."""
    return Parcel(request.content, [len(request.content)], [0], request.url.path, batch=False)


def _repeated(request: httpx.Request, parcel: Parcel) -> httpx.Request:
    """Make a request of its own for each attempt, since what carries it may keep it."""
    extensions = {**request.extensions, _ATTEMPT: parcel.attempts}
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=request.content, extensions=extensions
    )


def _elsewhere(request: httpx.Request, url: httpx.URL) -> httpx.Request:
    """Turn a request to another address, without credentials."""
    headers = [(k, v) for k, v in request.headers.raw if k.lower() not in {b"host", b"authorization"}]
    return httpx.Request(request.method, url, headers=headers, content=request.content, extensions=request.extensions)


def _secrets(settings: Settings) -> tuple[str, ...]:
    """Give the Authorization header, then all forms in which a server could repeat the key."""
    basic = b64encode(f"{settings.api_key}:".encode()).decode()
    header = f"Bearer {settings.api_key}" if settings.scheme == "bearer" else f"Basic {basic}"
    return header, settings.api_key, basic


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _place(url: httpx.URL) -> dict[str, Any]:
    return {"scheme": url.scheme, "host": url.host, "port": url.port}


def _is_loopback(url: httpx.URL) -> bool:
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
