"""A single call beside a bare post of the same bytes, turn by turn in one process.

``python -m benchmarks.singles CALLS KIND ORIGIN`` is one round, and prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure, Target
from benchmarks.rounds import medians, ratio, run_module
from benchmarks.rows import EVENT, small, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["singles"]

_KEY = "benchmark-key"
_WARM_UP = 50
_UNPACED = 10**9  # the limit of 1000 calls a second would be measured instead


def singles(scale: Scale, sink: Sink) -> tuple[list[Figure], list[Target]]:
    """Microseconds of a call, and of a bare post."""
    rounds = [run_module("singles", scale.singles, *sink) for _ in range(scale.rounds)]
    mine, bare = ([{"microseconds": values[who]} for values in rounds] for who in ("track", "post"))
    times = ratio(mine, bare, "microseconds")
    figures = [
        Figure(run="single call", who="CustomerIO.track", values=medians(mine), ratios={"a bare post": times}),
        Figure(run="single call", who="httpx.Client.post", values=medians(bare)),
    ]
    return figures, [Target("single call: times a bare httpx post of the same bytes", 1.25, times, most=True)]


def _round(calls: int, origin: str) -> dict[str, float]:
    import httpx

    from cio_facade import CustomerIO, Limits
    from cio_facade.testing import RecordingTransport

    base_url = f"{origin}/v1"
    row = next(stream(1))
    recording = RecordingTransport()
    with CustomerIO(_KEY, transport=recording) as cio:
        cio.track(row[0], EVENT, small(row))
    body = recording.requests[0].content
    headers = {"Content-Type": "application/json", "Authorization": recording.requests[0].headers["Authorization"]}
    pool = httpx.Limits(max_connections=16, max_keepalive_connections=16)
    with (
        CustomerIO(_KEY, base_url=base_url, limits=Limits(window_requests=_UNPACED)) as cio,
        httpx.Client(base_url=base_url, timeout=30.0, limits=pool) as client,
    ):
        turns: dict[str, Callable[[], object]] = {
            "track": lambda: cio.track(row[0], EVENT, small(row)),
            "post": lambda: client.post("/track", content=body, headers=headers),
        }
        return _turn_by_turn(turns, calls)


def _turn_by_turn(turns: dict[str, Callable[[], Any]], calls: int) -> dict[str, float]:
    """The median of each in microseconds; who begins changes every time."""
    taken: dict[str, list[float]] = {who: [] for who in turns}
    order = list(turns)
    for number in range(calls + _WARM_UP):
        for who in order:
            begun = time.perf_counter()
            turns[who]()
            if number >= _WARM_UP:
                taken[who].append((time.perf_counter() - begun) * 1e6)
        order.reverse()
    return {who: median(times) for who, times in taken.items()}


if __name__ == "__main__":
    calls, _, origin = sys.argv[1:]
    print(json.dumps(_round(int(calls), origin)))
