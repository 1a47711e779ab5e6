"""How many calls came when, by type, event and verdict: summed up by the second, and by five minutes beside it.

Whoever adds up a long time reads the five minutes that lie within it, and seconds at its two ends alone: a day of calls
has as many sums by the second as calls, if they come one by one.
"""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Final

__all__ = ["PERIOD", "SUMS", "Sum", "add", "during"]

PERIOD: Final = 300
"""Seconds of a period, which a bar of a chart, if it is longer, stands for one or several of."""

# Type, event, verdict; calls, bytes.
Sum = tuple[str, str, str, int, int]

_ADD: Final = """
INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, bytes = bytes + excluded.bytes
"""
_ADD_TO_PERIOD: Final = f"""
INSERT INTO periods VALUES (?1 / {PERIOD} * {PERIOD}, ?2, ?3, ?4, ?5, ?6, ?1)
ON CONFLICT DO UPDATE SET
    calls = calls + excluded.calls, bytes = bytes + excluded.bytes, last = max(last, excluded.last)
"""  # noqa: S608 - a number of this module, no input

_COLUMNS: Final = "type, event, verdict, calls, bytes"
SUMS: Final = f"""(
    SELECT {_COLUMNS}, second AS last FROM tallies WHERE second >= :start AND second < :whole
    UNION ALL
    SELECT {_COLUMNS}, last FROM periods WHERE period >= :whole AND period < :rest
    UNION ALL
    SELECT {_COLUMNS}, second AS last FROM tallies WHERE second >= :rest AND second < :end
)"""  # noqa: S608 - names of this module, no input
"""What a query may read from, with what `during` gives as parameters: rows to be added up, ``last`` the latest second
of each."""


def add(db: sqlite3.Connection, time: str, sums: Iterable[Sum]) -> None:
    """Add what came at a time, ISO 8601 in UTC."""
    second = int(datetime.fromisoformat(time).timestamp())
    rows = [(second, *one) for one in sums]
    db.executemany(_ADD, rows)
    db.executemany(_ADD_TO_PERIOD, rows)


def during(start: int, end: int) -> dict[str, int]:
    """Give the parameters of `SUMS` for a time: seconds since 1970 at which it begins, and before which it ends.

    >>> during(299, 1_000)
    {'start': 299, 'whole': 300, 'rest': 900, 'end': 1000}
    >>> during(301, 310)
    {'start': 301, 'whole': 301, 'rest': 301, 'end': 310}
    """
    whole, rest = -(-start // PERIOD) * PERIOD, end // PERIOD * PERIOD
    if whole >= rest:
        whole = rest = start
    return {"start": start, "whole": whole, "rest": rest, "end": end}
