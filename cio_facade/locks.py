"""Lock files: which process may do what with a file that several of them have open.

A lock is the kernel's (``flock``): it ends with the process that holds it, however that ends, so no lock is ever stale.
It belongs to the open file, which a fork shares with the child: a child that does not `LockFile.abandon` would keep its
parent's lock alive, and one that unlocks would take it from the parent.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cio_facade.errors import OutboxError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["BusyError", "LockFile"]

_CLOSED = -1
_FIRST_PAUSE, _LAST_PAUSE = 0.0002, 0.004  # seconds


class BusyError(OutboxError):
    """Another process holds the lock."""


class LockFile:
    """A file beside the one that is protected, made when it is absent and never removed.

    Parameters
    ----------
    path : str
        Where the lock file is.

    Raises
    ------
    OutboxError
        The system has no ``flock``, or the file cannot be made or opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = LockFile(folder + "/lock"), LockFile(folder + "/lock")
    ...     print(one.take(), other.take())
    ...     one.close()
    ...     print(other.take())
    ...     other.close()
    True False
    True
    """

    def __init__(self, path: str) -> None:
        try:
            import fcntl  # noqa: PLC0415  not there on Windows
        except ImportError:
            raise OutboxError(
                "path: an outbox in a file needs flock, which this system lacks; leave path out"
            ) from None
        self._fcntl = fcntl
        try:
            # Others may not read it: what is written beside it is personal.
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxError(f"path: cannot open {path}: {error.strerror}") from error

    def take(self) -> bool:
        """Lock it if that can be done at once; whether it is locked now. It stays so until it is closed."""
        return self._lock(self._fcntl.LOCK_EX)

    def share(self) -> bool:
        """Lock it together with others that share, or step down to that; whether it is locked now."""
        return self._lock(self._fcntl.LOCK_SH)

    @contextmanager
    def held(self, seconds: float) -> Generator[None]:
        """Hold the lock; wait for it no longer than this, since who has it may have been stopped.

        Raises
        ------
        BusyError
            It was not to be had.
        """
        until, pause = time.monotonic() + seconds, _FIRST_PAUSE
        while not self.take():
            if time.monotonic() >= until:
                raise BusyError("path: another process has held the outbox's file for too long; is it stopped?")
            time.sleep(pause)
            pause = min(_LAST_PAUSE, 2 * pause)
        try:
            yield
        finally:
            self._fcntl.flock(self._file, self._fcntl.LOCK_UN)

    def close(self) -> None:
        """Unlock and close it, for children that share it too. Doing so twice does nothing."""
        if self._file != _CLOSED:
            self._fcntl.flock(self._file, self._fcntl.LOCK_UN)
            self.abandon()

    def abandon(self) -> None:
        """Close it without unlocking: in a forked child, where the lock is the parent's."""
        file, self._file = self._file, _CLOSED
        if file != _CLOSED:
            os.close(file)

    def read(self) -> bytes:
        """Give the note that somebody left in the file, empty for none."""
        return os.pread(self._file, 64, 0)

    def write(self, note: bytes) -> None:
        """Leave a note for who opens the file next; on a full disk there is none."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, note, 0)

    def _lock(self, how: int) -> bool:
        try:
            self._fcntl.flock(self._file, how | self._fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
