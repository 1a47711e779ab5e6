"""What the sync and the async client have in common: everything but waiting."""

from __future__ import annotations

import os
import random
from collections import deque
from hashlib import blake2b
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from cio_pipelines import constants

from cio_facade.clock import Clock, Stamps
from cio_facade.compression import Gzip
from cio_facade.config import Limits, Settings
from cio_facade.delivery import Delivery
from cio_facade.encoding import Encoder
from cio_facade.errors import ValidationError
from cio_facade.ids import MessageIds, ids_of_this_process
from cio_facade.leases import RedisPace
from cio_facade.observing import Gauges, Watch
from cio_facade.outcomes import Receipt
from cio_facade.pacing import Pace, part
from cio_facade.packing import Packing, Parcel
from cio_facade.policy import Policy
from cio_facade.retrying import Retry
from cio_facade.streams import LINGER, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from cio_facade.answers import Answer
    from cio_facade.config import NaivePolicy
    from cio_facade.departures import Pacer
    from cio_facade.encoding import Encoded
    from cio_facade.messages import CallModel
    from cio_facade.observing import Observer
    from cio_facade.outcomes import DeadLetter

__all__ = ["Core", "receipt"]


class Core:
    """The settings of a client, and the makers of what it sends by.

    Parameters
    ----------
    settings : Settings
        Key and server.
    limits, retry
        As given to the client.
    naive : {"refuse", "utc", "local"}
        What a datetime without a time zone means.
    clock : Clock
        Time.
    gzip : bool
        Whether bodies go compressed.
    observer : Observer or None
        Who is told what happens.
    pace : Pacer or None
        As given to the client.
    """

    def __init__(
        self,
        settings: Settings,
        limits: Limits | None,
        retry: Retry | None,
        naive: NaivePolicy,
        clock: Clock | None,
        *,
        gzip: bool = False,
        observer: Observer | None = None,
        pace: Pacer | None = None,
    ) -> None:
        if gzip and not settings.strict:
            raise ValidationError(
                field="gzip",
                problem="needs strict mode: without it, a server that cannot read it says 200 all the same",
            )
        self.settings = settings
        self.limits = limits or Limits()
        self.retry = retry or Retry()
        self.clock = clock or Clock()
        self._naive: NaivePolicy = naive
        self.stamp = Stamps(self.clock.time)
        self.policy = Policy(settings, self.clock, self.stamp, Gzip() if gzip else None)
        self._encoder = Encoder(self.limits, MessageIds(), naive=naive)
        self._pace: Pacer = _paces.of(settings, self.limits, self.clock) if pace is None else pace
        if isinstance(pace, RedisPace):
            pace.bind(settings, self.limits, self.clock)
        self.watch = Watch(observer, self.clock)
        self.watch.gauges(self.gauges)

    def gauges(self) -> Gauges:
        """Tell how things stand: here, the pace."""
        return Gauges(pace=getattr(self._pace, "rate", None))

    def attempted(self, parcel: Parcel, request: httpx.Request, answer: Answer, begun: float) -> Answer:
        """Tell who watches of an attempt to deliver a parcel, and give the answer with what was learned from it."""
        self.watch.attempted(parcel, request, answer, begun)
        return self.policy.learned(parcel, request, answer)

    def encode(self, message: CallModel) -> tuple[Encoded, Parcel]:
        """Make a parcel of a message alone, for the endpoint of its type."""
        encoded = self._encoder.encode(message)
        path = constants.PATHS[encoded.kind]
        return encoded, Parcel(encoded.data, [len(encoded.data)], [0], path, batch=False)

    def single(self, parcel: Parcel) -> Delivery:
        """Begin a delivery of one parcel."""
        delivery = Delivery(None, self._pace, self.retry, random.random, count=self.watch.count)
        delivery.put(parcel)
        return delivery

    def delivery(self, *, in_flight: int | None = None, **how: Any) -> Delivery:
        """Begin a delivery of many messages; `how` as for `Delivery`."""
        limits = self.limits
        in_flight = in_flight or limits.in_flight
        order = {"shards": 1} if in_flight == 1 else {}  # in one lane all keep their order, not each person's only
        packing = Packing(constants.BATCH_PATH, limits.batch_bytes, limits.batch_calls, **order)
        return Delivery(
            packing,
            self._pace,
            self.retry,
            random.random,
            in_flight=in_flight,
            count=self.watch.count,
            **how,
        )

    def stream(self, on_dead_letter: Callable[[DeadLetter], object] | None, timeout: float | None) -> Stream:
        """Begin a stream of messages from a source."""
        deadline = None if timeout is None else self.clock.monotonic() + timeout
        news: deque[DeadLetter] | None = None if on_dead_letter is None else deque()
        return Stream(
            self.delivery(linger=LINGER, deadline=deadline, news=news),
            self.encoder(),
            self.clock,
            body_bytes=self.limits.batch_bytes,
            deadline=deadline,
            news=news,
            on_dead_letter=on_dead_letter,
        )

    def encoder(self) -> Encoder:
        """Make what encodes messages that may be held back: stamped, since the time of arrival is not theirs."""
        return Encoder(self.limits, ids_of_this_process(), self.stamp, self._naive)


def receipt(delivery: Delivery, encoded: Encoded, status: int) -> Receipt:
    """Give the receipt of a single call; raise when it was not delivered."""
    report = delivery.close()
    if report.delivered:
        return Receipt(encoded.message_id, status, report.requests)
    error = delivery.error()
    assert error is not None  # noqa: S101  a call that is not delivered was refused or given up
    raise error


class _SharedPace(Pace):
    """A pace for all clients of a key in this process."""

    def __init__(self, requests: int, seconds: float) -> None:
        super().__init__(requests, seconds)
        self.unlock()

    def unlock(self) -> None:
        """Begin with a fresh lock: after a fork, the thread that held it may not be there."""
        self._lock = RLock()  # a signal handler may send while its thread is in here; at worst two go at once

    def reserve(self, now: float) -> float:
        with self._lock:
            return super().reserve(now)

    def departed(self, now: float) -> None:
        with self._lock:
            super().departed(now)

    def slow_down(self, now: float) -> None:
        with self._lock:
            super().slow_down(now)


class _Paces:
    """The paces of this process, by key and server; each lives as long as its clients."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._known: WeakValueDictionary[tuple[object, ...], _SharedPace] = WeakValueDictionary()

    def of(self, settings: Settings, limits: Limits, clock: Clock) -> _SharedPace:
        """Give the pace that all clients of this key share."""
        key = blake2b(settings.api_key.encode(), digest_size=16).digest()
        # Clients that tell the time differently cannot share departure times.
        time = type(clock) if type(clock) is Clock else id(clock)
        window = part(limits.window_requests, limits.window_seconds, limits.share)
        place = (key, settings.base_url, window, time)
        with self._lock:
            pace = self._known.get(place)
            if pace is None:
                pace = self._known[place] = _SharedPace(*window)
            return pace

    def unlock(self) -> None:
        """Begin with fresh locks after a fork."""
        self._lock = RLock()
        for pace in self._known.values():
            pace.unlock()


# The limit is one for all that a process sends with a key, so this must be shared.
_paces = _Paces()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_paces.unlock)
