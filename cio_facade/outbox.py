"""Sending in the background: put a message, and go on. Durable when given a path."""

from __future__ import annotations

from threading import TIMEOUT_MAX, RLock
from typing import TYPE_CHECKING, Self

from cio_facade.boxes import CLOSED, Box, OnFull, Settings, groups
from cio_facade.client import parts_of
from cio_facade.encoding import alone
from cio_facade.engine import Engine
from cio_facade.errors import OutboxError
from cio_facade.reentry import INSIDE, is_mine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from types import TracebackType

    from cio_facade.client import CustomerIO
    from cio_facade.journal import Durability
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Outcome, Report

__all__ = ["Outbox"]


class Outbox(Box):
    """Messages are put, and delivered in the background in batches. Threads may share it, and processes its file.

    Nothing runs before the first `put`, `flush` or ``with``. A child of a fork begins on its own; what the parent has
    put stays the parent's.

    Parameters
    ----------
    client : CustomerIO
        Who delivers.
    path : path, optional
        A file, made if it is absent, in which messages are kept until they are settled: they outlive the process.
        Several processes may open it; one of them delivers, and when it ends another does. Without a path messages are
        in memory only.
    max_messages, max_bytes : int, optional
        Most that may wait. In memory 100 000 messages and 64 MiB, in a file 4 GiB, when absent.
    on_full : {"block", "raise", "drop_newest"}
        Whether `put` then waits for room, raises `OutboxFullError`, or returns False and counts the message as
        rejected, for the reason "outbox full".
    flush_interval : float
        Seconds that a message waits at most for others to fill its request.
    lanes : int, optional
        Requests under way at once; the client's ``limits.in_flight`` when absent. The messages of a person stay in one
        lane, in their order.
    durability : {"full", "relaxed"}
        ``full``: what `put` returned for survives a power cut. ``relaxed``: it survives the end of the process, however
        that comes, but a power cut may take the last seconds; `put` is some ten times as fast.
    on_outcome : callable, optional
        Gets the `Outcome` of each message, from the threads that deliver, one at a time. What it raises is logged. It
        may put messages, which never waits for room there; it cannot flush or close the outbox.
    dead_letters : path, optional
        A file of JSON lines for messages that were not delivered. With a `path`, ``PATH.dead.jsonl`` when absent.
    redact : iterable of str
        Names of fields (``email``), or paths (``traits.phone``), that do not go into that file.
    exit_timeout : float
        Seconds that the end of the interpreter may be held up to deliver what waits.

    Raises
    ------
    OutboxError
        The file cannot be used.
    ValidationError
        A setting is wrong; it is named.

    Examples
    --------
    >>> from cio_facade import CustomerIO, messages
    >>> from cio_facade.testing import RecordingTransport
    >>> with CustomerIO("key", transport=RecordingTransport()) as cio, Outbox(cio) as outbox:
    ...     outbox.put(messages.track("u1", "Signed Up"))
    ...     outbox.flush(timeout=10).delivered
    True
    1
    """

    def __init__(
        self,
        client: CustomerIO,
        path: str | PathLike[str] | None = None,
        *,
        max_messages: int | None = None,
        max_bytes: int | None = None,
        on_full: OnFull = "block",
        flush_interval: float = 0.5,
        lanes: int | None = None,
        durability: Durability = "full",
        on_outcome: Callable[[Outcome], object] | None = None,
        dead_letters: str | PathLike[str] | None = None,
        redact: Iterable[str] = (),
        exit_timeout: float = 5.0,
    ) -> None:
        core, self._post = parts_of(client)
        settings = Settings(
            path=path,
            max_messages=max_messages,
            max_bytes=max_bytes,
            on_full=on_full,
            flush_interval=flush_interval,
            lanes=lanes,
            durability=durability,
            on_outcome=on_outcome,
            dead_letters=dead_letters,
            redact=redact if isinstance(redact, str) else tuple(redact),
            exit_timeout=exit_timeout,
        )
        super().__init__(core, settings)
        self._engine: Engine | None = None
        self._closing = RLock()

    def put(self, message: CallModel, timeout: float | None = None) -> bool:
        """Take a message. When this returns it is safe: in memory, or committed to the file.

        Parameters
        ----------
        message : Message or call model
            From a builder such as `messages.track`, or a generated model.
        timeout : float, optional
            Seconds to wait for room, with ``on_full="block"``; as long as it takes when absent.

        Returns
        -------
        bool
            Whether it was taken; False only with ``on_full="drop_newest"``.

        Raises
        ------
        ValidationError
            The message is not fit to be sent.
        OutboxFullError
            There is no room.
        OutboxError
            The outbox is closed, or its file cannot be written.
        """
        engine = self._engine or self._begin()
        one = engine.encoder.encode(message)
        return engine.hold_one(one) or engine.put(alone(one), timeout) == 1

    def put_many(self, messages: Iterable[CallModel], timeout: float | None = None) -> int:
        """Take any number of messages: with a file, many in one commit.

        A message that is not fit to be sent counts as rejected, and the others go on.

        Parameters
        ----------
        messages : iterable
            Read as fast as there is room. What it gave before it raised is taken.
        timeout : float, optional
            As for `put`, for each group of messages.

        Returns
        -------
        int
            How many were taken.
        """
        engine = self._engine or self._begin()
        taken = 0
        for group in groups(messages, self._core.clock, self._settings.flush_interval):
            chunk = engine.encoder.many(group)
            if chunk.refused:
                engine.refuse((str(error), error.message_id) for _, error in chunk.refused)
            if chunk.data:
                taken += engine.put(chunk, timeout)
        return taken

    def flush(self, timeout: float | None = None) -> Report:
        """Wait until all that was put before is settled, or the time is up.

        Parameters
        ----------
        timeout : float, optional
            Seconds. As long as it takes when absent, which is for ever while the server cannot be reached.

        Returns
        -------
        Report
            The account since the outbox was opened, with what it found then; ``pending`` is what is left.

        Raises
        ------
        OutboxError
            It was called from ``on_outcome``, or the file cannot be read.
        """
        if self._final is not None:
            return self._final
        engine = self._engine or self._begin()
        engine.flush(timeout)
        return engine.report()

    def close(self, timeout: float | None = 30.0) -> Report:
        """Take no more, `flush`, and end. What is left stays in the file; without one it is given up and counted.

        Parameters
        ----------
        timeout : float, optional
            Seconds, or None for as long as it takes.
        """
        if self._final is not None:
            return self._final
        engine = self._engine or self._begin()
        if is_mine(self._closing):
            return engine.report()  # a signal handler, while its thread is at it
        if not self._closing.acquire(timeout=-1 if timeout is None else max(0.0, min(timeout, TIMEOUT_MAX))):
            return engine.report()  # another thread is at it
        try:
            return self._final or self._ended(engine.close(timeout))
        finally:
            self._closing.release()

    @property
    def account(self) -> Report:
        """The account as it stands, as `flush` gives it."""
        return self._final or (self._engine or self._begin()).report()

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.settings.base_url}>"

    def _begin(self) -> Engine:
        """Start delivering in this process."""
        if self._final is not None:
            raise OutboxError(CLOSED)
        if is_mine(self._beginning):
            raise OutboxError(INSIDE)
        with self._beginning:
            if self._engine is None:
                lanes = self._settings.lanes or self._core.limits.in_flight
                self._engine = Engine(self._new_backlog(), self._post, self._settings, self._core.clock, lanes)
            return self._engine

    def _forget(self) -> None:
        super()._forget()
        self._closing = RLock()
        self._engine = None

    def _leave(self) -> Report | None:
        try:
            return self.close(self._settings.exit_timeout)
        except KeyboardInterrupt:  # who does not want to wait is told what is left all the same
            return self.close(0)
