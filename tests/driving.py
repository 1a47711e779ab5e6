"""Both clients behind one face, and a hard limit of time: what a test of delivery needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any, Self, TypeVar

import httpx
import pytest

from cio_facade import AsyncCustomerIO, CustomerIO, Limits, Receipt, Report, messages
from cio_facade.messages import Message
from cio_facade.testing import FakeClock, RecordingTransport

__all__ = ["BOTH", "REASONS", "SMALL", "AsyncDriven", "caught", "connected", "said", "stream", "tracked", "within"]

Result = TypeVar("Result")

SMALL = Limits(call_bytes=400, batch_bytes=1000, in_flight=2)
REASONS = {"meta": {"errors": ["event is unknown"]}}


def tracked(number: int = 0, person: str = "u1", event: str = "Seen") -> Message:
    """A message of about a hundred bytes that says which it is."""
    return messages.track(person, event, {"n": number}, message_id=f"m{number}")


def stream(number: int, people: int = 7) -> Iterator[Message]:
    """Many of them."""
    return (tracked(n, f"u{n % people}") for n in range(number))


def said(status: int, body: Any = None, **headers: str) -> httpx.Response:
    """An answer with a body and headers."""
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


class AsyncDriven:
    """An `AsyncCustomerIO` that is called like a `CustomerIO`, on an event loop of its own."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._runner = asyncio.Runner()
        self.real = self._runner.run(self._made(*args, **settings))

    @staticmethod
    async def _made(*args: Any, **settings: Any) -> AsyncCustomerIO:
        return AsyncCustomerIO(*args, **settings)

    def send(self, message: Any) -> Receipt:
        return self._runner.run(self.real.send(message))

    def send_many(self, given: Any, **options: Any) -> Report:
        return self._runner.run(self.real.send_many(given, **options))

    def call(self, name: str, *args: Any, **fields: Any) -> Receipt:
        return self._runner.run(getattr(self.real, name)(*args, **fields))

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self._runner.run(self.real.close())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


BOTH = pytest.mark.parametrize("kind", [CustomerIO, AsyncDriven])


def connected(kind: type[CustomerIO] | type[AsyncDriven], transport: Any = None, **settings: Any) -> Any:
    """A client of either kind that needs no server and no time, unless told otherwise."""
    settings.setdefault("clock", FakeClock())
    return kind("key", transport=transport or RecordingTransport(), **settings)


def caught(action: Callable[[], Any]) -> BaseException:
    """What an action raises, whatever it is."""
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def within(seconds: float, action: Callable[[], Result]) -> Result:
    """The result of an action that must not hang."""
    results: list[Result] = []
    raised: list[BaseException] = []

    def act() -> None:
        try:
            results.append(action())
        except BaseException as error:
            raised.append(error)

    thread = Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"still going on after {seconds} s"
    if raised:
        raise raised[0]
    return results[0]
