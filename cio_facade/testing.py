"""For tests of your own code: a transport that answers without a server and remembers, and a clock that does not wait.

Examples
--------
>>> from cio_facade import CustomerIO
>>> transport = RecordingTransport()
>>> with CustomerIO("key", transport=transport) as cio:
...     receipt = cio.track("u1", "Signed Up", {"plan": "pro"})
>>> transport.calls[0]["properties"]
{'plan': 'pro'}
"""

from __future__ import annotations

import gzip
from itertools import chain, repeat
from threading import Condition, RLock
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import orjson

from cio_facade.clock import Clock

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import Callable, Iterable, Iterator
from copy import copy

__all__ = ["Answering", "FakeClock", "RecordingTransport"]

Answering: TypeAlias = int | httpx.Response | Exception
"""A status with an empty object, a whole response, or an exception to raise, such as ``httpx.ConnectError``."""


class RecordingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers as it is told to and keeps what was sent. For both clients, from any number of threads or tasks.

    Parameters
    ----------
    answers : iterable or callable, optional
        One answer for each request, in turn, and 200 when they are used up; or a function from the request to its
        answer. Absent: 200 always.

    Attributes
    ----------
    requests : list of httpx.Request
        In the order they came.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> transport = RecordingTransport([503, 200])
    >>> with CustomerIO("key", transport=transport, clock=FakeClock()) as cio:
    ...     cio.identify("u1").attempts
    2
    """

    def __init__(self, answers: Iterable[Answering] | Callable[[httpx.Request], Answering] = ()) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answers if callable(answers) else _in_turn(answers)
        self._lock = RLock()  # a signal handler may send while its thread is in here

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests, unpacked and parsed."""
        return [orjson.loads(_unpacked(request)) for request in self.requests]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls in the order they came, those of batches one by one; repeated ones again."""
        return list(chain.from_iterable(body.get("batch", [body]) for body in self.bodies))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a sync client."""
        request.read()
        return self._answered(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an async client."""
        await request.aread()
        return self._answered(request)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, httpx.Response):
            return httpx.Response(answer, json={})
        return _another(answer) if answer.is_stream_consumed else answer


def _unpacked(request: httpx.Request) -> bytes:
    packed = request.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(request.content) if packed else request.content


def _another(response: httpx.Response) -> httpx.Response:
    """Copy a response: a client makes it its own, and it may be the answer to the next request too."""
    twin = copy(response)
    twin.headers = response.headers.copy()
    return twin


def _in_turn(answers: Iterable[Answering]) -> Callable[[httpx.Request], Answering]:
    turns: Iterator[Answering] = chain(answers, repeat(200))
    return lambda _: next(turns)


class FakeClock(Clock):
    """A clock that stands still until it is told to go on; sleeping moves it at once.

    Parameters
    ----------
    start : float
        Seconds since 1970.

    Attributes
    ----------
    slept : list of float
        The pauses that were asked for, in seconds.

    Examples
    --------
    >>> clock = FakeClock()
    >>> clock.sleep(2.5)
    >>> clock.monotonic(), clock.slept
    (2.5, [2.5])
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._start, self._passed = start, 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds that have passed on this clock."""
        return self._passed

    def time(self) -> float:
        """Seconds since 1970 on this clock."""
        return self._start + self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass, and remember the pause."""
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    def wait(self, condition: Condition, seconds: float, *, idle: bool) -> bool:
        """Let time pass where nothing else could end the wait."""
        if not idle:
            return condition.wait(max(0.0, seconds))
        self.sleep(seconds)
        return False

    async def await_event(self, event: Event, seconds: float, *, idle: bool) -> None:
        """Let time pass where nothing else could end the wait."""
        if idle:
            await self.asleep(seconds)
        else:
            await super().await_event(event, seconds, idle=idle)

    async def asleep(self, seconds: float) -> None:
        """Let time pass, and remember the pause."""
        self.sleep(seconds)
