"""SQL of users: read only for certain, bounded in time and in size, with one error for all that they may get wrong."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = ["ROWS", "SECONDS", "Answer", "Parameters", "QueryError", "Watch", "answer"]

Parameters = Sequence[Any] | Mapping[str, Any]

# What a query may take and give, unless it is told otherwise.
SECONDS: Final = 5.0
ROWS: Final = 10_000

# Steps of SQLite's machine between two looks at the clock: about a millisecond.
_STEPS: Final = 20_000
# Bytes of one value, and of all values of an answer. A value is made in one step, which no clock can end.
_LARGEST_VALUE: Final = 16_000_000
_LARGEST_ANSWER: Final = 64_000_000

_READING: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
# They tell of the tables, and set nothing whatever their argument.
_TELLING: Final = frozenset({"table_list", "table_info", "table_xinfo", "index_list", "index_info"})
# SQLite declares these tables when they are first named, which looks like writing to an authoriser.
_KNOWN_FUNCTIONS: Final = "SELECT 1 FROM json_each('[]'), json_tree('[]'), pragma_table_info('')"


class QueryError(ValueError):
    """A query that was not carried out: faulty, no reading one, or too long. Its text is for people."""


class Answer(NamedTuple):
    """What a query gave.

    Attributes
    ----------
    columns : tuple of str
        Names, as the query has them: a name may come twice.
    rows : list of tuple
        Values as SQLite has them: None, int, float, str, bytes.
    more : bool
        Whether there were more rows than were asked for.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool


class Watch:
    """Ends the statements of a connection when their time is over, or when somebody wants them to stop.

    Parameters
    ----------
    connection : Connection
        Whose statements.
    stopped : callable
        Whether they are to end at once.
    """

    def __init__(self, connection: sqlite3.Connection, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._end = float("inf")
        connection.set_progress_handler(self.is_over, _STEPS)

    def start(self, seconds: float) -> None:
        """Give statements so many seconds from now."""
        self._end = time.monotonic() + seconds

    def is_over(self) -> bool:
        """Whether the time is over."""
        return self._stopped() or time.monotonic() > self._end


def answer(
    connection: sqlite3.Connection,
    sql: str,
    parameters: Parameters,
    *,
    seconds: float,
    rows: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Answer:
    """Run a query of a user, on a connection that serves for nothing else.

    Parameters
    ----------
    connection : Connection
        It is closed to all but reading from now on.
    sql : str
        One statement.
    parameters : sequence or mapping
        What its placeholders stand for.
    seconds : float
        Time that it may take.
    rows : int
        Most rows to give.
    stopped : callable
        Whether it is to end at once.

    Raises
    ------
    QueryError
        The query is faulty, would do anything but read, or takes too long or too much.
    OperationalError
        It was stopped.
    """
    watch = Watch(connection, stopped)
    watch.start(seconds)
    try:
        _restrict(connection)
        return _fetch(connection.execute(sql, parameters), rows, watch)
    except QueryError:
        raise
    except sqlite3.DatabaseError as error:
        if stopped():
            raise
        if watch.is_over():
            raise QueryError(f"the query was ended: it took more than {seconds:g} s") from None
        raise QueryError(_worded(error)) from None
    except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as error:
        raise QueryError(str(error)) from None


def _restrict(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # no transaction is begun in the user's name
    connection.text_factory = _as_text
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(_KNOWN_FUNCTIONS)
    connection.set_authorizer(_authorise)


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")  # a cast makes text of any bytes


def _authorise(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    allowed = action in _READING or (action == sqlite3.SQLITE_PRAGMA and first in _TELLING)
    loads = action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    return sqlite3.SQLITE_OK if allowed and not loads else sqlite3.SQLITE_DENY


def _worded(error: sqlite3.DatabaseError) -> str:
    denied = getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY}
    return "only reading is possible here" if denied else str(error)


def _fetch(cursor: sqlite3.Cursor, most: int, watch: Watch) -> Answer:
    if cursor.description is None:
        raise QueryError("the query has no statement")
    columns = tuple(name for name, *_ in cursor.description)
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        if len(rows) == most:
            return Answer(columns, rows, more=True)
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if size > _LARGEST_ANSWER:
            raise QueryError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
        if watch.is_over():
            raise sqlite3.OperationalError("interrupted")
        rows.append(row)
    return Answer(columns, rows, more=False)
