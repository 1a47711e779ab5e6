"""The public test doubles: for both clients, from any number of threads, without a server and without waiting."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest
from driving import BOTH, caught, connected, tracked

from cio_facade import CustomerIO, NetworkError, RefusedError, Retry, people
from cio_facade.clock import Clock
from cio_facade.testing import FakeClock, RecordingTransport


@BOTH
def test_it_answers_200_unless_told_otherwise(kind: Any) -> None:
    with connected(kind, RecordingTransport()) as cio:
        assert cio.send(tracked()).status == 200
        assert cio.send_many([tracked()]).complete


@BOTH
def test_it_answers_in_turn_and_then_200(kind: Any) -> None:
    transport = RecordingTransport(
        iter([503, httpx.Response(400, json={"meta": {"error": "no"}}), httpx.ConnectError("x")])
    )
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.send(tracked()))
        assert isinstance(error, RefusedError)
        assert (error.attempts, error.reasons) == (2, ("no",))
        assert cio.send(tracked()).attempts == 2
        assert cio.send(tracked()).attempts == 1
    assert len(transport.requests) == 5


@BOTH
def test_it_answers_as_a_function_of_the_request(kind: Any) -> None:
    transport = RecordingTransport(lambda request: 400 if b"u2" in request.content else 200)
    with connected(kind, transport) as cio:
        report = cio.send_many([people.delete("u1"), people.delete("u2")])
    assert (report.delivered, report.rejected) == (1, 1)


@BOTH
def test_an_answer_may_be_given_any_number_of_times(kind: Any) -> None:
    """A response made once, outside the function, is what many tests will write."""
    moved = httpx.Response(307, headers={"Location": "https://cdp-eu.customer.io/v1/track"})
    busy = httpx.Response(503, json={"meta": {"error": "busy"}})
    transport = RecordingTransport([moved, busy, moved, 200, moved, busy, moved, 200])
    with connected(kind, transport) as cio:
        assert cio.send(tracked()).attempts == 2
        assert cio.send(tracked()).attempts == 2
    assert moved.headers["Location"]


@BOTH
def test_a_redirect_that_is_not_followed_may_be_given_again_too(kind: Any) -> None:
    foreign = httpx.Response(307, headers={"Location": "https://evil.example/"})
    with connected(kind, RecordingTransport([foreign, foreign])) as cio:
        for _ in range(2):
            assert isinstance(caught(lambda: cio.send(tracked())), RefusedError)
    assert foreign.headers["Location"] == "https://evil.example/"


@BOTH
def test_it_keeps_the_requests_the_bodies_and_the_calls(kind: Any) -> None:
    transport = RecordingTransport([503])
    with connected(kind, transport) as cio:
        cio.send(tracked(1))
        cio.send_many([tracked(2), tracked(3)])
    assert [request.url.path for request in transport.requests] == ["/v1/track", "/v1/track", "/v1/batch"]
    assert [list(body) for body in transport.bodies][2] == ["batch"]
    assert [call["messageId"] for call in transport.calls] == ["m1", "m1", "m2", "m3"]
    assert transport.calls[0]["properties"] == {"n": 1}


@BOTH
def test_an_exception_is_raised_as_the_transports_own(kind: Any) -> None:
    with connected(kind, RecordingTransport([httpx.ReadTimeout("slow")]), retry=Retry(budget=0)) as cio:
        error = caught(lambda: cio.send(tracked()))
    assert isinstance(error, NetworkError)
    assert "ReadTimeout: slow" in str(error)


def test_threads_may_share_it() -> None:
    transport = RecordingTransport(200 for _ in range(10_000))  # a generator knows no locks
    with CustomerIO("key", transport=transport) as cio:
        threads = [threading.Thread(target=lambda: [cio.send(tracked()) for _ in range(20)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(transport.requests) == 160


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(start=100.0)
    assert (clock.monotonic(), clock.time()) == (0.0, 100.0)
    clock.advance(2.5)
    assert (clock.monotonic(), clock.time()) == (2.5, 102.5)
    assert isinstance(clock, Clock)


def test_sleeping_moves_the_clock_at_once_and_is_remembered() -> None:
    clock = FakeClock()
    clock.sleep(3.0)
    asyncio.run(clock.asleep(4.0))
    clock.sleep(-1.0)  # as time.sleep would refuse, but a moment that has passed is no reason to fail
    assert clock.slept == [3.0, 4.0, -1.0]
    assert clock.monotonic() == 7.0


@BOTH
def test_a_day_of_waiting_takes_no_time(kind: Any) -> None:
    clock = FakeClock()
    hour = httpx.Response(429, headers={"Retry-After": "3600"})
    with connected(kind, RecordingTransport([hour] * 24), clock=clock, retry=Retry(budget=100_000)) as cio:
        assert cio.send(tracked()).attempts == 25
    assert clock.monotonic() == pytest.approx(86_400, rel=0.01)


def test_what_is_not_needed_is_not_loaded() -> None:
    """`cio_facade` alone brings no test doubles along."""
    code = "import sys, cio_facade.client; print('cio_facade.testing' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "False"


def test_bodies_that_were_compressed_are_unpacked() -> None:
    transport = RecordingTransport()
    with CustomerIO("key", transport=transport, gzip=True) as cio:
        cio.track("u1", "Signed Up", {"text": "x" * 2_000})
    assert transport.requests[0].headers["Content-Encoding"] == "gzip"
    assert transport.calls[0]["event"] == "Signed Up"
