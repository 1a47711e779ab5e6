"""The seam to HTTP: how requests are marked, where they may be redirected, how answers are read."""

import base64
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from cio_pipelines import constants
from driving import BOTH, caught, connected
from hypothesis import given
from hypothesis import strategies as st

from cio_facade import CustomerIO, NetworkError, RefusedError, Retry, messages
from cio_facade.answers import Answer
from cio_facade.clock import Stamps
from cio_facade.config import Settings
from cio_facade.packing import Parcel
from cio_facade.policy import Policy
from cio_facade.testing import Answering, FakeClock, RecordingTransport
from cio_facade.transport import Own, read

MESSAGE = messages.track("u1", "Signed Up", message_id="m1")
US, EU = constants.REGIONS["us"], constants.REGIONS["eu"]


def policy(key: str = "key", base_url: str | None = None, clock: FakeClock | None = None) -> Policy:
    settings = Settings.resolve(key, None, base_url, strict=True, timeout=5)
    clock = clock or FakeClock()
    return Policy(settings, clock, Stamps(clock.time))


# Marks ---------------------------------------------------------------------------------------------------------------


@BOTH
def test_every_request_says_who_sends_it_and_when(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport, clock=FakeClock(0.25)) as cio:
        cio.send(MESSAGE)
        cio.send_many([MESSAGE])
    assert [request.url.path for request in transport.requests] == ["/v1/track", "/v1/batch"]
    for request in transport.requests:
        assert request.method == "POST"
        assert request.headers["User-Agent"].startswith("cio-facade/")
        assert request.headers["X-Timestamp"] == "1970-01-01T00:00:00.250Z"
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["X-Strict-Mode"] == "1"
        assert len(request.headers["X-Request-Id"]) == 36
        assert "X-Retry-Count" not in request.headers
    assert len({request.headers["X-Request-Id"] for request in transport.requests}) == 2


@BOTH
def test_a_repetition_counts_itself_and_keeps_its_request_id_and_its_body(kind: Any) -> None:
    transport = RecordingTransport([503, httpx.ConnectError("down"), 200] * 2)
    with connected(kind, transport) as cio:
        cio.send(MESSAGE)
        cio.send_many([MESSAGE])
    for three in (transport.requests[:3], transport.requests[3:]):
        assert [request.headers.get("X-Retry-Count") for request in three] == [None, "1", "2"]
        assert len({request.headers["X-Request-Id"] for request in three}) == 1
        assert len({request.content for request in three}) == 1


@BOTH
def test_strict_mode_can_be_turned_off(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport, strict=False) as cio:
        cio.send(MESSAGE)
    assert constants.STRICT_HEADER not in transport.requests[0].headers


@pytest.mark.parametrize(
    ("key", "header", "server"),
    [
        ("abc", "Basic " + base64.b64encode(b"abc:").decode(), US),
        ("  abc\n", "Basic " + base64.b64encode(b"abc:").decode(), US),
        ("sk_us_123", "Bearer sk_us_123", US),
        ("pk_eu_123\n", "Bearer pk_eu_123", EU),
    ],
)
def test_the_form_of_the_key_says_how_and_where_it_is_sent(key: str, header: str, server: str) -> None:
    transport = RecordingTransport()
    with CustomerIO(key, transport=transport) as cio:
        cio.send(MESSAGE)
    assert transport.requests[0].headers["Authorization"] == header
    assert str(transport.requests[0].url) == f"{server}/track"


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/", "https://gateway/a/b/v1"]
)
def test_another_server_keeps_its_prefix(base_url: str) -> None:
    transport = RecordingTransport()
    with CustomerIO("key", base_url=base_url, transport=transport) as cio:
        cio.send(MESSAGE)
        cio.send_many([MESSAGE])
    assert [str(request.url) for request in transport.requests] == [
        f"{base_url.rstrip('/')}/track",
        f"{base_url.rstrip('/')}/batch",
    ]


# Redirects -----------------------------------------------------------------------------------------------------------


def redirecting(
    location: str, status: int = 301, *, at: str = "cdp.customer.io"
) -> tuple[RecordingTransport, Callable[[], list[str]]]:
    def answer(request: httpx.Request) -> Answering:
        if request.url.host == at:
            return httpx.Response(status, headers={"Location": location})
        return 200

    transport = RecordingTransport(answer)
    return transport, lambda: [str(request.url) for request in transport.requests]


@BOTH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_call_follows_to_the_other_region_as_the_same_post_with_the_key(kind: Any, status: int) -> None:
    transport, visited = redirecting(f"{EU}/track", status)
    with connected(kind, transport) as cio:
        receipt = cio.send(MESSAGE)
    assert visited() == [f"{US}/track", f"{EU}/track"]
    first, second = transport.requests
    assert (second.method, second.content) == ("POST", first.content)
    for header in ("Authorization", "X-Strict-Mode", "X-Request-Id", "Content-Type", "Content-Length", "User-Agent"):
        assert second.headers[header] == first.headers[header]
    assert second.headers["Host"] == "cdp-eu.customer.io"
    assert receipt.attempts == 1  # it is one attempt all the same


@BOTH
@pytest.mark.parametrize("status", [301, 308])
def test_a_lasting_redirect_is_remembered_for_all_paths(kind: Any, status: int) -> None:
    transport, visited = redirecting(f"{EU}/track", status)
    with connected(kind, transport) as cio:
        cio.send(MESSAGE)
        cio.send_many([MESSAGE])
    assert visited() == [f"{US}/track", f"{EU}/track", f"{EU}/batch"]
    assert transport.requests[2].headers["Host"] == "cdp-eu.customer.io"


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_passing_redirect_is_not_remembered(status: int) -> None:
    transport, visited = redirecting(f"{EU}/track", status)
    with CustomerIO("key", transport=transport) as cio:
        cio.send(MESSAGE)
        cio.send(MESSAGE)
    assert visited() == [f"{US}/track", f"{EU}/track"] * 2


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/v1/track",
        "http://cdp-eu.customer.io/v1/track",  # without TLS
        "https://cdp-eu.customer.io:444/v1/track",
        "https://cdp-eu.customer.io.evil.example/v1/track",
        "https://evilcdp-eu.customer.io/v1/track",
        "https://track.customer.io/v1/track",  # the spec does not name it
        "https://cdp-eu.customer.io@evil.example/v1/track",
        "//evil.example/v1/track",
        "http://127.0.0.1:8080/v1/track",
        "http://localhost/v1/track",
        "ftp://cdp-eu.customer.io/v1/track",
        "javascript:alert(1)",
        "https://[",
        "https://cdp-eu.customer.io:99999999999/",
        "\x7f",
        "",
    ],
)
@BOTH
def test_no_stranger_gets_the_call_or_the_key(kind: Any, location: str) -> None:
    transport, visited = redirecting(location, 307)
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.send(MESSAGE))
    assert visited() == [f"{US}/track"]
    assert isinstance(error, RefusedError)
    assert (error.status, error.attempts) == (307, 1)


def test_a_redirect_without_a_target_is_refused() -> None:
    with CustomerIO("key", transport=RecordingTransport([httpx.Response(302)])) as cio:
        error = caught(lambda: cio.send(MESSAGE))
    assert isinstance(error, RefusedError)


def test_a_redirect_within_the_server_is_followed() -> None:
    transport = RecordingTransport([httpx.Response(307, headers={"Location": "/v2/track"})])
    with CustomerIO("key", base_url="https://gateway.example/v1", transport=transport) as cio:
        cio.send(MESSAGE)
    assert [str(request.url) for request in transport.requests] == [
        "https://gateway.example/v1/track",
        "https://gateway.example/v2/track",
    ]
    assert transport.requests[1].headers["Authorization"] == transport.requests[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("http://127.0.0.1:9000/v1/track", True),
        ("http://localhost:9000/v1/track", True),
        ("http://[::1]:9000/v1/track", True),
        ("http://127.0.0.1.evil.example/v1/track", False),
        ("http://10.0.0.1/v1/track", False),
    ],
)
def test_between_loopback_ports_calls_may_follow(location: str, followed: bool) -> None:
    transport = RecordingTransport([httpx.Response(307, headers={"Location": location})])
    with CustomerIO("key", base_url="http://127.0.0.1:8000/v1", transport=transport) as cio:
        if followed:
            assert cio.send(MESSAGE).status == 200
            assert transport.requests[1].headers["Authorization"]
        else:
            assert isinstance(caught(lambda: cio.send(MESSAGE)), RefusedError)
            assert len(transport.requests) == 1


@BOTH
def test_a_circle_of_redirects_comes_to_an_end(kind: Any) -> None:
    def answer(request: httpx.Request) -> Answering:
        other = EU if request.url.host == "cdp.customer.io" else US
        return httpx.Response(307, headers={"Location": f"{other}/track"})

    transport = RecordingTransport(answer)
    with connected(kind, transport) as cio:
        assert isinstance(caught(lambda: cio.send(MESSAGE)), RefusedError)
    assert len(transport.requests) == 3


def test_a_batch_that_is_redirected_to_a_stranger_stops_the_stream_with_its_account() -> None:
    transport, visited = redirecting("https://evil.example/v1/batch")
    with CustomerIO("key", transport=transport) as cio:
        error = caught(lambda: cio.send_many([MESSAGE]))
    assert isinstance(error, RefusedError)
    assert error.report is not None
    assert error.report.failed == 1
    assert visited() == [f"{US}/batch"]


# Answers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0),
        ("Thu, 01 Jan 1970 01:01:40 +0100", 100.0),
        ("Thu, 01 Jan 1970 00:01:40", 100.0),
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("1e9", None),
        ("9" * 400, None),
        ("Thu, 99 Jan 1970 00:01:40 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    response = httpx.Response(503, headers={"Retry-After": text})
    assert policy(clock=FakeClock(0.0)).retry_after(response) == seconds


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_retry_after_can_upset_it(text: str) -> None:
    found = policy().retry_after(httpx.Response(503, headers={"Retry-After": text}))
    assert found is None or found >= 0


def test_a_success_needs_no_body() -> None:
    for body in (b"", b"{}", b"<html>", b"null"):
        assert policy().answer(httpx.Response(200), body, "r1") == Answer(200, request_id="r1")


@pytest.mark.parametrize("key", ["sk_us_secret", "plainsecret"])
def test_what_a_server_repeats_of_the_key_is_taken_out(key: str) -> None:
    basic = base64.b64encode(f"{key}:".encode()).decode()
    said = f"bad header Bearer {key}, or Basic {basic}, or {key}"
    answer = policy(key).answer(httpx.Response(401), b'{"meta":{"error":"%b"}}' % said.encode(), "r1")
    assert "secret" not in repr(answer)
    assert basic not in repr(answer)
    assert "[key]" in answer.reasons[0]


def test_the_key_is_taken_out_before_a_long_reason_is_cut() -> None:
    """Half a key would not be recognised, and half a key is too much."""
    for filler in range(260, 300):
        transport = RecordingTransport(
            [httpx.Response(401, json={"meta": {"error": "x" * filler + " sk_us_secretpart"}})]
        )
        with CustomerIO("sk_us_secretpart", transport=transport) as cio:
            assert "sk_" not in str(caught(lambda cio=cio: cio.send(MESSAGE)))


def test_what_went_wrong_on_the_way_is_named_without_the_key() -> None:
    answer = policy("sk_us_secret").no_answer(httpx.ConnectError("bad: Bearer sk_us_secret"), "r1")
    assert answer == Answer(0, ("ConnectError: bad: [key]",), request_id="r1")
    assert policy().no_answer(httpx.ReadTimeout(""), None).reasons == ("ReadTimeout",)


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    class Endless(httpx.SyncByteStream):
        given = 0
        closed = False

        def __iter__(self) -> Any:
            while True:
                self.given += 1
                yield b"x" * 1000

        def close(self) -> None:
            self.closed = True

    stream = Endless()
    body = read(httpx.Response(400, stream=stream), FakeClock(), 5.0)
    assert len(body) < 100_000
    assert stream.given < 100
    assert stream.closed


def test_an_answer_that_trickles_is_read_for_no_longer_than_the_timeout() -> None:
    clock = FakeClock()

    class Trickle(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            while True:
                clock.advance(1.0)
                yield b"x"

    assert len(read(httpx.Response(400, stream=Trickle()), clock, 5.0)) <= 6


def test_an_answer_that_cannot_be_decoded_counts_by_its_status() -> None:
    broken = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))
    transport = RecordingTransport([broken])
    with CustomerIO("key", transport=transport) as cio:
        assert cio.send(MESSAGE).attempts == 1


@BOTH
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("garbage"),
        httpx.PoolTimeout("busy"),
        httpx.ProxyError("proxy"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_failure_on_the_way_is_repeated_and_then_a_network_error(kind: Any, error: Exception) -> None:
    transport = RecordingTransport([error] * 1000)
    with connected(kind, transport, retry=Retry(budget=3)) as cio:
        raised = caught(lambda: cio.send(MESSAGE))
    assert isinstance(raised, NetworkError)
    assert (raised.status, raised.message_id) == (None, "m1")
    assert raised.attempts == len(transport.requests) > 1
    assert type(error).__name__ in str(raised)


# Processes -----------------------------------------------------------------------------------------------------------


def test_each_process_has_connections_of_its_own() -> None:
    """tests/peers forks in earnest."""
    process, made = 1, itertools.count()
    own = Own(lambda: next(made), lambda: process)
    assert [own.get(), own.get()] == [0, 0]
    process = 2
    assert [own.get(), own.get()] == [1, 1]


def test_a_request_carries_the_timeout_itself() -> None:
    """Not every version of httpx adds it to a request that its client did not build."""
    request = policy().request(Parcel(b"{}", [2], [0], "/track", batch=False))
    assert request.extensions["timeout"] == {"connect": 5, "read": 5, "write": 5, "pool": None}


def test_threads_that_come_at_once_after_a_fork_share_what_one_of_them_made():
    """Those whose own was overwritten kept a connection that nobody closed."""
    owner = 1
    together = Barrier(4)

    def make():
        if owner == 2:
            together.wait(30)
        return object()

    own = Own(make, lambda: owner)
    parents = own.get()
    owner = 2
    with ThreadPoolExecutor(4) as pool:
        theirs = set(pool.map(lambda _: own.get(), range(4)))
    assert len(theirs) == 1
    assert parents not in theirs
    assert own.get() in theirs
