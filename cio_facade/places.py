"""Places on lease: when each may be used, when it is lost, and how many to ask for. Pure: the clock is handed in.

Many processes share one row of places, `Terms.step` seconds apart in a time that is common to them. A process leases
some places at once, and may use each from its time on, but not long after it: what is not used is lost.

Why no window ever holds too many: a request that has the place ``p`` departs between ``p`` and ``p + 2 * patience``,
and may be longer on its way than another by `patience`. So it arrives, but for what all ways have in common, between
``p`` and ``p + slack``, with ``slack = 3 * patience``. What arrives in a window from ``a`` to ``a + t`` has its places
between ``a - slack`` and ``a + t``. An open interval of length ``t + slack`` holds at most ``n`` places that are
``(t + slack) / n`` apart. How many processes there are, and how many places they hold, does not matter.

The common time is known to a process only as well as a round trip is short: the place was given after the asking and
before the answer. So it may be used once its time has come by the later of the two, and is lost by the earlier one.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

__all__ = ["Hand", "Terms"]

_SLACK = 1 / 30  # of the window


class Terms(NamedTuple):
    """On which places are leased.

    Attributes
    ----------
    step : float
        Seconds from one place to the next.
    patience : float
        Seconds after its time until which a place may be taken; as many more until it must be used.

    Examples
    --------
    >>> terms = Terms.of(requests=3000, seconds=3.0)
    >>> round(1 / terms.step), round(terms.patience, 3)
    (968, 0.033)
    """

    step: float
    patience: float

    @classmethod
    def of(cls, requests: int, seconds: float) -> Terms:
        """Give the terms on which no window holds more than this."""
        slack = seconds * _SLACK
        return cls((seconds + slack) / requests, slack / 3)


class _Lease:
    """Places in a row, as the process sees them."""

    __slots__ = ("at", "left", "lost", "margin", "spacing", "taken")

    def __init__(self, at: float, margin: float, spacing: float, count: int) -> None:
        self.at = at  # when the next place may be used
        self.margin = margin  # seconds after that in which it may be taken
        self.spacing, self.left = spacing, count
        self.taken = 0
        self.lost = False

    def take(self, now: float) -> float | None:
        if (late := now - self.at - self.margin) > 0:
            self._pass(min(self.left, int(late / self.spacing) + 1))
            self.lost = True
        if not self.left:
            return None
        at = max(now, self.at)
        self._pass(1)
        self.taken += 1
        return at

    def _pass(self, number: int) -> None:
        self.at += number * self.spacing
        self.left -= number


class Hand:
    """The places that a process has at hand.

    Parameters
    ----------
    terms : Terms
        On which they were leased.
    most : int
        Places in a lease, 1 or more.

    Examples
    --------
    >>> hand = Hand(Terms.of(requests=10, seconds=9.0), most=25)
    >>> hand.add(asked=1.0, came=1.01, start=0.0, spacing=0.5, count=2)
    >>> [hand.take(1.02), hand.take(1.02), hand.take(1.02)]
    [1.02, 1.51, None]
    """

    def __init__(self, terms: Terms, most: int) -> None:
        self._patience, self._most = terms.patience, most
        self._leases: deque[_Lease] = deque()
        self._left = 0
        self._size = 1

    def take(self, now: float) -> float | None:
        """Take the next place; gives its time, `now` or later. None when there is none."""
        while self._leases:
            lease = self._leases[0]
            if used_up := not lease.left:
                at = None
            else:
                before = lease.left
                at = lease.take(now)
                self._left += lease.left - before
            if at is not None:
                return at
            self._leases.popleft()
            self._learn(lease, now, used_up=used_up)
        return None

    def add(self, asked: float, came: float, start: float, spacing: float, count: int) -> None:
        """Take a lease: `count` places from `start` seconds after it was given, which was between two moments."""
        self._leases.append(_Lease(came + start, self._patience - (came - asked), spacing, count))
        self._left += count

    @property
    def low(self) -> bool:
        """Whether it is time to ask for more ahead; never where one at a time is enough."""
        return self._size > 1 and self._left <= self._size // 2

    def wanted(self) -> int:
        """Tell how many places to ask for now; 0 while there are enough."""
        return self._size if self._left <= self._size // 2 else 0

    def _learn(self, lease: _Lease, now: float, *, used_up: bool) -> None:
        """Ask for as many as can be used: what is lost is lost for all."""
        if lease.lost:
            self._size = max(1, lease.taken)
        elif used_up and now <= lease.at + lease.margin:  # and more could have been
            self._size = min(self._most, self._size + 1 + self._size // 4)
