"""Tasks that carry out what a `Delivery` says: `crew` for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cio_facade.delivery import Send, Wait
from cio_facade.streams import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from contextvars import Context

    from cio_facade.answers import Answer
    from cio_facade.clock import Clock
    from cio_facade.core import Core
    from cio_facade.delivery import Delivery
    from cio_facade.messages import CallModel
    from cio_facade.outcomes import Report
    from cio_facade.packing import Parcel
    from cio_facade.streams import Stream

__all__ = ["AsyncCrew", "adeliver"]


class AsyncCrew:
    """The tasks of one delivery: one that asks it what to do, and one for each request under way.

    Parameters
    ----------
    delivery : Delivery
        What decides.
    post : coroutine function
        Makes a request of a parcel and waits for the answer.
    clock : Clock
        Time.
    afterwards : coroutine function, optional
        Awaited after each answer.
    context : Context, optional
        In which the tasks run; that of whoever first has it looked when absent.
    """

    def __init__(
        self,
        delivery: Delivery,
        post: Callable[[Parcel], Coroutine[Any, Any, Answer]],
        clock: Clock,
        afterwards: Callable[[], Coroutine[Any, Any, object]] | None = None,
        context: Context | None = None,
    ) -> None:
        self.delivery = delivery
        self.raised: BaseException | None = None
        """What a task met that is no answer: the caller's, who waits for it."""
        self._post, self._clock, self._afterwards, self._context = post, clock, afterwards, context
        self.feeding = False
        """Whether a source is read meanwhile: time that nobody waits for passes by itself."""
        self._work = asyncio.Event()
        self._progress = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._leader: asyncio.Task[None] | None = None
        self._dismissed = False
        self._quiet = False  # there was nothing to do when somebody looked last
        self._waiting = 0

    def look(self) -> None:
        """Have it looked whether there is something to do."""
        self._work.set()
        if self._leader is None:
            self._leader = asyncio.create_task(self._lead(), name="cio_facade", context=self._context)

    async def wait(self, done: Callable[[], bool], until: float | None = None) -> bool:
        """Wait until something is so, or the time has come. True when it is so."""
        while not done():
            if self.raised is not None:
                return False
            if until is not None and until <= self._clock.monotonic():
                return False
            await self.wait_for_progress(until)
        return True

    async def wait_for_progress(self, until: float | None) -> None:
        """Wait until something was settled, or the time has come."""
        self._progress.clear()
        self._waiting += 1
        self.look()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if until is None else until - self._clock.monotonic()):
                    await self._progress.wait()
        finally:
            self._waiting -= 1

    def progressed(self) -> None:
        """Have those who wait for something look whether it is so."""
        self._progress.set()

    async def dismiss(self) -> None:
        """End all tasks: what is under way is not waited for."""
        self._dismissed = True
        for task in self._requests:
            task.cancel()
        if self._leader is not None:
            self._leader.cancel()
            await asyncio.wait([self._leader])

    async def _lead(self) -> None:
        try:
            while not self._dismissed:
                self._work.clear()
                step = self.delivery.next(self._clock.monotonic())
                # To say so again would wake those who wait, who have somebody look again, and so on.
                news, self._quiet = step is None and not self._quiet, step is None
                if news:
                    self._progress.set()
                if isinstance(step, Send):
                    task = asyncio.create_task(self._carry(step))
                    self._requests.add(task)
                    task.add_done_callback(self._requests.discard)
                    continue
                await self._rest(step.until if isinstance(step, Wait) else None)
        except BaseException as error:  # a clock, or the end
            self._fail(error)

    async def _rest(self, until: float | None) -> None:
        if until is None:
            await self._work.wait()
        else:
            idle = not self._requests and (self._waiting > 0 or not self.feeding)
            await self._clock.await_event(self._work, until - self._clock.monotonic(), idle=idle)

    async def _carry(self, send: Send) -> None:
        try:
            answer = await self._post(send.parcel)
            self.delivery.completed(send.ticket, answer, self._clock.monotonic())
            self._work.set()
            self._progress.set()
            if self._afterwards is not None:
                await self._afterwards()
        except BaseException as error:
            self._fail(error)
        self._work.set()
        self._progress.set()

    def _fail(self, error: BaseException) -> None:
        if self._dismissed:  # it is only cancelled
            return
        self.raised = self.raised or error
        self.delivery.stop(f"not sent: the transport raised {type(error).__name__}")
        self._progress.set()


async def adeliver(
    stream: Stream,
    messages: Iterable[CallModel] | AsyncIterable[CallModel],
    post: Callable[[Parcel], Coroutine[Any, Any, Answer]],
    core: Core,
) -> Report:
    """Read a source to its end, send what it gives, and give the account."""
    crew = AsyncCrew(stream.delivery, post, core.clock)
    feeder = _Feeder(stream, crew, core.clock)
    try:
        await feeder.read(messages)
        await feeder.finish()
    except BaseException as error:  # cancellation, most of all
        stream.interrupted(error)
        raise
    finally:
        await crew.dismiss()
    return stream.result()


class _Feeder:
    """Reads a source in the caller's task; a crew sends meanwhile."""

    def __init__(self, stream: Stream, crew: AsyncCrew, clock: Clock) -> None:
        self._stream, self._crew, self._clock = stream, crew, clock

    async def read(self, messages: Iterable[CallModel] | AsyncIterable[CallModel]) -> None:
        """Take what the source gives, as fast as it can be sent."""
        stream, limit = self._stream, asyncio.timeout(None)
        pouring = asyncio.create_task(self._now_and_then())
        self._crew.feeding = True
        try:
            if not stream.time_is_up():
                if stream.deadline is not None:  # a source that stalls is waited for no longer than this
                    seconds = stream.deadline - self._clock.monotonic()
                    limit = asyncio.timeout(max(0.0, seconds))
                async with limit:
                    await (self._each(messages) if isinstance(messages, AsyncIterable) else self._all(messages))
        except Exception as error:
            if limit.expired():
                stream.delivery.end()
            else:
                stream.raised = stream.raised or error
        finally:
            pouring.cancel()
            self._crew.feeding = False
        self._pour()

    async def finish(self) -> None:
        """Wait for what was taken to be settled."""
        self._stream.delivery.finish()
        self._crew.look()
        await self._until(lambda: self._stream.delivery.finished)
        self._stream.time_is_up()

    async def _all(self, messages: Iterable[CallModel]) -> None:
        source = iter(messages)
        for message in source:
            self._stream.take(message, source)
            if await self._ends():
                return

    async def _each(self, messages: AsyncIterable[CallModel]) -> None:
        async for message in messages:
            if self._stream.take_one(message) and await self._ends():
                return

    async def _ends(self) -> bool:
        """Feed what was taken; tell whether taking more is of no use."""
        stream = self._stream
        self._pour()
        await self._until(lambda: stream.closed or not stream.delivery.full)
        await asyncio.sleep(0)  # the other tasks' turn
        return stream.closed or stream.time_is_up()

    async def _now_and_then(self) -> None:
        """Feed what a slow source has given."""
        while True:
            await asyncio.sleep(LINGER)
            self._pour()

    def _pour(self) -> None:
        if self._stream.feed(*self._stream.encoded()):
            self._crew.look()

    async def _until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so or the time is up; hand over letters meanwhile."""
        stream, crew, is_done = self._stream, self._crew, False
        while not is_done:
            in_time = await crew.wait(lambda: done() or stream.has_news, stream.deadline)
            is_done = done() or not in_time
            stream.raised = stream.raised or crew.raised
            stream.tell()
