"""What the tables of a durable outbox hold, and how they change within a transaction; who begins it is `journal`.

The calls that are committed together are one row, so that a call costs little. A row goes when all its calls are
settled; until then a mark a call says which are, so that settling never writes a call again.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from contextlib import closing
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cio_facade.errors import OutboxError, OutboxFullError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MARKS", "Account", "Group", "Put", "Settled", "Totals", "insert", "read", "settle", "totals"]

Settled = Literal["delivered", "rejected", "failed"]
# Numbers stand for them in the file.
MARKS: Final[dict[Settled, int]] = {"delivered": 1, "rejected": 2, "failed": 3}

# A row is read at one go.
_ROW_BYTES: Final = 1 << 19

_LOAD: Final = "SELECT next, accepted, delivered, rejected, failed, bytes FROM account"
_SAVE: Final = "UPDATE account SET next = ?, accepted = ?, delivered = ?, rejected = ?, failed = ?, bytes = ?"
_INSERT: Final = "INSERT INTO packed (first, number, put, data) VALUES (?, ?, ?, ?)"
_READ: Final = """
SELECT first, number, marks, data FROM packed LEFT JOIN settled USING (first)
WHERE first >= (SELECT coalesce(max(first), ?) FROM packed WHERE first <= ?) ORDER BY first
"""
_HOLDING: Final = """
SELECT first, number, length(data), marks FROM packed LEFT JOIN settled USING (first)
WHERE first <= ? ORDER BY first DESC LIMIT 1
"""
_FOLLOWING: Final = "SELECT min(first) FROM packed WHERE first > ?"
_OLDEST: Final = "SELECT put FROM packed ORDER BY first LIMIT 1"


class Group(NamedTuple):
    """Calls that were put together and are not settled: ``seqs[i]`` is the sequence number of ``calls[i]``."""

    seqs: Sequence[int]
    calls: list[bytes]


class Totals(NamedTuple):
    """The account of a file's whole life; ``accepted == delivered + rejected + failed + pending``.

    Attributes
    ----------
    accepted, delivered, rejected, failed, pending : int
        Messages.
    bytes : int
        Of the messages in the file. Those of a group count until all of it is settled.
    oldest : float or None
        When the oldest message in the file was put, in seconds since 1970.
    """

    accepted: int
    delivered: int
    rejected: int
    failed: int
    pending: int
    bytes: int
    oldest: float | None


@dataclass(slots=True)
class Account:
    """The account, as it is in a transaction."""

    next: int
    accepted: int
    delivered: int
    rejected: int
    failed: int
    bytes: int

    @classmethod
    def load(cls, database: sqlite3.Connection) -> Account:
        """Read it."""
        return cls(*database.execute(_LOAD).fetchone())

    def save(self, database: sqlite3.Connection) -> None:
        """Write it."""
        database.execute(_SAVE, astuple(self))

    @property
    def pending(self) -> int:
        """Messages that are not settled."""
        return self.accepted - self.delivered - self.rejected - self.failed

    def take(self, put: Put) -> None:
        """Give the calls of a put their numbers."""
        put.first = self.next
        self.next += put.number
        self.accepted += put.number
        self.bytes += put.bytes


class Put:
    """Calls that are to be kept, all of them or none.

    Parameters
    ----------
    calls : sequence of bytes
        A line of JSON each.

    Raises
    ------
    OutboxError
        One of them has a line break in it.
    """

    def __init__(self, calls: Sequence[bytes]) -> None:
        self.number = len(calls)
        self.bytes = sum(map(len, calls))
        if self.bytes <= _ROW_BYTES:
            self.rows = [(self.number, b"\n".join(calls))]
        else:
            self.rows = _rows((1, call) for call in calls)
        if sum(data.count(b"\n") + 1 for _, data in self.rows) != self.number:
            raise OutboxError("a call has a line break in it; give each as one line of JSON")
        self.first = 0
        self.done = False
        self.error: OutboxError | None = None

    def seqs(self) -> range:
        """Give the numbers of the calls, or raise what kept them from being kept."""
        if self.error is not None:
            raise self.error
        return range(self.first, self.first + self.number)


def insert(
    database: sqlite3.Connection, account: Account, puts: Sequence[Put], most: tuple[int | None, int | None], now: float
) -> None:
    """Keep what has room by the limits for messages and bytes; the others get their error."""
    first = account.next
    rows: list[tuple[int, bytes]] = []
    for put in puts:
        put.error = _refusal(account, put, *most)
        if put.error is None:
            account.take(put)
            rows += put.rows
    for number, data in _rows(rows) if len(rows) > 1 else rows:
        database.execute(_INSERT, (first, number, now, data))
        first += number


def settle(database: sqlite3.Connection, account: Account, outcomes: Mapping[int, int]) -> None:
    """Mark calls by their numbers, and remove the groups of which none is left. The first outcome of a call stands."""
    seqs = sorted(outcomes)
    at = 0
    while at < len(seqs):
        row = database.execute(_HOLDING, (seqs[at],)).fetchone()
        if row is None or seqs[at] >= row[0] + row[1]:  # settled long ago
            following = database.execute(_FOLLOWING, (seqs[at],)).fetchone()[0]
            at = len(seqs) if following is None else bisect_left(seqs, following, at)
            continue
        first, number, size, old = row
        end = bisect_left(seqs, first + number, at)
        marks = _mark(account, bytearray(old or number), first, seqs[at:end], outcomes)
        if 0 in marks:
            database.execute("INSERT OR REPLACE INTO settled (first, marks) VALUES (?, ?)", (first, marks))
        else:
            account.bytes -= size - number + 1
            database.execute("DELETE FROM packed WHERE first = ?", (first,))
            if old:
                database.execute("DELETE FROM settled WHERE first = ?", (first,))
        at = end


def read(database: sqlite3.Connection, after: int, most_bytes: int, noted: Mapping[int, int]) -> list[Group]:
    """Give calls from a number on that are neither settled nor noted to be."""
    groups: list[Group] = []
    size = 0
    with closing(database.execute(_READ, (after, after))) as rows:
        for first, number, marks, data in rows:
            calls: list[bytes] = data.split(b"\n")
            if len(calls) != number:
                raise _damage()
            seqs: Sequence[int] = range(first, first + number)
            if first < after or marks or noted:
                waiting = [
                    (seq, call)
                    for seq, call in zip(seqs, calls, strict=True)
                    if seq >= after and seq not in noted and not (marks and marks[seq - first])
                ]
                if len(waiting) < number:
                    seqs, calls = [seq for seq, _ in waiting], [call for _, call in waiting]
            if calls:
                groups.append(Group(seqs, calls))
                size += len(data)
            if size >= most_bytes:
                break
    return groups


def totals(database: sqlite3.Connection) -> Totals:
    """Give the account and the age."""
    account = Account.load(database)
    oldest = database.execute(_OLDEST).fetchone()
    return Totals(
        account.accepted,
        account.delivered,
        account.rejected,
        account.failed,
        account.pending,
        account.bytes,
        None if oldest is None else oldest[0],
    )


def _damage() -> sqlite3.DatabaseError:
    """Make what SQLite raises where it finds damage; it does not look into a row."""
    error = sqlite3.DatabaseError("a row holds another number of calls")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _mark(
    account: Account, marks: bytearray, first: int, seqs: Sequence[int], outcomes: Mapping[int, int]
) -> bytearray:
    counts = [0, 0, 0, 0]
    for seq in seqs:
        if not marks[seq - first]:
            marks[seq - first] = outcomes[seq]
            counts[outcomes[seq]] += 1
    account.delivered += counts[MARKS["delivered"]]
    account.rejected += counts[MARKS["rejected"]]
    account.failed += counts[MARKS["failed"]]
    return marks


def _refusal(account: Account, put: Put, most_messages: int | None, most_bytes: int | None) -> OutboxFullError | None:
    if most_messages is not None and account.pending + put.number > most_messages:
        return OutboxFullError(
            f"no room for {put.number} messages: {account.pending} of max_messages={most_messages} wait"
        )
    if most_bytes is not None and account.bytes + put.bytes > most_bytes:
        return OutboxFullError(f"no room for {put.bytes} bytes: {account.bytes} of max_bytes={most_bytes} are taken")
    return None


def _rows(pieces: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Join pieces to rows; each is a number of calls, a line each."""
    rows: list[tuple[int, bytes]] = []
    number, size, parts = 0, 0, list[bytes]()
    for calls, data in pieces:
        if parts and size + len(data) > _ROW_BYTES:
            rows.append((number, b"\n".join(parts)))
            number, size, parts = 0, 0, []
        number += calls
        size += len(data)
        parts.append(data)
    if parts:
        rows.append((number, b"\n".join(parts)))
    return rows
