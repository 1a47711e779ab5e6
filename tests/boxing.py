"""Both outboxes behind one face, over a transport that a test can hold up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from cio_facade import AsyncCustomerIO, AsyncOutbox, CustomerIO, Limits, Outbox, Report, Retry
from cio_facade.testing import RecordingTransport

__all__ = ["QUICK", "TWINS", "Held", "Twin", "eventually", "ids", "opened"]

QUICK = Retry(base=0.001, cap=0.01, budget=0.03)
_LIMITS = Limits(call_bytes=400, batch_bytes=1000, in_flight=2)


class Held(RecordingTransport):
    """Answers nobody before it is let go."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.go, self.reached = Event(), Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.set()
        assert self.go.wait(20)
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.set()
        while not self.go.is_set():  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.002)
        return await super().handle_async_request(request)


class Twin:
    """An outbox of either kind that is called like an `Outbox`; the async one lives in a loop in a thread."""

    def __init__(self, kind: str, transport: Any, path: Any = None, **settings: Any) -> None:
        self.kind, self.loop = kind, None
        limits, retry = settings.pop("limits", _LIMITS), settings.pop("retry", QUICK)
        client = {"transport": transport, "limits": limits, "retry": retry}
        settings.setdefault("flush_interval", 0.01)
        settings.setdefault("durability", "relaxed")  # what an fsync is worth is the journal's tests' affair
        if kind == "sync":
            self.client: Any = CustomerIO("key", **client)
            self.real: Any = Outbox(self.client, path, **settings)
            return
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever, name="loop")
        self._thread.start()

        async def make() -> None:
            self.client = AsyncCustomerIO("key", **client)
            self.real = AsyncOutbox(self.client, path, **settings)

        try:
            self.run(make())
        except BaseException:
            self._stop()
            raise

    def run(self, awaitable: Any) -> Any:
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(20)

    def _call(self, name: str, *args: Any, **named: Any) -> Any:
        method = getattr(self.real, name)
        return method(*args, **named) if self.loop is None else self.run(method(*args, **named))

    def put(self, *args: Any, **named: Any) -> bool:
        return self._call("put", *args, **named)

    def put_many(self, *args: Any, **named: Any) -> int:
        return self._call("put_many", *args, **named)

    def flush(self, *args: Any, **named: Any) -> Report:
        return self._call("flush", *args, **named)

    def close(self, *args: Any, **named: Any) -> Report:
        return self._call("close", *args, **named)

    @property
    def account(self) -> Report:
        if self.loop is None:
            return self.real.account

        async def account() -> Report:
            return self.real.account

        return self.run(account())

    def end(self) -> None:
        """Close it, whatever is left, and all that it stands on."""
        self.close(0)
        if self.loop is None:
            self.client.close()
        else:
            self.run(self.client.close())
            self._stop()

    def _stop(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


TWINS = pytest.mark.parametrize("kind", ["sync", "async"])


@contextmanager
def opened(kind: str, transport: Any = None, path: Any = None, **settings: Any) -> Iterator[Twin]:
    """An outbox that is closed at the end; a transport that holds is let go before."""
    transport = transport or RecordingTransport()
    twin = Twin(kind, transport, path, **settings)
    try:
        yield twin
    finally:
        if isinstance(transport, Held):
            transport.go.set()
        twin.end()


def eventually(true: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.005)


def ids(transport: RecordingTransport) -> list[str]:
    """The ids of what arrived, in order."""
    return [call["messageId"] for call in transport.calls]
