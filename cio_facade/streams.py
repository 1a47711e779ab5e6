"""A source's messages on their way into a `Delivery`, a chunk at a time, and the account they end in. No waiting."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cio_facade.clock import Clock
    from cio_facade.delivery import Delivery
    from cio_facade.encoding import Chunk, Encoder
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import DeadLetter, Report

__all__ = ["LINGER", "Stream", "carrying"]

LINGER = 1.0
"""Seconds that a message of a slow source waits for others to fill its body."""

_MOST = 256  # messages in a chunk: more would save nothing, and keep whoever posts waiting
_PART = 4  # of a body's bytes that a chunk holds at most
_SLOW = 0.02  # seconds that a chunk may take to come

_Error = TypeVar("_Error", bound=BaseException)


class Stream:
    """Messages that are taken, encoded in chunks, and fed.

    Taking and encoding may happen in two threads, encoding and feeding only in one at a time.

    Parameters
    ----------
    delivery : Delivery
        Where they go.
    encoder : Encoder
        What makes bytes of them.
    clock : Clock
        Time.
    body_bytes : int
        Bytes of a full body: chunks stay well below.
    deadline : float or None
        Time after which nothing more is sent.
    news : deque
        The letters of the delivery.
    on_dead_letter : callable, optional
        Who wants to have them.
    """

    def __init__(
        self,
        delivery: Delivery,
        encoder: Encoder,
        clock: Clock,
        *,
        body_bytes: int,
        deadline: float | None,
        news: deque[DeadLetter] | None = None,
        on_dead_letter: Callable[[DeadLetter], object] | None = None,
    ) -> None:
        self.delivery = delivery
        self.deadline = deadline
        self._waiting: deque[CallModel] = deque()  # taken from the source, not encoded yet
        self._chunk = 8  # grows with the first ones, so that a short stream leaves at once
        self._is_slow = False
        self.raised: BaseException | None = None
        self._encode, self._clock = encoder.many, clock
        self._chunk_bytes = body_bytes // _PART
        self._taken = 0
        self._news, self._on_dead_letter = news, on_dead_letter

    # From the source into the delivery -------------------------------------------------------------------------------

    def take(self, message: CallModel, source: Iterator[CallModel]) -> None:
        """Take a message from the source, and those that follow it in a chunk."""
        begun = self._clock.monotonic()
        self._waiting.append(message)
        self._waiting.extend(islice(source, self._chunk - 1))  # each can be seen as soon as it comes
        self._is_slow = self._clock.monotonic() - begun > _SLOW

    def take_one(self, message: CallModel) -> bool:
        """Take a message of a source that has them one by one. True when they are to be encoded."""
        self._waiting.append(message)
        return len(self._waiting) >= self._chunk or self._is_late()

    def encoded(self) -> tuple[Chunk, int]:
        """Encode what waits; gives it with the place of its first message."""
        waiting, first = self._waiting, self._taken
        batch = [waiting.popleft() for _ in range(len(waiting))]  # others may append meanwhile
        self._taken += len(batch)
        chunk = self._encode(batch)
        if chunk.data:
            size = sum(map(len, chunk.data)) // len(chunk.data)
            self._chunk = min(_MOST, 2 * self._chunk, max(1, self._chunk_bytes // size))
        if self._is_slow:  # whoever waits for a time, or for letters, is not to wait for the whole chunk
            self._chunk = max(1, self._chunk // 4)
        return chunk, first

    def feed(self, chunk: Chunk, first: int) -> bool:
        """Hand a chunk to the delivery. True when that is to be looked at."""
        if not chunk.refused:
            return self.delivery.feed_many(chunk, range(first, first + len(chunk.data)))
        refused = {place for place, _ in chunk.refused}
        number = len(chunk.data) + len(refused)
        for place, error in chunk.refused:
            self.delivery.refuse(str(error), error.message_id, first + place)
        return self.delivery.feed_many(chunk, [first + n for n in range(number) if n not in refused])

    # Time ------------------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether taking more is of no use."""
        return self.raised is not None or self.delivery.closed

    def time_is_up(self) -> bool:
        """Whether the deadline has passed; then the delivery is stopped too."""
        if not self._is_late():
            return False
        self.delivery.end()
        return True

    def _is_late(self) -> bool:
        return self.deadline is not None and self._clock.monotonic() >= self.deadline

    # What became of them ---------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether there are letters to be told of."""
        return bool(self._news)

    def tell(self) -> None:
        """Hand over the letters that came. What the caller's function raises ends the stream; then it gets no more."""
        while self._news:
            letter = self._news.popleft()
            if self._on_dead_letter is not None:
                try:
                    self._on_dead_letter(letter)
                except BaseException as error:
                    self._on_dead_letter = None
                    self.raised = self.raised or error
                    if not isinstance(error, Exception):  # Ctrl-C does not wait for the rest
                        raise

    def result(self) -> Report:
        """Give the report; raise what ended the stream early, with the report in its ``report``."""
        report = self.delivery.close()
        self.tell()
        error = self.raised or self.delivery.failure()
        if error is not None:
            raise carrying(error, report)
        return report

    def interrupted(self, error: BaseException) -> None:
        """Put the report of how far it came on the exception that interrupts the stream."""
        self.feed(*self.encoded())
        self.delivery.stop("not sent: interrupted")
        carrying(error, self.delivery.close())
        self.tell()


def carrying(error: _Error, report: object) -> _Error:
    """Put a report on an exception."""
    error.report = report  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return error
