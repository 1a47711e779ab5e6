"""Who competes: each takes rows of the same kind, builds its messages from them, and returns when all is delivered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.rows import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.rows import Row

    Build = Callable[[Row], dict[str, Any]]
    Deliver = Callable[[Iterable[Row], Build], object]

__all__ = ["ASYNC", "BY_HAND", "CONTENDERS", "IDEAL", "OFFICIAL", "OFFICIAL_800", "OURS"]

_KEY = "benchmark-key"


@contextmanager
def ours(origin: str, _: int) -> Iterator[Deliver]:
    """`CustomerIO.send_many`, as it comes."""
    from cio_facade import CustomerIO, messages

    with CustomerIO(_KEY, base_url=f"{origin}/v1") as cio:
        yield lambda rows, build: cio.send_many(messages.track(row[0], EVENT, build(row)) for row in rows)


@contextmanager
def ours_async(origin: str, _: int) -> Iterator[Deliver]:
    """`AsyncCustomerIO.send_many`, as it comes."""
    import asyncio

    from cio_facade import AsyncCustomerIO, messages

    with asyncio.Runner() as runner:
        cio = AsyncCustomerIO(_KEY, base_url=f"{origin}/v1")
        yield lambda rows, build: runner.run(cio.send_many(messages.track(row[0], EVENT, build(row)) for row in rows))
        runner.run(cio.close())


@contextmanager
def official(origin: str, number: int, **settings: Any) -> Iterator[Deliver]:
    """customerio-cdp-analytics, with room for all in its queue, since it drops what finds none."""
    from customerio.analytics import Client

    client = Client(_KEY, host=origin, max_queue_size=number, **settings)

    def deliver(rows: Iterable[Row], build: Build) -> None:
        for row in rows:
            client.track(row[0], EVENT, build(row))
        client.flush()

    yield deliver
    client.join()


def official_800(origin: str, number: int) -> Any:
    """The same with as many events to a request as its limit of bytes allows."""
    return official(origin, number, upload_size=800)


def by_hand(origin: str, _: int) -> Any:
    """A loop as one would write it for exactly this."""
    from benchmarks import loops

    return loops.by_hand(origin)


def ideal(origin: str, _: int) -> Any:
    """The same loop with every trick that is known."""
    from benchmarks import loops

    return loops.ideal(origin)


OURS, ASYNC = "send_many", "send_many (async)"
OFFICIAL, OFFICIAL_800 = "official client", "official client, 800 a request"
BY_HAND, IDEAL = "hand-written loop", "ideal loop"
CONTENDERS = {
    OURS: ours,
    ASYNC: ours_async,
    OFFICIAL: official,
    OFFICIAL_800: official_800,
    BY_HAND: by_hand,
    IDEAL: ideal,
}
