"""Places in a pace: what hands them out, and the one that the next request has. Pure: the clock is handed in."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Departures", "Pacer"]

_ASK_AGAIN, _ASK_AT_LEAST = 0.002, 0.032  # seconds, of a pace that does not know yet: ever less often


class Pacer(Protocol):
    """Hands out departure times: `pacing.Pace`, or one that several clients share."""

    @property
    def rate(self) -> float:
        """Requests a second, at present."""
        ...

    @property
    def patience(self) -> float:
        """Seconds after its time that a place may still be used; later, another is taken."""
        ...

    def reserve(self, now: float) -> float | None:
        """Take the next place; gives the time of departure. None: not known yet, ask again."""
        ...

    def departed(self, now: float) -> None:
        """Note that a request went, at its time or later."""
        ...

    def slow_down(self, now: float) -> None:
        """Go slower: the server said 429."""
        ...


class Departures:
    """The place in the pace that the next request has.

    Parameters
    ----------
    pace : Pacer
        Where places are had.
    """

    def __init__(self, pace: Pacer) -> None:
        self._pace = pace
        self._at: float | None = None
        self._ask_in = _ASK_AGAIN

    def at(self, now: float) -> float:
        """When the next request may go: by the place it has, or by one that is taken now."""
        if self._at is None or now > self._at + self._pace.patience:
            self._at = self._pace.reserve(now)
        if self._at is not None:
            self._ask_in = _ASK_AGAIN
            return self._at
        at = now + self._ask_in  # the pace does not know yet
        self._ask_in = min(_ASK_AT_LEAST, 2 * self._ask_in)
        return at

    def departed(self, now: float) -> None:
        """Note that the request went; the next needs a place of its own."""
        self._at = None
        self._pace.departed(now)
