"""What arrived, in SQLite: one request, one transaction. The tables are open to queries by others."""

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from operator import attrgetter
from os import PathLike
from pathlib import Path
from typing import Any, Final

import orjson

from cio_facade.sandbox.effects import NOBODY, Effect
from cio_facade.sandbox.queries import ROWS, SECONDS, Answer, Parameters
from cio_facade.sandbox.reading import MemoryReader, Read, Readers, StoreClosed
from cio_facade.sandbox.records import COLUMNS, Call, Counts, Problem, RequestRecord
from cio_facade.sandbox.tables import TABLES, check_form, is_empty, make
from cio_facade.sandbox.tallies import add
from cio_facade.sandbox.workspace import Workspace

__all__ = ["Storage"]


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of this module, no input


_RECORDED: Final = tuple(field.name for field in fields(RequestRecord) if field.name not in {"id", "problems"})
_DERIVED: Final = ("verdict", "reason")
_PROBLEM: Final = tuple(field.name for field in fields(Problem))
_REQUEST_VALUES: Final = attrgetter(*_RECORDED, *_DERIVED)
_PROBLEM_VALUES: Final = attrgetter(*_PROBLEM)

_NEXT_REQUEST: Final = "SELECT coalesce(max(id), 0) + 1 FROM requests"
_INSERT_REQUEST: Final = _insert("requests", ("id", *_RECORDED, *_DERIVED))
_BEFORE: Final = ("request", "position", "time", "type")
_AFTER: Final = ("bytes", "verdict", "reason", "repeat", "person", "effect", "body")
_INSERT_CALL: Final = _insert("received", (*_BEFORE, *COLUMNS, *_AFTER))
_INSERT_PROBLEM: Final = _insert("problems", ("request", *_PROBLEM))
_ADD_TOTAL: Final = """
INSERT INTO totals VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    calls = calls + excluded.calls, bytes = bytes + excluded.bytes, repeats = repeats + excluded.repeats
"""
_IS_REPEAT: Final = """
SELECT EXISTS (
    SELECT 1 FROM received INDEXED BY received_by_message WHERE message_id = ? AND verdict = 'accepted'
)
"""
# Seconds to wait for others who open the same new file, and between one try and the next; which byte of an error's code
# says what it is.
_PATIENCE: Final = 5.0
_PAUSE: Final = 0.01
_PRIMARY: Final = 0xFF

_MESSAGE_ID: Final = tuple(COLUMNS).index("message_id")
_EVENT: Final = tuple(COLUMNS).index("event")
_NONE: Final = [0, 0, 0]
_REPEAT: Final = "a repeat: a call with this messageId was accepted before"

_SELECT_REQUESTS: Final = f"SELECT id, {', '.join(_RECORDED)} FROM requests ORDER BY id"  # noqa: S608
_SELECT_PROBLEMS: Final = f"SELECT request, {', '.join(_PROBLEM)} FROM problems ORDER BY id"  # noqa: S608
_SELECT_CALLS: Final = """
SELECT body FROM calls
WHERE (:type IS NULL OR type = :type)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:event IS NULL OR event = :event)
ORDER BY id
"""

_OF_REQUESTS: Final = (
    "SELECT count(*), count(*) FILTER (WHERE verdict = 'refused'), coalesce(sum(lost), 0) FROM requests"
)
_OF_CALLS: Final = "SELECT count(*) FILTER (WHERE repeat), count(DISTINCT user_id) FROM calls"
_BY_TYPE: Final = "SELECT type, sum(calls) FROM periods WHERE verdict = 'accepted' GROUP BY type ORDER BY type"
_BY_EVENT: Final = """
SELECT event, sum(calls) FROM periods WHERE verdict = 'accepted' AND type = 'track' GROUP BY event ORDER BY event
"""

# Calls, bytes and repeats, by type, event and verdict.
_Tallies = defaultdict[tuple[str, str, str], list[int]]
_More = Mapping[tuple[str, str], Sequence[int]]


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
        The file is none of this version of the sandbox.
    OSError
        The file cannot be opened.
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
        self._closed = False
        file = None if path is None else Path(path).resolve()
        self._files: tuple[Path, ...] = () if file is None else (file, Path(f"{file}-wal"))
        self._connection = _connect(path)
        try:
            self._prepare()
            self._identities = [*map(_identity, self._files)]
            self._reader = MemoryReader(self._connection, self._lock) if path is None else Readers(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        if not is_empty(self._connection):
            check_form(self._connection)
        # A commit is the file's when it returns, and outlives this process; only a power cut could undo the last ones.
        _write_ahead(self._connection)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._writing() as db:
            if is_empty(db):  # another one may have made them meanwhile
                make(db)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise StoreClosed
            if [*map(_identity, self._files)] != self._identities:  # what is written now would be in no file
                raise sqlite3.OperationalError(f"the file was moved or deleted, or its log: {self._files[0]}")
            with self._writing() as db:
                yield db

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # some errors, such as a full disk, have ended it already
                db.execute("ROLLBACK")
            raise

    def record(self, request: RequestRecord, calls: Sequence[Call], more: _More | None = None) -> None:
        """Keep a request with its calls, what they do and its problems, in one transaction: all of it or nothing.

        It says in the record which number the request has, and how many calls were accepted and dropped. A request of
        which no call could be read has a row among the calls all the same. Of `more`, number and bytes of unfit calls
        by type and event, nothing is kept but the sums.
        """
        with self._transaction() as db:
            (request.id,) = db.execute(_NEXT_REQUEST).fetchone()
            tallies: _Tallies = defaultdict(lambda: [0, 0, 0])
            for (type_, event), sums in (more or {}).items():
                tallies[type_, event, "lost" if request.status == 200 else "refused"] = [*sums, 0]
            db.executemany(_INSERT_CALL, self._rows(db, request, calls, tallies))
            if not calls and request.problems:
                db.execute(_INSERT_CALL, _unread(request))
                tallies["", "", request.verdict] = [1, request.bytes, 0]
            totals = _totals(tallies)
            request.accepted, request.dropped = (totals.get(verdict, _NONE)[0] for verdict in ("accepted", "dropped"))
            db.execute(_INSERT_REQUEST, (request.id, *_REQUEST_VALUES(request)))
            db.executemany(_INSERT_PROBLEM, [(request.id, *_PROBLEM_VALUES(problem)) for problem in request.problems])
            add(db, request.time, [(*tally, calls, size) for tally, (calls, size, _) in tallies.items()])
            db.executemany(_ADD_TOTAL, [(verdict, *sums) for verdict, sums in totals.items()])

    def _rows(
        self, db: sqlite3.Connection, request: RequestRecord, calls: Sequence[Call], tallies: _Tallies
    ) -> Iterator[tuple[Any, ...]]:
        """Give the calls as rows. Each is inserted before the next is looked at: what a call does, later ones see."""
        for call in calls:
            fields = call.fields
            verdict, reason, repeat, effect = self._decide(db, request, call, fields[_MESSAGE_ID])
            sums = tallies[call.type or "", fields[_EVENT] or "", verdict]
            sums[0] += 1
            sums[1] += call.bytes
            sums[2] += repeat
            place = (request.id, call.position, request.time, call.type)
            yield (*place, *fields, call.bytes, verdict, reason, repeat, *effect, call.body)

    def _decide(
        self, db: sqlite3.Connection, request: RequestRecord, call: Call, message_id: str | None
    ) -> tuple[str, str | None, int, Effect]:
        if request.status != 200:
            return "refused", call.problem or "refused with the batch", 0, NOBODY
        if call.problem:
            return "lost", call.problem, 0, NOBODY
        repeat: int = db.execute(_IS_REPEAT, (message_id,)).fetchone()[0] if message_id is not None else 0
        if repeat and self._drop_repeats:
            return "dropped", _REPEAT, repeat, NOBODY
        return "accepted", None, repeat, self._workspace.apply(db, call, request.time)

    def read(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Run a query of the sandbox's own over what is kept; rows by column name.

        Raises
        ------
        StoreClosed
            The store was closed before, or meanwhile.
        """
        return self._reader.read(query, parameters)

    def snapshot(self) -> AbstractContextManager[Read]:
        """Read one and the same state with several queries: gives a function like `read`."""
        return self._reader.snapshot()

    def query(self, sql: str, parameters: Parameters = (), *, seconds: float = SECONDS, rows: int = ROWS) -> Answer:
        """Run a query of a user: one statement that only reads.

        Parameters
        ----------
        sql : str
        parameters : sequence or mapping
            What its placeholders stand for.
        seconds : float
            Time that it may take.
        rows : int
            Most rows to give.

        Raises
        ------
        QueryError
            The query is faulty, would do anything but read, or takes too long or too much.
        StoreClosed
            The store was closed before, or meanwhile.
        """
        return self._reader.query(sql, parameters, seconds=seconds, rows=rows)

    def calls(self, type_: str | None, user_id: str | None, event: str | None) -> list[dict[str, Any]]:
        """List the accepted calls in the order of their arrival; each condition that is not None narrows the list."""
        conditions: Mapping[str, str | None] = {"type": type_, "user_id": user_id, "event": event}
        return [orjson.loads(body) for (body,) in self.read(_SELECT_CALLS, conditions)]

    def requests(self) -> list[RequestRecord]:
        """List the requests in the order of their arrival."""
        with self.snapshot() as read:
            requests, found = read(_SELECT_REQUESTS), read(_SELECT_PROBLEMS)
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
        with self.snapshot() as read:
            ((requests, refused, lost),) = read(_OF_REQUESTS)
            ((repeats, people),) = read(_OF_CALLS)
            by_type: dict[str, int] = dict(map(tuple, read(_BY_TYPE)))
            by_event: dict[str, int] = dict(map(tuple, read(_BY_EVENT)))
        return Counts(requests, sum(by_type.values()), refused, lost, repeats, people, by_type, by_event)

    def clear(self) -> None:
        """Forget everything."""
        with self._transaction() as db:
            for table in TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608

    def close(self) -> None:
        """Close the file; who reads at the moment is told so."""
        self._reader.close()
        with self._lock:
            self._closed = True
            self._connection.close()


def _connect(path: str | PathLike[str] | None) -> sqlite3.Connection:
    place = ":memory:" if path is None else Path(path).resolve()
    try:
        # Transactions are begun and ended in words.
        return sqlite3.connect(place, check_same_thread=False, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise OSError(f"the file cannot be opened: {path} ({error})") from None


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have a file written in WAL mode. Of several who do this at once, SQLite lets none wait for the others."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _identity(file: Path) -> tuple[int, int] | None:
    """Give what tells a file from any other, whatever its name; None of one that is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unread(request: RequestRecord) -> tuple[Any, ...]:
    place = (request.id, 0, request.time, None)
    fields = (None,) * len(COLUMNS)
    return (*place, *fields, request.bytes, request.verdict, request.reason, 0, *NOBODY, "")


def _totals(tallies: _Tallies) -> defaultdict[str, list[int]]:
    """Add up by verdict."""
    totals: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (_, _, verdict), sums in tallies.items():
        totals[verdict] = [total + more for total, more in zip(totals[verdict], sums, strict=True)]
    return totals
