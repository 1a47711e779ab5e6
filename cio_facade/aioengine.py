"""A backlog and the tasks that deliver it: `engine` for asyncio. What touches a file does so in a thread."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

from cio_facade.accounts import message_id_of
from cio_facade.aiocrew import AsyncCrew
from cio_facade.answers import Answer
from cio_facade.backlog import FULL
from cio_facade.boxes import NO_ROOM, Settings
from cio_facade.encoding import parted
from cio_facade.errors import OutboxFullError
from cio_facade.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from cio_facade.backlog import Backlog
    from cio_facade.clock import Clock
    from cio_facade.encoding import Chunk
    from cio_facade.journal import Journal
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Report
    from cio_facade.packing import Parcel

__all__ = ["AsyncEngine"]


class AsyncEngine(Running):
    """A backlog and the tasks that deliver it, in one event loop."""

    def __init__(
        self,
        backlog: Backlog,
        post: Callable[[Parcel], Coroutine[Any, Any, Answer]],
        settings: Settings,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(backlog, settings, clock)
        self.loop = loop
        self._post = post
        self._crew = AsyncCrew(backlog.delivery, self._attempt, clock, self._afterwards, Context())
        self._commits = None if backlog.journal is None else _Commits(backlog.journal)
        self._refilling = asyncio.Lock()
        self.closing = asyncio.Lock()
        self._tending = asyncio.create_task(self._tend(), name="cio_facade", context=Context())

    async def put(self, chunk: Chunk, seconds: float | None) -> int:
        """Take messages that are fit to be sent, all or none; in halves where all are more than ever fit."""
        size = sum(map(len, chunk.data))
        if len(chunk.data) > 1 and self._settings.never_fits(len(chunk.data), size):
            return sum([await self.put(half, seconds) for half in parted(chunk, len(chunk.data) // 2)])
        until = self._until(seconds)
        if await (self._hold if self._commits is None else self._keep)(chunk, size, until):
            return len(chunk.data)
        self._refuse((FULL, message_id_of(call)) for call in chunk.data)
        return 0

    async def put_group(self, messages: list[CallModel], seconds: float | None) -> int:
        """Take messages of which some may be unfit."""
        chunk = self.encoder.many(messages)
        self._refuse((str(error), error.message_id) for _, error in chunk.refused)
        return await self.put(chunk, seconds) if chunk.data else 0

    async def flush(self, seconds: float | None) -> None:
        """Wait until all that was put before is settled."""
        until = self._until(seconds)
        backlog = self.backlog
        last = backlog.flush()
        if backlog.has_news:
            await self._look_around()
        while not await self._is_settled(last) and not self._is_late(until) and self._crew.raised is None:
            await self._crew.wait_for_progress(self._soon(until))
            if backlog.has_news or self._commits is not None:
                await self._look_around()

    async def close(self, seconds: float | None) -> Report:
        """Take no more, flush, and end."""
        self._closed = True
        until = self._until(seconds)
        await self.flush(seconds)
        # As in `engine`: to leave what is under way would be to have it sent twice.
        self.backlog.halt()
        await self._crew.wait(lambda: self.backlog.delivery.finished, until)
        self._tending.cancel()
        await self._crew.dismiss()
        await asyncio.to_thread(self.backlog.write, None if until is None else until - self._clock.monotonic())
        return await asyncio.to_thread(self.backlog.give_up)

    async def report(self) -> Report:
        """Give the account as it stands."""
        report = self.backlog.delivery.report()  # here, where nobody changes it meanwhile
        return report if self._commits is None else await asyncio.to_thread(self.backlog.of_file, report)

    def left(self) -> Report:
        """Give the account when there is no event loop any more."""
        self.backlog.write()
        self.backlog.halt()
        return self.backlog.give_up()

    def _refuse(self, refused: Iterable[tuple[str, str | None]]) -> None:
        """Count messages as rejected that are not taken."""
        for reason, message_id in refused:
            self.backlog.refuse(reason, message_id)
        self._crew.progressed()  # a flush waits for what there is to be told, too

    async def _hold(self, chunk: Chunk, size: int, until: float | None) -> bool:
        """Take messages into memory."""
        backlog, crew, number = self.backlog, self._crew, len(chunk.data)
        self._check_open(crew.raised)
        if not backlog.has_room(number, size):
            if not self._settings.may_wait(number, size, late=self._is_late(until)):
                return False
            backlog.delivery.flush()
            if not await crew.wait(lambda: self._closed or backlog.has_room(number, size), until):
                raise OutboxFullError(NO_ROOM)
            self._check_open(crew.raised)
        if backlog.hold(chunk, size):
            crew.look()
        return True

    async def _keep(self, chunk: Chunk, size: int, until: float | None) -> bool:
        """Take messages into the file."""
        assert self._commits is not None  # noqa: S101  else they are held
        while True:
            self._check_open(self._crew.raised)
            try:
                seqs = await self._commits.append(chunk.data)
            except OutboxFullError:
                if not self._settings.may_wait(len(chunk.data), size, late=self._is_late(until)):
                    return False
                self.backlog.delivery.flush()
                await self._crew.wait_for_progress(self._soon(until))
            else:
                break
        if self.backlog.kept(seqs, chunk):
            self._crew.look()
        return True

    async def _is_settled(self, last: int) -> bool:
        settled = self.backlog.is_settled(last)
        return await asyncio.to_thread(self.backlog.is_settled_in_file, last) if settled is None else settled

    async def _attempt(self, parcel: Parcel) -> Answer:
        try:
            return await self._post(parcel)
        except Exception as error:  # the caller's own transport: it may be mended, and nobody waits here to be told
            return Answer(0, (f"the transport raised {type(error).__name__}",))

    async def _afterwards(self) -> None:
        with self.backlog.contained():
            if self.backlog.has_news:
                await asyncio.to_thread(self.backlog.write)
                self._crew.progressed()
            await self._refill()

    async def _tend(self) -> None:
        """Look after what nobody else starts: leading, reading on, and writing down what could not be written."""
        while True:
            await self._look_around()
            self.backlog.tick()
            self.backlog.look_for_trouble()
            self._crew.progressed()
            await asyncio.sleep(self._settings.tend_every)

    async def _look_around(self) -> None:
        with self.backlog.contained():
            if self._commits is not None:
                await asyncio.to_thread(self.backlog.lead)
        await self._afterwards()

    async def _refill(self) -> None:
        """Feed what waits in the file and fits into memory."""
        async with self._refilling:
            first = self.backlog.wanted()
            if first is not None and self.backlog.loaded(await asyncio.to_thread(self.backlog.load, first)):
                self._crew.look()


class _Commits:
    """Messages that many tasks put at the same time, in one commit."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[tuple[list[bytes], asyncio.Future[range]]] = []
        self._task: asyncio.Task[None] | None = None

    async def append(self, calls: list[bytes]) -> range:
        """Keep calls; when this returns they are safe."""
        done: asyncio.Future[range] = asyncio.get_running_loop().create_future()
        self._waiting.append((calls, done))
        if self._task is None:
            self._task = asyncio.create_task(self._commit(), name="cio_facade")
        return await asyncio.shield(done)

    async def _commit(self) -> None:
        together: list[tuple[list[bytes], asyncio.Future[range]]] = []
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._keep(together)
        finally:
            self._task = None
            for _, done in (*together, *self._waiting):  # who waits for what was broken off; nobody as a rule
                done.cancel()
            self._waiting = []

    async def _keep(self, together: list[tuple[list[bytes], asyncio.Future[range]]]) -> None:
        calls = [call for some, _ in together for call in some]
        try:
            seqs = await asyncio.to_thread(self._journal.append, calls)
        except Exception as error:
            await self._one_by_one(together, error)
            return
        at = 0
        for some, done in together:
            _settle(done, seqs[at : at + len(some)])
            at += len(some)

    async def _one_by_one(self, together: list[tuple[list[bytes], asyncio.Future[range]]], error: Exception) -> None:
        """Commit each by itself: some may fit where all together do not."""
        for calls, done in together:
            if len(together) == 1:
                _settle(done, error)
                return
            try:
                _settle(done, await asyncio.to_thread(self._journal.append, calls))
            except Exception as its_own:
                _settle(done, its_own)


def _settle(done: asyncio.Future[range], with_: range | Exception) -> None:
    with suppress(asyncio.InvalidStateError):  # who waited for it was cancelled
        if isinstance(with_, range):
            done.set_result(with_)
        else:
            done.set_exception(with_)
