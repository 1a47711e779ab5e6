"""What the fault tests stand on: nothing reaches the server through the proxy that the proxy does not tell of."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Self

import pytest
from proxy import FaultProxy, said


class _Server:
    """Takes each request at once, and answers the first when it is told to, and no other."""

    def __init__(self) -> None:
        self.taken: Queue[str] = Queue()
        self.answer = threading.Event()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._threads = ThreadPoolExecutor(3)
        self._threads.submit(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.set()
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads.shutdown()
        self._listener.close()

    def _accept(self) -> None:
        for wait in (self.answer, self._ended):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.submit(self._serve, connection, wait)

    def _serve(self, connection: socket.socket, wait: threading.Event) -> None:
        with connection:
            body = connection.recv(65536).partition(b"\r\n\r\n")[2]
            self.taken.put(json.loads(body)["messageId"])
            wait.wait(10)
            connection.sendall(said(200))


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        yield running


def _sent(proxy: FaultProxy, message_id: str) -> None:
    """A client that sends, and hangs up before the answer."""
    body = json.dumps({"messageId": message_id}).encode()
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.sendall(b"POST /v1/track HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def _stopping(proxy: FaultProxy) -> None:
    """Over when the proxy has begun to stop."""
    await proxy._stopped.wait()
    for _ in range(10):
        await asyncio.sleep(0)


def test_while_it_waits_for_what_is_under_way_nobody_gets_through(server: _Server) -> None:
    proxy = FaultProxy(server.url).__enter__()
    with ThreadPoolExecutor(1) as threads:
        _sent(proxy, "first")
        assert server.taken.get(timeout=5) == "first"
        stopping = threads.submit(proxy.__exit__)
        asyncio.run_coroutine_threadsafe(_stopping(proxy), proxy._loop).result(5)
        with pytest.raises(ConnectionError):
            _sent(proxy, "late")
        server.answer.set()
        stopping.result(10)
    assert server.taken.empty()
    assert proxy.lost == {"first": 1}
