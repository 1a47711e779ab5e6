"""What arrived, in SQLite: one connection, one transaction a request. The tables are open to queries by others."""

import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, Final

import orjson

from cio_facade.sandbox.records import COLUMNS, Call, Counts, Problem, RequestRecord
from cio_facade.sandbox.tables import APPLICATION, FORM, SCHEMA, TABLES
from cio_facade.sandbox.workspace import Effect, Workspace

__all__ = ["Storage"]


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of this module, no input


_RECORDED: Final = tuple(field.name for field in fields(RequestRecord) if field.name not in {"id", "problems"})
_DERIVED: Final = ("verdict", "reason")
_PROBLEM: Final = tuple(field.name for field in fields(Problem))

_INSERT_REQUEST: Final = _insert("requests", ("id", *_RECORDED, *_DERIVED))
_INSERT_CALL: Final = _insert(
    "received",
    (
        "request",
        "position",
        "time",
        "type",
        *COLUMNS,
        "bytes",
        "verdict",
        "reason",
        "repeat",
        "person",
        "effect",
        "body",
    ),
)
_INSERT_PROBLEM: Final = _insert("problems", ("request", *_PROBLEM))
_ADD_TALLY: Final = """
INSERT INTO tallies VALUES (unixepoch(:time), :type, :event, :verdict, :calls, :bytes)
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, bytes = bytes + excluded.bytes
"""
_IS_REPEAT: Final = "SELECT EXISTS (SELECT 1 FROM received WHERE message_id = ? AND verdict = 'accepted')"
_MESSAGE_ID: Final = tuple(COLUMNS).index("message_id")
_EVENT: Final = tuple(COLUMNS).index("event")

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
    workspace : Workspace or None
        Carries out what the calls do; None for one that knows no events that act.
    drop_repeats : bool
        Whether a call whose message id was accepted before is dropped.

    Raises
    ------
    ValueError
        The file is a database, but none of this version of the sandbox.
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        workspace: Workspace | None = None,
        *,
        drop_repeats: bool = False,
    ) -> None:
        self._workspace = workspace or Workspace({})
        self._drop_repeats = drop_repeats
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False)
        # Reads of a file do not keep those waiting who write; what is in memory is one connection's.
        self._reader, self._read_lock = self._connection, self._lock
        try:
            self._prepare()
            if path is not None:
                self._read_lock = threading.RLock()
                self._reader = sqlite3.connect(
                    f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
                )
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        marks = (run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0])
        is_new = run("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        if not is_new and marks != (APPLICATION, FORM):
            raise ValueError("the file holds a database that is not this sandbox's: name another file")
        # A commit is the file's when it returns, and outlives this process; only a power cut could undo the last ones.
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if is_new:
            self._connection.executescript(SCHEMA)

    def record(self, request: RequestRecord, calls: Sequence[Call]) -> None:
        """Keep a request with its calls, what they do and its problems, in one transaction: all of it or nothing.

        It says in the record how many calls were accepted and dropped. A request of which no call could be read has a
        row among the calls all the same.
        """
        with self._lock, self._connection as db:
            number = db.execute("SELECT coalesce(max(id), 0) + 1 FROM requests").fetchone()[0]
            tallies: Counter[tuple[str, str, str]] = Counter()
            sizes: Counter[tuple[str, str, str]] = Counter()
            for call in calls:
                verdict, event = self._keep(db, number, request, call)
                tally = (call.type or "", event or "", verdict)
                tallies[tally] += 1
                sizes[tally] += call.bytes
            request.accepted = sum(count for (_, _, verdict), count in tallies.items() if verdict == "accepted")
            request.dropped = sum(count for (_, _, verdict), count in tallies.items() if verdict == "dropped")
            if not calls and request.problems:
                self._keep_unread(db, number, request)
            db.execute(_INSERT_REQUEST, [number, *(getattr(request, name) for name in (*_RECORDED, *_DERIVED))])
            db.executemany(
                _INSERT_PROBLEM,
                ((number, *(getattr(problem, name) for name in _PROBLEM)) for problem in request.problems),
            )
            db.executemany(_ADD_TALLY, ((request.time, *tally, tallies[tally], sizes[tally]) for tally in tallies))

    def _keep(self, db: sqlite3.Connection, number: int, request: RequestRecord, call: Call) -> tuple[str, str | None]:
        fields = call.fields
        verdict, reason, repeat, effect = "accepted", call.problem, 0, Effect(None, None)
        if request.status != 200:
            verdict, reason = "refused", reason or "refused with the batch"
        elif reason:
            verdict = "lost"
        else:
            repeat = db.execute(_IS_REPEAT, (fields[_MESSAGE_ID],)).fetchone()[0]
            if repeat and self._drop_repeats:
                verdict, reason = "dropped", "a repeat: a call with this messageId was accepted before"
            else:
                effect = self._workspace.apply(db, call, request.time)
        told = (number, call.position, request.time, call.type, *fields, call.bytes, verdict, reason, repeat)
        db.execute(_INSERT_CALL, (*told, *effect, call.body))
        return verdict, fields[_EVENT]

    def _keep_unread(self, db: sqlite3.Connection, number: int, request: RequestRecord) -> None:
        nothing = (None,) * len(COLUMNS)
        told = (number, 0, request.time, None, *nothing, request.bytes, request.verdict, request.reason, 0)
        db.execute(_INSERT_CALL, (*told, None, None, ""))

    def read(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Run a query of the sandbox's own over what is kept; rows by column name."""
        with self._read_lock:
            cursor = self._reader.cursor()
            cursor.row_factory = sqlite3.Row
            return cursor.execute(query, parameters).fetchall()

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

    def _rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.read(query, parameters or {})]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock, self._connection as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._read_lock:
            self._reader.close()
            self._connection.close()
