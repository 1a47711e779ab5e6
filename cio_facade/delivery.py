"""What to do next, and what became of it: the one place where delivery is decided. No I/O, no clock, no threads.

A driver feeds messages, does what `Delivery.next` says, and reports each answer to `Delivery.completed`, in whatever
order answers come. Sync and async clients, single calls and streams are drivers of a few lines. A `Delivery` belongs to
one thread or task; only `Send` and `Answer` cross to others.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

import orjson

from cio_facade.answers import error_for, scrubbed
from cio_facade.outcomes import DeadLetter, Report
from cio_facade.retrying import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cio_facade.answers import Answer
    from cio_facade.errors import CustomerIOError
    from cio_facade.packing import Packing, Parcel
    from cio_facade.retrying import Retry

__all__ = ["Delivery", "Pacer", "Send", "Wait"]

_MOST_LETTERS = 10_000
_MOST_REASONS = 1_000
_OTHER = "other reasons"
_UNDER_WAY = "under way when delivery stopped: it may have arrived"


class Pacer(Protocol):
    """Hands out departure times: `pacing.Pace`, or one that several clients share."""

    def reserve(self, now: float) -> float:
        """Take the next place; gives the time of departure."""
        ...

    def departed(self, now: float) -> None:
        """Note that a request went, at its time or later."""
        ...

    def slow_down(self, now: float) -> None:
        """Go slower: the server said 429."""
        ...


class Send(NamedTuple):
    """Post this, and report the answer under this ticket."""

    ticket: int
    parcel: Parcel


class Wait(NamedTuple):
    """Nothing to send before `until`; None: before an answer, or more input, comes."""

    until: float | None


class _Account:
    """Counts what became of each message, and keeps the first letters."""

    def __init__(self, on_dead_letter: Callable[[DeadLetter], object] | None) -> None:
        self.accepted = self.delivered = self.rejected = self.failed = self.requests = self.retries = 0
        self.letters: list[DeadLetter] = []
        self.reasons: Counter[str] = Counter()
        self.raised: BaseException | None = None
        self._on_dead_letter = on_dead_letter

    @property
    def pending(self) -> int:
        return self.accepted - self.delivered - self.rejected - self.failed

    def undelivered(self, letter: DeadLetter) -> None:
        """Note that a message was not delivered."""
        known = letter.reason in self.reasons or len(self.reasons) < _MOST_REASONS
        self.reasons[letter.reason if known else _OTHER] += 1
        if len(self.letters) < _MOST_LETTERS:
            self.letters.append(letter)
        if self._on_dead_letter is not None and self.raised is None:
            try:
                self._on_dead_letter(letter)
            except BaseException as error:
                self.raised = error
                if not isinstance(error, Exception):  # Ctrl-C does not wait for the rest
                    raise


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
    on_dead_letter : callable, optional
        Gets the letter of each message that is not delivered, as soon as that is known.
    """

    def __init__(
        self,
        packing: Packing | None,
        pace: Pacer,
        retry: Retry,
        jitter: Callable[[], float],
        *,
        in_flight: int = 1,
        on_dead_letter: Callable[[DeadLetter], object] | None = None,
    ) -> None:
        self._packing, self._pace, self._retry, self._jitter = packing, pace, retry, jitter
        self._in_flight = in_flight
        self._account = _Account(on_dead_letter)
        self._away = 0  # the shards that are travelling, a bit each
        self._queue: deque[Parcel] = deque()  # cut by others, waiting for their shards
        self._ready: deque[Parcel] = deque()
        self._later: list[tuple[float, int, Parcel]] = []
        self._flying: dict[int, Parcel] = {}
        self._tickets = 0
        self._departure: float | None = None
        self._everything = False
        self._stopped: str | None = None
        self._gave_up = False
        self._undone: tuple[Parcel, Answer] | None = None  # what the last error was about

    # What comes in ---------------------------------------------------------------------------------------------------

    def feed(self, keys: tuple[str, ...], data: bytes, path: str | None = None) -> bool:
        """Take an encoded call; with a `path`, it travels alone. True when `next` may have something to do."""
        account = self._account
        index = account.accepted
        account.accepted = index + 1
        assert self._packing is not None  # noqa: S101  a stream is always given one
        return self._packing.feed(keys, data, index, path)

    def put(self, parcel: Parcel) -> None:
        """Take a parcel that somebody else has cut; it waits for the people whom it shares with parcels under way."""
        self._account.accepted += len(parcel)
        self._queue.append(parcel)

    def refuse(self, reason: str, message_id: str | None = None) -> None:
        """Take a message that is not fit to be sent into the account."""
        account = self._account
        account.accepted += 1
        account.rejected += 1
        account.undelivered(DeadLetter(message_id, account.accepted - 1, reason, None))

    def finish(self) -> None:
        """No more comes in: bodies need not be full any more."""
        self._everything = True

    def stop(self, reason: str) -> None:
        """Send nothing more. What is not settled stays pending, for this reason."""
        self._stopped = self._stopped or reason

    @property
    def full(self) -> bool:
        """Whether no more should be fed until something has been sent."""
        return self._packing is not None and self._packing.full

    @property
    def closed(self) -> bool:
        """Whether feeding more is of no use: delivery has stopped, or the caller's own code raised."""
        return self._stopped is not None or self._account.raised is not None

    # What to do ------------------------------------------------------------------------------------------------------

    def next(self, now: float) -> Send | Wait | None:
        """Say what to do at this time. None: nothing, until more comes in."""
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        if self._stopped is None and len(self._flying) < self._in_flight and self._has_ready():
            if self._departure is None:
                self._departure = self._pace.reserve(now)
            if self._departure > now:
                return Wait(self._departure)
            self._departure = None
            self._pace.departed(now)
            return self._send(self._ready.popleft(), now)
        if self._flying:
            return Wait(self._later[0][0] if self._later and self._stopped is None else None)
        if self._later and self._stopped is None:
            return Wait(self._later[0][0])
        return None

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
                heapq.heappush(self._later, (now + pause, ticket, parcel))
            case Verdict.SPLIT:
                self._ready.extendleft(reversed(parcel.halves()))
            case Verdict.DONE:
                account.delivered += len(parcel)
                self._settle(parcel)
            case Verdict.REJECT:
                account.rejected += len(parcel)
                self._bury(parcel, answer)
            case Verdict.GIVE_UP:
                account.failed += len(parcel)
                self._bury(parcel, answer)
                self._gave_up = True
                self.stop(f"not sent, since delivery stopped: {_headline(answer)}")
        return verdict

    # What became of it -----------------------------------------------------------------------------------------------

    def close(self) -> Report:
        """Give the account at the end. What is still pending gets its letter too."""
        for letter in self._pending():
            self._account.undelivered(letter)
        account = self._account
        return Report(
            accepted=account.accepted,
            delivered=account.delivered,
            rejected=account.rejected,
            failed=account.failed,
            pending=account.pending,
            requests=account.requests,
            retries=account.retries,
            dead_letters=tuple(sorted(account.letters, key=lambda letter: letter.index)),
            reasons=dict(account.reasons),
        )

    def error(self) -> CustomerIOError | None:
        """Make the error of the last call that was refused or given up; None when there was none."""
        if self._undone is None:
            return None
        parcel, answer = self._undone
        answer = answer._replace(reasons=scrubbed(answer.reasons, b"[%b]" % parcel.data))
        message_id = _message_id(parcel.data) if len(parcel) == 1 else None
        return error_for(answer, message_id=message_id, attempts=parcel.attempts)

    def failure(self) -> BaseException | None:
        """Why a stream ended early: what the caller's own code raised, or the error on which delivery gave up."""
        return self._account.raised or (self.error() if self._gave_up else None)

    # Within ----------------------------------------------------------------------------------------------------------

    def _has_ready(self) -> bool:
        if not self._ready and (parcel := self._queued() or self._cut()) is not None:
            self._away |= parcel.mask
            self._ready.append(parcel)
        return bool(self._ready)

    def _cut(self) -> Parcel | None:
        return self._packing.cut(self._away, everything=self._everything) if self._packing is not None else None

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
            parcel.since = now
        else:
            self._account.retries += 1
        parcel.attempts += 1
        self._account.requests += 1
        self._tickets += 1
        self._flying[self._tickets] = parcel
        return Send(self._tickets, parcel)

    def _settle(self, parcel: Parcel) -> None:
        """Let go of the parcel's shards, or send what must follow it first."""
        if parcel.then is not None:
            self._ready.append(parcel.then)
        else:
            self._away &= ~parcel.mask
            if self._packing is not None:
                self._packing.look_again()

    def _bury(self, parcel: Parcel, answer: Answer) -> None:
        """Write the letters of a parcel that was not delivered, and let go of it."""
        if not self._gave_up:
            self._undone = parcel, answer
        # Without the others' data too: what is said of one call of a batch stands in the letters of all.
        reason = "; ".join(scrubbed(answer.reasons, b"[%b]" % parcel.data)) or _headline(answer)
        for letter in _letters(parcel, reason, answer.status or None):
            self._account.undelivered(letter)
        self._settle(parcel)

    def _pending(self) -> Iterator[DeadLetter]:
        """Write a letter for each message that is not settled."""
        reason = self._stopped or "not settled"
        later = (parcel for _, _, parcel in self._later)
        for first in chain(self._flying.values(), self._ready, self._queue, later):
            parcel: Parcel | None = first
            while parcel is not None:
                yield from _letters(parcel, _UNDER_WAY if parcel.attempts else reason)
                parcel = parcel.then
        for index, call in self._packing.waiting() if self._packing is not None else ():
            yield DeadLetter(_message_id(call), index, reason, None)


def _letters(parcel: Parcel, reason: str, status: int | None = None) -> Iterator[DeadLetter]:
    for position, index in enumerate(parcel.index):
        yield DeadLetter(_message_id(parcel.call(position)), index, reason, status)


def _headline(answer: Answer) -> str:
    return str(error_for(answer._replace(reasons=(), request_id=None)))


def _message_id(call: bytes) -> str | None:
    """Read the id back from the bytes: on this rare path only, so that no list of ids is kept beside them."""
    try:
        found = orjson.loads(call)["messageId"]
    except (ValueError, KeyError, TypeError):  # a body of somebody else's making
        return None
    return found if isinstance(found, str) else None
