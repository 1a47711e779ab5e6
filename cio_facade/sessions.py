"""What carries the requests of asyncio: aiohttp's connections, behind httpx's interface.

httpx's own transport for asyncio takes three times as long for a request as its twin for threads, and ever longer the
more connections it has (`benchmarks/concurrent_singles.py` has the figures).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from io import BytesIO
from types import FunctionType
from typing import TYPE_CHECKING, Any

import aiohttp
import httpcore
import httpx
from yarl import URL

from cio_facade.transport import IDLE_SECONDS, carriage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

__all__ = ["Sessions", "sessions"]

_MOST_AT_ONCE = 1 << 20  # bytes that aiohttp takes as they are without a warning


def sessions(base_url: str, connections: int) -> httpx.AsyncBaseTransport:
    """Make what carries requests of asyncio: aiohttp, or httpx's own transport where a proxy is named."""
    settings = carriage(base_url, connections)
    plain = partial(httpx.AsyncHTTPTransport, **settings)
    return plain() if settings["proxy"] else Sessions(connections, plain)


class Sessions(httpx.AsyncBaseTransport):
    """A session of aiohttp, for the requests of one event loop.

    Parameters
    ----------
    most : int
        Connections at once. Other requests wait for theirs.
    plain : callable
        Makes httpx's own transport. It is asked instead where something has put itself in its place, as doubles for
        tests and tracing do: they are to see these requests too.
    """

    def __init__(self, most: int, plain: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._most = most
        self._session: aiohttp.ClientSession | None = None
        self._make_plain, self._plain = plain, None if _untouched() else plain()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request."""
        if not _untouched():
            self._plain = self._plain or self._make_plain()
            return await self._plain.handle_async_request(request)
        self._session = self._session or self._made()
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        body = request.content
        with _as_httpx(request):
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=body if len(body) <= _MOST_AT_ONCE else BytesIO(body),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=timeouts.get("pool"),
                    sock_connect=timeouts.get("connect"),
                    sock_read=timeouts.get("read"),
                ),
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Answer(response, request))

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        if self._plain is not None:
            await self._plain.aclose()

    def _made(self) -> aiohttp.ClientSession:
        """Make a session that adds nothing of its own to what is sent, and keeps nothing of what is answered."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._most, keepalive_timeout=IDLE_SECONDS, ssl=httpx.create_ssl_context()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )


class _Answer(httpx.AsyncByteStream):
    """The body of an answer. A connection whose answer was not read to its end is not used again."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response, self._request = response, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._response.close()


@contextmanager
def _as_httpx(request: httpx.Request) -> Generator[None]:
    """Raise httpx's errors for aiohttp's."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
        raise kind(str(error), request=request) from error


# The first that fits.
_ERRORS: tuple[tuple[type[Exception], type[httpx.RequestError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (OSError, httpx.ReadError),
    (aiohttp.ClientError, httpx.RemoteProtocolError),
    (ValueError, httpx.LocalProtocolError),
)


def _untouched() -> bool:
    """Whether httpx's way to the network is as its authors made it."""
    return _as_made(httpx.AsyncHTTPTransport) and _as_made(httpcore.AsyncConnectionPool)


def _as_made(kind: Any) -> bool:
    """Whether a class carries requests by the method that stands beside it, not by one put in its place."""
    method = kind.handle_async_request
    return type(method) is FunctionType and method.__globals__ is kind.__init__.__globals__
