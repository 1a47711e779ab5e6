"""A backlog and the threads that deliver it: an outbox in one process."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from cio_facade.accounts import message_id_of
from cio_facade.answers import Answer
from cio_facade.backlog import FULL
from cio_facade.boxes import NO_ROOM, TELLING, Settings
from cio_facade.crew import Crew
from cio_facade.encoding import parted
from cio_facade.errors import OutboxError, OutboxFullError
from cio_facade.reentry import INSIDE, is_mine
from cio_facade.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cio_facade.backlog import Backlog
    from cio_facade.clock import Clock
    from cio_facade.encoding import Chunk, Encoded
    from cio_facade.outcomes import Report
    from cio_facade.packing import Parcel

__all__ = ["Engine"]

_OFTEN = 128  # messages after which those who post get a turn


class Engine(Running):
    """A backlog and the threads that deliver it, in one process."""

    def __init__(
        self, backlog: Backlog, post: Callable[[Parcel], Answer], settings: Settings, clock: Clock, lanes: int
    ) -> None:
        super().__init__(backlog, settings, clock)
        self._post = post
        self._crew = Crew(backlog.delivery, self._attempt, clock, lanes, self._afterwards)
        self._refilling = RLock()
        self._tend()
        with self._crew.lock:
            self._crew.tend(self._tend, settings.tend_every)

    def hold_one(self, one: Encoded) -> bool:
        """Take a message into memory if there is room: the shortest way for what is done most often."""
        backlog, crew = self.backlog, self._crew
        if backlog.journal is not None:
            return False
        if is_mine(crew.lock):
            raise OutboxError(INSIDE)
        with crew.lock:
            if self._closed or crew.raised is not None or not backlog.has_room(1, len(one.data)):
                return False
            look = backlog.hold_one(one)
            if look:
                crew.look()
        if look or backlog.last % _OFTEN == 0:
            crew.give_way()
        return True

    def put(self, chunk: Chunk, timeout: float | None) -> int:
        """Take messages that are fit to be sent, all or none; in halves where all are more than ever fit."""
        self._check_outside()
        size = sum(map(len, chunk.data))
        if len(chunk.data) > 1 and self._settings.never_fits(len(chunk.data), size):
            return sum(self.put(half, timeout) for half in parted(chunk, len(chunk.data) // 2))
        until = self._until(timeout)
        if (self._hold if self.backlog.journal is None else self._keep)(chunk, size, until):
            return len(chunk.data)
        self.refuse((FULL, message_id_of(call)) for call in chunk.data)
        return 0

    def refuse(self, refused: Iterable[tuple[str, str | None]]) -> None:
        """Count messages as rejected that are not taken."""
        self._check_outside()
        with self._crew.lock:
            for reason, message_id in refused:
                self.backlog.refuse(reason, message_id)
        self.backlog.write()
        with self._crew.lock:
            self._crew.progressed()  # a flush waits for what there is to be told, too

    def flush(self, timeout: float | None) -> None:
        """Wait until all that was put before is settled."""
        self._check_outside()
        crew, backlog = self._crew, self.backlog
        if backlog.is_telling:
            raise OutboxError(TELLING)
        until = self._until(timeout)
        with crew.lock:
            last = backlog.flush()
        while True:
            with crew.lock:
                crew.wait(lambda: backlog.is_settled(last) is True, self._soon(until))
                settled = backlog.is_settled(last)
            if self._is_late(until) or settled or crew.raised or (settled is None and backlog.is_settled_in_file(last)):
                return
            if settled is None:  # another process may have ended, or put what must go before
                self._tend()

    def report(self) -> Report:
        """Give the account as it stands."""
        self._check_outside()
        with self._crew.lock:
            report = self.backlog.delivery.report()
        return self.backlog.of_file(report)

    def close(self, timeout: float | None) -> Report:
        """Take no more, flush, and end."""
        self._check_outside()
        if self.backlog.is_telling:
            raise OutboxError(TELLING)
        self._closed = True
        until = self._until(timeout)
        self.flush(timeout)
        # What others have put and this one sends may be under way; to leave it would be to have it sent twice.
        with self._crew.lock:
            self.backlog.halt()
            self._crew.wait(lambda: self.backlog.delivery.finished, until)
        self.backlog.write(None if until is None else until - self._clock.monotonic())
        with self._crew.lock:
            report = self.backlog.give_up()
        self._crew.dismiss()
        return report

    def _hold(self, chunk: Chunk, size: int, until: float | None) -> bool:
        """Take messages into memory."""
        backlog, crew, number = self.backlog, self._crew, len(chunk.data)
        with crew.lock:
            self._check_open(crew.raised)
            if not backlog.has_room(number, size):
                if not self._may_wait(until, number, size):
                    return False
                backlog.delivery.flush()
                if not crew.wait(lambda: self._closed or backlog.has_room(number, size), until):
                    raise OutboxFullError(NO_ROOM)
                self._check_open(crew.raised)
            look = backlog.hold(chunk, size)
            if look:
                crew.look()
        if look or backlog.last % _OFTEN < number:
            crew.give_way()
        return True

    def _keep(self, chunk: Chunk, size: int, until: float | None) -> bool:
        """Take messages into the file."""
        backlog, crew, journal = self.backlog, self._crew, self.backlog.journal
        assert journal is not None  # noqa: S101  else they are held
        while True:
            self._check_open(crew.raised)
            try:
                seqs = journal.append(chunk.data)
            except OutboxFullError:
                if not self._may_wait(until, len(chunk.data), size):
                    return False
                with crew.lock:
                    backlog.delivery.flush()
                    crew.wait(lambda: self._closed, self._soon(until))
            else:
                break
        with crew.lock:
            if backlog.kept(seqs, chunk):
                crew.look()
        crew.give_way()
        return True

    def _check_outside(self) -> None:
        journal = self.backlog.journal
        if is_mine(self._crew.lock) or is_mine(self._refilling) or (journal is not None and journal.is_busy_here):
            raise OutboxError(INSIDE)

    def _may_wait(self, until: float | None, number: int, size: int) -> bool:
        return self._settings.may_wait(number, size, late=self.backlog.is_telling or self._is_late(until))

    def _attempt(self, parcel: Parcel) -> Answer:
        try:
            return self._post(parcel)
        except Exception as error:  # the caller's own transport: it may be mended, and nobody waits here to be told
            return Answer(0, (f"the transport raised {type(error).__name__}",))

    def _afterwards(self) -> None:
        with self.backlog.contained():
            self.backlog.write()
            self._refill()
        with self._crew.lock:
            self._crew.progressed()

    def _tend(self) -> None:
        """Look after what nobody else starts: leading, reading on, and writing down what could not be written."""
        with self.backlog.contained():
            self.backlog.lead()
        self._afterwards()
        with self._crew.lock:
            self.backlog.tick()
            self.backlog.look_for_trouble()

    def _refill(self) -> None:
        """Feed what waits in the file and fits into memory."""
        backlog, crew = self.backlog, self._crew
        with self._refilling:
            with crew.lock:
                first = backlog.wanted()
            if first is None:
                return
            groups = backlog.load(first)
            with crew.lock:
                if backlog.loaded(groups):
                    crew.look()
