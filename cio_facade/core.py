"""What the sync and the async client have in common: everything but waiting."""

from __future__ import annotations

import os
import random
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from cio_pipelines import constants

from cio_facade.answers import Answer
from cio_facade.clock import Clock, Stamps
from cio_facade.config import Limits, Settings
from cio_facade.delivery import Delivery
from cio_facade.encoding import Encoder
from cio_facade.errors import ValidationError
from cio_facade.ids import MessageIds, ids_of_a_stream
from cio_facade.outcomes import Receipt
from cio_facade.pacing import Pace
from cio_facade.packing import Packing, Parcel
from cio_facade.policy import Policy
from cio_facade.retrying import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from cio_facade.config import NaivePolicy
    from cio_facade.encoding import Encoded
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import DeadLetter, Report

__all__ = ["Core", "Stream", "receipt"]

_Error = TypeVar("_Error", bound=BaseException)


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
    """

    def __init__(
        self, settings: Settings, limits: Limits | None, retry: Retry | None, naive: NaivePolicy, clock: Clock | None
    ) -> None:
        self.settings = settings
        self.limits = limits or Limits()
        self.retry = retry or Retry()
        self.clock = clock or Clock()
        self._naive: NaivePolicy = naive
        self._stamps = Stamps(self.clock.time)
        self.policy = Policy(settings, self.clock, self._stamps)
        self._encoder = Encoder(self.limits, MessageIds(), naive=naive)
        self._pace = _paces.of(settings, self.limits, self.clock)

    def encode(self, message: CallModel) -> tuple[Encoded, Parcel]:
        """Make a parcel of a message alone, for the endpoint of its type."""
        encoded = self._encoder.encode(message)
        path = constants.PATHS[encoded.kind]
        return encoded, Parcel(encoded.data, [len(encoded.data)], [0], path, batch=False)

    def single(self, parcel: Parcel) -> Delivery:
        """Begin a delivery of one parcel."""
        delivery = Delivery(None, self._pace, self.retry, random.random)
        delivery.put(parcel)
        return delivery

    def stream(self, on_dead_letter: Callable[[DeadLetter], object] | None, timeout: float | None) -> Stream:
        """Begin a delivery of many messages."""
        packing = Packing(constants.BATCH_PATH, self.limits.batch_bytes, self.limits.batch_calls)
        delivery = Delivery(
            packing,
            self._pace,
            self.retry,
            random.random,
            in_flight=self.limits.in_flight,
            on_dead_letter=on_dead_letter,
        )
        # A single call goes out at once, so the server's own time is right. What is streamed may be held back.
        encoder = Encoder(self.limits, ids_of_a_stream(), self._stamps, self._naive)
        return Stream(delivery, encoder, self.clock, timeout)


class Stream:
    """Messages taken one by one into a `Delivery`, and the account they end in.

    Parameters
    ----------
    delivery : Delivery
        Where they go.
    encoder : Encoder
        What makes bytes of them.
    clock : Clock
        Time.
    timeout : float or None
        Seconds from now after which nothing more is sent.
    """

    def __init__(self, delivery: Delivery, encoder: Encoder, clock: Clock, timeout: float | None) -> None:
        self.delivery = delivery
        self.raised: BaseException | None = None
        self._encode = encoder.parts
        self._clock = clock
        self._deadline = None if timeout is None else clock.monotonic() + timeout

    def take(self, message: CallModel) -> bool:
        """Accept a message, or take it into the account as rejected. True when the delivery is to be looked at."""
        try:
            data, keys, kind, _ = self._encode(message)
        except ValidationError as error:
            self.delivery.refuse(str(error), error.message_id)
            return self.closed or self.time_is_up()
        path = None if kind in constants.BATCHABLE else constants.PATHS[kind]
        return self.delivery.feed(keys, data, path) or (self._deadline is not None and self.time_is_up())

    def completed(self, ticket: int, came: Answer | BaseException) -> None:
        """Take what came of a request; an exception that is no network error ends the stream."""
        if isinstance(came, Answer):
            self.delivery.completed(ticket, came, self._clock.monotonic())
        else:
            self.raised = self.raised or came
            self.delivery.stop(f"not sent: the transport raised {type(came).__name__}")

    @property
    def closed(self) -> bool:
        """Whether taking more is of no use."""
        return self.raised is not None or self.delivery.closed

    def time_is_up(self) -> bool:
        """Whether the deadline has passed; then the delivery is stopped too."""
        if self._deadline is None or self._clock.monotonic() < self._deadline:
            return False
        self.end()
        return True

    def end(self) -> None:
        """Send nothing more: the time is up."""
        self.delivery.stop("not sent: the time was up")

    def seconds_to(self, until: float | None) -> float | None:
        """Seconds from now to `until`, or to the deadline if that is sooner; None when neither is set."""
        if self._deadline is not None:
            until = self._deadline if until is None else min(until, self._deadline)
        return None if until is None else max(0.0, until - self._clock.monotonic())

    def result(self) -> Report:
        """Give the report; raise what ended the stream early, with the report in its ``report``."""
        report = self.delivery.close()
        error = self.raised or self.delivery.failure()
        if error is not None:
            raise _carrying(error, report)
        return report

    def interrupted(self, error: BaseException) -> None:
        """Put the report of how far it came on the exception that interrupts the stream."""
        self.delivery.stop("not sent: interrupted")
        _carrying(error, self.delivery.close())


def _carrying(error: _Error, report: Report) -> _Error:
    error.report = report  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return error


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
        self._lock = Lock()

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
        self._lock = Lock()
        self._known: WeakValueDictionary[tuple[object, ...], _SharedPace] = WeakValueDictionary()

    def of(self, settings: Settings, limits: Limits, clock: Clock) -> _SharedPace:
        """Give the pace that all clients of this key share."""
        key = blake2b(settings.api_key.encode(), digest_size=16).digest()
        # Clients that tell the time differently cannot share departure times.
        time = type(clock) if type(clock) is Clock else id(clock)
        place = (key, settings.base_url, limits.window_requests, limits.window_seconds, time)
        with self._lock:
            pace = self._known.get(place)
            if pace is None:
                pace = self._known[place] = _SharedPace(limits.window_requests, limits.window_seconds)
            return pace

    def unlock(self) -> None:
        """Begin with fresh locks after a fork."""
        self._lock = Lock()
        for pace in self._known.values():
            pace.unlock()


# The limit is one for all that a process sends with a key, so this must be shared.
_paces = _Paces()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_paces.unlock)
