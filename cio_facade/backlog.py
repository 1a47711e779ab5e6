"""What an outbox holds, and what becomes of it: all that its two twins have in common. No waiting, no threads.

In memory the messages are in the delivery and nowhere else. With a journal they are in its file first; the delivery is
fed with as many of them as fit into memory, in the order of their numbers, and only in the process that leads.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import deque
from contextlib import contextmanager
from threading import TIMEOUT_MAX, Lock, get_ident
from typing import TYPE_CHECKING, Final

import attrs
from cio_pipelines import constants

from cio_facade.accounts import message_id_of
from cio_facade.encoding import parted
from cio_facade.letters import Letter
from cio_facade.observing import Gauges
from cio_facade.outcomes import Outcome, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from cio_facade.core import Core
    from cio_facade.deadletters import DeadLetterFile
    from cio_facade.delivery import Settled
    from cio_facade.encoding import Chunk, Encoded
    from cio_facade.journal import Journal

__all__ = ["FULL", "Backlog"]

FULL: Final = "outbox full"

_log = logging.getLogger("cio_facade.outbox")

_MOST_EARLY: Final = 1_000
_READ_BYTES: Final = 1 << 22
_MOST_MARKS: Final = 256


class Backlog:
    """Messages that an outbox has taken, on their way.

    Methods that touch the delivery need whoever calls them to be alone with it; `load` and `write` do their own work
    with files, and are to be called without keeping anybody waiting.

    Parameters
    ----------
    core : Core
        The client's.
    lanes : int or None
        Requests under way at once.
    flush_interval : float
        Seconds that a message waits at most for others to fill its body.
    max_messages, max_bytes : int
        Most to be held in memory. With a journal, that has its own.
    journal : Journal, optional
        Where the messages are kept.
    letters : DeadLetterFile, optional
        Where those go that were not delivered.
    on_outcome : callable, optional
        Gets the `Outcome` of each message.
    """

    def __init__(
        self,
        core: Core,
        *,
        lanes: int | None,
        flush_interval: float,
        max_messages: int | None,
        max_bytes: int,
        journal: Journal | None,
        letters: DeadLetterFile | None,
        on_outcome: Callable[[Outcome], object] | None,
    ) -> None:
        self.journal = journal
        self.leading = journal is None
        self.delivery = core.delivery(in_flight=lanes, linger=flush_interval, patient=True, on_settled=self._on_settled)
        self.encoder = core.encoder()
        self._clock, self._stamp = core.clock, core.stamp
        self._most = max_messages, max_bytes
        self._held = self._bytes = 0  # in memory
        self._letters, self._on_outcome = letters, on_outcome
        self._news: deque[Settled | Outcome] = deque()
        self._writing = Lock()
        self._told: set[str] = set()
        self._teller: int | None = None  # the thread that is in `on_outcome`
        # With a journal: the number that is to be fed next, and what came before its turn.
        self._next = 1
        self._early: dict[int, Chunk] = {}
        self._last = self._known = -1 if journal is None else journal.last()
        self._before = None if journal is None else journal.totals()
        self._flush_to = -1  # what comes of the file up to here waits for nothing else
        self._refused = 0
        self._unburied: list[Settled] = []
        self._live = True
        self._trouble: str | None = None
        self._marks: deque[tuple[int, float]] = deque()  # the last number at a time

    # Taking messages -------------------------------------------------------------------------------------------------

    def refuse(self, reason: str, message_id: str | None) -> None:
        """Count a message as rejected that is not taken."""
        self._refused += 1
        self.delivery.refuse(reason, message_id, self._last)
        if self._on_outcome is not None:
            self._news.append(Outcome(message_id, "rejected", reason))

    def has_room(self, number: int, size: int) -> bool:
        """Whether so many messages of so many bytes fit into memory."""
        messages, most_bytes = self._most
        return (messages is None or self._held + number <= messages) and self._bytes + size <= most_bytes

    def hold_one(self, one: Encoded) -> bool:
        """Take a message into memory. True when the delivery is to be looked at."""
        self._held += 1
        self._bytes += len(one.data)
        self._last += 1
        path = None if one.kind in constants.BATCHABLE else constants.PATHS[one.kind]
        return self.delivery.feed(one.keys, one.data, path, self._last)

    def hold(self, chunk: Chunk, size: int) -> bool:
        """Take messages into memory. True when the delivery is to be looked at."""
        first = self._last + 1
        self._held += len(chunk.data)
        self._bytes += size
        self._last += len(chunk.data)
        return self.delivery.feed_many(chunk, range(first, self._last + 1))

    def kept(self, seqs: range, chunk: Chunk) -> bool:
        """Feed messages that are in the journal, if it is their turn. True when the delivery is to be looked at."""
        self._last = max(self._last, seqs[-1])
        self._known = max(self._known, seqs[-1])
        if not self.leading or seqs[0] < self._next:  # another process sends them; or they were read already
            return False
        if seqs[0] != self._next:
            if len(self._early) < _MOST_EARLY and not self.delivery.full:
                self._early[seqs[0]] = chunk
            return False
        look = False
        following: Chunk | None = chunk
        while following is not None and not self.delivery.full:
            look = self._fed(range(self._next, self._next + len(following.data)), following) or look
            following = self._early.pop(self._next, None)
        return look

    # Between journal and delivery ------------------------------------------------------------------------------------

    def lead(self) -> None:
        """Try to become the one who delivers what is in the file, and learn of what others put there."""
        if self.journal is None:
            return
        if not self.leading and self.journal.lead():
            end = self.journal.last()
            waiting = self.journal.read(0, 1)
            self._next, self.leading = (waiting[0].seqs[0] if waiting else end + 1), True
        self._known = max(self._known, self.journal.last())

    def wanted(self) -> int | None:
        """Give the number from which on the journal is to be read; None when nothing is needed of it."""
        more = self.journal is not None and self.leading and self._next <= self._known
        return self._next if more and not self.delivery.full else None

    def load(self, first: int) -> list[tuple[Sequence[int], Chunk]]:
        """Read from the journal what is to be sent next. Does not touch the delivery."""
        assert self.journal is not None  # noqa: S101  else nothing is wanted of it
        groups = self.journal.read(first, _READ_BYTES)
        return [(group.seqs, self.encoder.again(group.calls)) for group in groups]

    def loaded(self, groups: Sequence[tuple[Sequence[int], Chunk]]) -> bool:
        """Feed what was read, unless it has been fed meanwhile. True when the delivery is to be looked at."""
        look = False
        for seqs, chunk in groups:
            if self.delivery.full:
                break
            done = bisect_left(seqs, self._next)  # some of a group may have been fed since it was read
            if done < len(seqs):
                look = self._fed(seqs[done:], parted(chunk, done)[1] if done else chunk) or look
        self._early = {first: chunk for first, chunk in self._early.items() if first >= self._next}
        return look

    def _fed(self, seqs: Sequence[int], chunk: Chunk) -> bool:
        self._next = seqs[-1] + 1
        self._held += len(seqs)
        self._bytes += sum(map(len, chunk.data))
        look = self.delivery.feed_many(chunk, seqs)
        if seqs[0] <= self._flush_to:
            self.delivery.flush()
            return True
        return look

    # What became of them ---------------------------------------------------------------------------------------------

    def _on_settled(self, settled: Settled) -> None:
        self._held -= len(settled.parcel)
        self._bytes -= sum(settled.parcel.sizes)
        if self.journal is not None or self._on_outcome is not None or settled.outcome != "delivered":
            self._news.append(settled)

    def write(self, seconds: float | None = 0.0) -> None:
        """Write down what became of messages, and tell of it. A dead letter is safe before its message is let go.

        One thread at a time does. Whoever comes meanwhile waits no longer than `seconds` (None: as long as it takes):
        the one that is at it does theirs too.
        """
        if self.is_telling:  # what there is to be written will be when this is done
            return
        more = True
        seconds = TIMEOUT_MAX if seconds is None else max(0.0, min(seconds, TIMEOUT_MAX))
        while more and self._writing.acquire(timeout=seconds):
            try:
                self._write()
            finally:
                self._writing.release()
            more = bool(self._news)

    def _write(self) -> None:
        # What could not be buried comes first. What cannot now is not let go, and holds nothing else up.
        self._news.extendleft(reversed(self._unburied))
        self._unburied.clear()
        while self._news:
            news = self._news[0]
            if isinstance(news, Outcome) or news.outcome == "delivered" or self._buried(news):
                if self.journal is not None and not isinstance(news, Outcome):
                    self.journal.settle(news.parcel.index, news.outcome)
                self._news.popleft()
                self._tell(news)
            else:
                self._unburied.append(news)
                self._news.popleft()
        if self.journal is not None:
            self.journal.sync()

    def _buried(self, settled: Settled) -> bool:
        if self._letters is None:
            return True
        at, calls = self._stamp(), map(settled.parcel.call, range(len(settled.parcel)))
        try:
            self._letters.write(
                Letter(
                    message_id=message_id_of(call),
                    outcome=settled.outcome,
                    reason=settled.reason or "",
                    said=settled.said,
                    status=settled.status,
                    at=at,
                    call=call,
                )
                for call in calls
            )
        except OSError as error:
            self._log_once(f"dead letters cannot be written: {type(error).__name__}: {error.strerror}")
            return False
        return True

    def _tell(self, news: Settled | Outcome) -> None:
        if self._on_outcome is None:
            return
        if isinstance(news, Outcome):
            outcomes = [news]
        else:
            ids = (message_id_of(news.parcel.call(place)) for place in range(len(news.parcel)))
            outcomes = [Outcome(message_id, news.outcome, news.reason, news.status) for message_id in ids]
        self._teller = get_ident()
        try:
            for outcome in outcomes:
                self._tell_of(outcome, self._on_outcome)
        finally:
            self._teller = None

    def _tell_of(self, outcome: Outcome, on_outcome: Callable[[Outcome], object]) -> None:
        try:
            on_outcome(outcome)
        except (Exception, SystemExit) as error:
            self._log_once(f"on_outcome raised {type(error).__name__}")

    @property
    def is_telling(self) -> bool:
        """Whether this thread is in `on_outcome`, where nothing may be waited for: it would be for this thread."""
        return self._teller == get_ident()

    @contextmanager
    def contained(self) -> Generator[None]:
        """Have what a file refuses now be done another time: delivery goes on."""
        try:
            yield
        except Exception as error:
            self._log_once(f"the outbox's file cannot be used now: {error}")

    def _log_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            _log.error("%s (said once)", text)

    # How things stand ------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether something is to be written down."""
        return bool(self._news or self._unburied)

    @property
    def last(self) -> int:
        """The number of the message that was taken last."""
        return self._last

    def flush(self) -> int:
        """Let what was taken so far wait for nothing else; gives the number of the last."""
        self._flush_to = self._last
        self.delivery.flush()
        return self._last

    def is_settled(self, last: int) -> bool | None:
        """Whether all messages up to this number are settled, and written down as such. None: the file knows."""
        oldest = self.delivery.oldest
        if self.has_news or (oldest is not None and oldest <= last):
            return False
        return True if self.journal is None or (self.leading and self._next > last) else None

    def is_settled_in_file(self, last: int) -> bool:
        """Whether all messages up to this number are settled, by the file."""
        waiting = self.journal.read(0, 1) if self.journal is not None else []
        return not waiting or waiting[0].seqs[0] > last

    def report(self) -> Report:
        """Give the account: since the outbox was opened, with what it found then."""
        return self.of_file(self.delivery.report())

    def of_file(self, report: Report) -> Report:
        """Make the account of a delivery that of the file, where there is one."""
        if self.journal is None or self._before is None:
            return report
        now, before = self.journal.totals(), self._before
        delivered, failed = now.delivered - before.delivered, now.failed - before.failed
        rejected = now.rejected - before.rejected + self._refused
        return attrs.evolve(
            report,
            accepted=delivered + rejected + failed + now.pending,
            delivered=delivered,
            rejected=rejected,
            failed=failed,
            pending=now.pending,
        )

    def halt(self) -> None:
        """Send nothing more: what is under way is all that is still to be waited for."""
        self.delivery.stop("not sent: the outbox was closed")

    def give_up(self) -> Report:
        """End; gives the account. Without a file, what is left becomes dead letters."""
        if self.journal is not None:
            return self.report()
        if self._letters is not None:
            at = self._stamp()
            left = [
                Letter(message_id=message_id_of(call), outcome="pending", reason=reason, at=at, call=call)
                for _, call, reason in self.delivery.left()
            ]
            try:
                self._letters.write(left)
            except OSError as error:
                self._log_once(f"dead letters cannot be written: {type(error).__name__}: {error.strerror}")
        return self.delivery.close()

    def look_for_trouble(self) -> None:
        """Say when nothing gets through, and when something does again."""
        trouble, before = self.delivery.trouble, self._trouble
        self._trouble = trouble
        if trouble is not None and before is None:
            _log.warning("nothing gets through at the moment, and is kept: %s", trouble)
        elif trouble is None and before is not None:
            _log.warning("messages get through again")

    def retire(self) -> None:
        """Tell nothing more: the outbox is closed, or this is the child of a fork."""
        self._live = False

    def tick(self) -> None:
        """Note the time, for the age of what waits."""
        now, oldest = self._clock.monotonic(), self.delivery.oldest
        while self._marks and (oldest is None or self._marks[0][0] < oldest):
            self._marks.popleft()
        if oldest is not None:
            self._marks.append((self._last, now))
        if len(self._marks) > _MOST_MARKS:
            self._marks = deque(list(self._marks)[::2])

    def gauges(self) -> Gauges:
        """Tell how many wait, and how long; nothing when they are no longer this one's to tell of."""
        if not self._live:
            return Gauges()
        if self.journal is None:
            age = self._clock.monotonic() - self._marks[0][1] if self._marks else None
            return Gauges(pending=self._held, bytes=self._bytes, age=age)
        totals = self.journal.totals()
        age = None if totals.oldest is None else max(0.0, self._clock.time() - totals.oldest)
        return Gauges(pending=totals.pending, bytes=totals.bytes, age=age)
