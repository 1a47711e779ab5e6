"""What the tests of a shared pace have in common: the script in Redis as Python, a stand-in for Redis, and counting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["Row", "StubRedis", "most_in_a_window"]


class Row:
    """The row of places, as the script keeps it: the same words, the same arithmetic."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a server without persistence does."""
        self.next = self.open = self.slowed = self.last = 0.0
        self.share = 1.0
        self.seen: float | None = None

    def grant(self, now: float, args: Sequence[Any]) -> list[int]:
        count, step, span, ahead, closed, slow, cut_off, recovery, least, slowing = map(float, args)
        seen = now if self.seen is None else self.seen
        self.share = min(1.0, self.share + recovery * max(0.0, now - seen))
        if slow and abs(now - self.slowed) >= slowing:
            self.share = max(least, self.share / 2)
            self.slowed = now
        spacing = math.ceil(step / self.share)
        self.next = min(self.next, now + ahead + span + spacing)
        self.open = min(self.open, now + closed)
        if cut_off >= 0 and max(self.last, self.open) < now - cut_off:
            self.open = now + closed
            self.next = max(self.next, self.open)
        start, given, wait = max(now, self.next), 0.0, 0.0
        if now < self.open:
            wait = self.open - now
        elif start > now + ahead:
            wait = start - now - ahead
        elif count > 0:
            given = min(count, max(1, span // spacing))
            self.next = start + given * spacing
            self.last = now
        self.seen = now
        return [int(given), int(start - now), spacing, int(wait), int(now < self.open)]


class StubRedis:
    """A client whose server keeps a `Row`, by a clock that is handed in; it is away when it is told so."""

    def __init__(self, monotonic: Callable[[], float], row: Row | None = None) -> None:
        self.monotonic = monotonic
        self.row = row or Row()
        self.keys: set[str] = set()
        self.orders: list[list[Any]] = []
        self.away = False
        self.broken = False  # the connection, by a restart that shows at the next order only
        self.seconds: Callable[[], object] = lambda: None  # what happens while it answers

    def register_script(self, text: str) -> Callable[..., list[int]]:
        return self._run

    def _run(self, keys: list[str], args: list[Any]) -> list[int]:
        self.orders.append(args)
        if self.away or self.broken:
            self.broken = False
            raise ConnectionError("redis://:secret@host is away")
        self.keys |= set(keys)
        answer = self.row.grant(round(1e15 + 1e6 * self.monotonic()), args)
        self.seconds()
        return answer


def most_in_a_window(moments: Iterable[float], seconds: float) -> int:
    """Count the most moments that any window of this length holds, its end not included."""
    found = sorted(moments)
    most = first = 0
    for last, moment in enumerate(found):
        while moment - found[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
