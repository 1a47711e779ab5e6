"""What to do next, and what became of it: the one place where delivery is decided. No I/O, no clock, no threads.

A driver feeds messages, does what `Delivery.next` says, and reports each answer to `Delivery.completed`, in whatever
order answers come. Sync and async clients, single calls, streams and the outbox are drivers of a few lines. One thread
or task at a time may use a `Delivery`; only `Send` and `Answer` cross to others.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from cio_facade.accounts import Account, letters_of, message_id_of
from cio_facade.answers import error_for, scrubbed
from cio_facade.departures import Departures
from cio_facade.lingering import Linger
from cio_facade.outcomes import DeadLetter, Report
from cio_facade.retrying import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cio_facade.answers import Answer
    from cio_facade.departures import Pacer
    from cio_facade.encoding import Chunk
    from cio_facade.errors import CustomerIOError
    from cio_facade.packing import Packing, Parcel
    from cio_facade.retrying import Retry

__all__ = ["Delivery", "Send", "Settled", "Wait"]

_UNDER_WAY = "under way when delivery stopped: it may have arrived"
_TIME_IS_UP = "not sent: the time was up"
_CROWD = 429  # says nothing about the calls, whoever else gets through


class Send(NamedTuple):
    """Post this, and report the answer under this ticket."""

    ticket: int
    parcel: Parcel


class Wait(NamedTuple):
    """Nothing to send before `until`; None: before an answer, or more input, comes."""

    until: float | None


class Settled(NamedTuple):
    """The calls of a parcel need nothing more: they were delivered, rejected or failed, for this reason."""

    parcel: Parcel
    outcome: Literal["delivered", "rejected", "failed"]
    reason: str | None = None
    said: tuple[str, ...] = ()
    status: int | None = None


class Delivery:
    """Messages on their way.

    Parameters
    ----------
    packing : Packing or None
        Cuts bodies from what is fed. None where only whole parcels are put.
    pace : Pacer
        When a request may go.
    retry : Retry
        What follows an answer.
    jitter : callable
        Gives random numbers from 0 to 1.
    in_flight : int
        Most requests under way at once.
    linger : float, optional
        Seconds that a call waits for others to fill its body. None: until `finish`.
    deadline : float, optional
        The time at which delivery stops.
    patient : bool
        Whether to go on when the key is refused or the retry budget is spent while nobody gets through.
    news : deque, optional
        Gets the letter of each message that is not delivered, as soon as that is known.
    on_settled : callable, optional
        Gets each `Settled`.
    count : callable, optional
        Gets what is counted, and how many: for whoever watches.
    """

    def __init__(
        self,
        packing: Packing | None,
        pace: Pacer,
        retry: Retry,
        jitter: Callable[[], float],
        *,
        in_flight: int = 1,
        linger: float | None = None,
        deadline: float | None = None,
        patient: bool = False,
        news: deque[DeadLetter] | None = None,
        on_settled: Callable[[Settled], object] | None = None,
        count: Callable[[str, int], object] | None = None,
    ) -> None:
        self._packing, self._retry, self._jitter = packing, retry, jitter
        self._pace, self._departures = pace, Departures(pace)
        self._in_flight, self._deadline, self._patient = in_flight, deadline, patient
        self._linger = Linger(linger)
        self._account = Account(news)
        self._on_settled, self._count = on_settled, count
        self._away = 0  # the shards that are travelling, a bit each
        self._queue: deque[Parcel] = deque()  # cut by others, waiting for their shards
        self._ready: deque[Parcel] = deque()
        self._later: list[tuple[float, int, Parcel]] = []
        self._flying: dict[int, Parcel] = {}
        self._tickets = 0
        self._everything = False
        self._through = float("-inf")  # when the server last took something
        self._stopped: str | None = None
        self._gave_up = False
        self._undone: tuple[Parcel, Answer] | None = None  # what the last error was about
        self.trouble: str | None = None
        """Why nothing gets through at the moment, where delivery is patient."""

    # What comes in ---------------------------------------------------------------------------------------------------

    def feed(self, keys: tuple[str, ...], data: bytes, path: str | None = None, index: int | None = None) -> bool:
        """Take an encoded call; with a `path`, it travels alone. True when `next` may have something to do."""
        index = self._linger.newest = self._account.accepted if index is None else index
        self._accept(1)
        assert self._packing is not None  # noqa: S101  a stream is always given one
        return self._packing.feed(keys, data, index, path) or self._linger.begins

    def feed_many(self, chunk: Chunk, index: Sequence[int]) -> bool:
        """Take encoded calls, each with its index, which rise. True when `next` may have something to do."""
        if not chunk.data:
            return False
        assert self._packing is not None  # noqa: S101  as above
        self._accept(len(chunk.data))
        self._linger.newest = index[-1]
        self._packing.feed_many(chunk.data, chunk.keys, index, chunk.alone)
        return self._packing.ready or self._linger.begins

    def put(self, parcel: Parcel) -> None:
        """Take a parcel that somebody else has cut; it waits for the people whom it shares with parcels under way."""
        self._accept(len(parcel))
        self._queue.append(parcel)

    def refuse(self, reason: str, message_id: str | None = None, index: int | None = None) -> None:
        """Take a message that is not fit to be sent into the account."""
        index = self._account.accepted if index is None else index
        self._accept(1)
        self._account.rejected += 1
        self._account.undelivered(DeadLetter(message_id, index, reason, None))
        if self._count is not None:
            self._count("rejected", 1)

    def flush(self) -> None:
        """Let what has been fed so far wait for nothing else to fill its bodies."""
        self._linger.end()

    def finish(self) -> None:
        """No more comes in: bodies need not be full any more."""
        self._everything = True

    def stop(self, reason: str) -> None:
        """Send nothing more. What is not settled stays pending, for this reason."""
        self._stopped = self._stopped or reason

    def end(self) -> None:
        """Send nothing more, since the time is up."""
        self.stop(_TIME_IS_UP)

    @property
    def full(self) -> bool:
        """Whether no more should be fed until something has been sent."""
        return self._packing is not None and self._packing.full

    @property
    def closed(self) -> bool:
        """Whether feeding more is of no use."""
        return self._stopped is not None

    @property
    def oldest(self) -> int | None:
        """The least index that is not settled."""
        parcels = chain(self._flying.values(), self._ready, self._queue, (parcel for _, _, parcel in self._later))
        waiting = self._packing.oldest if self._packing is not None else None
        indexes = (min(parcel.index) for first in parcels for parcel in _followed(first))
        return min(chain(indexes, () if waiting is None else (waiting,)), default=None)

    @property
    def finished(self) -> bool:
        """Whether no answer is awaited, and nothing is left to be sent."""
        return not self._flying and (self._stopped is not None or self._account.pending == 0)

    # What to do ------------------------------------------------------------------------------------------------------

    def next(self, now: float) -> Send | Wait | None:
        """Say what to do at this time. None: nothing, until more comes in."""
        if self._deadline is not None and now >= self._deadline:
            self.end()
        if self._stopped is not None:
            return Wait(None) if self._flying else None
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        departure = None
        if len(self._flying) < self._in_flight and self._has_ready(now):
            departure = self._departures.at(now)
            if departure <= now:
                self._departures.departed(now)
                return self._send(self._ready.popleft(), now)
        return self._wait(departure)

    def _wait(self, departure: float | None) -> Wait | None:
        """Say until when there is nothing to do."""
        moments = [departure, self._later[0][0] if self._later else None]
        if departure is None and len(self._flying) < self._in_flight:  # else something else is waited for first
            moments.append(self._linger.at)
        at = min((moment for moment in moments if moment is not None), default=None)
        if at is None and not self._flying:
            return None
        if self._deadline is not None:
            at = self._deadline if at is None else min(at, self._deadline)
        return Wait(at)

    def completed(self, ticket: int, answer: Answer, now: float) -> Verdict:
        """Take what came of a request."""
        parcel, account = self._flying.pop(ticket), self._account
        if answer.status == 429:
            self._pace.slow_down(now)
        verdict, pause = self._retry.judge(
            answer, attempts=parcel.attempts, elapsed=now - parcel.since, calls=len(parcel), jitter=self._jitter()
        )
        match verdict:
            case Verdict.AGAIN:
                self._again(parcel, ticket, now + pause)
            case Verdict.SPLIT:
                self._split(parcel)
            case Verdict.DONE:
                account.delivered += len(parcel)
                self._through, self.trouble = now, None
                self._settled(Settled(parcel, "delivered"))
            case Verdict.REJECT:
                account.rejected += len(parcel)
                self._bury(parcel, answer, "rejected")
            case Verdict.GIVE_UP:
                self._give_up(parcel, answer, ticket, now)
        return verdict

    # What became of it -----------------------------------------------------------------------------------------------

    def report(self) -> Report:
        """Give the account as it stands."""
        return self._account.report()

    def left(self) -> Iterator[tuple[int, bytes, str]]:
        """Give what is not settled: index, bytes, and why."""
        reason = self._stopped or "not settled"
        later = (parcel for _, _, parcel in self._later)
        for first in chain(self._flying.values(), self._ready, self._queue, later):
            for parcel in _followed(first):
                why = _UNDER_WAY if parcel.attempts else reason
                for place, index in enumerate(parcel.index):
                    yield index, parcel.call(place), why
        for index, call in self._packing.waiting() if self._packing is not None else ():
            yield index, call, reason

    def close(self) -> Report:
        """Give the account at the end. What is still pending gets its letter too."""
        for index, call, reason in self.left():
            self._account.undelivered(DeadLetter(message_id_of(call), index, reason, None))
        return self.report()

    def error(self) -> CustomerIOError | None:
        """Make the error of the last call that was refused or given up; None when there was none."""
        if self._undone is None:
            return None
        parcel, answer = self._undone
        answer = answer._replace(reasons=scrubbed(answer.reasons, b"[%b]" % parcel.data))
        message_id = message_id_of(parcel.data) if len(parcel) == 1 else None
        return error_for(answer, message_id=message_id, attempts=parcel.attempts)

    def failure(self) -> CustomerIOError | None:
        """Why delivery gave up."""
        return self.error() if self._gave_up else None

    # Within ----------------------------------------------------------------------------------------------------------

    def _accept(self, number: int) -> None:
        self._account.accepted += number
        if self._count is not None:
            self._count("accepted", number)

    def _has_ready(self, now: float) -> bool:
        if not self._ready and (parcel := self._queued() or self._cut(now)) is not None:
            self._away |= parcel.mask
            self._ready.append(parcel)
        return bool(self._ready)

    def _cut(self, now: float) -> Parcel | None:
        if self._packing is None:
            return None
        self._linger.look(now, self._packing.waits_after)
        return self._packing.cut(self._away, everything=self._everything, over=self._linger.over)

    def _queued(self) -> Parcel | None:
        """Take the first parcel that shares nobody with those under way, nor with one before it that must wait."""
        blocked = self._away
        for position, parcel in enumerate(self._queue):
            if not parcel.mask & blocked:
                del self._queue[position]
                return parcel
            blocked |= parcel.mask
        return None

    def _send(self, parcel: Parcel, now: float) -> Send:
        if parcel.attempts == 0:
            parcel.since = parcel.before = parcel.left = now
        else:
            parcel.before, parcel.left = parcel.left, now
            self._account.retries += 1
            if self._count is not None:
                self._count("retries", 1)
        parcel.attempts += 1
        self._account.requests += 1
        self._tickets += 1
        self._flying[self._tickets] = parcel
        return Send(self._tickets, parcel)

    def _again(self, parcel: Parcel, ticket: int, at: float) -> None:
        heapq.heappush(self._later, (at, ticket, parcel))

    def _split(self, parcel: Parcel) -> None:
        self._ready.extendleft(reversed(parcel.halves()))

    def _give_up(self, parcel: Parcel, answer: Answer, ticket: int, now: float) -> None:
        """End a parcel's attempts, or everything: it depends on whether others get through."""
        others_do = self._through > parcel.before and answer.status != _CROWD
        if answer.transient and others_do and len(parcel) > 1:
            self._split(parcel)  # one of its calls may be what the server cannot bear
        elif answer.transient and others_do:
            self._account.failed += 1
            self._bury(parcel, answer, "failed")
        elif self._patient:
            self.trouble = _headline(answer)
            self._again(parcel, ticket, now + self._retry.cap)
        else:
            self._account.failed += len(parcel)
            self._bury(parcel, answer, "failed")
            self._gave_up = True
            self.stop(f"not sent, since delivery stopped: {_headline(answer)}")

    def _settled(self, settled: Settled) -> None:
        """Let go of the parcel's shards, or send what must follow it first."""
        parcel = settled.parcel
        if self._count is not None:
            self._count(settled.outcome, len(parcel))
        if self._on_settled is not None:
            self._on_settled(settled)
        if parcel.then is not None:
            self._ready.append(parcel.then)
        else:
            self._away &= ~parcel.mask
            if self._packing is not None:
                self._packing.look_again()

    def _bury(self, parcel: Parcel, answer: Answer, outcome: Literal["rejected", "failed"]) -> None:
        """Write the letters of a parcel that was not delivered, and let go of it."""
        if not self._gave_up:
            self._undone = parcel, answer
        # Without the others' data too: what is said of one call of a batch stands in the letters of all.
        said = scrubbed(answer.reasons, b"[%b]" % parcel.data)
        reason, status = "; ".join(said) or _headline(answer), answer.status or None
        for letter in letters_of(parcel, reason, status):
            self._account.undelivered(letter)
        self._settled(Settled(parcel, outcome, reason, said, status))


def _headline(answer: Answer) -> str:
    return str(error_for(answer._replace(reasons=(), request_id=None)))


def _followed(parcel: Parcel | None) -> Iterator[Parcel]:
    """Give a parcel and those that hang on it."""
    while parcel is not None:
        yield parcel
        parcel = parcel.then
