"""What is right is accepted, kept as it came, and found again."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox

CALLS: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u1", "traits": {"email": "ann@example.com", "plan": "pro"}},
    "track": {"userId": "u1", "event": "Order Completed", "properties": {"order_id": "o-1", "total": 99.9}},
    "page": {"anonymousId": "a1", "name": "Home", "category": "Docs"},
    "screen": {"userId": "u1", "name": "Start"},
    "group": {"userId": "u1", "groupId": "acme", "traits": {"object_type_id": "1"}},
    "alias": {"userId": "u1", "previousId": "a1"},
}
BATCH = [{"type": type_, **call} for type_, call in CALLS.items()]


@pytest.mark.parametrize("type_", CALLS)
def test_a_call_is_accepted_at_the_endpoint_of_its_type(type_: str, strict: httpx.Client, sandbox: Sandbox) -> None:
    answer = strict.post(f"/{type_}", json=CALLS[type_])
    assert (answer.status_code, answer.json()) == (200, {})
    assert sandbox.calls() == [{"type": type_, **CALLS[type_]}]


def test_a_batch_takes_calls_of_every_type_and_keeps_their_order(strict: httpx.Client, sandbox: Sandbox) -> None:
    assert strict.post("/batch", json={"batch": BATCH}).status_code == 200
    assert sandbox.calls() == BATCH
    assert sandbox.counts().by_type == dict.fromkeys(sorted(CALLS), 1)


@pytest.mark.parametrize("envelope", [{"batch": []}, {}])
def test_a_batch_of_nothing_is_accepted(envelope: dict[str, Any], strict: httpx.Client, sandbox: Sandbox) -> None:
    assert strict.post("/batch", json=envelope).status_code == 200
    assert (sandbox.counts().requests, sandbox.counts().accepted) == (1, 0)


@pytest.mark.parametrize(
    "call",
    [
        {"userId": "u1", "anonymousId": "a1", "event": "Both Ids"},
        {"groupId": "acme", "event": "Of An Object"},
        {"event": "Report Delivery Event", "properties": {"deliveryId": "d1", "metric": "opened"}},
        {"event": "Report Content Event", "properties": {"actionType": "viewed_content"}},
    ],
)
def test_a_track_call_needs_only_one_of_its_identities(call: dict[str, Any], strict: httpx.Client) -> None:
    answer = strict.post("/track", json=call)
    assert answer.status_code == 200, answer.text


def test_an_identify_call_may_name_the_person_by_email_alone(strict: httpx.Client) -> None:
    assert strict.post("/identify", json={"traits": {"email": "ann@example.com"}}).status_code == 200


def test_a_member_that_is_null_counts_as_absent(strict: httpx.Client, sandbox: Sandbox) -> None:
    call = {"type": "page", "userId": "u1", "anonymousId": None, "name": None}
    assert strict.post("/batch", json={"batch": [call], "context": None}).status_code == 200
    assert strict.post("/page", json={**call, "type": None}).status_code == 200
    assert sandbox.calls() == [call, call]
    assert strict.post("/page", json={"userId": None}).status_code == 400


def test_calls_are_found_by_type_person_and_event(strict: httpx.Client, sandbox: Sandbox) -> None:
    strict.post("/batch", json={"batch": BATCH})
    strict.post("/track", json={"userId": "u2", "event": "Order Completed"})
    assert [call["type"] for call in sandbox.calls("page")] == ["page"]
    assert [call["type"] for call in sandbox.calls(user_id="u2")] == ["track"]
    assert [call["userId"] for call in sandbox.calls("track", event="Order Completed")] == ["u1", "u2"]
    assert sandbox.calls(type="track", user_id="u1", event="Order Cancelled") == []


def test_counts_total_calls_people_and_events(strict: httpx.Client, sandbox: Sandbox) -> None:
    strict.post("/batch", json={"batch": BATCH})
    strict.post("/track", json={"userId": "u2", "event": "Order Completed"})
    counts = sandbox.counts()
    assert (counts.requests, counts.accepted, counts.refused, counts.lost, counts.people) == (2, 7, 0, 0, 2)
    assert counts.by_event == {"Order Completed": 2}


def test_a_repeated_message_id_is_counted_and_kept(strict: httpx.Client, sandbox: Sandbox) -> None:
    for _ in range(3):
        strict.post("/track", json={"userId": "u1", "event": "Once", "messageId": "m1"})
    strict.post("/track", json={"userId": "u1", "event": "Without Id"})
    assert (sandbox.counts().accepted, sandbox.counts().repeats) == (4, 2)


def test_what_a_batch_says_of_all_calls_holds_unless_a_call_says_otherwise(
    strict: httpx.Client, sandbox: Sandbox
) -> None:
    shared = {"context": {"ip": "192.0.2.1", "locale": "en"}, "integrations": {"All": False}}
    items = [
        {"type": "track", "userId": "u1", "event": "Plain"},
        {"type": "track", "userId": "u1", "event": "Own", "context": {"locale": "de"}},
    ]
    strict.post("/batch", json={"batch": items, **shared})
    plain, own = sandbox.calls()
    assert plain == {**items[0], **shared}
    assert own == {**items[1], **shared, "context": {"ip": "192.0.2.1", "locale": "de"}}


def test_a_request_is_recorded_with_what_its_headers_say(strict: httpx.Client, sandbox: Sandbox) -> None:
    content = b'{"userId":"u1","event":"E"}'
    strict.post("/track", content=content, headers={"X-Request-Id": "r-1", "X-Retry-Count": "2"})
    strict.post("/track", content=content, headers={"X-Retry-Count": "often"})
    first, second = sandbox.requests()
    assert (first.path, first.strict, first.status, first.verdict, first.reason) == (
        "/v1/track",
        True,
        200,
        "accepted",
        None,
    )
    assert (first.request_id, first.retry_count, first.bytes, first.accepted) == ("r-1", 2, len(content), 1)
    assert (second.request_id, second.retry_count) == (None, None)
    assert first.time <= second.time
    assert first.time.endswith("+00:00")


def test_what_is_kept_of_a_path_and_of_headers_has_an_end(strict: httpx.Client, sandbox: Sandbox) -> None:
    for retries in ("9" * 9, "9" * 400):
        strict.post("/" + "p" * 5_000, headers={"X-Request-Id": "r" * 5_000, "X-Retry-Count": retries})
    first, second = sandbox.requests()
    assert (len(first.path), first.request_id, first.retry_count) == (200, "r" * 200, 999_999_999)
    assert second.retry_count is None


def test_a_member_of_another_type_of_call_disturbs_nothing(strict: httpx.Client, sandbox: Sandbox) -> None:
    call = {"userId": "u1", "event": {"no": "name"}, "previousId": 7}
    assert strict.post("/page", json=call).status_code == 200
    assert sandbox.calls() == [{"type": "page", **call}]


def test_a_file_is_open_to_sql_and_continued(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    for event in ("First", "Second"):
        with Sandbox(file) as sandbox:
            httpx.post(f"{sandbox.url}/track", json={"userId": "u1", "event": event}, auth=("key", ""), verify=False)
            held = [call["event"] for call in sandbox.calls()]
    assert held == ["First", "Second"]
    connection = sqlite3.connect(file)
    query = "SELECT calls.event, calls.user_id, requests.path FROM calls JOIN requests ON requests.id = calls.request"
    rows = connection.execute(query).fetchall()
    connection.close()
    assert rows == [("First", "u1", "/v1/track"), ("Second", "u1", "/v1/track")]


def test_the_file_of_another_program_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(ValueError, match="name another file"), Sandbox(file):
        pass
    assert file.read_bytes() == before
