"""The file of a durable outbox: how it is made, whether a file is one, and what state it is in."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from cio_facade.errors import OutboxError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ERRORS",
    "aside",
    "ask",
    "begin",
    "beside",
    "connect",
    "examine",
    "flush",
    "is_damage",
    "is_full",
    "make",
    "migrate",
    "put_in_place",
    "recognise",
    "torn",
    "waiting",
    "whole_frames",
]

# What a broken file can raise: Python cannot even read some of SQLite's own words about it.
ERRORS: Final = (sqlite3.Error, OSError, UnicodeDecodeError)

_APPLICATION: Final = int.from_bytes(b"cioo")
_FORM: Final = 1
# From a form to the one after it: SQL that runs in one transaction. There was no other form so far.
_STEPS: Final[dict[int, str]] = {}
# Waiting for another connection: SQLite locks by itself only where one of them opens or closes the file.
_PATIENCE_SECONDS: Final = 30.0
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24

_SCHEMA: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN;
CREATE TABLE packed (
    first INTEGER PRIMARY KEY,  -- sequence number of the first call
    number INTEGER NOT NULL,    -- of calls
    put REAL NOT NULL,          -- seconds since 1970
    data BLOB NOT NULL          -- the calls as JSON, a line each
);
CREATE TABLE settled (
    first INTEGER PRIMARY KEY,  -- as in packed
    marks BLOB NOT NULL         -- a byte a call: 0 waiting, 1 delivered, 2 rejected, 3 failed
);
CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL,      -- sequence number that no call had yet
    accepted INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    bytes INTEGER NOT NULL      -- of the calls in packed
);
INSERT INTO account VALUES (1, 1, 0, 0, 0, 0, 0);
COMMIT;
"""


def connect(path: Path, *, writing: bool = True) -> sqlite3.Connection:
    """Open a database that is there, for use from any thread."""
    mode = "rw" if writing else "ro"
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def make(path: Path) -> None:
    """Make an empty outbox in one step: a process that dies in it leaves none behind."""
    for ending in ("-wal", "-journal"):
        # Left behind by a database that was removed: SQLite would play it into the new one.
        with suppress(FileNotFoundError):
            beside(path, ending).rename(aside(path, ending))
    new = beside(path, "-new")
    with suppress(sqlite3.Error, OutboxError):
        if examine(new, thoroughly=True) == "sound":  # what was saved of a damaged one, and not put in place any more
            put_in_place(new, path)
            return
    put_in_place(begin(path), path)


def examine(path: Path, *, thoroughly: bool) -> Literal["absent", "sound", "damaged"]:
    """Look at a file without writing to it.

    Raises
    ------
    OutboxError
        The file is no outbox, or one of a later version.
    """
    if not path.exists() or not path.stat().st_size:
        return "absent"
    with closing(connect(path, writing=False)) as database:
        try:
            waiting(database)
            damaged = thoroughly and ask(database, "PRAGMA quick_check(1)", "?") != "ok"
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not is_damage(error) and _code(error) != sqlite3.SQLITE_ERROR:  # no such table
                raise
            damaged = True
            database.execute("PRAGMA writable_schema = ON")  # then it overlooks that the file is too short
        recognise(path, database)
    return "damaged" if damaged else "sound"


def is_damage(error: Exception) -> bool:
    """Whether the error says that the file itself is broken."""
    kind = _code(error) & 0xFF
    return isinstance(error, UnicodeDecodeError) or kind in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_full(error: Exception) -> bool:
    """Whether there was no room to write; a quota is an I/O error to SQLite."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}


def migrate(database: sqlite3.Connection) -> None:
    """Bring a file of an earlier version to the present form."""
    while (form := ask(database, "PRAGMA user_version", _FORM)) < _FORM:
        database.executescript(f"BEGIN IMMEDIATE; {_STEPS[form]}; PRAGMA user_version = {form + 1}; COMMIT;")


def whole_frames(database: sqlite3.Connection) -> int | None:
    """Frames of the log that SQLite found to be whole; None where it cannot say. They are copied to the database."""
    with suppress(sqlite3.Error):
        _, whole, _ = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(whole)
    return None


def torn(log: Path, whole: int | None) -> bool:
    """Whether a write-ahead log has more than its whole frames: something that was begun and never committed.

    Frames of an earlier round of the log lie behind, too: those carry another salt.
    """
    if whole is None or not log.exists():
        return False
    with log.open("rb") as file:
        header = file.read(_WAL_HEADER)
        if not _header_is_sound(header):
            return bool(header.strip(b"\0"))
        step = _FRAME_HEADER + int.from_bytes(header[8:12])
        for at in range(_WAL_HEADER + max(whole, 0) * step, os.fstat(file.fileno()).st_size, step):
            file.seek(at + 8)
            salt = file.read(8)
            if salt and header[16:24].startswith(salt):
                return True
    return False


def _header_is_sound(header: bytes) -> bool:
    """Check the sum over the header of a log, as https://sqlite.org/fileformat2.html#walformat has it."""
    order: Literal["little", "big"] = "big" if header[3:4] == b"\x83" else "little"
    one = two = 0
    for at in range(0, 24, 8):
        one = one + int.from_bytes(header[at : at + 4], order) + two & 0xFFFFFFFF
        two = two + int.from_bytes(header[at + 4 : at + 8], order) + one & 0xFFFFFFFF
    return header[24:32] == one.to_bytes(4) + two.to_bytes(4)


def waiting(database: sqlite3.Connection) -> int:
    """Messages that wait to be delivered."""
    return int(ask(database, "SELECT accepted - delivered - rejected - failed FROM account", 0))


def recognise(path: Path, database: sqlite3.Connection) -> None:
    """Refuse a file that is no outbox, or one of a later version."""
    try:
        application = ask(database, "PRAGMA application_id", 0)
        form = ask(database, "PRAGMA user_version", 0)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        application = form = 0
    if application != _APPLICATION:
        raise OutboxError(f"path: {path} is no outbox; it was left as it is. Give the outbox a file of its own")
    if form > _FORM:
        raise OutboxError(
            f"path: {path} was written by a later version (form {form}; this one knows up to {_FORM}) "
            "and was left as it is. Update cio-facade"
        )


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0))  # the kind of error in the lowest byte


def ask(database: sqlite3.Connection, question: str, otherwise: object, *values: object) -> Any:
    """Give the one value that answers a question, or another where there is no row."""
    row = database.execute(question, values).fetchone()
    return otherwise if row is None else row[0]


def begin(path: Path) -> Path:
    """Make an empty outbox beside a path; gives its name."""
    new = beside(path, "-new")
    for ending in ("", "-journal"):
        beside(new, ending).unlink(missing_ok=True)
    # SQLite gives the files beside it the same rights.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(connect(new)) as database:
        database.execute("PRAGMA synchronous = OFF")  # until it is put in place nobody needs it
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_FORM}")
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
    return new


def put_in_place(new: Path, path: Path) -> None:
    """Give a file its final name, so that both survive a power cut."""
    flush(new)
    beside(path, "-shm").unlink(missing_ok=True)
    new.replace(path)
    with suppress(OSError):  # not every file system has it for directories
        flush(path.parent)


def flush(path: Path) -> None:
    """Write a file, or the names in a directory, to the disk. No connection may be open: closing takes its locks."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def beside(path: Path, ending: str) -> Path:
    """Name a file beside another."""
    return path.with_name(path.name + ending)


def aside(path: Path, ending: str = "") -> Path:
    """Name a place that is free, by the moment."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return beside(path, f".damaged-{moment}{ending}")
