"""The outbox for asyncio: `outbox` with `await`. What touches a file does so in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Self

from cio_facade.aio import async_parts_of
from cio_facade.aioengine import AsyncEngine
from cio_facade.boxes import CLOSED, Box, OnFull, Settings, groups
from cio_facade.encoding import alone
from cio_facade.errors import OutboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable
    from os import PathLike
    from types import TracebackType

    from cio_facade.aio import AsyncCustomerIO
    from cio_facade.journal import Durability
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Outcome, Report

__all__ = ["AsyncOutbox"]

_ANOTHER_LOOP: Final = "the outbox belongs to another event loop; make one in each, or use Outbox"


class AsyncOutbox(Box):
    """`Outbox` for asyncio: the same promises, for the tasks of one event loop.

    With a file, messages that many tasks put at the same time share a commit: put them with ``gather``, or by
    `put_many`.

    Parameters
    ----------
    client : AsyncCustomerIO
        Who delivers.
    path, max_messages, max_bytes, on_full, flush_interval, lanes, durability, dead_letters, redact
        As for `Outbox`.
    on_outcome : callable, optional
        As for `Outbox`; called in a thread, which cannot wait for `flush` or `close`: they would wait for it.
    exit_timeout : float
        Of no use here, since nothing can be delivered once the loop has ended: close the outbox before that.

    Examples
    --------
    >>> import asyncio
    >>> from cio_facade import AsyncCustomerIO, messages
    >>> from cio_facade.testing import RecordingTransport
    >>> async def main():
    ...     async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio, AsyncOutbox(cio) as outbox:
    ...         await outbox.put(messages.track("u1", "Signed Up"))
    ...         return await outbox.flush(timeout=10)
    >>> asyncio.run(main()).delivered
    1
    """

    def __init__(
        self,
        client: AsyncCustomerIO,
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
        core, self._post = async_parts_of(client)
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
        self._engine: AsyncEngine | None = None

    async def put(self, message: CallModel, timeout: float | None = None) -> bool:  # noqa: ASYNC109  as for `Outbox`
        """Take a message; see `Outbox.put`."""
        engine = self._begin()
        return await engine.put(alone(engine.encoder.encode(message)), timeout) == 1

    async def put_many(
        self,
        messages: Iterable[CallModel] | AsyncIterable[CallModel],
        timeout: float | None = None,  # noqa: ASYNC109  as for `Outbox`
    ) -> int:
        """Take any number of messages; see `Outbox.put_many`. Takes async iterables too, one by one."""
        engine = self._begin()
        taken = 0
        if isinstance(messages, Iterable):
            for group in groups(messages, self._core.clock, self._settings.flush_interval):
                taken += await engine.put_group(group, timeout)
                await asyncio.sleep(0)
        else:
            async for message in messages:
                taken += await engine.put_group([message], timeout)
        return taken

    async def flush(self, timeout: float | None = None) -> Report:  # noqa: ASYNC109  as for `Outbox`
        """Wait until all that was put before is settled, or the time is up; see `Outbox.flush`."""
        if self._final is not None:
            return self._final
        engine = self._begin()
        await engine.flush(timeout)
        return await engine.report()

    async def close(self, timeout: float | None = 30.0) -> Report:  # noqa: ASYNC109  as for `Outbox`
        """Take no more, `flush`, and end; see `Outbox.close`."""
        if self._final is not None:
            return self._final
        engine = self._begin()
        async with engine.closing:
            return self._final or self._ended(await engine.close(timeout))

    @property
    def account(self) -> Report:
        """The account as it stands, as `flush` gives it."""
        return self._final or (self._engine or self._begin()).backlog.report()

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.settings.base_url}>"

    def _begin(self) -> AsyncEngine:
        """Start delivering, in this loop."""
        if self._final is not None:
            raise OutboxError(CLOSED)
        loop = asyncio.get_running_loop()
        if self._engine is None:
            self._engine = AsyncEngine(self._new_backlog(), self._post, self._settings, self._core.clock, loop)
        if self._engine.loop is not loop:
            raise OutboxError(_ANOTHER_LOOP)
        return self._engine

    def _forget(self) -> None:
        super()._forget()
        self._engine = None

    def _leave(self) -> Report | None:
        return None if self._engine is None else self._ended(self._engine.left())
