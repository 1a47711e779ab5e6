"""What arrived, in SQLite: one connection, one transaction a request. The tables are open to queries by others."""

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from os import PathLike
from typing import Any, Final

import orjson

from cio_facade.sandbox.records import COLUMNS, Call, Counts, Problem, RequestRecord

__all__ = ["Storage"]

# Kept in the file, so that the file of another program, or one with tables of another form, is not touched.
_APPLICATION: Final = int.from_bytes(b"cios")
_FORM: Final = 1

_SCHEMA: Final = f"""
BEGIN;
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    path TEXT NOT NULL,
    strict INTEGER NOT NULL,
    request_id TEXT,
    retry_count INTEGER,
    key TEXT,
    bytes INTEGER NOT NULL,
    status INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT
);
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    {" ".join(f"{column} TEXT," for column in COLUMNS)}
    bytes INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE problems (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    field TEXT NOT NULL,
    message TEXT NOT NULL
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORM};
COMMIT;
"""


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of this module, no input


_RECORDED: Final = tuple(field.name for field in fields(RequestRecord) if field.name not in {"id", "problems"})
_DERIVED: Final = ("verdict", "reason")
_PROBLEM: Final = tuple(field.name for field in fields(Problem))

_INSERT_REQUEST: Final = _insert("requests", (*_RECORDED, *_DERIVED))
_INSERT_CALL: Final = _insert("calls", ("request", "position", "type", "body", "bytes", *COLUMNS))
_INSERT_PROBLEM: Final = _insert("problems", ("request", *_PROBLEM))

_SELECT_REQUESTS: Final = f"SELECT id, {', '.join(_RECORDED)} FROM requests ORDER BY id"  # noqa: S608
_SELECT_PROBLEMS: Final = f"SELECT request, {', '.join(_PROBLEM)} FROM problems ORDER BY id"  # noqa: S608
_SELECT_CALLS: Final = """
SELECT body FROM calls
WHERE (:type IS NULL OR type = :type)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:event IS NULL OR event = :event)
ORDER BY id
"""

_TOTALS: Final = """
SELECT (SELECT count(*) FROM requests),
       (SELECT count(*) FROM calls),
       (SELECT count(*) FROM requests WHERE verdict = 'refused'),
       (SELECT coalesce(sum(lost), 0) FROM requests),
       (SELECT count(message_id) - count(DISTINCT message_id) FROM calls),
       (SELECT count(DISTINCT user_id) FROM calls)
"""
_BY_TYPE: Final = "SELECT type, count(*) FROM calls GROUP BY type ORDER BY type"
_BY_EVENT: Final = "SELECT event, count(*) FROM calls WHERE type = 'track' GROUP BY event ORDER BY event"


class Storage:
    """The store of a sandbox, for use from any thread.

    Parameters
    ----------
    path : path or None
        File to keep things in, made when it is absent and continued when it is there; None keeps them in memory.

    Raises
    ------
    ValueError
        The file is a database, but none of this version of the sandbox.
    """

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        marks = (run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0])
        is_new = run("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        if not is_new and marks != (_APPLICATION, _FORM):
            raise ValueError("the file holds a database that is not this sandbox's: name another file")
        # A commit is the file's when it returns, and outlives this process; only a power cut could undo the last ones.
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if is_new:
            self._connection.executescript(_SCHEMA)

    def record(self, request: RequestRecord, calls: Iterable[Call]) -> None:
        """Keep a request with its accepted calls and its problems, in one transaction: all of it or nothing."""
        values = [getattr(request, name) for name in (*_RECORDED, *_DERIVED)]
        with self._lock, self._connection as connection:
            number = connection.execute(_INSERT_REQUEST, values).lastrowid
            connection.executemany(
                _INSERT_CALL,
                ((number, call.position, call.type, call.body, call.bytes, *call.fields) for call in calls),
            )
            connection.executemany(
                _INSERT_PROBLEM,
                ((number, *(getattr(problem, name) for name in _PROBLEM)) for problem in request.problems),
            )

    def calls(self, type_: str | None, user_id: str | None, event: str | None) -> list[dict[str, Any]]:
        """List the accepted calls in the order of their arrival; each condition that is not None narrows the list."""
        rows = self._rows(_SELECT_CALLS, {"type": type_, "user_id": user_id, "event": event})
        return [orjson.loads(body) for (body,) in rows]

    def requests(self) -> list[RequestRecord]:
        """List the requests in the order of their arrival."""
        with self._lock:
            requests = self._rows(_SELECT_REQUESTS)
            found = self._rows(_SELECT_PROBLEMS)
        problems: defaultdict[int, list[Problem]] = defaultdict(list)
        for request, *values in found:
            problems[request].append(Problem(*values))
        records: list[RequestRecord] = []
        for number, *values in requests:
            stored = dict(zip(_RECORDED, values, strict=True))
            stored["strict"] = bool(stored["strict"])
            records.append(RequestRecord(**stored, problems=tuple(problems[number]), id=number))
        return records

    def counts(self) -> Counts:
        """Total what is kept."""
        with self._lock:
            ((requests, accepted, refused, lost, repeats, people),) = self._rows(_TOTALS)
            by_type, by_event = dict(self._rows(_BY_TYPE)), dict(self._rows(_BY_EVENT))
        return Counts(requests, accepted, refused, lost, repeats, people, by_type, by_event)

    def _rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, parameters or {}).fetchall()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock, self._connection as connection:
            for table in ("problems", "calls", "requests"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
