"""The file of a durable outbox: calls are appended, read, and settled. What `Journal.append` returned for survives.

Threads that append at the same time share a commit, and its fsync. The account of the file's whole life changes in the
same transactions as the calls.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from threading import Lock, RLock, get_ident
from typing import TYPE_CHECKING, Final, Literal

from cio_facade import ledger
from cio_facade.database import Database, Opening
from cio_facade.errors import OutboxError
from cio_facade.ledger import MARKS, Account, Group, Put, Settled, Totals
from cio_facade.locks import BusyError
from cio_facade.recovery import ERRORS
from cio_facade.reentry import is_mine

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Sequence

__all__ = ["Durability", "Group", "Journal", "Opening", "Settled", "Totals"]

Durability = Literal["full", "relaxed"]

_log = logging.getLogger(__name__)

# Outcomes are written with the next calls, or when there are so many.
_NOTED: Final = 20_000
# What a backlog took is given back to the disk when it is gone; so much is kept for the next one.
_FREE_PAGES: Final = 4_000
_FORK_SECONDS: Final = 5.0
# For another process that writes, before messages are refused.
_PATIENCE: Final = 10.0


class _Batch:
    """What several threads put, for one commit."""

    def __init__(self, put: Put) -> None:
        self.puts = [put]
        self.leader = get_ident()
        self._opened = False
        self._gate = Lock()  # opens with the commit
        self._gate.acquire()

    def open(self) -> None:
        """Let go all that wait; what is not kept by now is not going to be."""
        if not self._opened:
            self._opened = True
            for put in self.puts:
                if not put.done and put.error is None:
                    put.error = OutboxError("the commit was interrupted; the message was not taken")
            self._gate.release()

    def wait(self) -> None:
        """Wait for the commit."""
        with self._gate:
            pass


class Journal:
    """A durable queue in a file, for all threads of a process and for several processes.

    Parameters
    ----------
    path : path
        The file; made when it is absent. It must be on a disk of this machine.
    durability : {"full", "relaxed"}
        ``full``: what `append` returned for survives a power cut. ``relaxed``: it survives the end of the process,
        however that comes, but a power cut may take the last seconds.
    max_messages, max_bytes : int, optional
        Most that may wait in the file.
    now : callable
        Gives seconds since 1970, for the age of messages and nothing else.

    Attributes
    ----------
    opening : Opening
        What was found.

    Raises
    ------
    OutboxError
        The file cannot be made, opened or written, is none of an outbox, or of a later version.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(folder + "/outbox.db")
    ...     seqs = journal.append([b'{"userId":"1"}', b'{"userId":"2"}'])
    ...     journal.settle(seqs[:1], "delivered")
    ...     journal.read(after=0, most_bytes=1_000_000)
    ...     journal.totals().delivered
    ...     journal.close()
    [Group(seqs=[2], calls=[b'{"userId":"2"}'])]
    1
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "full",
        max_messages: int | None = None,
        max_bytes: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._synchronous: Literal["FULL", "NORMAL"] = "FULL" if durability == "full" else "NORMAL"
        self._most = max_messages, max_bytes
        self._now = now
        self._lock = RLock()  # over the database
        self._gathering = RLock()  # over the batch and the noted outcomes
        self._batch: _Batch | None = None
        self._noted: dict[int, int] = {}
        self._closed = self._leading = self._forking = self._told = False
        self._database = Database(path)
        self.opening = self._database.opening
        if self.opening.unclean or self.opening.salvage:
            _log.warning("outbox %s: %s", self._database.path, self.opening.words)

    @property
    def is_busy_here(self) -> bool:
        """Whether this thread is in the middle of something here, and comes again from a signal handler."""
        batch = self._batch
        leads = batch is not None and batch.leader == get_ident()
        return leads or is_mine(self._lock) or is_mine(self._gathering)

    def append(self, calls: Sequence[bytes]) -> range:
        """Keep calls; when this returns they are safe.

        Parameters
        ----------
        calls : sequence of bytes
            A line of JSON each. Either all of them are kept or none.

        Returns
        -------
        range
            Their sequence numbers, which grow and are never given twice in the life of a file.

        Raises
        ------
        OutboxFullError
            The file holds as much as it may.
        OutboxError
            The disk is full, or the file is closed, damaged or gone.
        """
        if not calls:
            return range(0)
        put = Put(calls)
        own = _Batch(put)
        try:
            batch = self._joined(own)
            if batch is own:
                self._commit(batch)
            else:
                batch.wait()
        finally:  # an interrupt, too, leaves nobody waiting
            self._shut(own)
            own.open()
        return put.seqs()

    def settle(self, seqs: Sequence[int], outcome: Settled) -> None:
        """Note what became of calls. It costs next to nothing, is written later, and never fails.

        An outcome that is lost, since the process dies before it is written, only has the message sent once more. Doing
        it twice does nothing.
        """
        with self._gathering:
            self._noted.update(dict.fromkeys(seqs, MARKS[outcome]))
        if len(self._noted) >= _NOTED:
            self.sync()

    def sync(self) -> bool:
        """Write the outcomes that were noted; whether all are in the file now. On a full disk they stay noted."""
        with self._lock:
            return self._sync()

    def read(self, after: int, most_bytes: int) -> list[Group]:
        """Give calls that are not settled, in order; none when there is none.

        Parameters
        ----------
        after : int
            The least sequence number.
        most_bytes : int
            Enough to stop at. What was put together comes together, so it may be a little more.
        """
        with self._lock, self._database.reading() as database:
            with self._gathering:
                noted = self._noted.copy()
            return ledger.read(database, after, most_bytes, noted)

    def totals(self) -> Totals:
        """Give the account of the file's whole life."""
        with self._lock, self._database.reading() as database:
            self._sync()
            return ledger.totals(database)

    def last(self) -> int:
        """Give the sequence number that was given last; 0 when none was."""
        with self._lock, self._database.reading() as database:
            return Account.load(database).next - 1

    def lead(self) -> bool:
        """Try to become the one who delivers, until this journal is closed or its process dies; whether it is."""
        with self._lock:
            self._leading = self._leading or self._database.lead()
            return self._leading

    def close(self) -> None:
        """Write what was noted, and close. Doing so twice does nothing."""
        with self._lock:
            if not self._closed:
                self._sync()
                self._closed, self._leading = True, False
                self._database.close()

    def before_fork(self) -> None:
        """Wait until no thread is in the database: a child would find SQLite locked for ever."""
        self._forking = not is_mine(self._lock) and self._lock.acquire(timeout=_FORK_SECONDS)

    def after_fork(self) -> None:
        """Go on, in the parent."""
        if self._forking:
            self._forking = False
            self._lock.release()

    def abandon(self) -> None:
        """Forget the file, in the child of a fork, where it has to be opened anew."""
        self._closed, self._leading, self._batch = True, False, None
        self._lock, self._gathering = RLock(), RLock()
        self._database.abandon(idle=self._forking)
        self._forking = False

    def _joined(self, own: _Batch) -> _Batch:
        """Give the batch that a put goes with: one that waits for its turn, or its own."""
        with self._gathering:
            if self._batch is None:
                self._batch = own
            else:
                self._batch.puts += own.puts
            return self._batch

    def _commit(self, batch: _Batch) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with self._lock:
                    self._shut(batch)
                    self._keep([put for put in batch.puts if not put.done])
                    return
            except BusyError as error:  # another process writes; meanwhile the others of this one are let in
                if time.monotonic() >= until:
                    for put in batch.puts:
                        if not put.done:  # else it is kept, or has been told that there is no room
                            put.error = put.error or error
                    return

    def _shut(self, batch: _Batch) -> None:
        with self._gathering:
            if self._batch is batch:
                self._batch = None

    def _keep(self, puts: Sequence[Put]) -> None:
        """Commit puts together, or where that fails each for itself."""
        try:
            self._database.make_room(sum(put.bytes for put in puts))
            with self._outcomes() as outcomes, self._database.transaction(self._synchronous) as database:
                account = Account.load(database)
                ledger.settle(database, account, outcomes)
                ledger.insert(database, account, puts, self._most, self._now())
                account.save(database)
            for put in puts:
                put.done = True
        except BusyError:
            raise
        except (*ERRORS, OutboxError) as error:
            if len(puts) == 1:
                puts[0].error = self._database.failure(error)
                return
            for put in puts:
                self._keep([put])

    def _sync(self) -> bool:
        for _ in range(2):
            if not self._noted:
                return True
            try:
                # Without an fsync: what a power cut takes is only sent once more.
                with self._outcomes() as outcomes, self._database.transaction("NORMAL") as database:
                    account = Account.load(database)
                    ledger.settle(database, account, outcomes)
                    account.save(database)
                if not account.pending:
                    self._database.shrink(_FREE_PAGES)
            except BusyError:  # another process writes: another time
                return False
            except (*ERRORS, OutboxError) as error:
                self._tell(self._database.failure(error))
                self._database.checkpoint()  # the log begins anew: then there may be room
        return not self._noted

    @contextmanager
    def _outcomes(self) -> Generator[dict[int, int]]:
        """Give what was noted; where it could not be written it stays noted."""
        with self._gathering:
            outcomes, self._noted = self._noted, {}
        try:
            yield outcomes
        except BaseException:
            with self._gathering:
                self._noted = outcomes | self._noted
            raise

    def _tell(self, error: OutboxError) -> None:
        if not self._told:
            self._told = True
            _log.warning("outbox %s: outcomes are kept in memory for now: %s", self._database.path, error)
