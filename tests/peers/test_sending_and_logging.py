"""The traps of the existing clients that concern sending, failing, ending and logging, each by the trap's name.

What a server must see is tested on a real socket; what only the client knows, on a recording transport.
"""

import itertools
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cio_pipelines import constants, models
from cio_pipelines.api.calls import track as track_endpoint
from driving import BOTH, AsyncDriven, caught, connected, within
from scenarios.server import Reply, Request, ScriptedServer, json_reply

from cio_facade import (
    CustomerIO,
    CustomerIOError,
    DeadLetter,
    Limits,
    NetworkError,
    RefusedError,
    Retry,
    ValidationError,
    messages,
)
from cio_facade.messages import Message
from cio_facade.testing import Answering, FakeClock, RecordingTransport

KEY = "sk_us_0123456789abcdef"
CALL, BATCH = constants.CALL_BYTES, constants.BATCH_BYTES


def events(number: int, people: int = 1000) -> Iterator[Message]:
    return (messages.track(f"u{n % people}", "Seen", {"n": n}) for n in range(number))


def script(code: str, **env: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A program that ends by itself, and the seconds it took."""
    begun = time.monotonic()
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=20, check=False)
    return run, time.monotonic() - begun


# Lost without a word -------------------------------------------------------------------------------------------------


@BOTH
def test_30_000_events_against_a_slow_server_are_slowed_down_and_not_dropped(kind: Any) -> None:
    """A peer dropped 19 700 of them in 1.3 s, with a False and a log line."""
    taken, arrived, most = 0, 0, 0

    def slow(request: Request) -> Reply:
        nonlocal arrived, most
        most = max(most, taken - arrived)
        arrived += request.body.count(b'"messageId"')
        return Reply(pause=0.01)

    def counted() -> Iterator[Message]:
        nonlocal taken
        for message in events(30_000):
            taken += 1
            yield message

    limits = Limits(call_bytes=1_000, batch_bytes=50_000)
    with ScriptedServer(slow) as server, kind(KEY, base_url=server.url, limits=limits) as cio:
        report = cio.send_many(counted())
    assert report.delivered == arrived == 30_000
    assert most < 15_000  # the source is read no faster than the server takes


def test_what_was_sent_before_the_program_ends_has_arrived() -> None:
    """A peer lost 900 of 1000: its exit joins the thread, but does not drain the queue."""
    with ScriptedServer() as server:
        run, _ = script(
            """
            from cio_facade import CustomerIO, messages
            cio = CustomerIO.from_env()
            cio.send_many(messages.track(f"u{n}", "Seen") for n in range(1000))
            cio.track("u1", "Last")
            """,
            CIO_API_KEY=KEY,
            CIO_BASE_URL=server.url,
        )
    assert run.returncode == 0, run.stderr
    assert len(server.calls) == 1001


def test_a_program_whose_server_is_down_says_so_and_ends() -> None:
    """A peer hung for 25 s and more."""
    run, seconds = script(
        """
        from cio_facade import CustomerIO, NetworkError, Retry, messages
        with CustomerIO("key", base_url="http://127.0.0.1:9/v1", retry=Retry(budget=0.2)) as cio:
            try:
                cio.send_many(messages.track(f"u{n}", "Seen") for n in range(1000))
            except NetworkError as error:
                print(error.report.failed, error.report.balanced)
            cio.track("u1", "Seen")
        """
    )
    assert run.stdout == "1000 True\n"
    assert run.returncode == 1
    assert run.stderr.strip().splitlines()[-1].startswith("cio_facade.errors.NetworkError: no answer")
    assert seconds < 10


def test_a_program_whose_server_is_silent_ends_when_its_time_is_up() -> None:
    """The threads that still wait for an answer do not hold the process."""
    with ScriptedServer(rest=Reply(hold=True)) as server:
        run, seconds = script(
            """
            from cio_facade import CustomerIO, messages
            cio = CustomerIO.from_env()
            print(cio.send_many([messages.track("u1", "Seen")], timeout=0.1).pending)
            """,
            CIO_API_KEY=KEY,
            CIO_BASE_URL=server.url,
        )
    assert (run.stdout, run.returncode) == ("1\n", 0)
    assert seconds < 10  # the timeout of a request is 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_parent_and_child_both_send() -> None:
    """A peer's thread was gone in the child: nothing was sent, and flush() blocked for ever."""
    with ScriptedServer() as server:
        run, _ = script(
            """
            import os, sys, warnings
            warnings.simplefilter("ignore")
            from cio_facade import CustomerIO, messages
            cio = CustomerIO.from_env()
            assert cio.send_many(messages.track(f"u{n}", "Before") for n in range(10)).complete
            pid = os.fork()
            who = "child" if pid == 0 else "parent"
            report = cio.send_many(messages.track(f"u{n}", who) for n in range(10))
            for n in range(10):
                cio.track(f"u{n}", who)
            if pid == 0:
                os._exit(0 if report.complete else 1)
            sys.exit(os.waitpid(pid, 0)[1] or not report.complete)
            """,
            CIO_API_KEY=KEY,
            CIO_BASE_URL=server.url,
        )
    assert run.returncode == 0, run.stderr
    assert sorted(call["event"] for call in server.calls) == ["Before"] * 10 + ["child"] * 20 + ["parent"] * 20
    assert len({call["messageId"] for call in server.calls}) == 50
    of_child = {request.connection for request in server.requests if b'"child"' in request.body}
    assert not of_child & {request.connection for request in server.requests if b'"child"' not in request.body}


@BOTH
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"meta": {"errors": ["event is required"]}}, "event is required"),
        ({"meta": {"error": "event is required"}}, "event is required"),
        (
            {"errors": [{"reason": "required", "field": "event", "message": "is missing"}]},
            "event: is missing (required)",
        ),
        ({"errors": [{"reason": "required"}]}, "required"),
        ({"errors": [{}]}, "the server refused the call (400)"),
        ({}, "the server refused the call (400)"),
        ([], "the server refused the call (400)"),
        (None, "the server refused the call (400)"),
    ],
)
def test_a_refusal_without_a_code_is_final_and_keeps_its_reason(kind: Any, body: Any, reason: str) -> None:
    """A peer raised KeyError inside, took it for a network error, repeated it and lost the reason."""
    transport = RecordingTransport(lambda _: httpx.Response(400, json=body))
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.track("u1", "x") if kind is CustomerIO else cio.call("track", "u1", "x"))
        assert isinstance(error, RefusedError)
        assert reason in str(error) or not error.reasons
        report = cio.send_many(events(1))
    assert report.reasons == {reason: 1}
    assert len(transport.requests) == 2


def test_a_refusal_without_json_is_final_too() -> None:
    with CustomerIO("key", transport=RecordingTransport([httpx.Response(400, html="<h1>Bad Request</h1>")])) as cio:
        assert isinstance(caught(lambda: cio.track("u1", "x")), RefusedError)


@BOTH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_other_region_keeps_the_post_and_its_body(kind: Any, status: int) -> None:
    """A peer's 301 became a GET without a body, was answered 200 and counted as success."""
    with ScriptedServer() as other:
        moved = Reply(status, {"Location": f"{other.url}/batch"})
        with ScriptedServer(rest=moved) as server, kind(KEY, base_url=server.url) as cio:
            assert cio.send_many(events(3)).delivered == 3
    (request,) = other.requests
    assert (request.method, request.path) == ("POST", "/v1/batch")
    assert request.body == server.requests[0].body
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-strict-mode"] == "1"


@BOTH
def test_a_callback_that_raises_is_heard_of_and_kills_nothing(kind: Any) -> None:
    """A peer's sending thread died of it, and track() went on answering True."""

    def raising(letter: DeadLetter) -> None:
        raise LookupError(letter.index)

    transport = RecordingTransport(lambda request: 400 if b"Bad" in request.content else 200)
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.send_many([messages.track("u1", "Bad"), *events(5)], on_dead_letter=raising))
        assert isinstance(error, LookupError)
        assert error.report.balanced
        assert (error.report.delivered, error.report.rejected) == (5, 1)
        assert cio.send_many(events(5)).complete


@BOTH
def test_after_close_a_message_is_refused_and_not_dropped(kind: Any) -> None:
    """A peer's track() answered True after shutdown() and dropped the event."""
    transport = RecordingTransport()
    cio = connected(kind, transport)
    client = cio if kind is CustomerIO else cio.real
    cio.close() if kind is CustomerIO else cio.run(client.close())
    for action in (lambda: cio.send(next(events(1))), lambda: cio.send_many(events(5))):
        assert isinstance(caught(action), CustomerIOError)
    assert not transport.requests
    if kind is AsyncDriven:
        cio.close()


@BOTH
@pytest.mark.parametrize("region", ["eu", "EU", " Eu "])
def test_the_region_holds_for_every_way_of_sending(kind: Any, region: str) -> None:
    """A peer ignored it for one of its APIs: data of the EU went to the US."""
    transport = RecordingTransport()
    with kind("key", region, transport=transport) as cio:
        cio.send(next(events(1)))
        cio.send_many(events(3))
        body = models.Track(event="Seen", user_id="u1")
        if kind is CustomerIO:
            track_endpoint.sync_detailed(client=cio.api, body=body)
        else:
            cio.run(track_endpoint.asyncio_detailed(client=cio.real.api, body=body))
    assert [str(request.url) for request in transport.requests] == [
        f"{constants.REGIONS['eu']}/{path}" for path in ("track", "batch", "track")
    ]


@pytest.mark.parametrize("region", ["", "europe", "eu-west-1", "us eu", 5])
def test_a_region_that_nobody_knows_is_refused_and_never_means_the_us(region: Any) -> None:
    with pytest.raises(ValidationError, match="region"):
        CustomerIO("key", region)


def test_a_region_that_contradicts_the_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="region"):
        CustomerIO("sk_eu_123", "us")


@BOTH
def test_every_request_asks_for_strict_mode(kind: Any) -> None:
    """No peer does; the server then answers 200 to what it drops."""
    with ScriptedServer() as server, kind(KEY, base_url=server.url) as cio:
        cio.send(next(events(1)))
        cio.send_many(events(3))
        body = models.Track(event="Seen", user_id="u1")
        if kind is CustomerIO:
            track_endpoint.sync_detailed(client=cio.api, body=body)
        else:
            cio.run(track_endpoint.asyncio_detailed(client=cio.real.api, body=body))
    assert [request.headers.get("x-strict-mode") for request in server.requests] == ["1", "1", "1"]


# Wrong on the wire ---------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("size", [100, CALL // 7, CALL // 3, CALL - 700])
def test_no_batch_is_over_the_limit_and_each_is_nearly_full(kind: Any, size: int) -> None:
    """Peers sent 504 649 and 801 000 bytes: they checked after adding, or not at all."""
    sizes: list[int] = []
    ended_at: list[int] = []

    def source() -> Iterator[Message]:
        for n in range(BATCH * 16 // 5 // size):
            yield messages.track(f"u{n % 700}", "Seen", {"x": "x" * (size - n % 90)})
        ended_at.append(len(sizes))

    transport = RecordingTransport(lambda request: sizes.append(len(request.content)) or 200)
    with connected(kind, transport, limits=Limits(batch_calls=None)) as cio:
        assert cio.send_many(source()).complete
    assert max(sizes) <= BATCH
    # What is left at the end may be less.
    assert min(sizes[: ended_at[0]], default=BATCH) > BATCH - size - 500


@BOTH
def test_what_is_split_stays_within_every_limit(kind: Any) -> None:
    """A peer's splitter made bodies that its own validator refused, 519 506 bytes for 512 000."""
    taken: list[int] = []

    def answer(request: httpx.Request) -> Answering:
        if len(request.content) > 60_000:
            return 413  # a server, or a proxy before it, that takes less than it says
        taken.append(len(request.content))
        return 200

    with connected(kind, RecordingTransport(answer)) as cio:
        report = cio.send_many(messages.track(f"u{n % 20}", "Seen", {"x": "x" * 3000}) for n in range(300))
    assert report.complete
    assert max(taken) <= 60_000
    assert sum(taken) > 300 * 3000


# Unsafe --------------------------------------------------------------------------------------------------------------


@BOTH
def test_neither_debug_logs_nor_errors_hold_payload_or_key(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Peers' logs and exception texts held the whole payload, and one the bearer key. More: unit/test_logging."""
    caplog.set_level(logging.DEBUG)

    def repeating(request: Request) -> Reply:
        return json_reply(400, {"meta": {"error": f"{request.body.decode()} {request.headers['authorization']}"}})

    message = messages.identify("u-777", {"email": "ann@example.com"})
    with ScriptedServer(repeating) as server, kind(KEY, base_url=server.url) as cio:
        error = caught(lambda: cio.send(message))
        report = cio.send_many([message])
    shown = f"{caplog.text} {error} {error!r} {vars(error)} {report!r} {report.dead_letters} {report.reasons}"
    for secret in (KEY, KEY.removeprefix("sk_us_"), "ann@", "example.com", "u-777"):
        assert secret not in shown


# Asked for, for years ------------------------------------------------------------------------------------------------


@BOTH
def test_a_flush_with_a_time_limit_tells_what_is_left(kind: Any) -> None:
    clock = FakeClock()

    def slow(_: httpx.Request) -> Answering:
        clock.advance(2.0)
        return 200

    limits = Limits(call_bytes=400, batch_bytes=1000, in_flight=1)
    with connected(kind, RecordingTransport(slow), clock=clock, limits=limits) as cio:
        report = cio.send_many(events(100), timeout=5.0)
    assert 0 < report.delivered < report.accepted <= 100
    assert report.pending == report.accepted - report.delivered == len(report.dead_letters)


@BOTH
def test_the_rate_limit_is_waited_for_and_not_raised(kind: Any) -> None:
    clock, moments = FakeClock(), []
    transport = RecordingTransport(lambda _: moments.append(clock.monotonic()) or 200)
    limits = Limits(window_requests=5, window_seconds=10)
    with connected(kind, transport, clock=clock, limits=limits) as cio:
        for message in events(30):
            cio.send(message)
    for first, sixth in zip(moments, moments[5:], strict=False):
        assert sixth - first > 10


def test_clients_of_one_key_share_the_rate_limit() -> None:
    clock, moments = FakeClock(), []
    limits = Limits(window_requests=1, window_seconds=10)

    def client() -> CustomerIO:
        transport = RecordingTransport(lambda _: moments.append(clock.monotonic()) or 200)
        return CustomerIO("shared", transport=transport, clock=clock, limits=limits)

    with client() as one, client() as other:
        for _ in range(3):
            one.track("u1", "Seen")
            other.track("u1", "Seen")
    assert all(later - earlier > 10 for earlier, later in itertools.pairwise(moments))


@BOTH
def test_each_event_has_its_result_and_the_one_bad_event_is_isolated(kind: Any) -> None:
    transport = RecordingTransport(lambda request: 400 if b"Bad" in request.content else 200)
    given = [messages.track(f"u{n}", "Bad" if n == 617 else "Seen", message_id=f"m{n}") for n in range(1000)]
    with connected(kind, transport) as cio:
        report = cio.send_many(given)
    assert (report.delivered, report.rejected) == (999, 1)
    assert [(letter.message_id, letter.index) for letter in report.dead_letters] == [("m617", 617)]
    assert len(transport.requests) < 40


@BOTH
def test_a_repetition_has_the_same_message_id(kind: Any) -> None:
    transport = RecordingTransport([503, httpx.ReadTimeout("slow"), 200])
    with connected(kind, transport) as cio:
        receipt = cio.send(messages.track("u1", "Seen"))
    assert [call["messageId"] for call in transport.calls] == [receipt.message_id] * 3


def test_no_thread_outlives_a_client_and_none_is_there_before_it_is_needed() -> None:
    """What has no thread of its own cannot lose one: neither by a fork, nor at the end, nor in Lambda."""
    before = threading.active_count()
    with CustomerIO("key", transport=RecordingTransport()) as cio:
        cio.track("u1", "Seen")
        assert threading.active_count() == before


def test_a_network_that_is_closed_is_told_apart_from_a_server_that_refuses() -> None:
    with CustomerIO("key", base_url="http://127.0.0.1:9/v1", retry=Retry(budget=0)) as cio:
        error = within(10, lambda: caught(lambda: cio.track("u1", "Seen")))
    assert isinstance(error, NetworkError)
    assert error.message_id is not None
