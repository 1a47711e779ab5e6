"""What both engines have in common: whether they take messages, and until when somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_facade.boxes import ASK_AGAIN, CLOSED, STOPPED, Settings
from cio_facade.errors import OutboxError

if TYPE_CHECKING:
    from cio_facade.backlog import Backlog
    from cio_facade.clock import Clock

__all__ = ["Running"]


class Running:
    """A backlog that is being delivered, by whatever does so."""

    def __init__(self, backlog: Backlog, settings: Settings, clock: Clock) -> None:
        self.backlog, self.encoder = backlog, backlog.encoder
        self._settings, self._clock = settings, clock
        self._closed = False

    def _check_open(self, raised: BaseException | None) -> None:
        if self._closed:
            raise OutboxError(CLOSED)
        if raised is not None:
            raise OutboxError(STOPPED % type(raised).__name__) from raised

    def _until(self, seconds: float | None) -> float | None:
        return None if seconds is None else self._clock.monotonic() + seconds

    def _is_late(self, until: float | None) -> bool:
        return until is not None and self._clock.monotonic() >= until

    def _soon(self, until: float | None) -> float | None:
        """When to look again: what another process does is told by nobody."""
        if self.backlog.journal is None:
            return until
        soon = self._clock.monotonic() + ASK_AGAIN
        return soon if until is None else min(until, soon)
