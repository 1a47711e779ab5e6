"""The rows of a load on their way: pieces are fed to a delivery, and what becomes of each row is noted."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from cio_facade.crew import Crew
from cio_facade.loading.report import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cio_facade.answers import Answer
    from cio_facade.core import Core
    from cio_facade.delivery import Delivery, Settled
    from cio_facade.loading.journal import LoadJournal
    from cio_facade.loading.pieces import Piece
    from cio_facade.packing import Parcel

__all__ = ["Sending"]

_TELL_EVERY = 0.1  # seconds
_WORTH_WRITING = 1 << 16  # rows
_ALONE = "batch[0]."  # who mends a row knows of no batch


class Sending:
    """Rows on their way.

    Parameters
    ----------
    core : Core
        The client's, or one that sends nothing.
    post : callable
        Makes a request of a parcel and waits for the answer.
    journal : LoadJournal
        Where it is noted what became of rows.
    rows, broken : int
        Rows of the source that can be read, and that cannot.
    deadline : float or None
        Time of the clock after which nothing more is sent.
    watchers : iterable of callable
        Get what was settled, before it is noted: what they keep may be said twice after a crash, but is never lost.
    on_progress : callable, optional
        Gets a `Progress` now and then.
    """

    def __init__(
        self,
        core: Core,
        post: Callable[[Parcel], Answer],
        journal: LoadJournal,
        *,
        rows: int,
        broken: int,
        deadline: float | None = None,
        watchers: Iterable[Callable[[Settled], object]] = (),
        on_progress: Callable[[Progress], object] | None = None,
    ) -> None:
        self._journal, self._clock = journal, core.clock
        self._rows, self._broken = rows + broken, broken
        self._deadline, self._watchers, self._on_progress = deadline, tuple(watchers), on_progress
        self._news: deque[Settled] = deque()
        self._writing = Lock()
        self._settled_here = 0  # rows, without the server, that may not be written down
        self._waiting = 0  # bytes, those under way included
        self._enough = core.limits.in_flight * core.limits.batch_bytes
        self.failed = 0
        self.reasons: Counter[str] = Counter()
        """Why rows failed."""
        self.delivery: Delivery = core.delivery(deadline=deadline, on_settled=self._on_settled)
        self._crew = Crew(self.delivery, post, core.clock, core.limits.in_flight, self._write)
        self._before = self._settled_rows()
        self._begun = core.clock.monotonic()
        self._told = float("-inf")

    def send(self, pieces: Iterable[Piece]) -> None:
        """Send all of them; what is not settled afterwards had no time, or delivery had to stop.

        Raises
        ------
        CustomerIOError
            The key is wrong, or the retry budget is spent while nobody gets through.
        """
        delivery, crew = self.delivery, self._crew
        try:
            for piece in pieces:
                self._feed(piece)
                crew.give_way()
                self._until(lambda: delivery.closed or not self._full)
                if delivery.closed or self._time_is_up():
                    break
            with crew.lock:
                delivery.finish()
                crew.look()
            self._until(lambda: delivery.finished)
        except BaseException:
            with crew.lock:
                delivery.stop("not sent: interrupted")
            raise
        finally:
            crew.dismiss()
            _apart(self._write)
        self._tell(now=True)
        if (error := crew.raised or delivery.failure()) is not None:
            raise error

    @property
    def seconds(self) -> float:
        """Since the rows began to be sent."""
        return self._clock.monotonic() - self._begun

    def _feed(self, piece: Piece) -> None:
        delivery = self.delivery
        if piece.refused or len(piece.unchanged):
            _apart(partial(self._settle, piece))
        with self._crew.lock:
            if piece.chunk is not None and piece.chunk.data:
                self._waiting += sum(map(len, piece.chunk.data))
                delivery.feed_many(piece.chunk, piece.places)
            for parcel in piece.parcels:
                self._waiting += len(parcel.body())
                delivery.put(parcel)
            self._crew.look()

    def _settle(self, piece: Piece) -> None:
        """Note what needs no server."""
        journal = self._journal
        for index, reason in piece.refused:
            journal.note((index,), "rejected", reason)
        journal.note(piece.unchanged, "unchanged")
        self._settled_here += len(piece.refused) + len(piece.unchanged)
        if self._settled_here >= _WORTH_WRITING:  # no answer has them written, where nothing is sent
            self._settled_here = 0
            journal.sync()

    @property
    def _full(self) -> bool:
        """Whether there is enough for all connections."""
        return self.delivery.full or self._waiting >= self._enough

    def _on_settled(self, settled: Settled) -> None:
        self._waiting -= len(settled.parcel.body())
        self._news.append(settled)

    def _write(self) -> None:
        """Write down what became of rows; a thread of the crew does, after each answer."""
        with self._writing:
            while self._news:
                self._note(self._news.popleft())
            self._journal.sync()

    def _note(self, settled: Settled) -> None:
        for watcher in self._watchers:
            watcher(settled)
        reason = (settled.reason or "").removeprefix(_ALONE)
        self._journal.note(settled.parcel.index, settled.outcome, reason or None)
        if settled.outcome == "failed":
            self.failed += len(settled.parcel)
            self.reasons[reason] += len(settled.parcel)

    def _until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, nothing more can be sent, or the time is up; tell of the progress meanwhile."""
        crew, is_done = self._crew, False
        while not is_done:
            with crew.lock:
                step = None if self._on_progress is None else self._clock.monotonic() + _TELL_EVERY
                until = min((moment for moment in (step, self._deadline) if moment is not None), default=None)
                is_done = crew.wait(done, until) or crew.raised is not None
            self._tell()
            if self._time_is_up():
                return

    def _time_is_up(self) -> bool:
        if self._deadline is None or self._clock.monotonic() < self._deadline:
            return False
        with self._crew.lock:
            self.delivery.end()
        return True

    def _settled_rows(self) -> int:
        totals = self._journal.totals()
        return totals.delivered + totals.rejected + totals.unchanged

    def _tell(self, *, now: bool = False) -> None:
        if self._on_progress is None or not (now or self._clock.monotonic() - self._told >= _TELL_EVERY):
            return
        self._told = self._clock.monotonic()
        totals, seconds = self._journal.totals(), self.seconds
        with self._crew.lock:
            requests = self.delivery.report().requests
        settled = totals.delivered + totals.rejected + totals.unchanged
        rate = (settled - self._before) / seconds if seconds > 0 else 0.0
        self._on_progress(
            Progress(
                rows=self._rows,
                settled=settled + self._broken,
                delivered=totals.delivered,
                rejected=totals.rejected + self._broken,
                failed=self.failed,
                requests=requests,
                seconds=seconds,
                rate=rate,
                left=(self._rows - self._broken - settled) / rate if rate else None,
            )
        )


def _apart(task: Callable[[], object]) -> None:
    """Do something in a thread of its own: Ctrl-C, which only this one gets, would leave it half done."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(task).result()
