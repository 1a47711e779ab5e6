"""A damaged outbox: it is moved aside, and what can be read of it goes into a new file, by the same numbers."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cio_facade.recovery import ERRORS, aside, ask, begin, beside, connect, flush, put_in_place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Salvage", "salvage"]

# Where the account is lost, nobody knows which numbers were given: far more than a file ever held are passed over.
_LEAP: Final = 1 << 40


class Salvage(NamedTuple):
    """What was had from a damaged file."""

    saved: int
    lost: int | None  # None: its account is gone too
    aside: str


def salvage(path: Path) -> Salvage:
    """Put what can be read of a damaged file into a new one, and move the damaged one aside."""
    new = begin(path)
    with closing(connect(path, writing=False)) as old, closing(connect(new)) as database:
        old.execute("PRAGMA writable_schema = ON")
        database.execute("PRAGMA synchronous = OFF")  # as in making one
        saved, lost = _copy(old, database)
    flush(new)  # from here on it is the one that counts
    place = aside(path)
    for ending in ("", "-wal"):
        with suppress(FileNotFoundError):
            beside(path, ending).rename(beside(place, ending))
    put_in_place(new, path)
    return Salvage(saved, lost, str(place))


def _copy(old: sqlite3.Connection, new: sqlite3.Connection) -> tuple[int, int | None]:
    new.execute("BEGIN")
    saved, size, after = 0, 0, 1
    for first, number, put, data, marks in (row for one in _firsts(old) for row in _row(old, one)):
        if first < after:
            continue  # a broken page may say anything
        new.execute("INSERT INTO packed VALUES (?, ?, ?, ?)", (first, number, put, data))
        if marks is not None:
            new.execute("INSERT INTO settled VALUES (?, ?)", (first, marks))
        saved += number if marks is None else marks.count(0)
        size += len(data) - number + 1
        after = first + number
    account: tuple[Any, ...] | None = None
    with suppress(*ERRORS):
        account = old.execute("SELECT next, accepted, delivered, rejected, failed FROM account").fetchone()
    if account is None or not all(isinstance(figure, int) and figure >= 0 for figure in account):
        lost, numbers = None, (after + _LEAP, saved, 0, 0, 0)
    else:
        following, accepted, delivered, rejected, failed = account
        lost = max(0, accepted - delivered - rejected - failed - saved)
        accepted = max(accepted, delivered + rejected + failed + saved)
        numbers = max(following, after), accepted, delivered, rejected, failed + lost
    new.execute("UPDATE account SET next = ?, accepted = ?, delivered = ?, rejected = ?, failed = ?", numbers)
    new.execute("UPDATE account SET bytes = ?", (size,))
    new.execute("COMMIT")
    return saved, lost


def _row(old: sqlite3.Connection, first: int) -> Iterator[tuple[int, int, float, bytes, bytes | None]]:
    """Give a group, when it can be read and is what it says."""
    marks = None
    with suppress(*ERRORS):
        marks = ask(old, "SELECT marks FROM settled WHERE first = ?", None, first)
    with suppress(*ERRORS):
        row = old.execute("SELECT number, put, data FROM packed WHERE first = ?", (first,)).fetchone()
        number, put, data = row or (None, None, None)
        if not (isinstance(number, int) and isinstance(put, float) and isinstance(data, bytes)):
            return
        if data.count(b"\n") == number - 1 and b"\0" not in data:
            yield first, number, put, data, marks if isinstance(marks, bytes) and len(marks) == number else None


def _firsts(old: sqlite3.Connection) -> list[int]:
    """Find the groups whose place in the tree can be reached: from both ends, and between the gaps by halving."""
    found: set[int] = set()
    spans = [(-(1 << 62), 1 << 62)]
    tries = 10_000  # by then it is down to single pages
    while spans and tries:
        low, high = spans.pop(0)
        tries -= 1
        up = _walk(old, found, "SELECT first FROM packed WHERE first BETWEEN ? AND ? ORDER BY first", low, high)
        if up is None:
            continue
        down = _walk(old, found, "SELECT first FROM packed WHERE first BETWEEN ? AND ? ORDER BY first DESC", up, high)
        if down is not None and down - up > 1:
            middle = (up + down) // 2
            spans += [(up, middle), (middle + 1, down)]
    return sorted(found)


def _walk(old: sqlite3.Connection, found: set[int], question: str, low: int, high: int) -> int | None:
    """Collect what comes before the first broken page; gives how far it got, None for to the end."""
    last = high if "DESC" in question else low
    try:
        for (first,) in old.execute(question, (low, high)):
            found.add(first)
            last = first
    except ERRORS:
        return last
    return None
