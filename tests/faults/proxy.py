"""A TCP proxy between client and server that does to each request what a plan says, and counts what it did.

It knows HTTP/1.1 well enough to tell where a request and an answer end. Whatever the server has taken without the
client getting the whole answer is in `FaultProxy.lost`, by message id: only these calls may come a second time.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Self

__all__ = ["GOOD", "Exchange", "Fault", "FaultProxy", "by_chance", "each", "every", "in_turn", "said"]

_HOST = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing resets the connection
# Turns of the event loop that a connection takes from asking to being made.
_TURNS_TO_ACCEPT = 4
_LARGEST = 1 << 22
_CHUNK = 1 << 16
_LOOK = 0.05


@dataclass(frozen=True)
class Fault:
    """What becomes of one request. Without arguments it is passed on, and its answer comes back.

    Attributes
    ----------
    name
        What it is counted by.
    cut_request
        Pass on only so many bytes of the request, then reset both connections.
    answer
        Give these bytes for an answer; the server sees nothing of the request, unless `taken`.
    taken
        Pass the request on all the same, and wait until the server has answered.
    unread
        Answer on the headers alone, before the body is read, and close.
    cut_answer
        Give only so many bytes of the answer, then reset the connection.
    close
        Close the connection after the answer, unannounced.
    silent
        Give no answer and keep the connection: it is half open.
    delay, delay_answer
        Seconds before the request is passed on, and before the answer comes back.
    pace, pace_request
        Seconds from byte to byte of the answer, and of the request's body on its way to the server.
    outage
        Instead of all that, refuse connections for so many seconds, and reset those that there are.
    """

    name: str = ""
    cut_request: int | None = None
    answer: bytes | None = None
    taken: bool = False
    unread: bool = False
    cut_answer: int | None = None
    close: bool = False
    silent: bool = False
    delay: float = 0.0
    delay_answer: float = 0.0
    pace: float = 0.0
    pace_request: float = 0.0
    outage: float = 0.0


GOOD = Fault()


@dataclass
class Exchange:
    """One request, as far as it is known when its headers are there, and what became of it.

    Attributes
    ----------
    number, connection
        Counted from 1.
    at
        When it came, in seconds of the monotonic clock.
    status
        Of the server's answer; 0 without one.
    answered
        When the whole answer was with the client; None when it never was.
    """

    number: int
    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)
    body: bytes = b""
    status: int = 0
    answered: float | None = None

    @property
    def length(self) -> int:
        """Bytes in the body."""
        return int(self.headers.get("content-length", 0))

    @property
    def taken(self) -> bool:
        """Whether the server took the calls."""
        return 200 <= self.status < 300

    @property
    def message_ids(self) -> list[str]:
        """Of the calls in the body, be it a batch or one call, packed or plain."""
        packed = "gzip" in self.headers.get("content-encoding", "")
        content = json.loads(zlib.decompress(self.body, zlib.MAX_WBITS | 16) if packed else self.body)
        return [call["messageId"] for call in content.get("batch", [content])]


Plan = Callable[[Exchange], Fault]


def in_turn(faults: Iterable[Fault], rest: Fault = GOOD) -> Plan:
    """One fault for each request, in the order of their arrival over all connections; then the rest."""
    turns = chain(faults, repeat(rest))
    return lambda _: next(turns)


def every(turn: int, *faults: Fault) -> Plan:
    """Each `turn`-th request suffers, beginning with the second; the others are well."""
    after = chain.from_iterable(repeat(faults))
    return lambda exchange: next(after) if (exchange.number - 2) % turn == 0 else GOOD


def each(fault: Fault) -> Plan:
    """Every request suffers."""
    return lambda _: fault


def by_chance(seed: int, chances: Mapping[Fault, float]) -> Plan:
    """Each fault has its probability; what is left is well."""
    chance = random.Random(seed)
    faults, weights = [*chances, GOOD], [*chances.values(), 1 - sum(chances.values())]
    return lambda _: chance.choices(faults, weights)[0]


def said(status: int, body: bytes = b"{}", **headers: str | None) -> bytes:
    """The bytes of an answer; a header that is None is left out."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = [f"HTTP/1.1 {status} Faulty", *(f"{name}: {text}" for name, text in fields.items() if text is not None)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class FaultProxy:
    """Listens on a loopback port from entry to exit of a ``with`` block, in a thread of its own.

    Parameters
    ----------
    server : str
        URL of the server behind it.
    plan : callable
        Gives the fault of each exchange; called in the proxy's thread.
    tls : SSLContext, optional
        To be spoken to by TLS.
    grace : float
        Seconds that exchanges under way have to end in when the proxy stops.

    Attributes
    ----------
    lost : Counter of str
        How often the server took a message whose answer did not reach the client whole.
    happened : Counter of str
        Faults by their names.
    exchanges : list of Exchange
        In the order of arrival.
    """

    def __init__(
        self, server: str, plan: Plan = lambda _: GOOD, tls: ssl.SSLContext | None = None, grace: float = 2.0
    ) -> None:
        self.plan = plan
        self._tls, self._grace = tls, grace
        self.lost: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.exchanges: list[Exchange] = []
        self.connections = 0
        place, _, self._prefix = server.removeprefix("http://").partition("/")
        host, _, port = place.rpartition(":")
        self._server = host, int(port)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        # Bound for as long as the proxy lasts, and never listening: during an outage the port stays ours.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(ready)), name="proxy", daemon=True)
        self._thread.start()
        ready.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)
        self._holder.close()
        assert not self._thread.is_alive(), "the proxy hangs"

    @property
    def url(self) -> str:
        """The prefix of all paths, as the server has it."""
        return f"http{'s' if self._tls else ''}://{_HOST}:{self.port}/{self._prefix}"

    def outage(self, seconds: float) -> None:
        """Refuse connections from now on for so many seconds, and reset those that there are."""
        self._loop.call_soon_threadsafe(self._begin_outage, seconds)

    # The listener ----------------------------------------------------------------------------------------------------

    async def _main(self, ready: Future[None]) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._ending: asyncio.Task[None] | None = None
        await self._up()
        ready.set_result(None)
        await self._stopped.wait()
        if self._ending is not None:
            await self._ending
        # Whoever came now would be cut off when the server has it, and nobody would know.
        await self._refuse()
        if self._tasks:  # those whose clients have gone soon know what they did
            await asyncio.wait(self._tasks, timeout=self._grace)
        self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _up(self) -> None:
        listener = _bound(self.port)
        self._listener = await asyncio.start_server(self._connected, sock=listener, limit=_LARGEST, ssl=self._tls)

    async def _refuse(self) -> None:
        """Let nobody in from now on."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        # Connections that are being accepted when a server closes are leaked: none is any more, and those that were
        # have come about.
        for listening in listener.sockets:
            self._loop.remove_reader(listening.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        listener.close()

    def _reset(self) -> None:
        for writer in self._open:
            _reset(writer)

    def _begin_outage(self, seconds: float) -> None:
        if self._listener is not None and (self._ending is None or self._ending.done()):
            self._ending = self._loop.create_task(self._pause(seconds))

    async def _pause(self, seconds: float) -> None:
        self._reset()
        await self._refuse()
        self._reset()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        if not self._stopped.is_set():
            await self._up()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        self.connections += 1
        try:
            await _Connection(self, self.connections, reader, writer, self._server).serve()
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio's own callback would make a noise of it
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)

    # What connections tell -------------------------------------------------------------------------------------------

    def came(self, exchange: Exchange) -> Fault:
        """Note a request, and give what becomes of it."""
        self.exchanges.append(exchange)
        exchange.number = len(self.exchanges)
        fault = self.plan(exchange)
        if fault.name:
            self.happened[fault.name] += 1
        if fault.outage:
            self._begin_outage(fault.outage)
        return fault

    def lose(self, exchange: Exchange) -> None:
        """Note that the client does not know what the server did."""
        exchange.answered = None
        if exchange.taken:
            self.lost.update(exchange.message_ids)


class _Connection:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: FaultProxy,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: tuple[str, int],
    ) -> None:
        self._proxy, self._number, self._server = proxy, number, server
        self._reader, self._writer = reader, writer
        self._behind: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._last: Exchange | None = None

    async def serve(self) -> None:
        try:
            while await self._exchange():
                pass
        except ConnectionResetError:
            self._doubt()
        except (asyncio.IncompleteReadError, OSError):
            connection: Any = self._writer.get_extra_info("socket")
            if connection.fileno() >= 0 and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._doubt()
        finally:
            self._writer.close()
            if self._behind is not None:
                self._behind[1].close()

    def _doubt(self) -> None:
        """Who closes before everything has come, or without having read it, resets: the last answer was not seen."""
        if self._last is not None and self._last.answered is not None:
            self._proxy.lose(self._last)

    async def _exchange(self) -> bool:
        """One request and what becomes of it; False when the connection ends."""
        first = await self._reader.readexactly(1)
        if not first.isalpha():  # no HTTP: as a server would, say so and hang up
            await self._write(said(400))
            return False
        head = first + await self._reader.readuntil(b"\r\n\r\n")
        exchange = self._last = _opened(head, self._number)
        fault = self._proxy.came(exchange)
        if fault.outage:
            return False
        if fault.unread:
            assert fault.answer is not None
            await self._write(fault.answer)
            return False
        if fault.cut_request is not None:
            whole = len(head) + exchange.length
            await self._cut_request(head, min(fault.cut_request, whole - 1))
            return False
        exchange.body = await self._reader.readexactly(exchange.length)
        answer = fault.answer or b""
        if fault.answer is None or fault.taken:
            await asyncio.sleep(fault.delay)
            theirs = await self._passed_on(exchange, head, fault)
            answer = theirs if fault.answer is None else answer
        return await self._answer(exchange, fault, answer)

    async def _cut_request(self, head: bytes, size: int) -> None:
        """Let the server see the beginning of a request that never ends."""
        _, server = await self._upstream()
        server.write(head[:size])
        if size > len(head):
            server.write(await self._reader.readexactly(size - len(head)))
        await server.drain()
        _reset(server)
        _reset(self._writer)

    async def _passed_on(self, exchange: Exchange, head: bytes, fault: Fault) -> bytes:
        """Have the server answer. Its answer is noted, whether it reaches the client or not."""
        reader, writer = await self._upstream()
        if fault.pace_request:
            writer.write(head)
            await self._in_drops(writer, exchange.body, fault.pace_request)
        else:
            writer.write(head + exchange.body)
        start = await reader.readuntil(b"\r\n\r\n")
        first, _, fields = start.partition(b"\r\n")
        body = await reader.readexactly(int(_headers(fields).get("content-length", 0)))
        exchange.status = int(first.split()[1])
        return start + body

    async def _answer(self, exchange: Exchange, fault: Fault, answer: bytes) -> bool:
        try:
            await self._pause(fault.delay_answer)
            if fault.silent:
                await self._client_gone()
                raise ConnectionResetError
            part = answer if fault.cut_answer is None else answer[: fault.cut_answer]
            await self._write(part, fault.pace)
        except (OSError, asyncio.CancelledError):
            self._proxy.lose(exchange)
            raise
        if len(part) < len(answer):
            self._proxy.lose(exchange)
            _reset(self._writer)
            return False
        if fault.answer is not None:  # whatever it was, it was not the server's
            self._proxy.lose(exchange)
        else:
            exchange.answered = time.monotonic()
        return not fault.close

    async def _write(self, data: bytes, pace: float = 0.0) -> None:
        if self._reader.at_eof():
            raise ConnectionResetError
        if pace:
            await self._in_drops(self._writer, data, pace)
        else:
            self._writer.write(data)
        await self._writer.drain()

    async def _in_drops(self, writer: asyncio.StreamWriter, data: bytes, pace: float) -> None:
        for place in range(len(data)):
            if self._reader.at_eof():
                raise ConnectionResetError
            writer.write(data[place : place + 1])
            await writer.drain()
            await self._pause(pace)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the client hangs up meanwhile: nobody reads what is sent to who has gone."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._reader.at_eof():
                raise ConnectionResetError
            await asyncio.sleep(min(left, _LOOK))

    async def _client_gone(self) -> None:
        with suppress(OSError):
            while await self._reader.read(_CHUNK):
                pass

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._behind is None:
            self._behind = await asyncio.open_connection(*self._server, limit=_LARGEST)
        return self._behind


def _opened(head: bytes, connection: int) -> Exchange:
    first, _, fields = head.partition(b"\r\n")
    method, path, _ = first.decode("latin-1").split()
    return Exchange(0, connection, method, path, _headers(fields))


def _headers(fields: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in fields.decode("latin-1").split("\r\n") if line)
    return {name.lower(): text.strip() for name, _, text in lines}


def _bound(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((_HOST, port))
    return taken


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, without what is still to be written."""
    connection: Any = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
