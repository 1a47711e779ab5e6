"""The clients there are on PyPI, driven as their documentation says.

Those with a queue drop what finds no room in it, so each gets one that holds all. Compression is off for all of them.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.rounds import ROOT
from benchmarks.rows import EVENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.contenders import Build, Deliver
    from benchmarks.rows import Row

__all__ = ["APART", "QUEUE", "async_singles", "official", "official_800", "posthog", "rudder", "segment", "singles"]

APART = ROOT / "build" / "peers"
"""Where `make bench` puts customerio: customerio-cdp-analytics takes the same import name."""

QUEUE = 10_000
"""The room in the queue of each client that has one, as they come."""

_KEY = "benchmark-key"
_TASKS = 100


def official(origin: str, number: int, **settings: Any) -> Any:
    """customerio-cdp-analytics."""
    from customerio.analytics import Client

    return _queued(Client(_KEY, host=origin, max_queue_size=number, **settings))


def official_800(origin: str, number: int) -> Any:
    """The same with as many small events to a request as its limit of bytes allows. It does not wait for the last."""
    return official(origin, number, upload_size=800, upload_interval=0.05)


def segment(origin: str, number: int) -> Any:
    """segment-analytics-python, of which the official client is a descendant."""
    from segment.analytics.client import Client

    return _queued(Client(_KEY, host=origin, max_queue_size=number))


def rudder(origin: str, number: int) -> Any:
    """rudder-sdk-python, another descendant. It would compress, at gzip's dearest level."""
    from rudderstack.analytics.client import Client

    return _queued(Client(_KEY, host=origin, max_queue_size=number, gzip=False))


@contextmanager
def _queued(client: Any) -> Iterator[Deliver]:
    def deliver(rows: Iterable[Row], build: Build) -> None:
        for row in rows:
            client.track(row[0], EVENT, build(row))
        client.flush()

    yield deliver
    client.join()


@contextmanager
def posthog(origin: str, number: int) -> Iterator[Deliver]:
    """Posthog."""
    from posthog import Posthog

    client = Posthog(_KEY, host=origin, max_queue_size=number)

    def deliver(rows: Iterable[Row], build: Build) -> None:
        for row in rows:
            client.capture(EVENT, distinct_id=row[0], properties=build(row))
        client.flush()

    yield deliver
    client.shutdown()


@contextmanager
def singles(origin: str, _: int) -> Iterator[Deliver]:
    """Customerio: a request an event, one after the other. It knows https only, so its address is put right by hand."""
    sys.path.insert(0, str(APART))
    try:
        from customerio import CustomerIO
    except ImportError:
        raise ImportError(f"no customerio in {APART.relative_to(ROOT)}: `make bench` puts it there") from None

    with CustomerIO("site", _KEY) as client:
        client.base_url = f"{origin}/api/v1"

        def deliver(rows: Iterable[Row], build: Build) -> None:
            for row in rows:
                client.track(customer_id=row[0], name=EVENT, data=build(row))

        yield deliver


@contextmanager
def async_singles(origin: str, _: int) -> Iterator[Deliver]:
    """async-customerio: a request an event, from a hundred tasks. It knows https only too."""
    from async_customerio import AsyncCustomerIO

    class Plain(AsyncCustomerIO):
        @staticmethod
        def setup_base_url(host: str, port: int, prefix: str) -> str:
            return f"http://{host}:{port}/{prefix.strip('/')}"

    where = urlsplit(origin)
    client = Plain("site", _KEY, host=where.hostname, port=where.port)

    async def deliver(rows: Iterable[Row], build: Build) -> None:
        left = iter(rows)  # one for all tasks: each takes the next

        async def task() -> None:
            for row in left:
                await client.track(row[0], EVENT, **build(row))

        async with asyncio.TaskGroup() as group:
            for _ in range(_TASKS):
                group.create_task(task())

    with asyncio.Runner() as runner:
        yield lambda rows, build: runner.run(deliver(rows, build))
        runner.run(client.close())
