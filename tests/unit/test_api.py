"""`api`, the generated client: whatever is called through it has key, strict mode, pace, retries and redirects."""

import asyncio
from typing import Any

import httpx
import pytest
from cio_pipelines import constants, models
from cio_pipelines.api.calls import batch, identify, track
from driving import BOTH, REASONS, caught, connected, said, tracked

from cio_facade import (
    CustomerIO,
    CustomerIOError,
    Limits,
)
from cio_facade.testing import FakeClock, RecordingTransport


def api_call(cio: Any, module: Any, body: Any) -> Any:
    """A function of the generated client, of the kind that fits."""
    if isinstance(cio, CustomerIO):
        return module.sync_detailed(client=cio.api, body=body)
    return cio.run(module.asyncio_detailed(client=cio.real.api, body=body))


@BOTH
def test_generated_functions_have_key_strict_mode_and_marks(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        response = api_call(cio, track, models.Track(event="Seen", user_id="u1"))
    (request,) = transport.requests
    assert response.status_code == 200
    assert str(request.url) == f"{constants.REGIONS['us']}/track"
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.headers["X-Strict-Mode"] == "1"
    assert request.headers["User-Agent"].startswith("cio-facade/")
    assert request.headers["X-Request-Id"]
    assert transport.bodies == [{"type": "track", "event": "Seen", "userId": "u1"}]


@BOTH
def test_generated_functions_are_repeated_with_the_pauses_the_server_asks_for(kind: Any) -> None:
    clock = FakeClock()
    transport = RecordingTransport([503, said(429, Retry_After="7"), httpx.ConnectError("refused"), 200])
    with connected(kind, transport, clock=clock) as cio:
        response = api_call(cio, identify, models.Identify(user_id="u1"))
    assert response.status_code == 200
    assert [request.headers.get("X-Retry-Count") for request in transport.requests] == [None, "1", "2", "3"]
    assert len({request.headers["X-Request-Id"] for request in transport.requests}) == 1
    assert len({request.content for request in transport.requests}) == 1
    assert 7.0 in clock.slept


@BOTH
@pytest.mark.parametrize("status", [400, 401, 413])
def test_what_a_generated_function_is_told_is_returned(kind: Any, status: int) -> None:
    transport = RecordingTransport([said(status, REASONS)])
    with connected(kind, transport) as cio:
        response = api_call(cio, track, models.Track(event="Seen", user_id="u1"))
    assert response.status_code == status
    assert b"event is unknown" in response.content
    assert len(transport.requests) == 1


@BOTH
def test_when_the_budget_is_spent_a_generated_function_has_the_last_answer(kind: Any) -> None:
    with connected(kind, RecordingTransport([said(503, REASONS) for _ in range(1000)])) as cio:
        response = api_call(cio, track, models.Track(event="Seen", user_id="u1"))
        assert (response.status_code, b"unknown" in response.content) == (503, True)
    with connected(kind, RecordingTransport([httpx.ConnectError("down")] * 1000)) as cio:
        error = caught(lambda: api_call(cio, track, models.Track(event="Seen", user_id="u1")))
    assert isinstance(error, httpx.ConnectError)


@BOTH
def test_generated_functions_follow_to_the_other_region(kind: Any) -> None:
    transport = RecordingTransport([said(301, Location=f"{constants.REGIONS['eu']}/batch")])
    with connected(kind, transport) as cio:
        body = models.Batch.from_dict({"batch": [{"type": "track", "event": "Seen", "userId": "u1"}]})
        assert api_call(cio, batch, body).status_code == 200
    first, second = transport.requests
    assert second.url.host == "cdp-eu.customer.io"
    assert (second.content, second.headers["Authorization"]) == (first.content, first.headers["Authorization"])


@BOTH
def test_whoever_asks_another_server_by_it_asks_without_the_key(kind: Any) -> None:
    transport = RecordingTransport()
    with connected(kind, transport) as cio:
        if kind is CustomerIO:
            cio.api.get_httpx_client().post("https://evil.example/v1/track", json={})
        else:
            cio.run(cio.real.api.get_async_httpx_client().post("https://evil.example/v1/track", json={}))
    (request,) = transport.requests
    assert request.url.host == "evil.example"
    assert "Authorization" not in request.headers


@BOTH
def test_generated_functions_keep_the_pace(kind: Any) -> None:
    clock = FakeClock()
    limits = Limits(window_requests=1, window_seconds=10)
    with connected(kind, clock=clock, limits=limits) as cio:
        api_call(cio, track, models.Track(event="Seen", user_id="u1"))
        cio.send(tracked())
        api_call(cio, track, models.Track(event="Seen", user_id="u1"))
    assert clock.monotonic() > 20


@BOTH
def test_generated_functions_of_the_other_kind_are_refused_instead_of_going_without_a_key(kind: Any) -> None:
    transport = RecordingTransport()
    body = models.Track(event="Seen", user_id="u1")
    with connected(kind, transport) as cio:
        if kind is CustomerIO:
            error = caught(lambda: asyncio.run(track.asyncio_detailed(client=cio.api, body=body)))
        else:
            error = caught(lambda: track.sync_detailed(client=cio.real.api, body=body))
    assert isinstance(error, CustomerIOError)
    assert ("AsyncCustomerIO.api" in str(error)) == (kind is CustomerIO)
    assert not transport.requests
