"""How a connection ends other than by an answer: reset, closed without one, or in the midst of it."""

import asyncio
import os
import socket
import struct
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Closed", "CutShort", "Protocol", "Reset", "pause"]

_TRANSPORT: Final = "transport"
# Linger for no time at all: what is closed then is reset.
_AT_ONCE: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Protocol(H11Protocol):
    """uvicorn's protocol, whose applications can reach the connection that a request came by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn says so as well
        """Begin."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; whoever was at work on the request before it turned out so has nobody to answer."""
        super().send_400_response(msg)
        if self.cycle:  # none before the first request
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class Closed(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Close the connection, and wait until it is: the server takes an application that says nothing for broken."""
        self.end(scope["state"][_TRANSPORT])
        while (await receive())["type"] != "http.disconnect":
            pass

    def end(self, transport: asyncio.Transport) -> None:
        """End the connection; what has been written before goes out."""
        transport.close()


class Reset(Closed):
    """No answer: the peer's next read or write fails with ECONNRESET."""

    def end(self, transport: asyncio.Transport) -> None:
        """Reset the connection."""
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()


class CutShort(Closed):
    """An answer that ends before its last byte, though it announced all of them.

    Parameters
    ----------
    answer : Response
        The whole answer.
    """

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close the connection."""
        await send(
            {"type": "http.response.start", "status": self._answer.status_code, "headers": self._answer.raw_headers}
        )
        half = bytes(self._answer.body[: len(self._answer.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await super().__call__(scope, receive, send)


async def pause(request: Request, seconds: float) -> None:
    """Wait, unless the client goes away before."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
