"""The vendor's Node clients, and Segment's, at the sandbox: what arrives, and what they think happened."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from access import KEY
from cio_pipelines.constants import CALL_BYTES

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

Run = Callable[..., Any]

# The clients that gather calls into batches, and their names in context.library.
BATCHING = {"cdp-analytics-node": "@customerio/cdp-analytics-node", "segment-node": "@segment/analytics-node"}

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("identify", {"userId": "u1", "traits": {"email": "u1@example.com", "plan": "pro"}}),
    ("track", {"userId": "u1", "event": "Course Started", "properties": {"title": "Intro", "price": 9.5}}),
    ("page", {"userId": "u1", "category": "Docs", "name": "Home", "properties": {"url": "https://example.com/"}}),
    ("screen", {"anonymousId": "a1", "name": "Feed", "properties": {"tab": 1}}),
    ("group", {"userId": "u1", "groupId": "acme", "traits": {"name": "ACME", "object_type_id": "1"}}),
    ("alias", {"userId": "u1", "previousId": "old"}),
]
TYPES = [type_ for type_, _ in CALLS]
FAULTY = ("identify", {"userId": "u1", "traits": {"email": 7}})
OVERSIZE = ("track", {"userId": "u1", "event": "Seen", "properties": {"text": "x" * CALL_BYTES}})


@pytest.fixture(params=list(BATCHING))
def batching(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def run(run_node: Run, sandbox: Sandbox, host: str) -> Run:
    """Runs a client against the sandbox, permissive unless asked to be strict."""

    def to_sandbox(client: str, *calls: Any, key: str = KEY, strict: bool = False, **settings: Any) -> Any:
        where = {"url": sandbox.url, "host": host}
        return run_node(client, **where, key=key, strict=strict, calls=calls, settings=settings)

    return to_sandbox


def assert_said(arrived: list[dict[str, Any]], library: str) -> None:
    """Whether the calls arrived as they were made, with what the client adds."""
    assert [call["type"] for call in arrived] == TYPES
    for call, (_, said) in zip(arrived, CALLS, strict=True):
        for name, value in said.items():
            # A page call's properties are given its category as well.
            assert call[name] == value or {**value, "category": call["category"]} == call[name]
        assert call["context"]["library"]["name"] == library
        assert call["timestamp"].endswith("Z")
    assert len({call["messageId"] for call in arrived}) == len(CALLS)


# Clients that gather calls into batches -------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "permissive"])
def test_a_batch_of_every_type_arrives_as_it_was_said(batching: str, strict: bool, run: Run, sandbox: Sandbox) -> None:
    told = run(batching, *CALLS, strict=strict)
    assert told["outcomes"] == [None] * 6
    (request,) = sandbox.requests()
    assert (request.path, request.strict, request.status) == ("/v1/batch", strict, 200)
    assert (request.verdict, request.accepted) == ("accepted", 6)
    assert_said(sandbox.calls(), BATCHING[batching])


def test_calls_leave_in_as_many_batches_as_the_client_makes(batching: str, run: Run, sandbox: Sandbox) -> None:
    size = {"cdp-analytics-node": "maxEventsInBatch", "segment-node": "flushAt"}[batching]
    run(batching, *CALLS, strict=True, **{size: 2})
    assert [request.accepted for request in sandbox.requests()] == [2, 2, 2]
    assert sorted(call["type"] for call in sandbox.calls()) == sorted(TYPES)


def test_what_permissive_mode_loses_the_client_takes_for_delivered(batching: str, run: Run, sandbox: Sandbox) -> None:
    lost = {
        "authentication": run(batching, *CALLS, key="another"),
        "type": run(batching, CALLS[1], FAULTY),
        "size": run(batching, CALLS[1], OVERSIZE),  # its own bound counts other things than bytes
    }
    for told in lost.values():
        assert set(told["outcomes"]) == {None}
        assert told["requests"] == 1
    assert [request.status for request in sandbox.requests()] == [200, 200, 200]
    assert [request.verdict for request in sandbox.requests()] == ["lost", "partly lost", "partly lost"]
    assert [request.problems[0].reason for request in sandbox.requests()] == list(lost)
    assert [call["type"] for call in sandbox.calls()] == ["track", "track"]


def test_in_strict_mode_the_client_hears_the_status_and_never_the_reason(
    batching: str, run: Run, sandbox: Sandbox
) -> None:
    refused = {401: ([CALLS[1]], "another"), 400: ([CALLS[1], FAULTY], KEY), 413: ([CALLS[1], OVERSIZE], KEY)}
    for status, (calls, key) in refused.items():
        sandbox.clear()
        told = run(batching, *calls, key=key, strict=True)
        assert {outcome[:5] for outcome in told["outcomes"]} == {f"[{status}]"}
        assert {request.status for request in sandbox.requests()} == {status}
        assert sandbox.calls() == []
        # The vendor's client takes all but 400 for passing faults, and sends again what will never do.
        repeats = 4 if batching == "cdp-analytics-node" and status != 400 else 1
        assert len(sandbox.requests()) == repeats


# customerio-node: its client for Data Pipelines -----------------------------------------------------------------------

PIPELINES = "customerio-node"


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "permissive"])
def test_each_call_arrives_at_the_endpoint_of_its_type(strict: bool, run: Run, sandbox: Sandbox) -> None:
    assert run(PIPELINES, *CALLS, strict=strict) == [{"answer": {}}] * 6
    requests = sandbox.requests()
    assert [(request.path, request.status) for request in requests] == [(f"/v1/{type_}", 200) for type_ in TYPES]
    assert {request.strict for request in requests} == {strict}
    assert_said(sandbox.calls(), "customerio-node")


def test_a_batch_takes_an_alias_among_its_items(run: Run, sandbox: Sandbox) -> None:
    items = [{"type": type_, **said} for type_, said in CALLS]
    assert run(PIPELINES, ("batch", items), strict=True) == [{"answer": {}}]
    (request,) = sandbox.requests()
    assert (request.path, request.accepted) == ("/v1/batch", 6)
    assert_said(sandbox.calls(), "customerio-node")


def test_what_is_lost_in_permissive_mode_resolves_like_what_arrives(run: Run, sandbox: Sandbox) -> None:
    batch = ("batch", [{"type": type_, **said} for type_, said in (CALLS[1], FAULTY)])
    assert run(PIPELINES, FAULTY, OVERSIZE, batch) == [{"answer": {}}] * 3
    assert run(PIPELINES, CALLS[1], key="another") == [{"answer": {}}]
    assert [request.verdict for request in sandbox.requests()] == ["lost", "lost", "partly lost", "lost"]
    assert len(sandbox.calls()) == 1


def test_its_strict_mode_reads_the_reasons_where_they_are_worded_as_one(run: Run, sandbox: Sandbox) -> None:
    faulty, oversize = run(PIPELINES, FAULTY, OVERSIZE, strict=True)
    (unknown,) = run(PIPELINES, CALLS[1], key="another", strict=True)
    assert [error["name"] for error in (faulty, oversize, unknown)] == ["CustomerIORequestError"] * 3
    assert [error["status"] for error in (faulty, oversize, unknown)] == [400, 413, 401]
    assert (oversize["message"], unknown["message"]) == (
        f"the body is over the limit of {CALL_BYTES} bytes",
        "the API key is not known",
    )
    # It looks for `meta` alone: a list of fields it keeps as text.
    assert faulty["message"] == "Unknown error"
    assert json.loads(faulty["body"])["errors"][0]["field"] == "traits.email"
    assert sandbox.calls() == []


def test_numbers_as_ids_which_its_types_allow_are_refused(run: Run, sandbox: Sandbox) -> None:
    call = ("track", {"userId": 7, "event": "Seen"})
    assert run(PIPELINES, call) == [{"answer": {}}]
    (error,) = run(PIPELINES, call, strict=True)
    assert (error["status"], json.loads(error["body"])["errors"][0]["field"]) == (400, "userId")
    assert [request.verdict for request in sandbox.requests()] == ["lost", "refused"]


def test_it_counts_its_retries_in_a_header_that_is_recorded(run_node: Run) -> None:
    document = copy.deepcopy(dict(published()))
    document["x-limits"]["window"] = {"requests": 1, "seconds": 3600}
    with Sandbox(document=document) as sandbox:
        first, second = run_node(
            PIPELINES,
            url=sandbox.url,
            key=KEY,
            calls=[CALLS[0], CALLS[1]],
            settings={"retry": {"maxRetries": 2, "minTimeoutMs": 1, "maxTimeoutMs": 2}},
        )
        assert (first, second["status"]) == ({"answer": {}}, 429)
        requests = [(request.status, request.retry_count) for request in sandbox.requests()]
        assert requests == [(200, None), (429, None), (429, 1), (429, 2)]


def test_the_client_for_the_track_api_is_turned_away_and_that_is_recorded(run: Run, sandbox: Sandbox) -> None:
    settled = run("customerio-track")
    error = {"name": "CustomerIORequestError", "status": 404, "message": "there is no such path"}
    assert settled == [error] * 3
    requests = sandbox.requests()
    assert {(request.status, request.verdict) for request in requests} == {(404, "refused")}
    paths = ["/api/v1/customers/u1", "/api/v1/customers/u1", "/api/v1/customers/u1/events"]
    assert sorted(request.path for request in requests) == paths
