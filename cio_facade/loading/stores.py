"""A SQLite file that one process has open, through one connection: what a load keeps is in such files.

SQLite before 3.51.3 can damage its write-ahead log where several connections write, so a file is locked as a whole for
as long as it is open: by a lock file where the system has them, and by SQLite, which then needs no shared memory beside
it, so that the folder may be on a network.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, Final, NamedTuple

from cio_facade import recovery
from cio_facade.errors import CustomerIOError
from cio_facade.locks import LockFile

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["Form", "Store"]

_HAS_LOCKS: Final = find_spec("fcntl") is not None  # not on Windows
_LEAST: Final = 512  # bytes of a page, so of a database
# Somebody who only looks at the file has it for a moment.
_PATIENCE_SECONDS: Final = 0.2
_SETTINGS: Final = (
    "journal_mode = WAL",
    "cache_size = -4096",  # KiB
    # A checkpoint costs an fsync or two: one in 16 MiB.
    "wal_autocheckpoint = 4000",
    f"journal_size_limit = {16 << 20}",
)


class Form(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    what : str
        For people: ``"the journal of a load"``.
    application : bytes
        Four letters by which a file is known.
    version : int
        Of the schema.
    schema : str
        SQL that makes the tables.
    """

    what: str
    application: bytes
    version: int
    schema: str


class Store:
    """A file of a form, open. All threads may use it; they take turns.

    Parameters
    ----------
    path : path
        The file; made when it is absent, for its owner alone, in a folder that is there.
    form : Form
        What it holds.

    Raises
    ------
    CustomerIOError
        Another process has it open, it cannot be made or written, is damaged, of a later version or none of this form.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> form = Form("a list of numbers", b"nums", 1, "CREATE TABLE numbers (number INTEGER)")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(Path(folder) / "numbers.db", form)
    ...     with store.transaction() as database:
    ...         _ = database.execute("INSERT INTO numbers VALUES (1), (2)")
    ...     with store.reading() as database:
    ...         print(database.execute("SELECT sum(number) FROM numbers").fetchone())
    ...     store.close()
    (3,)
    """

    def __init__(self, path: Path, form: Form) -> None:
        self.path, self._form = path, form
        self._turn = RLock()
        self._connection: sqlite3.Connection | None = None
        self._locked: LockFile | None = None
        self._synchronous = ""
        try:
            self._open()
        except (*recovery.ERRORS, CustomerIOError) as error:
            failure = self._failure(error)
            self.close()
            raise failure from error
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Generator[sqlite3.Connection]:
        """Write all of it or nothing.

        Parameters
        ----------
        durable : bool
            It survives a power cut (an fsync). Otherwise it survives the end of the process, however that comes, and a
            power cut may take the last transactions as a whole; the file stays sound.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file is closed, damaged or gone. Nothing was written.
        """
        synchronous = "FULL" if durable else "NORMAL"
        with self.reading() as database:
            if synchronous != self._synchronous:
                database.execute(f"PRAGMA synchronous = {synchronous}")
                self._synchronous = synchronous
            database.execute("BEGIN")
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
        """Read, while no other thread writes."""
        with self._turn:
            if self._connection is None:
                raise CustomerIOError(f"{self._form.what} is closed")
            try:
                yield self._connection
            except recovery.ERRORS as error:
                raise self._failure(error) from error

    def damaged(self) -> CustomerIOError:
        """Make the error that says so."""
        return CustomerIOError(
            f"{self.path}, {self._form.what}, is damaged; move it away and begin again: what it remembered is "
            "then sent once more, under the same message ids"
        )

    def close(self) -> None:
        """Close the file, and let other processes have it. Doing so twice does nothing."""
        with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(sqlite3.Error):  # where the log cannot be emptied it is read at the next opening
                    connection.close()
            if self._locked is not None:
                self._locked.close()

    def _open(self) -> None:
        if not self.path.parent.is_dir():
            raise CustomerIOError(f"the folder {self.path.parent} does not exist; make it first")
        if _HAS_LOCKS:
            self._locked = LockFile(f"{self.path}-lock")
            if not self._locked.take():
                raise self._busy()
        if not self.path.exists():
            for ending in ("-wal", "-journal"):  # of one that was moved away: SQLite would play it into the new one
                with suppress(FileNotFoundError):
                    recovery.beside(self.path, ending).rename(recovery.aside(self.path, ending))
            # SQLite gives the files beside it the same rights.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        elif 0 < self.path.stat().st_size < _LEAST:  # SQLite would take it for an empty one
            raise self._foreign()
        connection = self._connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        is_new = self._recognise(connection)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
        if is_new:
            connection.executescript(
                f"BEGIN; {self._form.schema}; PRAGMA user_version = {self._form.version};"
                f"PRAGMA application_id = {int.from_bytes(self._form.application)}; COMMIT;"
            )
        elif recovery.ask(connection, "PRAGMA quick_check(1)", "") != "ok":
            raise self.damaged()
        else:
            with self.transaction() as database:  # fails here where the file may only be read
                database.execute(f"PRAGMA user_version = {self._form.version}")

    def _recognise(self, database: sqlite3.Connection) -> bool:
        """Refuse a file that is another's; whether it is new."""
        application = int(recovery.ask(database, "PRAGMA application_id", 0))
        version = int(recovery.ask(database, "PRAGMA user_version", 0))
        if not (application or version or recovery.ask(database, "SELECT count(*) FROM sqlite_master", 0)):
            return True
        if application != int.from_bytes(self._form.application):
            raise self._foreign()
        if version > self._form.version:
            raise CustomerIOError(
                f"{self.path}, {self._form.what}, was written by a later version (form {version}; this one knows up to "
                f"{self._form.version}) and was left as it is; update cio-facade"
            )
        return False

    def _failure(self, error: Exception) -> CustomerIOError:
        """Say an error in words that name the way out."""
        if isinstance(error, CustomerIOError):
            return error
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            return self._busy()
        if recovery.is_full(error):
            return CustomerIOError(
                f"the disk is full: {self.path}, {self._form.what}, cannot be written; make room and run it again, "
                "then it goes on"
            )
        if code == sqlite3.SQLITE_NOTADB:
            return self._foreign()
        if recovery.is_damage(error):
            return self.damaged()
        return CustomerIOError(f"{self.path}, {self._form.what}, cannot be used: {error}")

    def _busy(self) -> CustomerIOError:
        return CustomerIOError(
            f"another process has {self.path}, {self._form.what}, open: the same load is running already; wait for its "
            "end, or stop it"
        )

    def _foreign(self) -> CustomerIOError:
        return CustomerIOError(
            f"{self.path} is not {self._form.what}, or its beginning is damaged; it was left as it is. Move it "
            "away, or name another folder (CIO_STATE)"
        )
