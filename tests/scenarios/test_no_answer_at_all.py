"""Nobody listens, or nobody answers: every way of waiting has an end, and the account says what is left."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from driving import AsyncDriven
from server import Reply, ScriptedServer
from table import CALLS, KEY

from cio_facade import (
    AsyncCustomerIO,
    CustomerIO,
    CustomerIOError,
    DeadLetter,
    Limits,
    Message,
    NetworkError,
    Retry,
    messages,
)
from cio_facade.clock import Clock

SILENT = Reply(hold=True)
MAY_HAVE_ARRIVED = "under way when delivery stopped: it may have arrived"


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_connection_refused(closed_port: str, connect: Any) -> None:
    client = connect(closed_port)
    with pytest.raises(NetworkError) as one:
        client.send(CALLS[0])
    assert one.value.status is None
    assert one.value.attempts > 1
    assert one.value.message_id
    with pytest.raises(NetworkError) as many:
        client.send_many(iter(CALLS))
    assert many.value.report is not None
    assert (many.value.report.failed, many.value.report.accepted) == (3, 3)


def test_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch, connect: Any) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = connect("http://cdp.example/v1")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NetworkError):
        client.send(CALLS[0])


def test_a_server_that_speaks_no_tls_learns_nothing(connect: Any) -> None:
    with ScriptedServer() as server:
        with pytest.raises(NetworkError):
            connect(server.url.replace("http:", "https:"), retry=Retry(budget=0)).send(CALLS[0])
        assert server.requests == []


def test_an_answer_that_comes_in_drops_is_not_waited_for_beyond_the_timeout(connect: Any) -> None:
    drops = Reply(headers={"Content-Length": "99999"}, endless=b"x", pause=0.02)
    with ScriptedServer(rest=drops) as server:
        begun = time.monotonic()
        assert connect(server.url, clock=Clock(), timeout=0.3).send(CALLS[0]).attempts == 1
        assert time.monotonic() - begun < 5


def test_the_budget_ends_a_call_in_real_time_too(closed_port: str, connect: Any) -> None:
    client = connect(closed_port, clock=Clock(), retry=Retry(budget=0.2, base=0.01, cap=0.05))
    begun = time.monotonic()
    with pytest.raises(NetworkError):
        client.send(CALLS[0])
    assert time.monotonic() - begun < 5


class _Leaping(Clock):
    """The better part of a second passes whenever one looks."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 0.7
        return self.now


def test_a_pause_that_is_over_before_it_begins_is_none(connect: Any) -> None:
    in_a_second = Reply(503, headers={"Retry-After": "1"})
    with ScriptedServer([in_a_second, Reply(), in_a_second]) as server:
        client = connect(server.url, clock=_Leaping(), retry=Retry(budget=1e6))  # who looks how often is luck
        assert client.send(CALLS[0]).attempts == 2
        assert client.send_many(iter(CALLS)).retries == 1


def test_a_stream_ends_when_its_time_is_up(connect: Any) -> None:
    letters: list[DeadLetter] = []
    with ScriptedServer(rest=SILENT) as server:
        client = connect(server.url, clock=Clock(), timeout=2.0)
        report = client.send_many(iter(CALLS), timeout=0.8, on_dead_letter=letters.append)
    assert (report.accepted, report.pending, report.requests) == (3, 3, 1)
    assert list(report.dead_letters) == sorted(letters, key=lambda letter: letter.index)
    assert report.reasons == {MAY_HAVE_ARRIVED: 3}


def test_a_stream_that_is_longer_than_its_time_ends_too(connect: Any) -> None:
    def endless() -> Iterator[Message]:
        while True:
            yield CALLS[0]

    with ScriptedServer(rest=SILENT) as server:
        client = connect(server.url, clock=Clock(), timeout=0.5)
        report = client.send_many(endless(), timeout=0.2)
    assert report.balanced
    assert report.pending == report.accepted > 0


def test_time_is_up_during_a_pause_between_attempts(connect: Any) -> None:
    with ScriptedServer(rest=Reply(503, headers={"Retry-After": "20"})) as server:
        client = connect(server.url, clock=Clock())
        begun = time.monotonic()
        report = client.send_many(iter(CALLS), timeout=0.8)
        assert time.monotonic() - begun < 5
    assert (report.pending, report.reasons) == (3, {MAY_HAVE_ARRIVED: 3})


def test_a_stream_waits_for_a_slow_server_with_as_many_requests_as_it_may(connect: Any) -> None:
    """The server answers only once four requests are there at once: a client with fewer would wait for ever."""
    calls = [messages.track(f"u{n}", "Read", {"text": "x" * 900}) for n in range(40)]
    limits = Limits(call_bytes=1200, batch_bytes=4000, in_flight=4)
    with ScriptedServer(rest=SILENT) as server:
        server.release_at(4)
        report = connect(server.url, limits=limits, clock=Clock()).send_many(calls)
        assert report.complete
        assert server.connections <= 4
        assert {call["userId"] for call in server.calls} == {call.call["userId"] for call in calls}


def test_many_single_calls_at_once_share_the_connections() -> None:
    async def main() -> None:
        async with AsyncCustomerIO(KEY, base_url=server.url, limits=Limits(in_flight=4)) as cio:
            receipts = await asyncio.gather(*(cio.track(f"u{n}", "Signed Up") for n in range(200)))
        assert {receipt.attempts for receipt in receipts} == {1}
        assert len({receipt.message_id for receipt in receipts}) == 200

    with ScriptedServer() as server:
        asyncio.run(main())
        assert server.connections <= 4
        assert len(server.requests) == 200


def test_an_async_source_that_stalls_does_not_hold_the_stream_beyond_its_time() -> None:
    async def stalling() -> AsyncIterator[Message]:
        for call in CALLS:
            yield call
        await asyncio.Event().wait()

    async def main() -> None:
        async with AsyncCustomerIO(KEY, base_url=server.url) as cio:
            report = await cio.send_many(stalling(), timeout=0.2)
        assert (report.accepted, report.pending) == (3, 3)

    with ScriptedServer() as server:
        asyncio.run(main())


def test_a_timeout_of_the_source_itself_is_the_sources() -> None:
    async def failing() -> AsyncIterator[Message]:
        yield CALLS[0]
        raise TimeoutError("the source's own")

    async def main() -> None:
        async with AsyncCustomerIO(KEY, base_url=server.url) as cio:
            with pytest.raises(TimeoutError, match="the source's own") as raised:
                await cio.send_many(failing(), timeout=10)
        assert raised.value.report.delivered == 1  # type: ignore[attr-defined]

    with ScriptedServer() as server:
        asyncio.run(main())


def test_cancelling_a_stream_gives_the_account_and_leaves_the_client_fit_for_use() -> None:
    async def main() -> None:
        async with AsyncCustomerIO(KEY, base_url=server.url) as cio:
            task = asyncio.create_task(cio.send_many(iter(CALLS)))
            await asyncio.to_thread(server.wait_for, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await task
            report = cancelled.value.report  # type: ignore[attr-defined]
            assert (report.accepted, report.pending) == (3, 3)
            server.release()
            assert (await cio.send(CALLS[0])).status == 200

    with ScriptedServer(rest=SILENT) as server:
        asyncio.run(main())


def test_cancelling_a_single_call_frees_its_connection() -> None:
    async def main() -> None:
        limits = Limits(in_flight=1)
        async with AsyncCustomerIO(KEY, base_url=server.url, limits=limits) as cio:
            for number in range(1, 4):
                task = asyncio.create_task(cio.send(CALLS[0]))
                await asyncio.to_thread(server.wait_for, number)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            server.release()
            assert (await cio.send(CALLS[0])).status == 200

    with ScriptedServer(rest=SILENT) as server:
        asyncio.run(main())


def test_a_closed_client_says_so(connect: Any) -> None:
    with ScriptedServer() as server:
        client = connect(server.url)
        client.run(client.real.close()) if isinstance(client, AsyncDriven) else client.close()
        with pytest.raises(CustomerIOError, match="closed"):
            client.send(CALLS[0])
        with pytest.raises(CustomerIOError, match="closed"):
            client.send_many(iter(CALLS))
        assert server.requests == []


def test_a_client_that_is_closed_while_it_streams_gives_the_account() -> None:
    def closing() -> Iterator[Message]:
        yield CALLS[0]
        cio.close()
        yield CALLS[1]

    with ScriptedServer() as server:
        cio = CustomerIO(KEY, base_url=server.url)
        with pytest.raises(Exception, match="closed") as raised:
            cio.send_many(closing())
        assert raised.value.report.balanced  # type: ignore[attr-defined]
        assert raised.value.report.pending == 2  # type: ignore[attr-defined]
