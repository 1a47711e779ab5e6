"""Reading what the sandbox keeps, while it is being written: from a file, or from memory."""

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Final, Protocol

from cio_facade.sandbox.queries import ROWS, SECONDS, Answer, Parameters, Watch, answer
from cio_facade.sandbox.tables import check_form

__all__ = ["MemoryReader", "Read", "Readers", "Reading", "StoreClosed"]

# Connections that are kept open for the next who reads.
_IDLE: Final = 4
# Seconds that the end of a store waits for those who read; they are told to stop, and do so within milliseconds.
_PATIENCE: Final = 2.0
# Seconds that a read may keep those waiting who write, where both have but one connection.
_BRIEF: Final = 0.2


class StoreClosed(RuntimeError):  # noqa: N818 - says what happened
    """The store was closed before it was read, or meanwhile."""

    def __init__(self) -> None:
        super().__init__("the sandbox does not run any more: its store is closed")


class Read(Protocol):
    """A query of the sandbox's own; rows by column name."""

    def __call__(self, query: str, parameters: Parameters = (), /) -> list[sqlite3.Row]: ...  # noqa: D102


class Reading(ABC):
    """How a store is read, from any thread."""

    @abstractmethod
    def read(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Run a query of the sandbox's own; rows by column name."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Read]:
        """Read one and the same state with several queries."""

    @abstractmethod
    def query(self, sql: str, parameters: Parameters = (), *, seconds: float = SECONDS, rows: int = ROWS) -> Answer:
        """Run a query of a user: see `queries.answer`."""

    @abstractmethod
    def close(self) -> None:
        """End the reading that is under way, and let no more begin."""


class Readers(Reading):
    """Connections to a file that only read: whoever reads at the moment has one to himself.

    Those who write do not wait for them, nor they for one another.

    Parameters
    ----------
    path : path
        A file that a sandbox wrote, or is writing.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is none of this version of the sandbox.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no such file: {path}")
        self._address = f"{Path(path).resolve().as_uri()}?mode=ro"
        self._idle: list[sqlite3.Connection] = []
        self._busy = 0
        self._closed = False
        self._changed = threading.Condition()
        with self._at_work(), closing(self._connect()) as connection:
            check_form(connection)

    def read(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Run a query of the sandbox's own; rows by column name."""
        with self._at_work(), self._lent() as connection:
            return _rows(connection, query, parameters)

    @contextmanager
    def snapshot(self) -> Generator[Read]:
        """Read one and the same state with several queries, whatever is written meanwhile."""
        with self._at_work(), self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield lambda query, parameters=(): _rows(connection, query, parameters)
            finally:
                connection.execute("ROLLBACK")

    def query(self, sql: str, parameters: Parameters = (), *, seconds: float = SECONDS, rows: int = ROWS) -> Answer:
        """Run a query of a user: see `queries.answer`."""
        with self._at_work(), closing(self._connect()) as connection:
            return answer(connection, sql, parameters, seconds=seconds, rows=rows, stopped=self._is_closed)

    def close(self) -> None:
        """End the reading that is under way, and let no more begin."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._busy, _PATIENCE)
            while self._idle:
                self._idle.pop().close()

    def _is_closed(self) -> bool:
        return self._closed

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._address, uri=True, check_same_thread=False, isolation_level=None)

    @contextmanager
    def _at_work(self) -> Generator[None]:
        """Count those who read, for whom the end waits."""
        with self._changed:
            if self._closed:
                raise StoreClosed
            self._busy += 1
        try:
            with _told_of_the_end(self._is_closed):
                yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    @contextmanager
    def _lent(self) -> Generator[sqlite3.Connection]:
        with self._changed:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
            Watch(connection, self._is_closed)
        try:
            yield connection
        finally:
            with self._changed:
                if self._closed or len(self._idle) == _IDLE:
                    connection.close()
                else:
                    self._idle.append(connection)


class MemoryReader(Reading):
    """Reads what is in memory: one connection has it, which writes as well.

    What cannot be read in a moment is read from a copy, so that those who write need not wait.

    Parameters
    ----------
    connection : Connection
        The connection.
    lock : RLock
        Whoever holds it may use the connection.
    """

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock
        self._closed = False

    def read(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Run a query of the sandbox's own; rows by column name."""
        with _told_of_the_end(self._is_closed):
            try:
                return self._read_briefly(query, parameters)
            except TimeoutError:
                with self._copy() as copy:
                    Watch(copy, self._is_closed)
                    return _rows(copy, query, parameters)

    @contextmanager
    def snapshot(self) -> Generator[Read]:
        """Read one and the same state with several queries; those who write wait for the end."""
        with _told_of_the_end(self._is_closed), self._lock:
            yield lambda query, parameters=(): _rows(self._open(), query, parameters)

    def query(self, sql: str, parameters: Parameters = (), *, seconds: float = SECONDS, rows: int = ROWS) -> Answer:
        """Run a query of a user: see `queries.answer`. It has a copy to itself."""
        with _told_of_the_end(self._is_closed), self._copy() as copy:
            return answer(copy, sql, parameters, seconds=seconds, rows=rows, stopped=self._is_closed)

    def close(self) -> None:
        """End the reading that is under way, and let no more begin."""
        self._closed = True

    def _is_closed(self) -> bool:
        return self._closed

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreClosed
        return self._connection

    def _read_briefly(self, query: str, parameters: Parameters) -> list[sqlite3.Row]:
        with self._lock:
            connection = self._open()
            watch = Watch(connection, self._is_closed)
            watch.start(_BRIEF)
            try:
                return _rows(connection, query, parameters)
            except sqlite3.OperationalError:
                if watch.is_over():
                    raise TimeoutError from None
                raise
            finally:
                connection.set_progress_handler(None, 0)

    @contextmanager
    def _copy(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)) as copy:
            with self._lock:
                self._open().backup(copy)
            yield copy


@contextmanager
def _told_of_the_end(is_closed: Callable[[], bool]) -> Generator[None]:
    """Say of what breaks because the store is closed that it is."""
    try:
        yield
    except sqlite3.OperationalError:
        if is_closed():
            raise StoreClosed from None
        raise


def _rows(connection: sqlite3.Connection, query: str, parameters: Parameters) -> list[sqlite3.Row]:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(query, parameters).fetchall()
