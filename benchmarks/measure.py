"""One contender, one stream, one fresh process: ``python -m benchmarks.measure CONTENDER SIZE EVENTS KIND ORIGIN``.

Fresh, so that nobody inherits another's memory, connections or warm caches. Prints a JSON object. With ``--defaults``
clients with a queue have the one that they come with.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import CONTENDERS, defaults
from benchmarks.rows import SIZES, stream
from benchmarks.sinks import Sink

if TYPE_CHECKING:
    from benchmarks.contenders import Contender

__all__ = ["measure", "memory"]

_WARM_UP = 2_000


def measure(contender: Contender, size: str, events: int, sink: Sink) -> dict[str, Any]:
    """Deliver a stream and say what it took."""
    build = SIZES[size]
    rows = stream(events)
    sink.reset()
    with contender.open(sink.origin, max(events, _WARM_UP)) as deliver:
        held = memory("VmRSS")
        deliver(stream(min(events // 10 + 1, _WARM_UP)), build)
        before = sink.counts()
        cpu, begun = time.process_time(), time.perf_counter()
        deliver(rows, build)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
        counts, now = sink.counts(), time.perf_counter()
        peak = memory("VmHWM")
    if contender.idles and counts is not None:
        seconds = now - counts.quiet - begun
    return {
        "events_per_second": events / seconds,
        "cpu_seconds_per_100000": cpu / events * 100_000,
        "memory_mb": max(0.0, peak - held),
        **(counted(before, counts, events) if before and counts else {}),
    }


def counted(before: Any, after: Any, events: int) -> dict[str, Any]:
    """Give what the sink has to say: of the stream itself, and of the connections since the process began."""
    return {
        "requests": after.requests - before.requests,
        "lost": None if after.unread else events - (after.events - before.events),
        "bytes_per_event": (after.bytes - before.bytes) / events,
        "connections": after.connections,
        "reconnections": after.connections - after.most_open,
        "most_in_flight": after.most_in_flight,
    }


def memory(field: str) -> float:
    """Resident memory of this process in MB: what it is (VmRSS) or the most it was (VmHWM)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(rf"{field}:\s*(\d+) kB", status.read_text())[1]) / 1024  # type: ignore[index]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024**2 if sys.platform == "darwin" else most / 1024


def main() -> None:
    *options, who, size, events, kind, origin = sys.argv[1:]
    if options:
        logging.disable(logging.WARNING)  # a line for each event that is dropped
    try:
        contender = defaults(who) if options else CONTENDERS[who]
        print(json.dumps(measure(contender, size, int(events), Sink(kind, origin))))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))


if __name__ == "__main__":
    main()
