"""What is called through ``cio.api`` goes by the same key, pace and retries, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cio_pipelines.api.calls import batch, track
from cio_pipelines.models import Batch, Track
from server import Reply, ScriptedServer, json_reply
from table import KEY

from cio_facade import AsyncCustomerIO, CustomerIO, Retry
from cio_facade.testing import FakeClock

CALL = Track(user_id="u1", event="Signed Up")
BATCH = Batch.from_dict({"batch": [{"type": "track", "userId": "u1", "event": "Signed Up"}]})

Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Calls an operation of the generated client, and gives its detailed response."""

    def sync(url: str, operation: Any, body: Any, **settings: Any) -> Any:
        with CustomerIO(KEY, base_url=url, clock=FakeClock(), **settings) as cio:
            return operation.sync_detailed(client=cio.api, body=body)

    async def asynchronous(url: str, operation: Any, body: Any, settings: dict[str, Any]) -> Any:
        async with AsyncCustomerIO(KEY, base_url=url, clock=FakeClock(), **settings) as cio:
            return await operation.asyncio_detailed(client=cio.api, body=body)

    if request.param == "sync":
        return sync
    return lambda url, operation, body, **settings: asyncio.run(asynchronous(url, operation, body, settings))


@pytest.mark.parametrize(("operation", "body", "path"), [(track, CALL, "/v1/track"), (batch, BATCH, "/v1/batch")])
def test_a_call_carries_what_every_call_carries(operation: Any, body: Any, path: str, ask: Ask) -> None:
    with ScriptedServer() as server:
        assert ask(server.url, operation, body).status_code == 200
        (request,) = server.requests
    assert (request.method, request.path) == ("POST", path)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-strict-mode"] == "1"
    assert request.headers["user-agent"].startswith("cio-facade/")
    assert request.headers["x-request-id"]
    assert request.headers["x-timestamp"]


@pytest.mark.parametrize(
    "fault",
    [Reply(500), Reply(429), Reply(cut=0, reset=True), Reply(cut=9, close=True)],
    ids=["500", "429", "reset", "cut"],
)
def test_what_may_yet_succeed_is_repeated(fault: Reply, ask: Ask) -> None:
    with ScriptedServer([fault, fault]) as server:
        assert ask(server.url, track, CALL).status_code == 200
        assert len({request.body for request in server.requests}) == 1
        assert [request.headers.get("x-retry-count") for request in server.requests] == [None, "1", "2"]
        assert len({request.headers["x-request-id"] for request in server.requests}) == 1


def test_a_refusal_is_handed_on_with_its_body(ask: Ask) -> None:
    with ScriptedServer(rest=json_reply(400, {"meta": {"error": "no"}})) as server:
        response = ask(server.url, track, CALL)
        assert response.status_code == 400
        assert response.parsed.to_dict() == {"meta": {"error": "no"}}
        assert len(server.requests) == 1


def test_the_last_answer_is_handed_on_when_the_budget_is_spent(ask: Ask) -> None:
    with ScriptedServer(rest=Reply(503, body=b"later")) as server:
        response = ask(server.url, track, CALL)
        assert (response.status_code, response.content) == (503, b"later")
        assert len(server.requests) > 1


def test_no_answer_is_an_error_of_httpx(ask: Ask) -> None:
    with ScriptedServer(rest=Reply(cut=0, reset=True)) as server, pytest.raises(httpx.TransportError) as raised:
        ask(server.url, track, CALL, retry=Retry(budget=1))
    assert KEY not in f"{raised.value!r} {raised.value.request.headers!r}"


def test_a_silent_server_is_waited_for_no_longer_than_the_timeout(ask: Ask) -> None:
    with ScriptedServer(rest=Reply(hold=True)) as server, pytest.raises(httpx.ReadTimeout):
        ask(server.url, track, CALL, retry=Retry(budget=0), timeout=0.2)
