"""The seam to HTTP: what carries requests, for every request of the generated client, whoever makes it.

`Gate` and `AsyncGate` stand around httpx's own transport and carry out what `policy.Policy` decides. `Lanes` is that
transport for threads.
"""

from __future__ import annotations

import os
from contextlib import aclosing, closing, suppress
from functools import partial
from threading import Condition, RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from cio_facade.answers import Answer
from cio_facade.bounds import BoundedTransport
from cio_facade.errors import CustomerIOError
from cio_facade.packing import Parcel
from cio_facade.policy import ATTEMPT, is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from cio_facade.clock import Clock
    from cio_facade.observing import Watch
    from cio_facade.policy import Policy

__all__ = ["IDLE_SECONDS", "AsyncGate", "Gate", "Lanes", "Own", "WrongTwin", "aread", "carriage", "lanes", "read"]

_Thing = TypeVar("_Thing")

IDLE_SECONDS = 30.0
"""After which an idle connection is not used again: servers hang up after a minute or so."""

_MOST_BODY = 65_536


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
    watch : Watch
        Is told of each attempt.
    """

    def __init__(
        self,
        policy: Policy,
        make: Callable[[], httpx.BaseTransport],
        run: Callable[[Parcel, Callable[[Parcel], Answer]], object],
        watch: Watch,
    ) -> None:
        self._policy, self._inner, self._run, self._watch = policy, Own(make), run, watch
        self._inner.get()  # now, since threads may come at once

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out a request: one attempt of a delivery, or a call made through the generated client."""
        if ATTEMPT in request.extensions:
            return self._attempt(request)
        request.read()
        outcome = _Outcome()

        def post(parcel: Parcel) -> Answer:
            if outcome.response is not None:
                outcome.response.close()
            attempt, begun = self._policy.repeated(request, parcel.attempts), self._watch.clock.monotonic()
            try:
                outcome.response = self._attempt(attempt)
                answer = Answer(outcome.response.status_code, (), self._policy.retry_after(outcome.response))
            except httpx.TransportError as error:
                answer = outcome.lost(self._policy.no_answer(error, parcel.request_id), error)
            self._watch.attempted(parcel, attempt, answer, begun)
            return answer

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


class Lanes(httpx.BaseTransport):
    """Transports side by side, none of which has two requests at once: what threads share instead of one.

    httpcore's pool may close a connection under a request of another thread (encode/httpcore#1110): it looks whether an
    idle connection was hung up by asking for its state and then whether there is something to read; if a request that
    had been given the connection starts in between, what it finds is that request's answer. The request then fails, or
    waits until its timeout. In a pool that one thread uses at a time, nothing happens in between.

    Parameters
    ----------
    make : callable
        Makes the transport of a lane: the first now, the others when they are needed.
    most : int
        How many lanes: requests under way at once. Others wait for theirs.
    """

    def __init__(self, make: Callable[[], httpx.BaseTransport], most: int) -> None:
        self._make = make
        self._made = [make()]  # now, since the environment may name a proxy that cannot be used
        self._closed = False
        # The last one given back is the next one out: its connection is the likeliest to be still there.
        self._free: list[httpx.BaseTransport | None] = [*[None] * (most - 1), *self._made]
        self._back = Condition(RLock())  # a signal handler may send while its thread is in here

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request in a lane of its own, which is free again when the answer is closed."""
        with self._back:
            if not self._back.wait_for(lambda: self._free, request.extensions.get("timeout", {}).get("pool")):
                raise httpx.PoolTimeout("all connections are in use", request=request)
            lane = self._free.pop()
        try:
            if lane is None:
                lane = self._make()
                self._made.append(lane)
            response = lane.handle_request(request)
            assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101  a transport that blocks gives no other
        except BaseException:
            self._give_back(lane)
            raise
        response.stream = _InLane(response.stream, partial(self._give_back, lane))
        return response

    def close(self) -> None:
        """Close all connections; those that are in use, when they no longer are."""
        self._closed = True
        for lane in self._made:
            lane.close()

    def _give_back(self, lane: httpx.BaseTransport | None) -> None:
        if self._closed and lane is not None:
            lane.close()
        with self._back:
            self._free.append(lane)
            self._back.notify()


class _InLane(httpx.SyncByteStream):
    """An answer that gives its lane back, once, when it is closed."""

    def __init__(self, stream: httpx.SyncByteStream, give_back: Callable[[], object]) -> None:
        self._stream, self._give_back, self._open = stream, give_back, True

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._stream.close()
        finally:
            self._give_back()


class AsyncGate(httpx.AsyncBaseTransport):
    """`Gate` for asyncio.

    Parameters
    ----------
    policy, run, watch
        As for `Gate`.
    inner : Own
        What carries the requests, for each event loop its own.
    """

    def __init__(
        self,
        policy: Policy,
        inner: Own[httpx.AsyncBaseTransport],
        run: Callable[[Parcel, Callable[[Parcel], Awaitable[Answer]]], Awaitable[object]],
        watch: Watch,
    ) -> None:
        self._policy, self._inner, self._run, self._watch = policy, inner, run, watch

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry out a request: one attempt of a delivery, or a call made through the generated client."""
        if ATTEMPT in request.extensions:
            return await self._attempt(request)
        await request.aread()
        outcome = _Outcome()

        async def post(parcel: Parcel) -> Answer:
            if outcome.response is not None:
                await outcome.response.aclose()
            attempt, begun = self._policy.repeated(request, parcel.attempts), self._watch.clock.monotonic()
            try:
                outcome.response = await self._attempt(attempt)
                answer = Answer(outcome.response.status_code, (), self._policy.retry_after(outcome.response))
            except httpx.TransportError as error:
                answer = outcome.lost(self._policy.no_answer(error, parcel.request_id), error)
            self._watch.attempted(parcel, attempt, answer, begun)
            return answer

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
        self._made: dict[object, _Thing] = {}

    def get(self) -> _Thing:
        """Give the asker's own, made when it is first asked for; that of others, such as a parent, is let go."""
        owner, made = self._owner(), self._made
        if (own := made.get(owner)) is None:
            # In one step: of threads that come at once, all get the same.
            own = made.setdefault(owner, self._make())
            for other in list(made):
                if other != owner:
                    made.pop(other, None)
        return own


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


def lanes(base_url: str, connections: int) -> Lanes:
    """Make what carries requests of threads, by httpx's own transports."""
    # Certificates are read once, and not for each lane.
    verify = httpx.create_ssl_context()
    return Lanes(partial(BoundedTransport, verify=verify, **carriage(base_url, connections)), connections)


def carriage(base_url: str, connections: int) -> dict[str, Any]:
    """Arguments of httpx's own transports: how many connections, and the proxy that the environment names."""
    # httpcore counts connections in use as kept alive too: a lower limit would mean reconnecting for ever.
    pool = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    return {"limits": pool, "proxy": _proxy_for(httpx.URL(base_url))}


def _proxy_for(server: httpx.URL) -> str | None:
    """Look where httpx looks only when it makes the transport itself; this machine is reached without a proxy."""
    if is_loopback(server) or proxy_bypass(server.host):
        return None
    proxies = getproxies()
    return proxies.get(server.scheme) or proxies.get("all")


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


def _opaque(request: httpx.Request) -> Parcel:
    """Make a parcel of a request of the generated client: one call whose body is not looked into."""
    return Parcel(request.content, [len(request.content)], [0], request.url.path, batch=False)
