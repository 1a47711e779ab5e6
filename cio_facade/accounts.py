"""The account of a delivery: how many messages became what, and a letter for each that was not delivered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson

from cio_facade.outcomes import DeadLetter, Report

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from cio_facade.packing import Parcel

__all__ = ["Account", "letters_of", "message_id_of"]

_MOST_LETTERS = 10_000
_MOST_REASONS = 1_000
_OTHER = "other reasons"


class Account:
    """Counts what became of each message, and keeps the first letters."""

    def __init__(self, news: deque[DeadLetter] | None) -> None:
        self.accepted = self.delivered = self.rejected = self.failed = self.requests = self.retries = 0
        self.letters: list[DeadLetter] = []
        self.reasons: Counter[str] = Counter()
        self._news = news

    @property
    def pending(self) -> int:
        """Messages that are not settled."""
        return self.accepted - self.delivered - self.rejected - self.failed

    def undelivered(self, letter: DeadLetter) -> None:
        """Note that a message was not delivered."""
        known = letter.reason in self.reasons or len(self.reasons) < _MOST_REASONS
        self.reasons[letter.reason if known else _OTHER] += 1
        if len(self.letters) < _MOST_LETTERS:
            self.letters.append(letter)
        if self._news is not None:
            self._news.append(letter)

    def report(self) -> Report:
        """Give the account as it stands."""
        return Report(
            accepted=self.accepted,
            delivered=self.delivered,
            rejected=self.rejected,
            failed=self.failed,
            pending=self.pending,
            requests=self.requests,
            retries=self.retries,
            dead_letters=tuple(sorted(self.letters, key=lambda letter: letter.index)),
            reasons=dict(self.reasons),
        )


def letters_of(parcel: Parcel, reason: str, status: int | None = None) -> Iterator[DeadLetter]:
    """Write the letters of a parcel's messages."""
    for position, index in enumerate(parcel.index):
        yield DeadLetter(message_id_of(parcel.call(position)), index, reason, status)


def message_id_of(call: bytes) -> str | None:
    """Read the id back from the bytes: on rare paths only, so that no list of ids is kept beside them."""
    try:
        found = orjson.loads(call)["messageId"]
    except (ValueError, KeyError, TypeError):  # a body of somebody else's making
        return None
    return found if isinstance(found, str) else None
