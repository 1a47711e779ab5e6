"""The database of a durable outbox: one connection, transactions that no other process disturbs, and room on the disk.

SQLite before 3.51.3 can damage its write-ahead log where several connections write or checkpoint at the same time, so
each write happens under a lock file of our own. Whoever uses this takes care that one thread at a time does.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cio_facade import recovery
from cio_facade.errors import OutboxError
from cio_facade.locks import BusyError, LockFile
from cio_facade.salvage import Salvage, salvage

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Database", "Opening"]

# A checkpoint costs an fsync or two: one in 16 MiB.
_LOG_PAGES: Final = 4_000
_LOG_BYTES: Final = 16 << 20
_SETTINGS: Final = (
    "journal_mode = WAL",
    "cache_size = -8192",  # KiB
    f"wal_autocheckpoint = {_LOG_PAGES}",
    f"journal_size_limit = {_LOG_BYTES}",
    "secure_delete = FAST",  # as far as it costs no writing
)
# Seconds to wait for another process that writes: to open the file, and for each try to write.
_PATIENCE: Final = 10.0
_MOMENT: Final = 0.05

# Left free for outcomes, without which a full file system would never drain.
_RESERVE_BYTES: Final = 512 << 10

_FULL_DISK: Final = "the disk is full; the message was not taken. Make room: what waits already can still be delivered"


# Files that were being written when this process was forked off.
_in_use: Final[set[int]] = set()


class Opening(NamedTuple):
    """What was found when the file was opened.

    Attributes
    ----------
    waiting : int
        Messages that wait to be delivered.
    unclean : bool
        Whoever had the file last did not close it.
    torn : bool
        The end of the log is cut or broken: what was being written when it stopped is not in the file.
    salvage : Salvage or None
        Of a damaged file: how many messages were saved and lost, and where the damaged file is now.
    """

    waiting: int
    unclean: bool = False
    torn: bool = False
    salvage: Salvage | None = None

    @property
    def words(self) -> str:
        """The same in a line for a log."""
        found = f"{self.waiting} waiting"
        if self.salvage is not None:
            saved, lost, aside = self.salvage
            number = "an unknown number" if lost is None else str(lost)
            return f"it was damaged: {saved} messages saved, {number} lost; the damaged file is now {aside}"
        if self.torn:
            return f"it was not closed, and a write that had been cut short was dropped; {found}"
        return f"it was not closed; {found}" if self.unclean else found


class Database:
    """A file that is an outbox, open.

    Parameters
    ----------
    path : path
        The file; made when it is absent.

    Attributes
    ----------
    path : Path
        Its one name, by which every process locks it.
    opening : Opening
        What was found.

    Raises
    ------
    OutboxError
        The file cannot be made, opened or written, is none of an outbox, or of a later version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _checked(Path(path))
        self._connection: sqlite3.Connection | None = None
        self._synchronous = ""
        self._inode = self._page = self._credit = 0
        self._locks = [LockFile(f"{self.path}{ending}") for ending in ("-lock", "-open", "-deliver")]
        self._writing, self._opened, self._delivering = self._locks
        try:
            with self._writing.held(_PATIENCE):
                self.opening = self._open()
        except recovery.ERRORS as error:
            failure = self.failure(error)
            self.close()
            raise failure from error
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, synchronous: Literal["FULL", "NORMAL"]) -> Generator[sqlite3.Connection]:
        """Write, while no other process does; FULL has an fsync in it.

        Raises
        ------
        BusyError
            Another process is writing: try again.
        """
        database = self._there()
        with self._writing.held(_MOMENT):
            if self.path.stat().st_ino != self._inode:
                raise OutboxError(f"path: {self.path} was replaced by another file")
            if synchronous != self._synchronous:
                database.execute(f"PRAGMA synchronous = {synchronous}")
                self._synchronous = synchronous
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Read what is committed."""
        try:
            yield self._there()
        except recovery.ERRORS as error:
            raise self.failure(error) from error

    def make_room(self, size: int) -> None:
        """Refuse what would leave no room on the disk for outcomes.

        Raises
        ------
        OutboxError
            There is none, even when all that can be given back is.
        """
        self._credit -= size
        if self._credit < 0:
            left = self._left(size)
            for give_back in (self.checkpoint, self.shrink):
                if left < 0:
                    give_back()
                    left = self._left(size)
            if left < 0:
                raise OutboxError(_FULL_DISK)
            self._credit = min(left // 8, _LOG_BYTES)  # to look costs as much as to write

    def checkpoint(self) -> None:
        """Copy the log to the database, and give its space back, as far as that can be done."""
        if self._connection is not None:
            with suppress(sqlite3.Error, BusyError), self._writing.held(_MOMENT):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shrink(self, most_free: int = 0) -> None:
        """Give the disk back pages that are free, if there are more; a part of them, so that nobody waits for long."""
        connection = self._there()
        if _ask(connection, "freelist_count") > most_free:
            with suppress(sqlite3.Error, BusyError), self._writing.held(_MOMENT):
                # As a script, since it takes a step a page, and `execute` makes one.
                connection.executescript(f"PRAGMA incremental_vacuum({_LOG_PAGES})")
            self.checkpoint()

    def lead(self) -> bool:
        """Try to become the one who delivers, until this is closed or its process dies."""
        return self._connection is not None and self._delivering.take()

    def close(self) -> None:
        """Close the connection, then the locks."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # The last one empties the log. Who cannot have the lock is not the last.
            with suppress(sqlite3.Error), ExitStack() as held:
                with suppress(BusyError):
                    held.enter_context(self._writing.held(_MOMENT))
                connection.close()
        for lock in self._locks:
            lock.close()

    def abandon(self, *, idle: bool) -> None:
        """Forget the file, in the child of a fork: its locks are the parent's.

        The connection is closed. SQLite would take the parent's locks for this process's own, and a connection made
        later would have none: then the parent's end would remove the log under it. A connection that was in use
        when the process forked cannot be closed, so this process may not open the file.
        """
        connection, self._connection = self._connection, None
        if connection is not None and idle:
            with suppress(sqlite3.Error):
                connection.close()
        elif connection is not None:
            _in_use.add(self._inode)
            _keep_for_ever(connection)
        for lock in self._locks:
            lock.abandon()

    def failure(self, error: Exception) -> OutboxError:
        """Say an error in words that name the way out."""
        if isinstance(error, OutboxError):
            return error
        if recovery.is_damage(error):
            self._opened.write(b"damaged")  # for the next opening
            return OutboxError(f"path: {self.path} is damaged; open it again, then what can be read of it is saved")
        if recovery.is_full(error):
            return OutboxError(_FULL_DISK)
        return OutboxError(f"path: {self.path} cannot be used: {error}")

    def _open(self) -> Opening:
        if self.path.exists() and self.path.stat().st_ino in _in_use:
            raise OutboxError(
                f"path: {self.path} was being written when this process forked; use it in another process"
            )
        alone = self._opened.take()
        log = Path(f"{self.path}-wal")
        unclean = alone and log.exists() and log.stat().st_size > 0
        state = recovery.examine(self.path, thoroughly=unclean)
        if state == "sound" and self._opened.read():
            state = "damaged"  # somebody met what no check sees
        saved = None
        if state == "absent":
            recovery.make(self.path)
            unclean = False
        elif state == "damaged":
            if not alone:
                raise OutboxError(f"path: {self.path} is damaged; close it in all processes, then open it again")
            saved = salvage(self.path)
        connection = self._connection = recovery.connect(self.path)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
        recovery.migrate(connection)
        torn = unclean and saved is None and recovery.torn(log, recovery.whole_frames(connection))
        waiting = recovery.waiting(connection)
        _try_to_write(connection)
        self._inode, self._page = self.path.stat().st_ino, _ask(connection, "page_size")
        if alone:
            self._opened.write(b"")
        self._opened.share()
        return Opening(waiting, unclean, torn, saved)

    def _there(self) -> sqlite3.Connection:
        if self._connection is None:
            raise OutboxError("the outbox is closed")
        return self._connection

    def _left(self, size: int) -> int:
        """Bytes that stay free when so many more are in the log, and later all of the log in the database."""
        space = os.statvfs(self.path)
        if not space.f_blocks:  # a file system that does not say
            return _LOG_BYTES
        pages = _ask(self._there(), "page_count"), _ask(self._there(), "freelist_count")
        growth = pages[0] * self._page - self.path.stat().st_size, size - pages[1] * self._page
        return space.f_bavail * space.f_frsize - size - max(0, growth[0]) - max(0, growth[1]) - _RESERVE_BYTES


def _checked(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    if os.path.isdir(path):  # noqa: PTH112  the method raises for a name that is too long
        raise OutboxError(f"path: {path} is a directory; name a file in it")
    if not os.path.isdir(path.parent):  # noqa: PTH112
        raise OutboxError(f"path: the directory {path.parent} does not exist; make it first")
    return path


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Change nothing, which fails where the file may only be read."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET next = next")
    connection.execute("ROLLBACK")


def _ask(connection: sqlite3.Connection, what: str) -> int:
    return int(connection.execute(f"PRAGMA {what}").fetchone()[0])


def _keep_for_ever(value: object) -> None:
    """Take care that a value is not destroyed at the end of the process: SQLite would touch the parent's files."""
    with suppress(ImportError, AttributeError):
        import ctypes  # noqa: PLC0415  only in the child of a fork

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
