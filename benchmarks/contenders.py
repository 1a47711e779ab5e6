"""Who competes: each takes rows of the same kind, builds its messages from them, and returns when all is delivered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from benchmarks import loops, ours, peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Any

    from benchmarks.rows import Row

    Build = Callable[[Row], dict[str, Any]]
    Deliver = Callable[[Iterable[Row], Build], object]
    Open = Callable[[str, int], AbstractContextManager[Deliver]]

__all__ = [
    "ASYNC", "ASYNC_SINGLES", "BY_HAND", "CONTENDERS", "DURABLE", "GZIP", "IDEAL", "OFFICIAL", "OFFICIAL_800", "OURS",
    "OUTBOX", "POSTHOG", "RUDDER", "SEGMENT", "SINGLES", "Contender", "defaults",
]  # fmt: skip


@attrs.frozen(kw_only=True)
class Contender:
    """A way to get rows to a server.

    Attributes
    ----------
    open : callable
        From the server's origin and the number of rows to a context that gives what delivers them.
    share : float
        What part of the events it is measured with, so that each takes a second or three.
    at_once : int
        About how many events may be under way at once: what decides with a server that takes its time.
    idles : bool
        Its flush goes on waiting for more events after the last answer. The time ends with that answer then.
    """

    open: Open
    share: float
    at_once: int
    idles: bool = False


_BODY, _BODIES = 1_450, 16  # small events in a body of 500 KB; the most requests under way

OURS, ASYNC, GZIP = "send_many", "send_many, asyncio", "send_many, gzip"
OUTBOX, DURABLE = "Outbox in memory", "Outbox on disk"
OFFICIAL, OFFICIAL_800 = "customerio-cdp-analytics", "customerio-cdp-analytics, 800 a request"
SEGMENT, RUDDER, POSTHOG = "segment-analytics-python", "rudder-sdk-python", "posthog"
SINGLES, ASYNC_SINGLES = "customerio", "async-customerio, 100 tasks"
BY_HAND, IDEAL = "hand-written loop", "ideal loop"

CONTENDERS = {
    OURS: Contender(open=ours.send_many, share=1, at_once=_BODY * _BODIES),
    ASYNC: Contender(open=ours.send_many_async, share=1, at_once=_BODY * _BODIES),
    GZIP: Contender(open=partial(ours.send_many, gzip=True), share=1 / 2, at_once=_BODY * _BODIES),
    OUTBOX: Contender(open=ours.outbox, share=1 / 2, at_once=_BODY * _BODIES),
    DURABLE: Contender(open=ours.durable_outbox, share=1 / 3, at_once=_BODY * _BODIES),
    OFFICIAL: Contender(open=peers.official, share=1 / 20, at_once=100, idles=True),
    OFFICIAL_800: Contender(open=peers.official_800, share=1 / 20, at_once=800, idles=True),
    SEGMENT: Contender(open=peers.segment, share=1 / 20, at_once=100, idles=True),
    RUDDER: Contender(open=peers.rudder, share=1 / 20, at_once=100, idles=True),
    POSTHOG: Contender(open=peers.posthog, share=1 / 20, at_once=100, idles=True),
    SINGLES: Contender(open=peers.singles, share=1 / 200, at_once=1),
    ASYNC_SINGLES: Contender(open=peers.async_singles, share=1 / 1000, at_once=100),
    BY_HAND: Contender(open=loops.by_hand, share=1, at_once=_BODY),
    IDEAL: Contender(open=loops.ideal, share=1, at_once=_BODY),
}


def defaults(who: str) -> Contender:
    """Give a client with a queue as it comes: what finds no room in it is lost."""
    its = CONTENDERS[who]
    return attrs.evolve(its, open=lambda origin, _: its.open(origin, peers.QUEUE)) if its.idles else its
