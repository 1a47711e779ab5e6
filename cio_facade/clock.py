"""Time as the library sees it, so that tests can put another in its place (`testing.FakeClock`)."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import Callable
    from threading import Condition

__all__ = ["Clock", "Stamps"]


class Clock:
    """The system's clock."""

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970, for stamping."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block this thread; not at all where the moment has passed meanwhile."""
        time.sleep(max(0.0, seconds))

    def wait(self, condition: Condition, seconds: float, *, idle: bool) -> bool:  # noqa: ARG002  for clocks that leap
        """Wait on a condition, no longer than this; `idle` when nothing is under way that could end the wait.

        True when it was notified.
        """
        return condition.wait(max(0.0, seconds))

    async def await_event(self, event: Event, seconds: float, *, idle: bool) -> None:  # noqa: ARG002  as above
        """Wait for an event, no longer than this; `idle` as for `wait`."""
        import asyncio  # noqa: PLC0415  as below

        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):  # `wait_for` may swallow that it is cancelled
                await event.wait()

    async def asleep(self, seconds: float) -> None:
        """Suspend this task."""
        import asyncio  # noqa: PLC0415  a third of what importing the library would cost, for those who do not use it

        await asyncio.sleep(seconds)


class Stamps:
    """The present as ISO 8601 text in UTC, to the millisecond; formatted once for all messages of a millisecond.

    Parameters
    ----------
    now : callable
        Gives seconds since 1970.

    Examples
    --------
    >>> Stamps(lambda: 0.0)()
    '1970-01-01T00:00:00.000Z'
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = (0.0, 0.0, "")

    def __call__(self) -> str:
        """Give the present."""
        now = self._now()
        begin, end, text = self._last
        if not begin <= now < end:
            millisecond = int(now * 1000)
            moment = datetime.fromtimestamp(millisecond / 1000, UTC)
            text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._last = millisecond / 1000, (millisecond + 1) / 1000, text
        return text
