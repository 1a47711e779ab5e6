# pyright: reportUnnecessaryTypeIgnoreComment=true
"""What type checkers must say of the clients. Never run: an error that is missing is an unused ignore, which fails."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any, assert_type

import httpx
from cio_pipelines import Client
from cio_pipelines.models import Track

from cio_facade import (
    AsyncCustomerIO,
    CustomerIO,
    DeadLetter,
    Limits,
    Message,
    Receipt,
    Report,
    Retry,
    ServerError,
    messages,
    people,
)
from cio_facade.events import ecommerce
from cio_facade.leases import RedisPace
from cio_facade.observing import Observer
from cio_facade.otel import OpenTelemetry
from cio_facade.pacing import Pace
from cio_facade.testing import FakeClock, RecordingTransport


class OurClient(CustomerIO):
    """A subclass, whose type a with statement keeps."""

    def enroll(self, who: str) -> Receipt:
        """Say something of our own."""
        return self.track(who, "Enrolled")


class OurAsyncClient(AsyncCustomerIO):
    """The same for asyncio."""

    async def enroll(self, who: str) -> Receipt:
        """Say something of our own."""
        return await self.track(who, "Enrolled")


def with_keeps_the_type() -> None:
    """Subclasses stay what they are."""
    with CustomerIO("key") as cio:
        assert_type(cio, CustomerIO)
    with OurClient("key") as ours:
        assert_type(ours, OurClient)
        assert_type(ours.enroll("u1"), Receipt)
    assert_type(OurClient.from_env(), OurClient)
    assert_type(OurClient.from_env(Path(".env"), timeout=3.0), OurClient)


async def async_with_keeps_the_type() -> None:
    """The same for asyncio."""
    async with AsyncCustomerIO("key") as cio:
        assert_type(cio, AsyncCustomerIO)
    async with OurAsyncClient("key") as ours:
        assert_type(ours, OurAsyncClient)
        assert_type(await ours.enroll("u1"), Receipt)
    assert_type(OurAsyncClient.from_env(), OurAsyncClient)
    with AsyncCustomerIO("key"):  # type: ignore[attr-defined]
        pass


def verbs_give_receipts(cio: CustomerIO) -> None:
    """Six verbs and send."""
    assert_type(cio.identify("u1", {"plan": "pro"}), Receipt)
    assert_type(cio.track("u1", "Signed Up", {"plan": "pro"}), Receipt)
    assert_type(cio.track("u1", ecommerce.OrderCompleted(order_id="o-1")), Receipt)
    assert_type(cio.page("u1", "Pricing", category="docs"), Receipt)
    assert_type(cio.screen(None, "Home", anonymous_id="a1"), Receipt)
    assert_type(cio.group("u1", "acme", {"name": "Acme"}), Receipt)
    assert_type(cio.alias("u1", "a1"), Receipt)
    assert_type(cio.send(people.delete("u1")), Receipt)
    assert_type(cio.send(Track(event="Signed Up", user_id="u1")), Receipt)
    assert_type(cio.close(), None)
    receipt = cio.track("u1", "Signed Up")
    assert_type(receipt.message_id, str)
    assert_type(receipt.status, int)
    assert_type(receipt.attempts, int)


async def async_verbs_give_awaitables(cio: AsyncCustomerIO) -> None:
    """The same names, to be awaited."""
    coroutine: Coroutine[Any, Any, Receipt] = cio.track("u1", "Signed Up")
    assert_type(await coroutine, Receipt)
    assert_type(await cio.identify("u1", {"plan": "pro"}), Receipt)
    assert_type(await cio.track("u1", ecommerce.OrderCompleted(order_id="o-1")), Receipt)
    assert_type(await cio.page("u1"), Receipt)
    assert_type(await cio.screen("u1"), Receipt)
    assert_type(await cio.group("u1", "acme"), Receipt)
    assert_type(await cio.alias("u1", "a1"), Receipt)
    assert_type(await cio.send(people.delete("u1")), Receipt)
    assert_type(await cio.close(), None)
    cio.track("u1", "Signed Up")  # type: ignore[unused-coroutine]
    print(cio.track("u1", "Signed Up").status)  # type: ignore[attr-defined]


def many(cio: CustomerIO, rows: list[str]) -> None:
    """Any iterable of messages, and a report."""

    def letters(letter: DeadLetter) -> None:
        assert_type(letter.message_id, str | None)
        assert_type(letter.index, int)

    def stream() -> Iterator[Message]:
        yield messages.track("u1", "Signed Up")

    assert_type(cio.send_many(stream()), Report)
    assert_type(cio.send_many([people.delete(row) for row in rows], timeout=3), Report)
    assert_type(cio.send_many((people.delete(row) for row in rows), on_dead_letter=letters), Report)
    assert_type(cio.send_many([Track(event="Signed Up", user_id="u1"), people.delete("u1")]), Report)
    cio.send_many([1])  # type: ignore[list-item]
    cio.send_many(people.delete("u1"))  # type: ignore[arg-type]
    cio.send_many([], print)  # type: ignore[call-arg]


async def many_of_asyncio(cio: AsyncCustomerIO) -> None:
    """Async iterables too, but for the async client only."""

    async def stream() -> AsyncIterator[Message]:
        yield messages.track("u1", "Signed Up")

    assert_type(await cio.send_many(stream()), Report)
    assert_type(await cio.send_many([messages.track("u1", "Signed Up")]), Report)
    CustomerIO("key").send_many(stream())  # type: ignore[arg-type]


def reports(report: Report) -> None:
    """Numbers, letters, reasons."""
    assert_type(report.accepted + report.delivered + report.rejected + report.failed + report.pending, int)
    assert_type(report.dead_letters, tuple[DeadLetter, ...])
    assert_type(report.complete, bool)
    report.accepted = 3  # type: ignore[misc]


def settings() -> None:
    """Keyword-only, of the right types."""
    CustomerIO(
        "key", "eu", base_url="http://127.0.0.1:8080/v1", strict=False, timeout=3, limits=Limits(), retry=Retry()
    )
    CustomerIO("key", limits=Limits(batch_calls=None, id_bytes=None, window_requests=100, in_flight=4))
    CustomerIO("key", retry=Retry(budget=3, base=0.1, cap=1.0), clock=FakeClock(), naive_timestamps="utc")
    CustomerIO("key", gzip=True, observer=Observer())
    AsyncCustomerIO("key", gzip=True, observer=OpenTelemetry())
    CustomerIO("key", transport=RecordingTransport())
    CustomerIO("key", pace=RedisPace("redis://localhost", lease=10, fallback_share=0.5), limits=Limits(share=0.5))
    AsyncCustomerIO("key", pace=Pace(100, 1.0))
    CustomerIO("key", transport=RecordingTransport([503, httpx.ConnectError("down"), httpx.Response(400)]))
    CustomerIO("key", transport=httpx.HTTPTransport(proxy="http://127.0.0.1:3128"))
    AsyncCustomerIO("key", transport=RecordingTransport(lambda request: len(request.content)))
    AsyncCustomerIO("key", transport=httpx.AsyncHTTPTransport())
    CustomerIO()  # type: ignore[call-arg]
    CustomerIO("key", "eu", "http://127.0.0.1/v1")  # type: ignore[call-arg]
    CustomerIO("key", max_retries=3)  # type: ignore[call-arg]
    CustomerIO("key", timeout="3")  # type: ignore[arg-type]
    CustomerIO("key", pace="redis://localhost")  # type: ignore[arg-type]
    CustomerIO("key", naive_timestamps="paris")  # type: ignore[arg-type]
    CustomerIO("key", gzip="isal")  # type: ignore[arg-type]
    CustomerIO("key", observer=OpenTelemetry)  # type: ignore[arg-type]
    CustomerIO("key", transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]
    AsyncCustomerIO("key", transport=httpx.HTTPTransport())  # type: ignore[arg-type]
    Limits(100)  # type: ignore[call-arg]
    Limits(call_bytes=None)  # type: ignore[arg-type]
    Limits(calls=3)  # type: ignore[call-arg]
    Retry(attempts=3)  # type: ignore[call-arg]
    Limits().in_flight = 3  # type: ignore[misc]


def within_reach(cio: CustomerIO, other: AsyncCustomerIO) -> None:
    """The generated client."""
    assert_type(cio.api, Client)
    assert_type(other.api, Client)
    assert_type(cio.base_url, str)


def failures(cio: CustomerIO) -> None:
    """What an error carries."""
    try:
        cio.track("u1", "Signed Up")
    except ServerError as error:
        assert_type(error.status, int | None)
        assert_type(error.message_id, str | None)
        assert_type(error.reasons, tuple[str, ...])
        assert_type(error.report, Report | None)
