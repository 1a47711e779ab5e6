"""A dry run: everything is done but the sending, and what would be sent is looked at."""

from __future__ import annotations

from collections import Counter
from heapq import heappush, heappushpop
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import orjson

from cio_facade.answers import Answer
from cio_facade.config import Limits, Settings
from cio_facade.core import Core
from cio_facade.loading.report import DryRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cio_facade.packing import Parcel

__all__ = ["Trial"]

_SAMPLES: Final = 3
_NOWHERE: Final = "http://localhost"


class Trial:
    """What takes the place of the server.

    Parameters
    ----------
    core : Core or None
        The client's, where there is one.
    """

    def __init__(self, core: Core | None) -> None:
        limits = Limits() if core is None else core.limits
        settings = core.settings if core else Settings.resolve("none", None, _NOWHERE, strict=True, timeout=1.0)
        self.core = Core(settings, limits, None, "refuse", core.clock if core else None, pace=_Unpaced())
        self._limits = limits
        self._lock = Lock()
        self._requests = self._bytes = self._largest = 0
        self._calls: Counter[str] = Counter()
        self._samples: list[tuple[int, bytes]] = []  # a heap of the first, the last of them on top

    def post(self, parcel: Parcel) -> Answer:
        """Look at what would be sent."""
        with self._lock:
            self._requests += 1
            self._bytes += len(parcel.body())
            self._largest = max(self._largest, *parcel.sizes)
            for place, index in enumerate(parcel.index):
                call = parcel.call(place)
                self._calls[_kind(orjson.loads(call))] += 1
                self._sample(index, call)
        return Answer(200)

    def result(self, rejected: Iterable[tuple[int, str]]) -> DryRun:
        """Say what would be sent."""
        limits = self._limits
        windows = self._requests / (limits.window_requests * limits.share)
        return DryRun(
            samples=tuple(call.decode() for _, call in sorted(self._samples, reverse=True)),
            calls=dict(self._calls.most_common()),
            requests=self._requests,
            bytes=self._bytes,
            largest=self._largest,
            seconds=windows * limits.window_seconds,
            rejected=tuple(rejected),
        )

    def _sample(self, index: int, call: bytes) -> None:
        if len(self._samples) < _SAMPLES:
            heappush(self._samples, (-index, call))
        elif -index > self._samples[0][0]:
            heappushpop(self._samples, (-index, call))


def _kind(call: Any) -> str:
    return str(call["event"] if call["type"] == "track" else call["type"])


class _Unpaced:
    """Requests that are not made need not wait."""

    rate = patience = float("inf")

    def reserve(self, now: float) -> float:
        return now

    def departed(self, now: float) -> None:
        pass

    def slow_down(self, now: float) -> None:
        pass
