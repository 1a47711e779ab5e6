"""Which bodies go compressed, and what is made of a server that refuses them."""

import gzip
import sys
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from cio_pipelines import models
from cio_pipelines.api.calls import track
from driving import BOTH, SMALL, caught, connected

from cio_facade import AsyncCustomerIO, CustomerIO, Limits, RefusedError, Retry, ValidationError, messages
from cio_facade.compression import Gzip, compressor
from cio_facade.messages import Message
from cio_facade.packing import Parcel
from cio_facade.testing import Answering, RecordingTransport

TEXT = "x" * 2_000


def large(number: int = 0, person: str = "u1", text: str = TEXT) -> Message:
    return messages.track(person, "Seen", {"n": number, "text": text}, message_id=f"m{number}")


def packed(request: httpx.Request) -> bool:
    return request.headers.get("Content-Encoding") == "gzip"


def calls(request: httpx.Request) -> list[dict[str, Any]]:
    body = orjson.loads(gzip.decompress(request.content) if packed(request) else request.content)
    return body.get("batch", [body])


def sent(transport: RecordingTransport) -> list[tuple[str, bool]]:
    return [(request.url.path, packed(request)) for request in transport.requests]


def reading(
    status: int = 415, faulty: tuple[str, ...] = (), reads: bool = False
) -> Callable[[httpx.Request], Answering]:
    """A server that does or does not read gzip, and refuses faulty messages."""

    def answer(request: httpx.Request) -> Answering:
        if packed(request) and not reads:
            return status
        return 400 if {call["messageId"] for call in calls(request)} & {*faulty} else 200

    return answer


# The bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 600_000])
def test_what_is_compressed_can_be_read_again(body: bytes) -> None:
    assert gzip.decompress(compressor()(body)) == body


def test_without_the_extra_zlib_compresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    assert compressor().func.__module__ == "zlib"  # type: ignore[attr-defined]
    assert gzip.decompress(compressor()(b"x" * 600_000)) == b"x" * 600_000


def test_the_same_body_gives_the_same_bytes() -> None:
    assert len({compressor()(b"x" * 5_000) for _ in range(3)}) == 1


# Which go compressed -------------------------------------------------------------------------------------------------


@BOTH
def test_without_the_setting_all_go_as_they_are(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        cio.send(large())
        cio.send_many([large()])
    assert sent(transport) == [("/v1/track", False), ("/v1/batch", False)]


@BOTH
def test_large_bodies_go_compressed_and_small_ones_as_they_are(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport, gzip=True) as cio:
        cio.send(large())
        cio.send_many([large()])
        cio.send(large(text="short"))
        cio.send_many([large(text="short")])
    assert sent(transport) == [("/v1/track", True), ("/v1/batch", True), ("/v1/track", False), ("/v1/batch", False)]
    for request in transport.requests:
        assert int(request.headers["Content-Length"]) == len(request.content)
        assert request.headers["Content-Type"] == "application/json"
        assert calls(request)[0]["messageId"] == "m0"


def test_a_compressed_body_follows_a_redirect_as_it_is() -> None:
    transport = RecordingTransport([httpx.Response(307, headers={"Location": "/v2/track"})])
    with connected(CustomerIO, transport, gzip=True, base_url="https://gateway.example/v1") as cio:
        cio.send(large())
    first, second = transport.requests
    assert packed(first)
    assert packed(second)
    assert first.content == second.content


def test_a_call_of_the_generated_client_goes_as_it_is() -> None:
    transport = RecordingTransport()
    with connected(CustomerIO, transport, gzip=True) as cio:
        track.sync_detailed(client=cio.api, body=models.Track.from_dict({"userId": "u1", "event": TEXT}))
    assert sent(transport) == [("/v1/track", False)]


@pytest.mark.parametrize("kind", [CustomerIO, AsyncCustomerIO])
def test_without_strict_mode_nobody_would_hear_of_a_refusal(kind: Any) -> None:
    error = caught(lambda: kind("key", strict=False, gzip=True))
    assert isinstance(error, ValidationError)
    assert error.field == "gzip"


# A server that does not read them ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("status", [415, 400])
def test_a_server_that_refuses_them_is_remembered(kind: Any, status: int) -> None:
    transport = RecordingTransport(reading(status))
    with connected(kind, transport, gzip=True) as cio:
        receipt = cio.send(large(1))
        report = cio.send_many([large(2)])
        cio.send(large(3))
    assert sent(transport) == [("/v1/track", True), ("/v1/track", False), ("/v1/batch", False), ("/v1/track", False)]
    assert receipt.attempts == 2
    assert (report.delivered, report.requests) == (1, 1)
    first, second = transport.requests[:2]
    assert calls(first) == calls(second)
    assert first.headers["X-Request-Id"] == second.headers["X-Request-Id"]
    assert second.headers["X-Retry-Count"] == "1"


@BOTH
@pytest.mark.parametrize("status", [415, 400])
def test_the_account_balances_when_all_that_are_under_way_are_refused(kind: Any, status: int) -> None:
    transport = RecordingTransport(reading(status))
    limits = Limits(call_bytes=4_000, batch_bytes=5_000, in_flight=16)
    with connected(kind, transport, gzip=True, limits=limits) as cio:
        report = cio.send_many(large(n, f"u{n}") for n in range(100))
    assert report.balanced
    assert (report.accepted, report.delivered) == (100, 100)
    assert report.retries == sum(packed(request) for request in transport.requests) <= 16
    plain = [call["messageId"] for request in transport.requests if not packed(request) for call in calls(request)]
    assert sorted(plain) == sorted(f"m{n}" for n in range(100))


@pytest.mark.parametrize("status", [415, 400])
def test_the_plain_one_goes_whatever_the_budget_and_at_once(status: int) -> None:
    transport = RecordingTransport(reading(status))
    with connected(CustomerIO, transport, gzip=True, retry=Retry(budget=0)) as cio:
        assert cio.send(large()).attempts == 2
    assert len(transport.requests) == 2


# A server that refuses what is in them -------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("status", [415, 400])
def test_when_the_plain_one_is_refused_too_the_content_is_to_blame(kind: Any, status: int) -> None:
    transport = RecordingTransport([status, status])
    with connected(kind, transport, gzip=True) as cio:
        error = caught(lambda: cio.send(large(1)))
        cio.send(large(2))
    assert isinstance(error, RefusedError)
    assert (error.status, error.attempts) == (status, 2)
    assert sent(transport) == [("/v1/track", True), ("/v1/track", False), ("/v1/track", True)]


@BOTH
def test_after_one_was_accepted_a_400_is_about_the_content(kind: Any) -> None:
    transport = RecordingTransport([200, 400])
    with connected(kind, transport, gzip=True) as cio:
        cio.send(large(1))
        error = caught(lambda: cio.send(large(2)))
        cio.send(large(3))
    assert isinstance(error, RefusedError)
    assert sent(transport) == [("/v1/track", True)] * 3


@BOTH
def test_after_one_was_accepted_a_415_still_means_plain_from_now_on(kind: Any) -> None:
    transport = RecordingTransport([200, 415])
    with connected(kind, transport, gzip=True) as cio:
        for n in range(3):
            cio.send(large(n))
    assert [packed(request) for request in transport.requests] == [True, True, False, False]


@BOTH
@pytest.mark.parametrize(("status", "reads"), [(415, False), (400, False), (400, True)])
def test_one_bad_message_costs_one_message(kind: Any, status: int, reads: bool) -> None:
    transport = RecordingTransport(reading(status, ("m3",), reads))
    with connected(kind, transport, gzip=True) as cio:
        report = cio.send_many(large(n, f"u{n}") for n in range(10))
    assert (report.delivered, report.rejected) == (9, 1)
    assert report.balanced
    assert [letter.message_id for letter in report.dead_letters] == ["m3"]


def test_a_size_that_is_refused_is_no_word_about_the_compression() -> None:
    transport = RecordingTransport([413])
    with connected(CustomerIO, transport, gzip=True, limits=SMALL) as cio:
        report = cio.send_many(messages.track("u1", "Seen", {"text": "x" * 100}) for _ in range(4))
    assert report.delivered == 4
    assert not any(parcel for parcel in transport.requests[1:] if packed(parcel))  # the halves are small


def test_what_is_learned_is_learned_of_compressed_bodies_alone() -> None:
    gzips, parcel = Gzip(lambda body: b"packed"), Parcel(b"x" * 2_000, [2_000], [0], "/track", batch=False)
    assert not gzips.learn(parcel, 400, packed=False)
    assert not gzips.learn(parcel, 200, packed=False)
    assert not gzips.learn(parcel, 503, packed=True)
    assert gzips.packed(parcel, b"x" * 2_000) == b"packed"
    assert gzips.packed(parcel, b"x" * 1_000) is None
    assert gzips.learn(parcel, 400, packed=True)
    assert gzips.packed(parcel, b"x" * 2_000) is None
