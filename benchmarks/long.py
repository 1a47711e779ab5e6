"""Long streams: whether memory stays what it is, and the pace too.

``python -m benchmarks.long EVENTS STEP KIND ORIGIN`` is one of them, and prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.measure import counted, memory
from benchmarks.report import Figure, Target, whole
from benchmarks.rounds import in_turn, medians, run_module
from benchmarks.rows import small, stream
from benchmarks.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Outcome
    from benchmarks.rows import Row
    from benchmarks.scale import Scale

__all__ = ["endless_stream", "long_stream"]

_STEPS = 10
_WARM_UP = 2_000


def long_stream(scale: Scale, sink: Sink) -> Outcome:
    """The most memory that a long stream takes, and what it gains once it has found its size."""
    run, values = f"{whole(scale.long)} events", _measured(scale.long, scale, sink)
    wanted = [
        Target(f"{run}: memory above the baseline, MB", 60, values["memory_mb"], most=True),
        Target(f"{run}: growth of memory after a fifth of them, MB", 5, values["growth_mb"], most=True),
    ]
    return [Figure(run="long stream", who=OURS, values={"events": scale.long, **values})], wanted


def endless_stream(scale: Scale, sink: Sink) -> Outcome:
    """Whether the last tenth of a stream that hardly ends takes longer than its first."""
    run, values = f"{whole(scale.endless)} events", _measured(scale.endless, scale, sink)
    slower = values.pop("slower")
    figure = Figure(
        run="endless stream", who=OURS, values={"events": scale.endless, **values}, ratios={"the first tenth": slower}
    )
    return [figure], [
        Target(f"{run}: time of the last tenth, times that of the first", 1.1, slower, most=True),
        Target(f"{run}: lost", 0, values.get("lost", 0), most=True),
    ]


def _measured(events: int, scale: Scale, sink: Sink) -> dict[str, float]:
    results = in_turn([OURS], scale.few, lambda _: run_module("long", events, events // _STEPS, *sink))
    return medians(results[OURS])


def _stream(events: int, step: int, sink: Sink) -> dict[str, Any]:
    """Deliver a stream; note the time and the memory whenever a step of it has been taken."""
    times: list[float] = []
    held: list[float] = []

    def marked() -> Iterator[Iterator[Row]]:
        rows = stream(events)
        while len(times) <= events // step:
            times.append(time.perf_counter())
            held.append(memory("VmRSS"))
            yield islice(rows, step)

    sink.reset()
    with CONTENDERS[OURS].open(sink.origin, 0) as deliver:
        base = memory("VmRSS")
        deliver(stream(min(events, _WARM_UP)), small)
        before = sink.counts()
        cpu, begun = time.process_time(), time.perf_counter()
        deliver(chain.from_iterable(marked()), small)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
        after = sink.counts()
    taken = [end - start for start, end in pairwise(times)]
    return {
        "events_per_second": events / seconds,
        "cpu_seconds_per_100000": cpu / events * 100_000,
        "memory_mb": memory("VmHWM") - base,
        "growth_mb": max(held[_STEPS // 5 + 1 :]) - held[_STEPS // 5],
        "slower": taken[-1] / taken[0],
        **({"lost": counted(before, after, events)["lost"]} if before and after else {}),
    }


if __name__ == "__main__":
    events, step, kind, origin = sys.argv[1:]
    print(json.dumps(_stream(int(events), int(step), Sink(kind, origin))))
