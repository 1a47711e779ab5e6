"""What sending amounts to, the same in both clients and for one message and many; how a client is set up.

Streams have more to them: test_streams. asyncio's own matters: test_aio.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from cio_pipelines import constants
from driving import BOTH, REASONS, AsyncDriven, caught, connected, said, tracked

from cio_facade import (
    CustomerIO,
    CustomerIOError,
    DeadLetter,
    Limits,
    NetworkError,
    RateLimitError,
    RefusedError,
    Retry,
    ServerError,
    ValidationError,
    messages,
)
from cio_facade.messages import Message
from cio_facade.testing import Answering, FakeClock, RecordingTransport

# One table for four ways of sending ----------------------------------------------------------------------------------

WAYS = [
    pytest.param(kind, way, id=f"{kind.__name__}-{way}")
    for kind, way in itertools.product([CustomerIO, AsyncDriven], ["send", "send_many"])
]
NO = httpx.ConnectError("refused")


def outcome(kind: Any, way: str, answers: Sequence[Answering]) -> tuple[str, int | None, int]:
    """What becomes of one message: delivered or the error's name, with the last status and the requests made."""
    transport = RecordingTransport(answers)
    with connected(kind, transport, retry=Retry(budget=10)) as cio:
        try:
            if way == "send":
                receipt = cio.send(tracked())
                assert receipt.message_id == "m0"
                assert receipt.attempts == len(transport.requests)
                return "delivered", receipt.status, receipt.attempts
            report = cio.send_many([tracked()])
            assert report.requests == len(transport.requests)
            if report.delivered:
                return "delivered", 200, report.requests
            (letter,) = report.dead_letters
            return "RefusedError", letter.status, report.requests
        except CustomerIOError as error:
            return type(error).__name__, error.status, len(transport.requests)


@pytest.mark.parametrize(("kind", "way"), WAYS)
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([200], ("delivered", 200, 1)),
        ([said(200)], ("delivered", 200, 1)),  # without a body
        ([503, 200], ("delivered", 200, 2)),
        ([408, 425, 429, 200], ("delivered", 200, 4)),
        ([NO, httpx.ReadTimeout("slow"), 200], ("delivered", 200, 3)),
        ([said(429, Retry_After="9"), 200], ("delivered", 200, 2)),
        ([said(429, Retry_After="10"), 200], ("RateLimitError", 429, 1)),
        ([said(400, REASONS)], ("RefusedError", 400, 1)),
        ([said(400)], ("RefusedError", 400, 1)),
        ([413], ("RefusedError", 413, 1)),
        ([422], ("RefusedError", 422, 1)),
        ([503, 400], ("RefusedError", 400, 2)),
        ([401], ("AuthenticationError", 401, 1)),
        ([403], ("AuthenticationError", 403, 1)),
        ([404], ("RefusedError", 404, 1)),
        ([said(302, Location="https://evil.example/")], ("RefusedError", 302, 1)),
    ],
    ids=str,
)
def test_the_same_answers_have_the_same_outcome_in_every_way_of_sending(
    kind: Any, way: str, answers: Sequence[Answering], expected: tuple[str, int | None, int]
) -> None:
    assert outcome(kind, way, answers) == expected


@pytest.mark.parametrize(("kind", "way"), WAYS)
@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [(500, ServerError, 500), (503, ServerError, 503), (429, RateLimitError, 429), (NO, NetworkError, None)],
    ids=str,
)
def test_when_the_budget_is_spent_the_error_says_of_what(
    kind: Any, way: str, answer: Answering, error: type[CustomerIOError], status: int | None
) -> None:
    name, last, requests = outcome(kind, way, [answer] * 10_000)
    assert (name, last) == (error.__name__, status)
    assert 2 < requests < 200


@pytest.mark.parametrize("kind", [CustomerIO, AsyncDriven])
def test_an_error_says_what_can_be_known(kind: Any) -> None:
    with connected(kind, RecordingTransport([503, said(400, REASONS)])) as cio:
        error = caught(lambda: cio.send(tracked()))
    assert isinstance(error, RefusedError)
    assert (error.status, error.message_id, error.reasons, error.attempts) == (400, "m0", ("event is unknown",), 2)
    assert error.request_id is not None
    assert error.request_id in str(error)
    assert error.report is None


@BOTH
def test_a_rate_limit_error_says_how_long_to_wait(kind: Any) -> None:
    with connected(kind, RecordingTransport([said(429, Retry_After="3600")])) as cio:
        error = caught(lambda: cio.send(tracked()))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 3600.0


@BOTH
def test_the_pause_the_server_asks_for_is_slept(kind: Any) -> None:
    clock = FakeClock()
    with connected(kind, RecordingTransport([said(429, Retry_After="7"), 200]), clock=clock) as cio:
        cio.send(tracked())
    assert clock.slept == [7.0]


@BOTH
def test_verbs_send_at_once_to_the_endpoint_of_their_type(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        call = cio.call if kind is AsyncDriven else lambda name, *args: getattr(cio, name)(*args)
        receipts = [
            call("identify", "u1", {"plan": "pro"}),
            call("track", "u1", "Seen"),
            call("page", "u1", "Home"),
            call("screen", "u1", "Home"),
            call("group", "u1", "g1"),
            call("alias", "u1", "u0"),
        ]
    assert [request.url.path.removeprefix("/v1/") for request in transport.requests] == [
        "identify",
        "track",
        "page",
        "screen",
        "group",
        "alias",
    ]
    assert [receipt.message_id for receipt in receipts] == [call["messageId"] for call in transport.calls]
    assert len({receipt.message_id for receipt in receipts}) == 6


@BOTH
def test_what_is_unfit_is_refused_before_anything_is_sent(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        error = caught(lambda: cio.send(messages.track("", "Seen", message_id="m1")))
    assert isinstance(error, ValidationError)
    assert (error.field, error.message_id) == ("userId", "m1")
    assert not transport.requests


# What is on the wire -------------------------------------------------------------------------------------------------


@BOTH
def test_streamed_messages_are_stamped_when_they_are_taken_and_single_ones_are_not(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport, clock=FakeClock(0.0)) as cio:
        cio.send(messages.track("u1", "Seen"))
        cio.send_many([messages.track("u1", "Seen"), messages.track("u1", "Seen", timestamp="2026-01-01T00:00:00Z")])
    assert [call.get("timestamp") for call in transport.calls] == [
        None,
        "1970-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00Z",
    ]


@BOTH
def test_the_same_message_given_twice_makes_two_calls(kind: Any) -> None:
    transport, message = RecordingTransport(), messages.track("u1", "Seen")
    with connected(kind, transport) as cio:
        cio.send(message)
        cio.send(message)
        assert cio.send_many([message] * 3).delivered == 3
    assert len({call["messageId"] for call in transport.calls}) == 5


@BOTH
def test_a_stream_goes_in_few_full_batches_whatever_the_types(kind: Any) -> None:
    def mixed() -> Iterator[Message]:
        for n in range(200):
            yield messages.identify(f"u{n}", {"n": n})
            yield messages.track(f"u{n}", "Seen")
            yield messages.page(f"u{n}", "Home")
            yield messages.screen(f"u{n}", "Home")
            yield messages.group(f"u{n}", f"g{n}")
            yield messages.alias(f"u{n}", f"a{n}")

    transport = RecordingTransport()
    with connected(kind, transport, limits=Limits(batch_calls=None)) as cio:
        report = cio.send_many(mixed())
    assert report.complete
    assert report.accepted == 1200
    assert report.requests == len(transport.requests) == 1  # about 150 KB
    assert {call["type"] for call in transport.calls} == {message.call["type"] for message in mixed()}
    assert {request.url.path for request in transport.requests} == {"/v1/batch"}


@BOTH
def test_no_body_is_over_a_limit(kind: Any) -> None:
    transport = RecordingTransport()
    limits = Limits(call_bytes=400, batch_bytes=1000, batch_calls=3)
    with connected(kind, transport, limits=limits) as cio:
        report = cio.send_many(messages.track(f"u{n}", "é" * 40, {"x": "x" * (n % 100)}) for n in range(300))
    assert report.complete
    assert max(len(request.content) for request in transport.requests) <= 1000
    assert max(len(body["batch"]) for body in transport.bodies) == 3


@BOTH
def test_what_the_spec_does_not_let_travel_in_a_batch_goes_alone_and_in_order(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "BATCHABLE", constants.BATCHABLE - {"alias"})
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        report = cio.send_many(
            [
                messages.track("anon", "Before"),
                messages.track("other", "Elsewhere"),
                messages.alias("u1", "anon"),
                messages.track("u1", "After"),
            ]
        )
    assert report.complete
    arrived = [call.get("event", call["type"]) for call in transport.calls]
    assert arrived.index("Before") < arrived.index("alias") < arrived.index("After")
    (alone,) = [request for request in transport.requests if request.url.path == "/v1/alias"]
    assert b'"batch"' not in alone.content
    assert b'"messageId"' in alone.content
    assert b'"timestamp"' in alone.content


@BOTH
def test_a_call_that_goes_alone_and_is_refused_costs_only_itself(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "BATCHABLE", frozenset[str]())
    transport = RecordingTransport(lambda request: said(400, REASONS) if b"Bad" in request.content else 200)
    with connected(kind, transport) as cio:
        report = cio.send_many([tracked(0), tracked(1, event="Bad"), tracked(2)])
    assert (report.delivered, report.rejected) == (2, 1)
    assert report.dead_letters == (DeadLetter("m1", 1, "event is unknown", 400),)
    assert [call["messageId"] for call in transport.calls] == ["m0", "m1", "m2"]


# Setting up ----------------------------------------------------------------------------------------------------------


def test_with_keeps_the_exact_type() -> None:
    class Mine(CustomerIO):
        pass

    with Mine("key", transport=RecordingTransport()) as cio:
        assert type(cio) is Mine
        assert repr(cio) == f"<Mine {constants.REGIONS['us']}>"


def test_a_client_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIO_API_KEY", "sk_eu_1")
    monkeypatch.delenv("CIO_REGION", raising=False)
    monkeypatch.delenv("CIO_BASE_URL", raising=False)
    transport = RecordingTransport()
    with CustomerIO.from_env(transport=transport) as cio:
        cio.send(tracked())
        assert cio.base_url == constants.REGIONS["eu"]
    assert transport.requests[0].url.host == "cdp-eu.customer.io"


@pytest.mark.parametrize("key", ["", "   ", "\n", None, 5, "schlüssel", "a b", "a\nb"])
def test_a_key_that_is_none_is_refused_at_once_and_not_shown(key: Any) -> None:
    error = caught(lambda: CustomerIO(key))
    assert isinstance(error, ValidationError)
    assert error.field == "api_key"
    if isinstance(key, str) and key.strip():
        assert key not in str(error)
