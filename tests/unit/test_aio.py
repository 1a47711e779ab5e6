"""What only the client for asyncio can do. What both do: test_client, test_streams, test_api."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from driving import SMALL, caught, said, stream, tracked, within

from cio_facade import AsyncCustomerIO, DeadLetter, Limits, NetworkError, Report, messages
from cio_facade.clock import Clock
from cio_facade.messages import Message
from cio_facade.testing import FakeClock, RecordingTransport


def run(coroutine: Any) -> Any:
    """The result of a coroutine, which must neither hang nor leave a task behind."""

    async def main() -> Any:
        result = await coroutine
        for _ in range(3):
            await asyncio.sleep(0)  # what is cancelled needs a turn to end
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return within(20, lambda: asyncio.run(main()))


class Silent(httpx.AsyncBaseTransport):
    """Never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.cancelled = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError


async def source(number: int) -> AsyncIterator[Message]:
    for message in stream(number):
        if message.call["properties"]["n"] % 10 == 0:
            await asyncio.sleep(0)
        yield message


# Sources -------------------------------------------------------------------------------------------------------------


def test_a_stream_may_come_from_an_async_iterable() -> None:
    async def main() -> tuple[Report, list[str]]:
        transport = RecordingTransport()
        async with AsyncCustomerIO("key", transport=transport, limits=SMALL) as cio:
            report = await cio.send_many(source(100))
        return report, [call["messageId"] for call in transport.calls]

    report, ids = run(main())
    assert report.complete
    assert sorted(ids) == sorted(f"m{n}" for n in range(100))


def test_when_an_async_iterable_raises_what_came_before_is_delivered() -> None:
    async def broken() -> AsyncIterator[Message]:
        async for message in source(25):
            yield message
        raise LookupError("the source is broken")

    async def main() -> Any:
        async with AsyncCustomerIO("key", transport=RecordingTransport(), limits=SMALL) as cio:
            with pytest.raises(LookupError) as error:
                await cio.send_many(broken())
        return error.value

    assert run(main()).report.delivered == 25


def test_an_async_source_that_stalls_does_not_outlast_the_time() -> None:
    async def stalling() -> AsyncIterator[Message]:
        yield tracked()
        await asyncio.Event().wait()

    async def main() -> Report:
        async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio:
            return await cio.send_many(stalling(), timeout=0.02)

    report = run(main())
    assert (report.accepted, report.pending) == (1, 1)


def test_a_timeout_of_the_sources_own_is_the_sources_own() -> None:
    async def failing() -> AsyncIterator[Message]:
        yield tracked()
        raise TimeoutError("the database")

    async def main() -> Any:
        async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio:
            with pytest.raises(TimeoutError) as error:
                await cio.send_many(failing(), timeout=60)
        return error.value

    error = run(main())
    assert error.args == ("the database",)
    assert error.report.delivered == 1


def test_other_tasks_have_their_turns_while_a_long_stream_is_read() -> None:
    async def main() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio:
            # Too little for a single body: nothing but the reading could give the turns.
            await cio.send_many(messages.track("u1", "x") for _ in range(3000))
        task.cancel()
        return turns

    assert run(main()) >= 3


# Many at once --------------------------------------------------------------------------------------------------------


def test_requests_of_one_stream_are_under_way_at_once() -> None:
    class Meeting(httpx.AsyncBaseTransport):
        """Answers nobody before three have come."""

        def __init__(self) -> None:
            self.come, self.enough = 0, asyncio.Event()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.come += 1
            if self.come == 3:
                self.enough.set()
            async with asyncio.timeout(10):
                await self.enough.wait()
            return httpx.Response(200)

    async def main() -> Report:
        limits = Limits(call_bytes=400, batch_bytes=1000, batch_calls=1, in_flight=3)
        async with AsyncCustomerIO("key", transport=Meeting(), limits=limits) as cio:
            return await cio.send_many(tracked(n, f"u{n}") for n in range(300))

    assert run(main()).complete


def test_many_tasks_may_share_a_client_and_no_more_requests_than_connections_are_under_way() -> None:
    class Counting(httpx.AsyncBaseTransport):
        now = most = 0

        def __init__(self) -> None:
            self.full = asyncio.Event()

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.now += 1
            self.most = max(self.most, self.now)
            # The first ones wait for each other, so that it is no matter of luck how many there are at once.
            if self.now == 4:
                self.full.set()
            await asyncio.wait_for(self.full.wait(), 10)
            await asyncio.sleep(0)
            self.now -= 1
            return httpx.Response(200)

    async def main() -> tuple[list[Any], Counting]:
        transport = Counting()
        async with AsyncCustomerIO("key", transport=transport, limits=Limits(in_flight=4)) as cio:
            sends = [cio.track(f"u{n}", "One") for n in range(100)]
            streams = [cio.send_many(stream(50)) for _ in range(5)]
            return await asyncio.gather(*sends, *streams), transport

    outcomes, transport = run(main())
    assert len({receipt.message_id for receipt in outcomes[:100]}) == 100
    assert [report.delivered for report in outcomes[100:]] == [50] * 5
    assert transport.most == 4


def test_a_client_may_serve_one_event_loop_after_another() -> None:
    """As in a function that a cloud calls: a client made once, a loop for each call."""
    cio = AsyncCustomerIO("key", transport=RecordingTransport(), limits=Limits(in_flight=1))

    async def main() -> list[Any]:
        return await asyncio.gather(*(cio.track("u1", "Seen") for _ in range(5)))

    assert len(run(main())) == len(run(main())) == 5
    run(cio.close())


# Cancelling and time -------------------------------------------------------------------------------------------------


def test_a_cancelled_stream_carries_its_account_and_leaves_nothing_running() -> None:
    letters: list[DeadLetter] = []

    async def main() -> Any:
        transport = Silent()
        async with AsyncCustomerIO("key", transport=transport, limits=SMALL) as cio:
            task = asyncio.create_task(cio.send_many(stream(10_000), on_dead_letter=letters.append))
            await transport.asked.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as error:
                await task
            await asyncio.sleep(0)
        return error.value, transport.cancelled

    error, cancelled = run(main())
    report = error.report
    assert report.balanced
    assert report.pending == report.accepted == len(letters) > 0
    assert cancelled > 0
    assert set(report.reasons) == {
        "under way when delivery stopped: it may have arrived",
        "not sent: interrupted",
    }


def test_a_stream_may_be_limited_by_asyncio_itself() -> None:
    async def main() -> None:
        async with AsyncCustomerIO("key", transport=Silent()) as cio:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await cio.send_many(stream(10))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(cio.send(tracked()), 0.02)

    run(main())


class _Leaping(Clock):
    """An hour passes when somebody is asked."""

    def __init__(self, silent: Silent) -> None:
        self._asked = silent.asked

    def monotonic(self) -> float:
        return super().monotonic() + 3600 * self._asked.is_set()


def test_a_server_that_never_answers_does_not_hold_a_stream_longer_than_its_time() -> None:
    async def main() -> Report:
        silent = Silent()
        async with AsyncCustomerIO("key", transport=silent, limits=SMALL, clock=_Leaping(silent)) as cio:
            return await cio.send_many(stream(10_000), timeout=60)

    report = run(main())
    assert report.delivered == 0
    assert report.pending == report.accepted
    assert report.reasons["under way when delivery stopped: it may have arrived"] > 0


def test_cancelling_while_waiting_for_the_pace_or_a_repetition_ends_at_once() -> None:
    async def main() -> list[Any]:
        transport = RecordingTransport([200, said(503, Retry_After="20")])
        limits = Limits(window_requests=1, window_seconds=3600)
        errors = []
        async with AsyncCustomerIO("key", transport=transport, limits=limits) as cio:
            await cio.send(tracked())
            for waiting in (cio.send(tracked()), cio.send_many([tracked()])):
                task = asyncio.create_task(waiting)
                for _ in range(5):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError) as error:
                    await task
                errors.append(error.value)
        assert len(transport.requests) == 1
        return errors

    _, of_the_stream = run(main())
    assert of_the_stream.report.pending == 1


# What nobody expects -------------------------------------------------------------------------------------------------


class Odd(BaseException):
    """Neither an error of httpx nor an Exception at all."""


@pytest.mark.parametrize("raised", [Odd(), ValueError("odd"), RuntimeError(), MemoryError(), asyncio.CancelledError()])
def test_whatever_the_transport_raises_reaches_the_caller(raised: BaseException) -> None:
    class Raising(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise raised

    letters: list[DeadLetter] = []

    async def main() -> tuple[Any, Any]:
        async with AsyncCustomerIO("key", transport=Raising(), limits=SMALL) as cio:
            errors = []
            for sending in (cio.send(tracked()), cio.send_many(stream(1000), on_dead_letter=letters.append)):
                try:
                    await sending
                except BaseException as error:
                    errors.append(error)
            return tuple(errors)

    of_send, of_stream = run(main())
    assert type(of_send) is type(of_stream) is type(raised)
    report = of_stream.report
    assert report.balanced
    assert report.pending == report.accepted == len(letters) == len({letter.index for letter in letters})


def test_a_stream_that_ends_early_does_not_wait_for_what_is_under_way_when_the_source_was_interrupted() -> None:
    async def main() -> Any:
        transport = Silent()

        def rows() -> Iterator[Message]:
            yield from stream(100)
            raise Odd

        async with AsyncCustomerIO("key", transport=transport, limits=SMALL) as cio:
            try:
                await cio.send_many(rows())
            except Odd as error:
                return error

    report = run(main()).report
    assert (report.accepted, report.pending) == (100, 100)


def test_async_with_keeps_the_exact_type() -> None:
    class Mine(AsyncCustomerIO):
        pass

    async def main() -> None:
        async with Mine("key", transport=RecordingTransport()) as cio:
            assert type(cio) is Mine

    run(main())


def test_verbs_are_awaitable() -> None:
    async def main() -> list[str]:
        transport = RecordingTransport()
        async with AsyncCustomerIO("key", transport=transport) as cio:
            await cio.identify("u1", {"plan": "pro"})
            await cio.track("u1", "Seen")
            await cio.page("u1", "Home")
            await cio.screen("u1", "Home")
            await cio.group("u1", "g1")
            await cio.alias("u1", "u0")
        return [call["type"] for call in transport.calls]

    assert run(main()) == ["identify", "track", "page", "screen", "group", "alias"]


def test_a_client_may_be_made_where_no_loop_runs() -> None:
    cio = AsyncCustomerIO("key", transport=RecordingTransport([503] * 10_000), clock=FakeClock())
    error = caught(lambda: run(cio.send(tracked())))
    assert not isinstance(error, NetworkError)
    assert type(error).__name__ == "ServerError"
    run(cio.close())
