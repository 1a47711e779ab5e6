"""The audit log of a load: who asked for what about whom, when, and what became of each. For GDPR jobs above all.

A file of JSON, a line each, to which every run of the load adds::

    {"at": "2026-01-31T12:00:00.000Z", "run": "9f0c2d41", "event": "begun", "user": "ann", "host": "etl-1",
     "job": "...", "as": "suppress", "source": "ids.csv", "fingerprint": "..."}
    {"at": "...", "run": "9f0c2d41", "event": "person", "id": "u1", "outcome": "delivered"}
    {"at": "...", "run": "9f0c2d41", "event": "person", "id": "u2", "outcome": "rejected", "reason": "..."}
    {"at": "...", "run": "9f0c2d41", "event": "ended", "totals": {"delivered": 1, "rejected": 1}}

**It holds the ids of people**, since that is what it is for: it is made for its owner alone, and is to be kept, and
deleted, like other personal data. A run without an ``ended`` was killed. What is noted is on the disk; whoever notes
before he settles a row elsewhere finds a person twice after a kill, and never not at all.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from contextlib import ExitStack, closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import orjson

from cio_facade.appending import append
from cio_facade.clock import Stamps
from cio_facade.errors import CustomerIOError, OutboxError
from cio_facade.locks import LockFile
from cio_facade.recovery import is_full

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["Audit"]

_HAS_LOCKS: Final = find_spec("fcntl") is not None  # not on Windows
_PATIENCE: Final = 10.0  # seconds, for another process that writes


class Audit:
    """The audit log of one run. Several processes may write to a file, and several threads to this.

    Parameters
    ----------
    path : path
        The file; made when it is absent, in a folder that is there.
    header : mapping
        What is done: the job, as what, the source and its fingerprint. User and host are added.
    now : callable
        Gives seconds since 1970.

    Raises
    ------
    CustomerIOError
        The file cannot be written. What cannot be logged is not to be done.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audit = Audit(Path(folder) / "audit.jsonl", {"as": "suppress"}, now=lambda: 0.0)
    ...     audit.note(["u1", "u2"], "delivered")
    ...     audit.close({"delivered": 2})
    ...     for line in audit.path.read_text().splitlines():
    ...         fields = orjson.loads(line)
    ...         print(fields["event"], fields.get("id") or fields.get("totals") or fields["as"])
    begun suppress
    person u1
    person u2
    ended {'delivered': 2}
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._stamps = Stamps(now)
        self._run = os.urandom(4).hex()
        self._closed = False
        self._write([{"event": "begun", "user": _user(), "host": socket.gethostname(), **header}])

    def note(self, ids: Iterable[str | None], outcome: str, reason: str | None = None) -> None:
        """Note what became of people: when this returns it is on the disk.

        Parameters
        ----------
        ids : iterable of str
            Of the people; None where a row has none.
        outcome : str
            As in `journal.LoadJournal.note`.
        reason : str, optional
            Why not.

        Raises
        ------
        CustomerIOError
            The disk is full, or the file cannot be written. Nothing of it was.
        """
        why = {} if reason is None else {"reason": reason}
        self._write([{"event": "person", "id": one, "outcome": outcome, **why} for one in ids])

    def close(self, totals: Mapping[str, int]) -> None:
        """Note that the run has ended, and how many became what. Doing so twice does nothing."""
        if not self._closed:
            self._write([{"event": "ended", "totals": totals}])
            self._closed = True

    def _write(self, events: list[dict[str, Any]]) -> None:
        start = {"at": self._stamps(), "run": self._run}
        lines = [orjson.dumps({**start, **event}, default=str) for event in events]
        try:
            with ExitStack() as locked:
                if _HAS_LOCKS:  # elsewhere, appending in one write must do
                    lock = locked.enter_context(closing(LockFile(f"{self.path}-lock")))
                    locked.enter_context(lock.held(_PATIENCE))
                append(self.path, lines)
        except (OSError, OutboxError) as error:
            raise CustomerIOError(f"audit: {self.path} cannot be written: {_problem(error)}") from error


def _problem(error: BaseException) -> str:
    if isinstance(error.__cause__, OSError):  # the lock file's
        error = error.__cause__
    if not isinstance(error, OSError):
        return "another process has held it for too long; is it stopped?"
    return "the disk is full" if is_full(error) else str(error.strerror)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without a name for its user
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
