"""What it costs to compress one full body, and how much smaller it becomes.

``python -m benchmarks.compressors ROUNDS`` is one round, and prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure, Target
from benchmarks.rounds import run_module
from benchmarks.rows import EVENT, large, small, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contenders import Build
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["compressors"]

_ROWS = 5_000
_AS_GZIP = 31
_EVENTS = {"small": small, "large": large}


def compressors(scale: Scale, _: Sink) -> tuple[list[Figure], list[Target]]:
    """Microseconds of CPU a body."""
    return [
        Figure(
            run=f"compressing a body of {size} events",
            who=who,
            values={"microseconds": microseconds},
            ratios={"smaller": times},
        )
        for size, found in run_module("compressors", scale.rounds).items()
        for who, (microseconds, times) in found.items()
    ], []


def _round(rounds: int) -> dict[str, dict[str, tuple[float, float]]]:
    return {
        size: {who: _measured(pack, _body(build), rounds) for who, pack in _packers().items()}
        for size, build in _EVENTS.items()
    }


def _packers() -> dict[str, Callable[[bytes], bytes]]:
    from isal import isal_zlib

    return {
        "ISA-L, level 1": partial(isal_zlib.compress, level=1, wbits=_AS_GZIP),
        **{f"zlib, level {level}": partial(zlib.compress, level=level, wbits=_AS_GZIP) for level in (1, 6, 9)},
    }


def _body(build: Build) -> bytes:
    """A full body, with ids and times that all differ, as the client's do."""
    from cio_pipelines.constants import BATCH_BYTES

    from cio_facade import CustomerIO, Limits, messages
    from cio_facade.testing import RecordingTransport

    transport: Any = RecordingTransport()
    with CustomerIO("benchmark-key", transport=transport, limits=Limits(window_requests=10**9)) as cio:
        cio.send_many(messages.track(row[0], EVENT, build(row)) for row in stream(_ROWS))
    bodies: list[bytes] = [request.content for request in transport.requests]
    assert max(map(len, bodies)) <= BATCH_BYTES
    return max(bodies, key=len)


def _measured(pack: Callable[[bytes], bytes], body: bytes, rounds: int) -> tuple[float, float]:
    taken: list[float] = []
    for _ in range(3 * rounds):
        begun = time.thread_time()
        packed = pack(body)
        taken.append((time.thread_time() - begun) * 1e6)
    return median(taken), len(body) / len(packed)


if __name__ == "__main__":
    print(json.dumps(_round(int(sys.argv[1]))))
