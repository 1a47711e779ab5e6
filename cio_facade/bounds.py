"""A transport for one thread at a time that bounds a request as a whole, and takes no answer for another.

httpx's timeouts are those to the next byte, and a server may send one byte after the other for hours.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterable

__all__ = ["STEPS", "BoundedTransport"]

STEPS = 4
"""How many of the timeouts for one step a request may take as a whole."""


class BoundedTransport(httpx.HTTPTransport):
    """httpx's transport, with a deadline for each request.

    Parameters
    ----------
    verify : ssl.SSLContext
        Certificates.
    limits : httpx.Limits
        Of connections.
    proxy : str, optional
        By which nothing is bounded.
    """

    def __init__(self, *, verify: ssl.SSLContext, limits: httpx.Limits, proxy: str | None = None) -> None:
        super().__init__(verify=verify, limits=limits, proxy=proxy)
        self._deadline = _Deadline()
        if proxy is None:
            self._pool = httpcore.ConnectionPool(
                ssl_context=verify,
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                network_backend=_Backend(self._deadline),
            )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request; it and its answer are to be done by the deadline."""
        self._deadline.begin(request.extensions.get("timeout", {}).get("read"))
        if any(_holds_more(connection) for connection in self._pool.connections):
            self._pool.close()
        return super().handle_request(request)


def _holds_more(connection: object) -> bool:
    """Whether more than an answer has come by an idle connection: the next request would be taken to be answered by it.

    httpcore does not look; where it keeps this is its own matter, so nothing is presumed.
    """
    state = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return bool(getattr(state, "trailing_data", (b"",))[0])


class _Deadline:
    """When the request that is under way is to be done."""

    def __init__(self) -> None:
        self._at = float("inf")

    def begin(self, seconds: float | None) -> None:
        self._at = float("inf") if seconds is None else time.monotonic() + STEPS * seconds

    def within(self, timeout: float | None, error: type[Exception]) -> float | None:
        """Shorten the timeout of a step to what is left."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise error("the request took too long as a whole")
        if left == float("inf"):
            return timeout
        return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    """httpcore's way to the network, under a deadline."""

    def __init__(self, deadline: _Deadline) -> None:
        self._plain, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        timeout = self._deadline.within(timeout, httpcore.ConnectTimeout)
        stream = self._plain.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A connection under a deadline."""

    def __init__(self, plain: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._plain, self._deadline = plain, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._plain.read(max_bytes, self._deadline.within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it: in one call, since each part that is sent would copy the rest."""
        sock: socket.socket = self._plain.get_extra_info("socket")
        left = self._deadline.within(None, httpcore.WriteTimeout)
        sock.settimeout(timeout if left is None else left)  # `sendall` has it for all, not from part to part
        try:
            sock.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close."""
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        timeout = self._deadline.within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._plain.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Tell of the socket below."""
        return self._plain.get_extra_info(info)
