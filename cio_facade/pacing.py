"""When the next request may go, so that no window ever holds more than the limit. Pure: the clock is handed in.

A generic cell rate algorithm hands out departure times: nobody polls, and nothing is counted per window. With a burst
of ``b`` and a rate of ``(n - b + 1) / t``, no window of ``t`` seconds holds more than ``n`` departures, wherever it
begins. What counts is when they arrive, and some are longer on the way than others: so the rate is that of a window
which is longer by as much as this may be.
"""

from __future__ import annotations

import math

__all__ = ["LEAST_SHARE", "RECOVERY_PER_SECOND", "SLOWING_SECONDS", "Pace", "part"]

LEAST_SHARE = 0.01
"""Of the full pace, that is left however often the server says 429."""

RECOVERY_PER_SECOND = 0.05
"""Of the full pace, by which it comes back."""

SLOWING_SECONDS = 1.0
"""In which several 429 count as one."""

_WAY = 1 / 60  # of the window: how much longer one request may be on its way than another
_BURST = 1 / 100  # of the requests of a window: those that need not be spaced, and what can be made up for
_ROUNDING = 1e-9


def part(requests: int, seconds: float, share: float) -> tuple[int, float]:
    """Give the window that is a client's own, of one that it shares with others: whole requests, and seconds.

    Parameters
    ----------
    requests : int
        Most requests of all in a window.
    seconds : float
        Length of that window.
    share : float
        The client's part, above 0 and at most 1. What is less than one request in a window becomes one in a longer
        window: right on the long average only, since nobody can send half a request.

    Examples
    --------
    >>> part(3000, 3.0, 1 / 8)
    (375, 3.0)
    >>> part(10, 3.0, 0.05)
    (1, 6.0)
    """
    own = requests * share
    # Rounded down: two that may send a request and a half each would make four of three.
    return (math.floor(own + _ROUNDING), seconds) if own + _ROUNDING >= 1 else (1, seconds / own)


class Pace:
    """Departure times for requests.

    Parameters
    ----------
    requests : int
        Most requests in a window, 1 or more.
    seconds : float
        Length of the window.

    Examples
    --------
    >>> pace = Pace(requests=3, seconds=3)
    >>> [round(pace.reserve(0.0), 2) for _ in range(3)]
    [0.0, 1.02, 2.03]
    """

    patience = math.inf
    """Seconds after its time that a place may still be used; `departed` makes up for late ones."""

    def __init__(self, requests: int, seconds: float) -> None:
        burst = max(1, math.floor(requests * _BURST))
        self._step = seconds * (1 + _WAY) / (requests - burst + 1)
        self._slack = (burst - 1) * self._step
        self._next = -math.inf  # when the next request would go at an even pace
        self._gone = -math.inf  # the same, of those only that went, when they went
        self._share = 1.0  # of the full pace
        self._slowed = self._seen = -math.inf

    @property
    def rate(self) -> float:
        """Requests a second, at present."""
        return self._share / self._step

    def soonest(self, now: float) -> float:
        """Tell which time `reserve` would give, and take no place."""
        return max(now, self._next - self._slack)

    def reserve(self, now: float) -> float:
        """Take the next place; gives the time of departure, `now` or later."""
        self._recover(now)
        at = self.soonest(now)
        self._next = max(self._next, now) + self._step / self._share
        return at

    def departed(self, now: float) -> None:
        """Note that a request went, perhaps later than its place: the window begins when it really goes.

        A process that was held up sends at once all that should have gone meanwhile; afterwards it waits as long.
        """
        self._gone = max(self._gone, now) + self._step / self._share
        self._next = max(self._next, self._gone)

    def slow_down(self, now: float) -> None:
        """Halve the pace: the server said 429. It comes back by a twentieth of the full pace a second.

        Answers to requests that were already under way say the same thing once more, so it counts once a second.
        """
        self._recover(now)
        if now - self._slowed >= SLOWING_SECONDS:
            self._share = max(LEAST_SHARE, self._share / 2)
            self._slowed = now

    def _recover(self, now: float) -> None:
        if self._share < 1.0:
            self._share = min(1.0, self._share + RECOVERY_PER_SECOND * max(0.0, now - self._seen))
        self._seen = now
