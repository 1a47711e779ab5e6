"""What an honest server does, against the real sandbox: what the client says agrees with what is stored."""

from __future__ import annotations

import copy
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from cio_pipelines import constants
from table import EMAIL

from cio_facade import (
    AuthenticationError,
    Limits,
    Message,
    RateLimitError,
    RefusedError,
    ValidationError,
    messages,
    people,
)

sandboxes = pytest.importorskip("cio_facade.sandbox.server", exc_type=ImportError, reason="needs the extra [sandbox]")

LOOSE = Limits(
    call_bytes=constants.CALL_BYTES * 4, batch_bytes=constants.BATCH_BYTES * 4, id_bytes=None, event_name_bytes=None
)
GOOD = [people.identify(f"u{n}", {"email": EMAIL}) for n in range(50)]
# Too much for the server, and for a client only within its own limits.
LONG_NAME = messages.track("u", "e" * (constants.EVENT_NAME_BYTES + 1))
OVERSIZE = messages.track("u", "Read", {"text": "x" * constants.CALL_BYTES})


@pytest.fixture
def sandbox() -> Iterator[Any]:
    with sandboxes.Sandbox(rate=False) as running:
        yield running


def test_200(sandbox: Any, connect: Any) -> None:
    receipt = connect(sandbox.url).send(GOOD[0])
    report = connect(sandbox.url).send_many(GOOD[1:])
    assert (receipt.status, receipt.attempts) == (200, 1)
    assert (report.delivered, report.requests) == (49, 1)
    assert {call["userId"] for call in sandbox.calls()} == {message.call["userId"] for message in GOOD}
    assert sandbox.calls()[0]["messageId"] == receipt.message_id
    assert {request.strict for request in sandbox.requests()} == {True}


def test_strict_400(sandbox: Any, connect: Any) -> None:
    client = connect(sandbox.url, limits=LOOSE)
    with pytest.raises(RefusedError) as raised:
        client.send(LONG_NAME)
    assert raised.value.status == 400
    assert any("event" in reason for reason in raised.value.reasons)
    assert sandbox.counts().accepted == 0


@pytest.mark.parametrize("place", [0, 17, 49])
def test_strict_400_in_a_batch_costs_the_faulty_message_alone(place: int, sandbox: Any, connect: Any) -> None:
    stream: list[Message] = [*GOOD]
    stream.insert(place, LONG_NAME)
    report = connect(sandbox.url, limits=LOOSE).send_many(stream)
    assert (report.accepted, report.delivered, report.rejected) == (51, 50, 1)
    (letter,) = report.dead_letters
    assert (letter.index, letter.status) == (place, 400)
    assert {call["userId"] for call in sandbox.calls()} == {message.call["userId"] for message in GOOD}
    assert sandbox.counts().repeats == 0


def test_permissive_200_loses_the_call_without_a_word(sandbox: Any, connect: Any) -> None:
    client = connect(sandbox.url, limits=LOOSE, strict=False)
    assert client.send(LONG_NAME).status == 200
    report = client.send_many([GOOD[0], LONG_NAME, GOOD[1]])
    assert report.complete, "so it seems: this is why strict mode is on unless it is turned off"
    assert sandbox.counts().accepted == 2
    assert sandbox.counts().lost == 2


@pytest.mark.parametrize("strict", [True, False])
def test_401(strict: bool, connect: Any) -> None:
    with sandboxes.Sandbox(api_keys=["sk_us_another"]) as sandbox:
        client = connect(sandbox.url, strict=strict)
        if strict:
            with pytest.raises(AuthenticationError) as one:
                client.send(GOOD[0])
            with pytest.raises(AuthenticationError) as many:
                client.send_many(GOOD)
            assert (one.value.status, one.value.attempts) == (401, 1)
            assert many.value.report is not None
            assert (many.value.report.failed, many.value.report.requests) == (50, 1)
        else:
            assert client.send(GOOD[0]).status == 200
        assert sandbox.counts().accepted == 0


@pytest.mark.parametrize("key", ["sk_eu_newer", "0123456789abcdef", "  0123456789abcdef\n"])
def test_keys_of_both_forms_arrive_as_they_were_given(key: str, connect: Any) -> None:
    with sandboxes.Sandbox(api_keys=[key.strip()]) as sandbox:
        assert connect(sandbox.url, api_key=key).send(GOOD[0]).status == 200


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="needs IPv6 on this machine")
def test_a_server_on_ipv6(connect: Any) -> None:
    with sandboxes.Sandbox(host="::1") as sandbox:
        assert connect(sandbox.url).send(GOOD[0]).status == 200


def test_413(sandbox: Any, connect: Any) -> None:
    client = connect(sandbox.url, limits=LOOSE)
    with pytest.raises(RefusedError) as raised:
        client.send(OVERSIZE)
    assert raised.value.status == 413
    report = client.send_many([*GOOD, OVERSIZE])
    assert (report.delivered, report.rejected) == (50, 1)
    assert report.dead_letters[0].index == 50


def test_413_of_a_batch_that_is_too_large_delivers_it_in_parts(sandbox: Any, connect: Any) -> None:
    part = constants.CALL_BYTES // 2
    stream = [people.identify(f"u{n}", {"bio": "x" * part}) for n in range(3 * constants.BATCH_BYTES // part)]
    report = connect(sandbox.url, limits=LOOSE).send_many(stream)
    assert report.complete
    assert any(request.status == 413 for request in sandbox.requests())
    assert sandbox.counts().accepted == len(stream)


def test_oversize_is_refused_before_anything_is_sent(sandbox: Any, connect: Any) -> None:
    client = connect(sandbox.url)
    with pytest.raises(ValidationError) as raised:
        client.send(OVERSIZE)
    assert "limits.call_bytes" in str(raised.value)
    assert sandbox.counts().requests == 0
    report = client.send_many([GOOD[0], OVERSIZE, GOOD[1]])
    assert (report.delivered, report.rejected) == (2, 1)
    assert (report.dead_letters[0].index, report.dead_letters[0].status) == (1, None)
    assert sandbox.counts().refused == 0


def test_oversize_is_lost_without_a_word_where_no_one_looks(sandbox: Any, connect: Any) -> None:
    client = connect(sandbox.url, limits=LOOSE, strict=False)
    assert client.send(OVERSIZE).status == 200
    assert sandbox.counts().lost == 1


@pytest.fixture
def hasty() -> Iterator[Any]:
    """A sandbox that takes five requests in a minute: the window is not over before the test is."""
    document = copy.deepcopy(sandboxes.published())
    document["x-limits"]["window"] = {"requests": 5, "seconds": 60}
    with sandboxes.Sandbox(document=document) as running:
        yield running


def test_429_is_repeated_within_the_budget_then_told(hasty: Any, connect: Any) -> None:
    client = connect(hasty.url)
    assert [client.send(message).attempts for message in GOOD[:5]] == [1] * 5
    with pytest.raises(RateLimitError) as raised:
        client.send(GOOD[5])
    assert raised.value.status == 429
    assert raised.value.attempts > 1
    with pytest.raises(RateLimitError) as many:
        client.send_many(GOOD)
    assert many.value.report is not None
    assert many.value.report.failed == 50
    assert hasty.counts().accepted == 5
