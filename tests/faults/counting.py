"""A server that counts: it answers every request at once, and knows to the microsecond when each arrived."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections import deque
from threading import Event, Thread
from typing import Any, Self

__all__ = ["CountingServer"]

# The kernel's own stamp, on arrival: a server that is held up counts no worse. Elsewhere, when it is read.
_STAMPS = 35 if hasattr(socket, "SO_PEERCRED") else None  # SO_TIMESTAMPNS of Linux
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STEP = 0.005  # seconds
_ANSWER = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class CountingServer:
    """Answers in a thread; as a context manager it ends with the block.

    Attributes
    ----------
    arrivals : list of float
        When requests came whole, in seconds since 1970.
    refused : int
        Requests answered with 429.
    lag : float
        The longest that the machine kept a thread waiting that had nothing to do but to wake, in seconds.
    most : tuple of int and float, optional
        Requests that are taken in that many seconds; the others are refused. Without it, all are taken.
    """

    def __init__(self, most: tuple[int, float] | None = None) -> None:
        self.arrivals: list[float] = []
        self.refused = 0
        self.lag = 0.0
        self._ended = Event()
        self._most = most
        self._taken: deque[float] = deque()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._serve, name="counting", daemon=True)
        self._watching = Thread(target=self._watch, name="lag", daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._stopped, selectors.EVENT_READ, None)
        self._thread.start()
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.send(b"x")
        self._ended.set()
        self._thread.join(10)
        self._watching.join(10)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._stop.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(_STEP):
            now = time.monotonic()
            self.lag, last = max(self.lag, now - last - _STEP), now

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _STAMPS is not None:
            connection.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
        held = bytearray()
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection, held))

    def _read(self, connection: socket.socket, held: bytearray) -> None:
        try:
            data, stamps, _, _ = connection.recvmsg(1 << 20, 256)
        except ConnectionError:
            data, stamps = b"", []
        if not data:
            self._selector.unregister(connection)
            connection.close()
            return
        held += data
        end = held.find(b"\r\n\r\n")
        length = _LENGTH.search(held, 0, end)
        if end >= 0 and len(held) >= end + 4 + (int(length[1]) if length else 0):
            held.clear()
            self.arrivals.append(_moment(stamps))
            connection.send(_ANSWER % self._status(self.arrivals[-1]))

    def _status(self, now: float) -> int:
        if self._most is None:
            return 200
        most, seconds = self._most
        while self._taken and self._taken[0] <= now - seconds:
            self._taken.popleft()
        if len(self._taken) >= most:
            self.refused += 1
            return 429
        self._taken.append(now)
        return 200


def _moment(stamps: list[Any]) -> float:
    for level, kind, data in stamps:
        if (level, kind) == (socket.SOL_SOCKET, _STAMPS):
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return seconds + nanoseconds / 1e9
    return time.time()
