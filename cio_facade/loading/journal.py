"""The journal of a load: which rows need nothing more, and why rows were rejected. What was synced survives.

A load is begun, rows are noted as their answers come, `LoadJournal.sync` commits, and when no row is open the load is
finished. The next run of the same load finds what was settled, and goes on with the rest.

To sync costs no fsync: what a power cut takes of the last moments is only sent again, under the same message ids. To
begin and to finish have one, so that the stamp of a load is the same for all that was sent of it.
"""

from __future__ import annotations

import json
import time
from array import array
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cio_facade.clock import Stamps
from cio_facade.errors import CustomerIOError
from cio_facade.loading.marks import BYTES, OUTCOMES, Marks
from cio_facade.loading.stores import Form, Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cio_facade.loading.marks import Indexes

__all__ = ["Begun", "LoadJournal", "Totals"]

_PAGE: Final = 10_000  # rejected rows that are read at a time

_FORM: Final = Form(
    "the journal of a load",
    b"ciol",
    1,
    """
    CREATE TABLE load (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        fingerprint TEXT NOT NULL,   -- of the source's content
        rows INTEGER NOT NULL,       -- that can be read
        description TEXT NOT NULL,   -- what decides what is sent of a row, JSON
        stamp TEXT NOT NULL,         -- when it was begun
        finished TEXT,               -- when, if it is
        delivered INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        unchanged INTEGER NOT NULL
    );
    CREATE TABLE blocks (
        block INTEGER PRIMARY KEY,   -- of 65 536 rows
        delivered BLOB,              -- a bit a row, the first one the lowest; NULL for none
        rejected BLOB,
        unchanged BLOB
    );
    CREATE TABLE reasons (id INTEGER PRIMARY KEY, reason TEXT NOT NULL UNIQUE);
    CREATE TABLE rejected (row INTEGER PRIMARY KEY, reason INTEGER NOT NULL)
    """,
)
_LOAD: Final = "SELECT fingerprint, rows, description, stamp, finished, delivered, rejected, unchanged FROM load"
_PUT_BLOCK: Final = "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)"
_REJECTED: Final = """
SELECT row, reasons.reason FROM rejected JOIN reasons ON reasons.id = rejected.reason
WHERE row > ? ORDER BY row LIMIT ?
"""
_REASONS: Final = """
SELECT reasons.reason, count(*) AS number FROM rejected JOIN reasons ON reasons.id = rejected.reason
GROUP BY reasons.id ORDER BY number DESC, reasons.id LIMIT ?
"""


_State = Literal["new", "resumed", "finished", "changed"]


class Totals(NamedTuple):
    """Rows of a load that need nothing more, by all its runs."""

    delivered: int = 0
    rejected: int = 0
    unchanged: int = 0


class Begun(NamedTuple):
    """What was found when a load was begun.

    Attributes
    ----------
    state : {"new", "resumed", "finished", "changed"}
        Only after the first two it may be gone on. ``"changed"``: it was interrupted when some rows were settled, and
        what it is to load, or what is sent of it, is another now.
    stamp : str
        When the load was first begun, ISO 8601: what its messages carry that have no time of their own.
    totals : Totals
        What earlier runs settled of it.
    words : str
        The same in a line for people; empty where nothing was found.
    """

    state: _State
    stamp: str
    totals: Totals
    words: str


class _Load(NamedTuple):
    """The load that is in the file."""

    fingerprint: str
    rows: int
    description: str
    stamp: str
    finished: str | None
    delivered: int
    rejected: int
    unchanged: int

    @property
    def totals(self) -> Totals:
        return Totals(self.delivered, self.rejected, self.unchanged)


class _Refusals:
    """Rows that were rejected, and are not in the file: 16 bytes each."""

    def __init__(self) -> None:
        self.rows, self.places = array("q"), array("q")
        self.texts: dict[str, int] = {}  # reason to its place

    def add(self, rows: array[int], reason: str) -> None:
        self.rows.extend(rows)
        self.places.extend(array("q", (self.texts.setdefault(reason, len(self.texts)),)) * len(rows))

    def follow(self, later: _Refusals) -> None:
        """Take up those that were noted after these."""
        texts = list(later.texts)
        for row, place in zip(later.rows, later.places, strict=True):
            self.add(array("q", (row,)), texts[place])

    def write(self, database: sqlite3.Connection) -> None:
        ids: list[int] = []
        for text in self.texts:
            database.execute("INSERT OR IGNORE INTO reasons (reason) VALUES (?)", (text,))
            ids += database.execute("SELECT id FROM reasons WHERE reason = ?", (text,)).fetchone()
        numbers = map(ids.__getitem__, self.places)
        database.executemany("INSERT OR IGNORE INTO rejected VALUES (?, ?)", zip(self.rows, numbers, strict=True))


class LoadJournal:
    """The journal of a load, for all threads of one process; no other one may have it open.

    Parameters
    ----------
    path : path
        The file; made when it is absent, in a folder that is there.
    now : callable
        Gives seconds since 1970.

    Raises
    ------
    CustomerIOError
        Another process runs the load; the file cannot be made or written, is damaged, of a later version or no journal.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = LoadJournal(Path(folder) / "journal.db", now=lambda: 0.0)
    ...     print(journal.begin("f1", 3, {}).state)
    ...     journal.note([2, 0], "delivered")
    ...     journal.close()
    ...
    ...     journal = LoadJournal(Path(folder) / "journal.db", now=lambda: 1.0)
    ...     print(journal.begin("f1", 3, {}).words)
    ...     journal.note([1], "rejected", "user_id is empty")
    ...     print(journal.finish(), journal.totals(), list(journal.rejected()))
    ...     journal.close()
    new
    goes on with the load of 1970-01-01T00:00:00.000Z: 2 of 3 rows are settled
    True Totals(delivered=2, rejected=1, unchanged=0) [(1, 'user_id is empty')]
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._stamps = Stamps(now)
        self._noting = Lock()  # over what is in memory
        self._syncing = Lock()
        self._marks, self._refusals = Marks(0), _Refusals()
        self._store = Store(path, _FORM)
        try:
            with self._store.reading() as database:
                row = database.execute(_LOAD).fetchone()
            self._load = None if row is None else _Load._make(row)
        except BaseException:
            self._store.close()
            raise

    @property
    def unfinished(self) -> bool:
        """Whether a load was interrupted when some rows were settled: what it loads is to be kept."""
        load = self._load
        return load is not None and load.finished is None and (any(load.totals) or any(self.totals()))

    def begin(self, fingerprint: str, rows: int, description: Mapping[str, Any], *, again: bool = False) -> Begun:
        """Begin a load, or go on with it.

        Parameters
        ----------
        fingerprint : str
            Of the source's content.
        rows : int
            Its rows that can be read.
        description : mapping
            What decides what is sent of a row, as JSON has it: the plan, but no key, and nothing that is another in
            each run.
        again : bool
            Begin anew, whatever was there.

        Returns
        -------
        Begun
            What was found, and whether it may be gone on.
        """
        state = self.find(fingerprint, rows, description, again=again)
        found = self._load
        if found is None or state == "new":
            words = ""
            if found is not None and found.finished is not None and not again:
                what = self._what_changed(found, fingerprint, rows)
                words = f"a new load: {what} has changed since it was loaded at {found.finished}"
            return self._anew(fingerprint, rows, _said(description), words)
        settled = f"{sum(found.totals)} of {found.rows} rows are settled"
        if state == "changed":
            what = self._what_changed(found, fingerprint, rows)
            way_out = "load it as it was, or say --again to begin anew"
            words = f"{what} has changed since the load of {found.stamp} was interrupted ({settled}); {way_out}"
            return Begun("changed", found.stamp, found.totals, words)
        self._take_up(found)
        resumed = f"goes on with the load of {found.stamp}: {settled}"
        return Begun(
            state,
            found.stamp,
            found.totals,
            resumed if state == "resumed" else f"was loaded already, at {found.finished}",
        )

    def find(self, fingerprint: str, rows: int, description: Mapping[str, Any], *, again: bool = False) -> _State:
        """Say what `begin` would find, and change nothing."""
        found = self._load
        if again or found is None:
            return "new"
        same = (found.fingerprint, found.rows, found.description) == (fingerprint, rows, _said(description))
        if found.finished is not None:
            return "finished" if same else "new"
        if same:
            return "resumed"
        return "changed" if any(found.totals) else "new"  # of nothing no mixture can be made

    @staticmethod
    def _what_changed(found: _Load, fingerprint: str, rows: int) -> str:
        same_source = (found.fingerprint, found.rows) == (fingerprint, rows)
        return "what is sent of it" if same_source else "the source"

    def note(
        self,
        indexes: Indexes,
        outcome: Literal["delivered", "rejected", "unchanged", "failed"],
        reason: str | None = None,
    ) -> None:
        """Note what became of rows: in memory, at next to no cost. The first outcome of a row is the one that stays.

        Parameters
        ----------
        indexes : sequence or array of int
            Row indexes, in any order.
        outcome : {"delivered", "rejected", "unchanged", "failed"}
            A row that failed stays open, for the next run.
        reason : str, optional
            Why rows were rejected.
        """
        if outcome == "failed" or not len(indexes):
            return
        with self._noting:
            fresh = self._marks.note(indexes, outcome)
            if fresh and outcome == "rejected":
                self._refusals.add(fresh, reason or "rejected")

    def sync(self) -> None:
        """Commit what was noted.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file cannot be written. All of it stays noted.
        """
        with self._syncing:
            with self._noting:
                marks, blocks, refusals = self._marks, self._marks.changed, self._refusals
            if not blocks:
                return
            try:
                with self._noting:
                    bitmaps = [(block, *marks.bitmaps(block)) for block in blocks]
                    totals = self._totals()
                    marks.changed, self._refusals = set(), _Refusals()
                with self._store.transaction() as database:
                    database.executemany(_PUT_BLOCK, bitmaps)
                    database.execute("UPDATE load SET delivered = ?, rejected = ?, unchanged = ?", totals)
                    refusals.write(database)
            except BaseException:
                with self._noting:
                    marks.changed |= blocks
                    if self._refusals is not refusals:
                        refusals.follow(self._refusals)
                        self._refusals = refusals
                raise
            with self._noting:
                for block in blocks - marks.changed:
                    marks.let_go(block)

    def settled(self, first: int, number: int) -> Any:
        """Tell which of so many rows from the first on need nothing more, as an array of bool; None when none does."""
        with self._noting:
            return self._marks.settled(first, number)

    def first_open(self) -> int:
        """Give the index of the first row that is open; the number of rows when none is."""
        with self._noting:
            return self._marks.first_open()

    def totals(self) -> Totals:
        """Count the rows that need nothing more, those included that are not synced."""
        with self._noting:
            return self._totals()

    def rejected(self) -> Iterator[tuple[int, str]]:
        """Go through the rejected rows, in order, with their reasons. Commits what was noted first."""
        self.sync()
        last = -1
        while True:
            with self._store.reading() as database:
                page = database.execute(_REJECTED, (last, _PAGE)).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def reasons(self, most: int = 1_000) -> dict[str, int]:
        """Count the rejected rows by reason, the most frequent first. Commits what was noted first."""
        self.sync()
        with self._store.reading() as database:
            return dict(database.execute(_REASONS, (most,)).fetchall())

    def finish(self) -> bool:
        """End the load, if no row of it is open; otherwise it is gone on with by the next run. Whether it is ended."""
        self.sync()
        with self._noting:
            if self._load is None or sum(self._totals()) < self._marks.rows:
                return False
            load = self._load._replace(finished=self._stamps())
        with self._store.transaction(durable=True) as database:
            database.execute("UPDATE load SET finished = ?", (load.finished,))
        self._load = load
        return True

    def close(self) -> None:
        """Commit what was noted, as far as that can be done, and let other processes have the file."""
        try:
            with suppress(CustomerIOError):  # what is not committed is sent again; to know, `sync` before
                self.sync()
        finally:
            self._store.close()

    def _totals(self) -> Totals:
        return Totals(*(self._marks.counts[outcome] for outcome in OUTCOMES))

    def _anew(self, fingerprint: str, rows: int, description: str, words: str) -> Begun:
        load = _Load(fingerprint, rows, description, self._stamps(), None, 0, 0, 0)
        with self._store.transaction(durable=True) as database:
            for table in ("load", "blocks", "reasons", "rejected"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608  names of ours
            database.execute("INSERT INTO load VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", load)
        with self._noting:
            self._load, self._marks, self._refusals = load, Marks(rows), _Refusals()
        return Begun("new", load.stamp, load.totals, words)

    def _take_up(self, load: _Load) -> None:
        marks = Marks(load.rows)
        with self._store.reading() as database:
            for block, *bitmaps in database.execute("SELECT block, delivered, rejected, unchanged FROM blocks"):
                if any(bitmap is not None and len(bitmap) != BYTES for bitmap in bitmaps):
                    raise self._store.damaged()
                marks.restore(block, bitmaps)
        with self._noting:
            self._marks, self._refusals = marks, _Refusals()
            if self._totals() != load.totals:
                raise self._store.damaged()


def _said(description: Mapping[str, Any]) -> str:
    return json.dumps(description, sort_keys=True, default=str)
