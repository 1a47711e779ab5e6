"""A server on a real socket whose behaviour is data: one `Reply` for each request, in turn.

It does what no well-behaved server does: it resets connections in the middle, never answers, answers in drops or with
garbage. Nothing in it waits for luck: what is held is held until the test lets go, or the server closes.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Self

__all__ = ["Reply", "Request", "ScriptedServer", "json_reply"]

_HOST = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing resets the connection


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    Attributes
    ----------
    status, headers, body
        The answer. ``Content-Length`` is set unless the headers frame the body themselves.
    raw
        Bytes to write in place of an HTTP answer.
    cut
        Write only so many bytes of the answer.
    reset
        Then reset the connection, instead of keeping it.
    close
        Then close the connection, unannounced.
    hold
        Answer only when `ScriptedServer.release` was called; never, if it is not.
    pause
        Seconds before the answer, and between the bytes of one that is endless.
    unread
        Act on the headers alone, before the body is read.
    endless
        After the answer, write these bytes again and again until the client hangs up.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    raw: bytes | None = None
    cut: int | None = None
    reset: bool = False
    close: bool = False
    hold: bool = False
    pause: float = 0.0
    unread: bool = False
    endless: bytes = b""

    def wire(self) -> bytes:
        """The bytes of the answer."""
        if self.raw is not None:
            return self.raw[: self.cut]
        framed = {"content-length", "transfer-encoding"} & {name.lower() for name in self.headers}
        length = {} if framed else {"Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{k}: {v}" for k, v in {**length, **self.headers}.items())]
        return (("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body)[: self.cut]


def json_reply(status: int, body: Any, **more: Any) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, body=json.dumps(body).encode(), **more)


@dataclass(frozen=True)
class Request:
    """A request as it came.

    Attributes
    ----------
    connection
        Which connection it came by, counted from 1.
    headers
        By name in lower case.
    """

    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls in the body, be it a batch or one call."""
        content = json.loads(self.body)
        return content.get("batch", [content])


class ScriptedServer:
    """Plays a script on a loopback socket, from entry to exit of a ``with`` block.

    Parameters
    ----------
    script : iterable of Reply, or callable
        One reply for each request, in the order of their arrival over all connections; or a function of the request.
    rest : Reply
        What follows when the script is played.
    """

    def __init__(
        self,
        script: Iterable[Reply] | Callable[[Request], Reply] = (),
        rest: Reply | None = None,
    ) -> None:
        self._answer = script if callable(script) else None
        self.replies(*(() if callable(script) else script), rest=rest)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._released = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._release_at = 0
        self.connections = 0
        self.requests: list[Request] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((_HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._released.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the scripted server hangs"

    @property
    def url(self) -> str:
        """The prefix of all paths."""
        return f"http://{_HOST}:{self.port}/v1"

    @property
    def calls(self) -> list[dict[str, Any]]:
        """All calls in the order they came, repeated ones again."""
        return [call for request in self.requests for call in request.calls]

    def replies(self, *script: Reply, rest: Reply | None = None) -> None:
        """Play another script from here on."""
        self._replies = chain(script, repeat(rest or Reply()))

    def release(self) -> None:
        """Let go of what is held, and hold nothing more."""
        self._released.set()

    def release_at(self, requests: int) -> None:
        """Let go as soon as so many requests have come in."""
        self._release_at = requests

    def wait_for(self, requests: int, seconds: float = 10.0) -> None:
        """Wait until so many requests have come in whole."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= requests, seconds)
        assert came, f"{len(self.requests)} of {requests} requests came in {seconds} seconds"

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name="scripted-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._open.add(connection)
                self.connections += 1
                self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection, suppress(OSError):
                stream = connection.makefile("rb")
                with stream:
                    while self._exchange(connection, stream, number):
                        pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _exchange(self, connection: socket.socket, stream: Any, number: int) -> bool:
        """One request and its reply; False when the connection ends."""
        head = _head(stream)
        if head is None:
            return False
        method, path, headers = head
        with self._lock:
            reply = next(self._replies)
        length = int(headers.get("content-length", 0))
        body = b"" if reply.unread else stream.read(length)
        request = Request(number, method, path, headers, body)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if len(self.requests) == self._release_at:
                self._released.set()
            if self._answer is not None:
                reply = self._answer(request)
        if reply.hold or reply.pause:
            self._released.wait(None if reply.hold else reply.pause)
        connection.sendall(reply.wire())
        while reply.endless:
            connection.sendall(reply.endless)
            self._released.wait(reply.pause)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif reply.unread:
            stream.read(length)
        return not (reply.reset or reply.close or self._closed)


def _head(stream: Any) -> tuple[str, str, dict[str, str]] | None:
    first = stream.readline().decode("latin-1")
    if not re.fullmatch(r"[A-Z]+ \S+ HTTP/1\.1\r\n", first):
        return None
    method, path, _ = first.split()
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers
