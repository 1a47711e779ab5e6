"""When the next request may go, so that no window ever holds more than the limit. Pure: the clock is handed in.

A generic cell rate algorithm hands out departure times: nobody polls, and nothing is counted per window. With a burst
of ``b`` and a rate of ``(n - b + 1) / t``, no window of ``t`` seconds holds more than ``n`` departures, wherever it
begins.
"""

from __future__ import annotations

__all__ = ["Pace"]

_SPARE = 0.997  # departures are spaced, arrivals jitter
_LEAST_SHARE = 0.01
_SLOWING_SECONDS = 1.0
_RECOVERY_PER_SECOND = 0.05


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
    [0.0, 1.0, 2.01]
    """

    def __init__(self, requests: int, seconds: float) -> None:
        burst = max(1, requests // 60)
        self._step = seconds / (requests - burst + 1) / _SPARE
        self._slack = (burst - 1) * self._step
        self._next = float("-inf")  # when the next request would go at an even pace
        self._share = 1.0  # of the full pace
        self._slowed = self._seen = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next place; gives the time of departure, `now` or later."""
        self._recover(now)
        at = max(now, self._next - self._slack)
        self._next = max(self._next, now) + self._step / self._share
        return at

    def departed(self, now: float) -> None:
        """Note that a request went, perhaps later than its place: the window begins when it really goes."""
        self._next = max(self._next, now + self._step / self._share)

    def slow_down(self, now: float) -> None:
        """Halve the pace: the server said 429. It comes back by a twentieth of the full pace a second.

        Answers to requests that were already under way say the same thing once more, so it counts once a second.
        """
        self._recover(now)
        if now - self._slowed >= _SLOWING_SECONDS:
            self._share = max(_LEAST_SHARE, self._share / 2)
            self._slowed = now

    def _recover(self, now: float) -> None:
        if self._share < 1.0:
            self._share = min(1.0, self._share + _RECOVERY_PER_SECOND * max(0.0, now - self._seen))
        self._seen = now
