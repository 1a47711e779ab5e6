"""What happens at a process's edges: Ctrl-C, exit, fork, threads. Each in a process of its own, over a real socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Lock, Thread
from typing import Any

import httpx
import pytest
from server import Reply, ScriptedServer
from table import CALLS, KEY

from cio_facade import CustomerIO, messages
from cio_facade.transport import Lanes

SILENT = Reply(hold=True)
_PRELUDE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have their background jobs ignore it
from cio_facade import CustomerIO, AsyncCustomerIO, messages
CALLS = [messages.track(f"u{n}", "Signed Up") for n in range(10)]
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python on a piece of code; nothing survives the test."""
    with ExitStack() as stack:

        def run(code: str, server: ScriptedServer) -> subprocess.Popen[str]:
            env = {**os.environ, "CIO_API_KEY": KEY, "CIO_BASE_URL": server.url, "CIO_REGION": ""}
            process = subprocess.Popen(
                [sys.executable, "-c", _PRELUDE + textwrap.dedent(code)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(process.wait, 10)
            stack.callback(process.kill)
            return process

        yield run


def _output(process: subprocess.Popen[str]) -> str:
    """What it printed until it ended: soon, since nothing it does may take longer."""
    output, _ = process.communicate(timeout=15)
    return output


@pytest.mark.parametrize("client", ["sync", "async"])
def test_ctrl_c_ends_a_stream_at_once_and_gives_the_account(client: str, start: Any) -> None:
    sending = "CustomerIO.from_env().send_many(CALLS)"
    if client == "async":
        sending = "__import__('asyncio').run(main())"
    code = f"""
        async def main():
            async with AsyncCustomerIO.from_env() as cio:
                await cio.send_many(CALLS)
        try:
            {sending}
        except KeyboardInterrupt as error:
            while error is not None and not hasattr(error, "report"):
                error = error.__cause__ or error.__context__
            print("pending", error.report.pending, error.report.balanced)
    """
    with ScriptedServer(rest=SILENT) as server:
        process = start(code, server)
        server.wait_for(1)
        process.send_signal(signal.SIGINT)
        assert _output(process).splitlines() == ["pending 10 True"]
        assert process.returncode == 0


@pytest.mark.parametrize("client", ["sync", "async"])
def test_a_process_ends_soon_after_its_streams_time_was_up(client: str, start: Any) -> None:
    code = """
        with CustomerIO.from_env() as cio:
            print(cio.send_many(CALLS, timeout=0.2).pending, flush=True)
    """
    if client == "async":
        code = """
            import asyncio
            async def main():
                async with AsyncCustomerIO.from_env() as cio:
                    print((await cio.send_many(CALLS, timeout=0.2)).pending, flush=True)
            asyncio.run(main())
        """
    with ScriptedServer(rest=SILENT) as server:
        process = start(code, server)
        assert _output(process) == "10\n"
        assert process.returncode == 0


def test_a_stream_at_the_interpreters_exit_is_delivered(start: Any) -> None:
    code = """
        import atexit
        cio = CustomerIO.from_env()
        atexit.register(lambda: print(cio.send_many(CALLS).delivered))
    """
    with ScriptedServer() as server:
        assert _output(start(code, server)) == "10\n"
        assert len(server.calls) == 10


def test_a_stream_is_delivered_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with ScriptedServer([Reply(500)]) as server, CustomerIO(KEY, base_url=server.url) as cio:
        started = Thread.start
        monkeypatch.setattr(Thread, "start", lambda self: (refuse if self.name == "cio_facade" else started)(self))
        assert cio.send_many(CALLS).complete
        assert len(server.requests) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_fork_share_no_connection_and_no_ids(start: Any) -> None:
    code = """
        import os, warnings
        warnings.simplefilter("ignore")
        cio = CustomerIO.from_env()
        cio.track("before", "Started")
        children = []
        for child in range(3):
            pid = os.fork()
            if not pid:
                for _ in range(20):
                    cio.track(f"child {child}", "Worked")
                report = cio.send_many([messages.track(f"child {child}", "Ended")])
                os._exit(0 if report.complete else 1)
            children.append(pid)
        for _ in range(20):
            cio.track("parent", "Worked")
        print([os.waitpid(pid, 0)[1] for pid in children])
    """
    with ScriptedServer() as server:
        assert _output(start(code, server)) == "[0, 0, 0]\n"
        people: defaultdict[int, set[str]] = defaultdict(set)
        for request in server.requests:
            people[request.connection] |= {call["userId"] for call in request.calls}
        assert all(len(who - {"before"}) <= 1 for who in people.values())
        ids = [call["messageId"] for call in server.calls]
        assert len(ids) == len(set(ids)) == 1 + 3 * 21 + 20


def test_many_threads_share_a_client() -> None:
    with ScriptedServer() as server, CustomerIO(KEY, base_url=server.url) as cio, ThreadPoolExecutor(40) as threads:
        receipts = list(threads.map(lambda n: cio.track(f"u{n}", "Signed Up"), range(400)))
        assert {receipt.attempts for receipt in receipts} == {1}
        ids = [call["messageId"] for call in server.calls]
        assert sorted(ids) == sorted(receipt.message_id for receipt in receipts)
        assert len(set(ids)) == 400


class _Alone(httpx.BaseTransport):
    """A transport that no second request may enter before the answer to the first is closed."""

    def __init__(self, under_way: Callable[[], object]) -> None:
        self.busy = Lock()
        self.closed = False
        self._under_way = under_way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert self.busy.acquire(blocking=False), "two requests in one lane"
        self._under_way()
        if request.url.path == "/down":
            self.busy.release()
            raise httpx.ConnectError("down")
        return httpx.Response(200, stream=_Body(self.busy))

    def close(self) -> None:
        self.closed = True


class _Body(httpx.SyncByteStream):
    def __init__(self, busy: Lock) -> None:
        self._busy = busy

    def __iter__(self) -> Iterator[bytes]:
        yield b"{}"

    def close(self) -> None:
        self._busy.release()


def _two_lanes(under_way: Callable[[], object] = lambda: None) -> tuple[Lanes, list[_Alone]]:
    made: list[_Alone] = []

    def make() -> _Alone:
        made.append(_Alone(under_way))
        return made[-1]

    return Lanes(make, 2), made


def test_no_two_threads_are_ever_in_one_pool_of_connections() -> None:
    both = Barrier(2)  # each request waits until another is under way
    lanes, made = _two_lanes(lambda: both.wait(10))
    with httpx.Client(transport=lanes, base_url="http://server") as client, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: client.get("/up").content, range(400))) == [b"{}"] * 400
    assert [lane.closed for lane in made] == [True, True]


def test_requests_one_after_another_keep_to_one_connection() -> None:
    lanes, made = _two_lanes()
    with httpx.Client(transport=lanes, base_url="http://server") as client:
        client.get("/up")
        with pytest.raises(httpx.ConnectError):
            client.get("/down")
        client.get("/up")
    assert len(made) == 1


def test_a_lane_is_free_again_when_its_answer_is_closed_and_only_once() -> None:
    lanes, _ = _two_lanes()

    def get() -> httpx.Response:
        return lanes.handle_request(httpx.Request("GET", "http://server/up", extensions={"timeout": {"pool": 0}}))

    first, second = get(), get()
    with pytest.raises(httpx.PoolTimeout):
        get()
    assert isinstance(first.stream, httpx.SyncByteStream)
    first.stream.close()
    first.stream.close()
    third = get()
    with pytest.raises(httpx.PoolTimeout):
        get()
    second.close()
    third.close()


def test_streams_in_several_threads_share_a_client() -> None:
    def stream(number: int) -> Any:
        return cio.send_many(messages.track(f"u{number}-{n}", "Signed Up") for n in range(500))

    with ScriptedServer() as server, CustomerIO(KEY, base_url=server.url) as cio, ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(stream, range(4)))
        assert all(report.complete for report in reports)
        assert len({call["userId"] for call in server.calls}) == 2000
