"""What the stream shows, read from the store: in stretches, each bounded in rows and in how far it looks.

Calls are numbered without gaps in the order of their arrival. Where no index has what is asked for, who asks for few
among many is told how far was looked, and goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import Final

from cio_facade.sandbox.page.filters import Filters
from cio_facade.sandbox.page.views import Cursor, bisect, latest
from cio_facade.sandbox.storage import Storage

__all__ = ["MOST", "Arrivals", "News", "Stretch"]

# Rows of the stream.
MOST: Final = 100
# Rows that are new at a time: of more, the newest are shown, and it is said how many there were.
_NEWS: Final = 60
# Calls that are looked at one by one, at a time, for those that fit the filters.
_LOOKED_AT: Final = 20_000
_ALL: Final = 2**63 - 1
# Nobody counts further; it is more than come between two updates.
_MANY: Final = 20_000
# Problems of a call, and calls with the same message id, that are shown.
_FEW: Final = 50


def _cut(text: str) -> str:
    """Cut what is long before it is read: nobody reads 32 KB in a line. SQLite's functions end a text at a null."""
    return f"iif(length(CAST({text} AS BLOB)) <= 500, {text}, substr({text}, 1, 200) || '…')"


_SHOWN: Final = f"""
SELECT received.id, received.request, received.position, received.time, received.bytes,
       received.verdict, received.reason, received.repeat, received.person, received.effect,
       {_cut("received.user_id")} AS user_id,
       {_cut("received.anonymous_id")} AS anonymous_id,
       {_cut("received.group_id")} AS group_id,
       {_cut("received.type")} AS type,
       {_cut("coalesce(received.event, iif(json_valid(received.body), received.body ->> '$.name', NULL))")} AS event,
       requests.path, requests.status, requests.strict, requests.request_id, requests.retry_count, requests.fault
FROM received LEFT JOIN requests ON requests.id = received.request
"""  # noqa: S608 - names of this module, no input
_CALL: Final = """
SELECT received.*, requests.path, requests.status, requests.strict, requests.request_id, requests.retry_count,
       requests.fault, requests.unread, people.id AS person_there, people.user_id AS person_id
FROM received
LEFT JOIN requests ON requests.id = received.request
LEFT JOIN people ON people.id = received.person
WHERE received.id = ?
"""
_REPEATS: Final = f"""
SELECT id, time, request FROM received INDEXED BY received_by_message
WHERE message_id = ? AND verdict = 'accepted' AND id <> ? ORDER BY id LIMIT {_FEW}
"""  # noqa: S608 - figures of this module, no input
_PROBLEMS: Final = f"""
SELECT field, message, reason, status, position FROM problems
WHERE id BETWEEN ? AND ? AND (position IS NULL OR position = ?) ORDER BY id LIMIT {_FEW}
"""  # noqa: S608
_EVENTS: Final = """
SELECT DISTINCT event FROM (SELECT event FROM received ORDER BY id DESC LIMIT 500)
WHERE event IS NOT NULL AND length(event) <= 100 ORDER BY event LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Calls, the newest first.

    Attributes
    ----------
    rows : sequence of Row
    end : int
        The lowest number that was looked at; there may be older ones, unless it is 1.
    """

    rows: Sequence[Row]
    end: int


@dataclass(frozen=True, slots=True)
class News:
    """What came since a cursor.

    Attributes
    ----------
    cursor : Cursor
        Up to where it goes.
    rows : sequence of Row
        The newest of the calls, the newest first.
    between : int
        How many more there are that fit, older than these.
    at_least : bool
        Whether there are even more.
    unlooked : int
        How many calls before them were not looked at, of which any may fit.
    anew : bool
        Whether everything was forgotten meanwhile: the rows are all there is to show.
    """

    cursor: Cursor
    rows: Sequence[Row] = field(default=())
    between: int = 0
    at_least: bool = False
    unlooked: int = 0
    anew: bool = False


class Arrivals:
    """Reads the calls that came, from any thread.

    Parameters
    ----------
    storage : Storage
        Where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._read = storage.read

    def latest(self) -> Cursor:
        """Say up to where there is something to see."""
        return latest(self._read, "received")

    def older(self, filters: Filters, before: int, most: int = MOST) -> Stretch:
        """Read calls that came before one, as many as are shown, and no further than a window where they are few."""
        newest = before - 1
        end = max(1, newest - _reach(filters) + 1)
        rows = self._between(filters, end, newest, most)
        return Stretch(rows, rows[-1]["id"] if len(rows) == most else end)

    def since(self, filters: Filters, cursor: Cursor) -> News:
        """Read what came since a cursor."""
        newest = self.latest()
        if not self._is_there(cursor):
            return News(newest, self.older(filters, newest.number + 1).rows, anew=True)
        if newest.number <= cursor.number:
            return News(cursor)
        first = cursor.number + 1
        begin = max(first, newest.number - _reach(filters) + 1)
        rows = self._between(filters, begin, newest.number, _NEWS)
        if not filters.given:
            return News(newest, rows, newest.number - cursor.number - len(rows))
        between = self._count(filters, begin, rows[-1]["id"] - 1) if len(rows) == _NEWS else 0
        return News(newest, rows, between, between == _MANY, begin - first)

    def totals(self) -> dict[str, int]:
        """Count the calls by what became of them, those that came again, and the people."""
        totals = {"accepted": 0, "refused": 0, "lost": 0, "dropped": 0, "repeats": 0}
        for row in self._read("SELECT verdict, calls, repeats FROM totals"):
            totals[row["verdict"]] = row["calls"]
            totals["repeats"] += row["repeats"]
        ((totals["people"],),) = self._read("SELECT count(*) FROM people")
        return totals

    def events(self) -> list[str]:
        """List the names of events that came lately."""
        return [row["event"] for row in self._read(_EVENTS)]

    def call(self, number: int) -> Row | None:
        """Read a call with all that is known of it; None when there is none."""
        rows = self._read(_CALL, (number,))
        return rows[0] if rows else None

    def problems(self, call: Row) -> list[Row]:
        """Read what is wrong with a call, or with its request as a whole."""
        first, last = (bisect(self._read, "problems", call["request"] + more) for more in (0, 1))
        return self._read(_PROBLEMS, (first, last - 1, call["position"]))

    def repeats(self, call: Row) -> list[Row]:
        """Read the other calls with the same message id that were accepted."""
        return self._read(_REPEATS, (call["message_id"], call["id"])) if call["message_id"] is not None else []

    def _is_there(self, cursor: Cursor) -> bool:
        rows = self._read("SELECT time FROM received WHERE id = ?", (cursor.number,))
        return rows[0]["time"] == cursor.time if rows else cursor.number == 0

    def _between(self, filters: Filters, first: int, last: int, most: int) -> list[Row]:
        query = f"{_SHOWN} WHERE received.id BETWEEN :first AND :last AND {filters.condition} ORDER BY received.id DESC LIMIT :most"  # noqa: E501
        return self._read(query, {**filters.given, "first": first, "last": last, "most": most})

    def _count(self, filters: Filters, first: int, last: int) -> int:
        query = f"SELECT 1 FROM received WHERE id BETWEEN :first AND :last AND {filters.condition} LIMIT {_MANY}"  # noqa: S608
        ((count,),) = self._read(
            f"SELECT count(*) FROM ({query})",  # noqa: S608
            {**filters.given, "first": first, "last": last},
        )
        return int(count)


def _reach(filters: Filters) -> int:
    """How many calls may be looked through at a time."""
    return _ALL if filters.is_looked_up or not filters.given else _LOOKED_AT
