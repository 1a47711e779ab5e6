"""What is wrong is refused in strict mode and lost in permissive mode; the reason names the field, never the value."""

import gzip
from typing import Any

import httpx
import pytest
from cio_pipelines.constants import EVENT_NAME_BYTES, ID_BYTES

from cio_facade.sandbox import Sandbox

LONG_ID = "i" * (ID_BYTES + 1)
LONG_NAME = "é" * (EVENT_NAME_BYTES // 2 + 1)
GOOD = {"type": "track", "userId": "u1", "event": "Good"}
NAMELESS = {"type": "track", "userId": "u1"}

FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("track", {"event": "E"}, "anyOf", "userId"),
    ("track", {"userId": "u1"}, "required", "event"),
    ("track", {"userId": "", "event": "E"}, "minLength", "userId"),
    ("track", {"userId": 7, "event": "E"}, "type", "userId"),
    ("track", {"userId": "u1", "event": "E", "properties": []}, "type", "properties"),
    ("track", {"userId": "u1", "event": "E", "timestamp": "yesterday"}, "format", "timestamp"),
    ("track", {"type": "page", "userId": "u1", "event": "E"}, "const", "type"),
    ("track", {"userId": LONG_ID, "event": "E"}, "length", "userId"),
    ("track", {"userId": "u1", "event": "E", "messageId": LONG_ID}, "length", "messageId"),
    ("track", {"userId": "u1", "event": LONG_NAME}, "length", "event"),
    ("identify", {"traits": {"plan": "pro"}}, "anyOf", "userId"),
    ("identify", {"userId": "u1", "traits": {"email": 7}}, "type", "traits.email"),
    ("page", {}, "anyOf", "userId"),
    ("group", {"userId": "u1"}, "required", "groupId"),
    ("group", {"groupId": LONG_ID, "userId": "u1"}, "length", "groupId"),
    ("alias", {"userId": "u1"}, "required", "previousId"),
    ("alias", {"userId": "u1", "previousId": LONG_ID}, "length", "previousId"),
]

FAULTY_EVENTS: list[tuple[dict[str, Any], str]] = [
    ({"event": "Device Created or Updated", "userId": "u1"}, "context"),
    ({"event": "Device Deleted", "userId": "u1", "context": {"device": {"type": "ios"}}}, "context.device.token"),
    ({"event": "User Deleted", "anonymousId": "a1"}, "userId"),
    ({"event": "Object Deleted", "anonymousId": "a1", "properties": {}}, "properties.objectId"),
    ({"event": "Group Deleted", "anonymousId": "a1", "properties": {}}, "properties.objectId"),
    ({"event": "Report Delivery Event"}, "properties.deliveryId"),
    ({"event": "Report Delivery Event", "properties": {"deliveryId": "d", "metric": "?"}}, "properties.metric"),
]


@pytest.mark.parametrize(("type_", "call", "reason", "field"), FAULTS)
def test_strict_mode_refuses_a_faulty_call_and_names_the_field(
    type_: str, call: dict[str, Any], reason: str, field: str, strict: httpx.Client, sandbox: Sandbox
) -> None:
    answer = strict.post(f"/{type_}", json=call)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["reason"], error["field"]) == (reason, field)
    assert error["message"]
    assert sandbox.calls() == []


@pytest.mark.parametrize(("call", "field"), FAULTY_EVENTS)
def test_an_event_that_acts_inside_customer_io_is_checked_by_its_own_schema(
    call: dict[str, Any], field: str, strict: httpx.Client
) -> None:
    answer = strict.post("/track", json=call)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_an_alias_of_an_event_name_is_checked_like_the_name(strict: httpx.Client) -> None:
    call = {"event": "Group Deleted", "anonymousId": "a1", "properties": {"objectId": "acme"}}
    assert strict.post("/track", json=call).status_code == 200


def test_an_event_of_another_family_is_free_in_its_properties(strict: httpx.Client) -> None:
    call = {"userId": "u1", "event": "Order Completed", "properties": {"total": "a lot"}}
    assert strict.post("/track", json=call).status_code == 200


def test_the_missing_identity_is_told_with_its_alternatives(strict: httpx.Client) -> None:
    error = strict.post("/identify", json={"traits": {}}).json()["errors"][0]
    assert error["message"] == "needs userId, anonymousId or traits.email"


def test_no_value_is_told_or_kept_of_what_is_refused(strict: httpx.Client, sandbox: Sandbox) -> None:
    secret = "b3f7-secret"
    calls = [
        {"type": secret, "userId": "u1"},
        {"type": "track", "userId": secret + LONG_ID, "event": secret + LONG_NAME},
        {"type": "identify", "userId": "u1", "traits": [secret], "timestamp": secret},
        {"type": "identify", "traits": {"secret": secret}, "context": {"device": secret}},
        {"type": "track", "event": "Report Delivery Event", "properties": {"deliveryId": "d", "metric": secret}},
    ]
    answer = strict.post("/batch", json={"batch": calls})
    assert {error["field"].partition(".")[0] for error in answer.json()["errors"]} == {f"batch[{i}]" for i in range(5)}
    assert secret not in answer.text
    assert secret not in repr(sandbox.requests())


def test_a_strict_batch_with_a_faulty_call_is_refused_whole(strict: httpx.Client, sandbox: Sandbox) -> None:
    answer = strict.post("/batch", json={"batch": [GOOD, NAMELESS, GOOD]})
    assert answer.status_code == 400
    assert answer.json() == {"errors": [{"reason": "required", "field": "batch[1].event", "message": "is required"}]}
    assert sandbox.calls() == []
    (request,) = sandbox.requests()
    assert (request.verdict, request.reason, request.accepted) == ("refused", "batch[1].event: is required", 0)


def test_a_permissive_batch_keeps_the_good_calls_and_loses_the_others(
    permissive: httpx.Client, sandbox: Sandbox
) -> None:
    answer = permissive.post("/batch", json={"batch": [GOOD, NAMELESS, GOOD, 7]})
    assert (answer.status_code, answer.json()) == (200, {})
    assert sandbox.calls() == [GOOD, GOOD]
    (request,) = sandbox.requests()
    assert (request.verdict, request.accepted, request.lost) == ("partly lost", 2, 2)
    assert [(problem.position, problem.field) for problem in request.problems] == [(1, "event"), (3, "")]


def test_a_faulty_call_in_permissive_mode_is_answered_200_and_recorded_as_lost(
    permissive: httpx.Client, sandbox: Sandbox
) -> None:
    answer = permissive.post("/track", json={"userId": ""})
    assert (answer.status_code, answer.json()) == (200, {})
    (request,) = sandbox.requests()
    assert (request.verdict, request.lost, len(request.problems)) == ("lost", 1, 2)
    counts = sandbox.counts()
    assert (counts.accepted, counts.refused, counts.lost) == (0, 0, 1)


@pytest.mark.parametrize("value", ["0", "true", ""])
def test_only_1_asks_for_strict_mode(value: str, permissive: httpx.Client) -> None:
    assert permissive.post("/track", json={}, headers={"X-Strict-Mode": value}).status_code == 200


@pytest.mark.parametrize(
    ("item", "reason", "place"),
    [
        (None, "type", "batch[0]"),
        ([], "type", "batch[0]"),
        ({"userId": "u1", "event": "E"}, "required", "batch[0].type"),
        ({"type": None, "userId": "u1", "event": "E"}, "required", "batch[0].type"),
        ({"type": "batch", "batch": []}, "enum", "batch[0].type"),
        ({"type": ["track"]}, "enum", "batch[0].type"),
    ],
)
def test_a_batch_takes_only_calls_that_say_their_type(
    item: object, reason: str, place: str, strict: httpx.Client
) -> None:
    (error,) = strict.post("/batch", json={"batch": [item]}).json()["errors"]
    assert (error["reason"], error["field"]) == (reason, place)


@pytest.mark.parametrize(
    ("envelope", "field"),
    [({"batch": {}}, "batch"), ({"batch": "all"}, "batch"), ({"batch": [], "context": []}, "context")],
)
def test_the_envelope_of_a_batch_is_checked_too(envelope: dict[str, Any], field: str, strict: httpx.Client) -> None:
    answer = strict.post("/batch", json=envelope)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'{"userId":"u1","event":"E","properties":{"x":NaN}}',
        b'{"userId":"\xff","event":"E"}',
        b"[" * 2000,
    ],
)
@pytest.mark.parametrize("path", ["/track", "/batch"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, path: str, strict: httpx.Client) -> None:
    answer = strict.post(path, content=body)
    assert answer.status_code == 400
    assert list(answer.json()["meta"]) == ["errors"]


def test_a_body_that_is_no_json_is_lost_in_permissive_mode(permissive: httpx.Client, sandbox: Sandbox) -> None:
    assert permissive.post("/track", content=b"{").status_code == 200
    assert sandbox.counts().lost == 1


@pytest.mark.parametrize("depth", [200, 300, 1000])
def test_deep_nesting_is_accepted_or_refused_but_never_an_accident(depth: int, strict: httpx.Client) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    call = f'{{"type":"track","userId":"u1","event":"E","properties":{nested}}}'
    wanted = 200 if depth == 200 else 400
    assert strict.post("/track", content=call).status_code == wanted
    assert strict.post("/batch", content=f'{{"batch":[{call}]}}').status_code == wanted


@pytest.mark.parametrize("path", ["/nothing", "/track/", "/", "/batch/1"])
def test_an_unknown_path_is_404_in_either_mode(path: str, permissive: httpx.Client, sandbox: Sandbox) -> None:
    answer = permissive.post(path, json={})
    assert (answer.status_code, answer.json()) == (404, {"meta": {"error": "there is no such path"}})
    assert sandbox.counts().refused == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_than_post_is_405(method: str, permissive: httpx.Client) -> None:
    answer = permissive.request(method, "/track")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_answer_tells_a_bounded_number_of_errors(strict: httpx.Client, sandbox: Sandbox) -> None:
    answer = strict.post("/batch", json={"batch": [NAMELESS] * 500})
    assert len(answer.json()["errors"]) == 20
    (request,) = sandbox.requests()
    assert len(request.problems) == 500


@pytest.mark.parametrize(
    ("path", "body", "kept"),
    [
        ("track", b"user=u1&event=E", "user=u1&event=E"),
        ("track", b'["a", "list"]', '["a", "list"]'),
        ("batch", b'{"batch": {}}', '{"batch": {}}'),
        ("batch", b"\xff\x00{", "\ufffd\x00{"),
        ("batch", b"", ""),
        ("batch", b"{" * 2001, "{" * 2000),
        ("batch", b'{"batch": [7]}', None),
        ("track", b"{}", None),
        ("track", b'{"userId": "u1", "event": "E"}', None),
        ("track", b"x" * 33_000, None),
    ],
)
def test_of_a_body_that_cannot_be_read_the_beginning_is_kept(
    path: str, body: bytes, kept: str | None, permissive: httpx.Client, sandbox: Sandbox
) -> None:
    permissive.post(f"/{path}", content=body)
    permissive.post(f"/{path}", content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert [request.unread for request in sandbox.requests()] == [kept, kept]


def test_of_a_request_with_a_wrong_key_no_body_is_kept(sandbox: Sandbox) -> None:
    httpx.post(f"{sandbox.url}/track", content=b"{nope")
    assert [request.unread for request in sandbox.requests()] == [None]
