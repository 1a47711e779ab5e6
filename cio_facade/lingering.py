"""How long calls wait for others to fill their body. Pure: the time is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Linger"]


class Linger:
    """The time by which what waits is to leave, full body or not.

    Nobody notes when each call came: from when something is seen to wait, all that has come until the time is over is
    due together.

    Parameters
    ----------
    seconds : float or None
        How long a call waits at most. None: for ever.

    Examples
    --------
    >>> linger = Linger(0.5)
    >>> linger.newest = 7
    >>> linger.look(10.0, lambda place: 7 > place)
    >>> linger.at, linger.over
    (10.5, -1)
    >>> linger.look(10.5, lambda place: 7 > place)
    >>> linger.at, linger.over
    (None, 7)
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.newest = -1
        """The greatest index that has come."""
        self.at: float | None = None
        """When what waits now has waited long enough."""
        self.over = -1
        """The greatest index that has waited long enough."""

    @property
    def begins(self) -> bool:
        """Whether somebody must look at the clock for what comes now."""
        return self._seconds is not None and self.at is None

    def look(self, now: float, waits_after: Callable[[int], bool]) -> None:
        """Look at the clock; `waits_after` tells whether a call waits whose index is after a given one."""
        if self._seconds is None:
            return
        if self.at is not None and self.at <= now:
            self.end()
        if not waits_after(self.over):
            self.at = None
        elif self.at is None:
            self.at = now + self._seconds

    def end(self) -> None:
        """Let what has come so far wait no longer."""
        self.at, self.over = None, self.newest
