"""What one would write by hand for exactly this: orjson and one connection of httpx, in the envelope of `send_many`.

No validation, no limits but the body's, no retries, no order to keep, and nothing known of what was not delivered.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import orjson
from cio_pipelines.constants import BATCH_BYTES

from benchmarks.rows import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.contenders import Build, Deliver
    from benchmarks.rows import Row

__all__ = ["by_hand", "ideal"]

_ENVELOPE = len('{"batch":[]}')


def by_hand(origin: str, _: int) -> AbstractContextManager[Deliver]:
    """The loop as one would write it: a UUID and the time of day for each event."""
    return _loop(origin, _calls)


def ideal(origin: str, _: int) -> AbstractContextManager[Deliver]:
    """The loop with every trick that is known: ids from a counter, the time formatted once a millisecond."""
    return _loop(origin, _cheapest_calls)


def _calls(rows: Iterable[Row], build: Build) -> Iterator[bytes]:
    for row in rows:
        call = {
            "type": "track",
            "userId": row[0],
            "event": EVENT,
            "properties": build(row),
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "messageId": str(uuid4()),
        }
        yield orjson.dumps(call)


def _cheapest_calls(rows: Iterable[Row], build: Build) -> Iterator[bytes]:
    last, stamp, numbers, dumps, now = 0, "", count(), orjson.dumps, time.time
    for row in rows:
        if (millisecond := int(now() * 1000)) != last:
            last = millisecond
            stamp = datetime.fromtimestamp(last / 1000, UTC).isoformat(timespec="milliseconds")
        yield dumps(
            {
                "type": "track",
                "userId": row[0],
                "event": EVENT,
                "properties": build(row),
                "timestamp": stamp,
                "messageId": f"9f0c2a7e5b1d4c3f8a6e7d21-{next(numbers):x}",
            }
        )


@contextmanager
def _loop(origin: str, encode: Callable[[Iterable[Row], Build], Iterator[bytes]]) -> Iterator[Deliver]:
    headers = {"Authorization": "Basic YmVuY2htYXJrLWtleTo=", "Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client:

        def post(calls: list[bytes]) -> None:
            body = b'{"batch":[' + b",".join(calls) + b"]}"
            client.post(f"{origin}/v1/batch", content=body).raise_for_status()

        def deliver(rows: Iterable[Row], build: Build) -> None:
            calls: list[bytes] = []
            size = _ENVELOPE
            for call in encode(rows, build):
                if size + len(call) > BATCH_BYTES:
                    post(calls)
                    calls, size = [], _ENVELOPE
                calls.append(call)
                size += len(call) + 1
            post(calls)

        yield deliver
