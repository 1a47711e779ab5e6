"""This library's ways to send many events, as they come."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.rounds import ROOT
from benchmarks.rows import EVENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.contenders import Build, Deliver
    from benchmarks.rows import Row
    from cio_facade import Message

__all__ = ["durable_outbox", "outbox", "send_many", "send_many_async"]

_KEY = "benchmark-key"
_GROUP = 1_000  # messages to a commit of the durable outbox


@contextmanager
def send_many(origin: str, _: int, **settings: Any) -> Iterator[Deliver]:
    """`CustomerIO.send_many`."""
    from cio_facade import CustomerIO

    with CustomerIO(_KEY, base_url=f"{origin}/v1", **settings) as cio:
        yield lambda rows, build: cio.send_many(_messages(rows, build))


@contextmanager
def send_many_async(origin: str, _: int) -> Iterator[Deliver]:
    """`AsyncCustomerIO.send_many`."""
    from cio_facade import AsyncCustomerIO

    with asyncio.Runner() as runner:
        cio = AsyncCustomerIO(_KEY, base_url=f"{origin}/v1")
        yield lambda rows, build: runner.run(cio.send_many(_messages(rows, build)))
        runner.run(cio.close())


@contextmanager
def outbox(origin: str, _: int) -> Iterator[Deliver]:
    """`Outbox.put` for each message, from one thread, until `flush` has the account of all."""
    from cio_facade import CustomerIO, Outbox

    with CustomerIO(_KEY, base_url=f"{origin}/v1") as cio, Outbox(cio) as box:

        def deliver(rows: Iterable[Row], build: Build) -> None:
            for message in _messages(rows, build):
                box.put(message)
            box.flush()

        yield deliver


@contextmanager
def durable_outbox(origin: str, _: int) -> Iterator[Deliver]:
    """`Outbox.put_many` in groups, each on the disk before the next is taken, until `flush` has the account of all."""
    from cio_facade import CustomerIO, Outbox

    # Where the project is, since the folder for temporary files may be a part of the memory.
    (ROOT / "build").mkdir(exist_ok=True)
    with (
        TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as folder,
        CustomerIO(_KEY, base_url=f"{origin}/v1") as cio,
        Outbox(cio, f"{folder}/outbox.sqlite") as box,
    ):

        def deliver(rows: Iterable[Row], build: Build) -> None:
            messages = _messages(rows, build)
            while group := list(islice(messages, _GROUP)):
                box.put_many(group)
            box.flush()

        yield deliver


def _messages(rows: Iterable[Row], build: Build) -> Iterator[Message]:
    from cio_facade import messages

    return (messages.track(row[0], EVENT, build(row)) for row in rows)
