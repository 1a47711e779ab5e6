"""Single calls from a hundred tasks at once, by what carries them, beside one thread that makes one after the other.

``python -m benchmarks.concurrent_singles CALLS KIND ORIGIN`` is one round, and prints a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.report import Figure, Target
from benchmarks.rounds import medians, ratio, run_module
from benchmarks.rows import EVENT, small, stream

if TYPE_CHECKING:
    import httpx

    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["concurrent_singles"]

_TASKS = 100
_WARM_UP = 100
_UNPACED = 10**9  # the limit of 1000 calls a second would be measured instead
_ROW = next(stream(1))
_ALONE = "CustomerIO, one thread"
_DEFAULT = "AsyncCustomerIO"


def concurrent_singles(scale: Scale, sink: Sink) -> tuple[list[Figure], list[Target]]:
    """Calls a second."""
    rounds = [run_module("concurrent_singles", scale.singles, *sink) for _ in range(scale.few)]
    each = {who: [{"calls_per_second": values[who]} for values in rounds] for who in rounds[0]}
    times = {who: ratio(values, each[_ALONE], "calls_per_second") for who, values in each.items()}
    figures = [
        Figure(
            run="concurrent single calls",
            who=who,
            values=medians(values),
            ratios={} if who == _ALONE else {"one thread": times[who]},
        )
        for who, values in each.items()
    ]
    return figures, [Target(f"concurrent single calls: {_TASKS} tasks, times one thread", 1, times[_DEFAULT])]


def _round(calls: int, origin: str) -> dict[str, float]:
    import httpx

    def pool(connections: int) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncHTTPTransport(limits=limits)

    base_url = f"{origin}/v1"
    return {
        _ALONE: _one_thread(calls, base_url),
        _DEFAULT: asyncio.run(_many_tasks(calls, base_url, None, 16)),
        **{
            f"the same over httpx's transport, {most} connections": asyncio.run(
                _many_tasks(calls, base_url, pool(most), most)
            )
            for most in (2, 16, 100)
        },
    }


def _one_thread(calls: int, base_url: str) -> float:
    from cio_facade import CustomerIO, Limits

    with CustomerIO("benchmark-key", base_url=base_url, limits=Limits(window_requests=_UNPACED)) as cio:
        for _ in range(_WARM_UP):
            cio.track(_ROW[0], EVENT, small(_ROW))
        begun = time.perf_counter()
        for _ in range(calls):
            cio.track(_ROW[0], EVENT, small(_ROW))
        return calls / (time.perf_counter() - begun)


async def _many_tasks(calls: int, base_url: str, transport: httpx.AsyncBaseTransport | None, connections: int) -> float:
    from cio_facade import AsyncCustomerIO, Limits

    limits = Limits(window_requests=_UNPACED, in_flight=connections)
    async with AsyncCustomerIO("benchmark-key", base_url=base_url, limits=limits, transport=transport) as cio:

        async def work(left: range) -> None:
            for _ in left:
                await cio.track(_ROW[0], EVENT, small(_ROW))

        async with asyncio.TaskGroup() as group:
            for _ in range(_WARM_UP):
                group.create_task(work(range(1)))
        share = max(1, calls // _TASKS)
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(_TASKS):
                group.create_task(work(range(share)))
        return share * _TASKS / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(json.dumps(_round(int(sys.argv[1]), sys.argv[3])))
