"""One contender, one stream, one fresh process: ``python -m benchmarks.measure CONTENDER SIZE EVENTS SINK ORIGIN``.

Fresh, so that nobody inherits another's memory, connections or warm caches. Prints a JSON object.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.rows import SIZES, stream
from benchmarks.sinks import Sink

__all__ = ["measure"]

_WARM_UP = 2_000


def measure(contender: str, size: str, events: int, sink: Sink) -> dict[str, Any]:
    """Deliver a stream and say what it took."""
    build = SIZES[size]
    rows = stream(events)
    with CONTENDERS[contender](sink.origin, max(events, _WARM_UP)) as deliver:
        before = _memory("VmRSS")
        deliver(stream(min(events, _WARM_UP)), build)
        sink.reset()
        cpu, begun = time.process_time(), time.perf_counter()
        deliver(rows, build)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
        counts = sink.counts()
        if counts is not None:
            # To the last answer: the official client goes on waiting for more before it says that it is done.
            seconds = time.perf_counter() - begun - counts.quiet
        return {
            "events_per_second": events / seconds,
            "cpu_seconds_per_100000": cpu / events * 100_000,
            "memory_mb": max(0.0, _memory("VmHWM") - before),
            "requests": counts and counts.requests,
            "bytes_per_event": counts and counts.bytes / events,
            "lost": counts and events - counts.events,
        }


def _memory(field: str) -> float:
    """Resident memory of this process in MB: what it is (VmRSS) or the most it was (VmHWM)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(rf"{field}:\s*(\d+) kB", status.read_text())[1]) / 1024  # type: ignore[index]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024**2 if sys.platform == "darwin" else most / 1024


if __name__ == "__main__":
    contender, size, events, kind, origin = sys.argv[1:]
    print(json.dumps(measure(contender, size, int(events), Sink(kind, origin))))
