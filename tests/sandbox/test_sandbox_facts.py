"""What is known of the API and a client can see, where no other test of the sandbox shows it."""

import copy
import json
from typing import Any

import httpx
import pytest
from cio_pipelines.constants import BATCH_BYTES

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

TRACK = {"userId": "u1", "event": "Seen"}
NEEDED: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u1"},
    "track": TRACK,
    "page": {"userId": "u1"},
    "screen": {"userId": "u1"},
    "group": {"userId": "u1", "groupId": "acme"},
    "alias": {"userId": "u1", "previousId": "old"},
}


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


# Identities -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", [type_ for type_ in NEEDED if type_ != "alias"])
def test_a_call_may_have_both_identities(type_: str, strict: httpx.Client) -> None:
    assert strict.post(f"/{type_}", json={**NEEDED[type_], "anonymousId": "a1"}).status_code == 200


@pytest.mark.parametrize("type_", [type_ for type_ in NEEDED if type_ != "alias"])
def test_a_call_may_be_anonymous(type_: str, strict: httpx.Client) -> None:
    call = {name: value for name, value in NEEDED[type_].items() if name != "userId"}
    assert strict.post(f"/{type_}", json={**call, "anonymousId": "a1"}).status_code == 200
    assert strict.post(f"/{type_}", json=call).status_code == (200 if "groupId" in call and type_ == "track" else 400)


@pytest.mark.parametrize(("type_", "name"), [(type_, name) for type_, call in NEEDED.items() for name in call])
def test_what_a_call_needs_may_be_neither_absent_nor_empty(type_: str, name: str, strict: httpx.Client) -> None:
    for value in (None, ""):
        answer = strict.post(f"/{type_}", json={**NEEDED[type_], name: value})
        assert (answer.status_code, fields(answer)) == (400, [name]), value


@pytest.mark.parametrize("name", ["userId", "anonymousId", "groupId", "previousId", "messageId"])
def test_ids_are_strings_and_nothing_else(name: str, strict: httpx.Client) -> None:
    call = {"userId": "u1", "groupId": "acme", "previousId": "old", "event": "Seen"}
    type_ = {"groupId": "group", "previousId": "alias"}.get(name, "track")
    for value in (7, 7.5, True, ["u1"], {"id": "u1"}):
        answer = strict.post(f"/{type_}", json={**call, name: value})
        assert (answer.status_code, fields(answer)) == (400, [name]), value


def test_an_identify_call_with_an_email_address_may_say_null_and_not_the_empty_string(strict: httpx.Client) -> None:
    traits = {"email": "ann@example.com"}
    assert strict.post("/identify", json={"userId": None, "traits": traits}).status_code == 200
    answer = strict.post("/identify", json={"userId": "", "traits": traits})
    assert (answer.status_code, fields(answer)) == (400, ["userId"])


# Contents -------------------------------------------------------------------------------------------------------------

CONTEXT: dict[str, Any] = {
    "active": True,
    "ip": "203.0.113.7",
    "locale": "en-GB",
    "userAgent": "Agent/1.0",
    "channel": "server",
    "campaign": {"name": "n", "source": "s", "medium": "m", "term": "t", "content": "c"},
    "page": {"hash": "#", "path": "/", "referrer": "", "search": "", "title": "Home", "url": "https://example.com/"},
    "app": {"name": "a", "version": "1", "build": "2", "namespace": "n"},
    "device": {"id": "d", "manufacturer": "m", "model": "o", "name": "n", "type": "ios", "token": "t"},
    "network": {"bluetooth": False, "carrier": "c", "cellular": True, "wifi": False},
    "os": {"name": "iOS", "version": "17"},
    "library": {"name": "a library", "version": "1.0"},
    "location": {"city": "Paris", "country": "FR", "latitude": 48.8, "longitude": 2.3, "region": "IDF", "speed": 0},
    "referrer": {"type": "t", "name": "n", "url": "https://example.com/", "link": "l"},
    "timezone": "Europe/Paris",
    "groupId": "acme",
    "traits": {"plan": "pro"},
    "userAgentData": {"mobile": False},
}


@pytest.mark.parametrize("type_", NEEDED)
def test_a_context_may_hold_what_browsers_phones_and_servers_know(
    type_: str, strict: httpx.Client, sandbox: Sandbox
) -> None:
    for context in (CONTEXT, {"ip": CONTEXT["ip"]}, {}, {"of": "ones own"}):
        answer = strict.post(f"/{type_}", json={**NEEDED[type_], "context": context})
        assert answer.status_code == 200, answer.text
        assert sandbox.calls()[-1]["context"] == context


def test_the_times_and_versions_that_libraries_add_are_taken(strict: httpx.Client) -> None:
    time = "2026-01-02T03:04:05.678Z"
    added = {"timestamp": time, "sentAt": time, "originalTimestamp": time, "receivedAt": time, "version": 2}
    assert strict.post("/track", json={**TRACK, **added}).status_code == 200
    assert strict.post("/batch", json={"batch": [{**TRACK, "type": "track"}], "sentAt": time}).status_code == 200


PREFERENCES = {"topics": {"topic_1": True}, "channels": {"email": False}}


def test_reserved_traits_are_taken_in_their_form(strict: httpx.Client) -> None:
    traits = {
        "email": "ann@example.com",
        "createdAt": "2026-01-02T03:04:05Z",
        "unsubscribed": False,
        "cio_subscription_preferences": PREFERENCES,
    }
    assert strict.post("/identify", json={"userId": "u1", "traits": traits}).status_code == 200


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("email", ["ann@example.com"]),
        ("createdAt", "yesterday"),
        ("unsubscribed", "no"),
        ("cio_subscription_preferences", "all"),
    ],
)
def test_a_reserved_trait_of_another_form_is_refused(trait: str, value: Any, strict: httpx.Client) -> None:
    answer = strict.post("/identify", json={"userId": "u1", "traits": {trait: value}})
    assert (answer.status_code, fields(answer)) == (400, [f"traits.{trait}"])


def test_integrations_name_destinations(strict: httpx.Client) -> None:
    assert strict.post("/track", json={**TRACK, "integrations": {"All": False, "A": True}}).status_code == 200
    assert strict.post("/track", json={**TRACK, "integrations": ["All"]}).status_code == 400


ACTING: list[dict[str, Any]] = [
    {"userId": "u1", "event": "Device Created or Updated", "context": {"device": {"token": "t", "type": "ios"}}},
    {
        "userId": "u1",
        "event": "Device Created or Updated",
        "context": {"device": {"token": "t", "type": "android"}},
        "properties": {"last_used": 1},
    },
    {"userId": "u1", "event": "Device Deleted", "context": {"device": {"token": "t", "type": "ios"}}},
    {"userId": "u1", "event": "User Suppressed"},
    {"userId": "u1", "event": "User Unsuppressed"},
    {"userId": "u1", "event": "User Deleted"},
    {"anonymousId": "any", "event": "Object Deleted", "properties": {"objectId": "acme", "objectTypeId": 2}},
    {"anonymousId": "any", "event": "Object Deleted", "properties": {"objectId": "acme"}},
    {"userId": "u1", "event": "Relationship Deleted", "properties": {"objectId": "acme", "objectTypeId": 1}},
    {
        "event": "Report Delivery Event",
        "properties": {"deliveryId": "d", "metric": "clicked", "recipient": "r", "href": "https://example.com/"},
    },
    {"event": "Report Content Event", "properties": {"actionType": "viewed_content", "contentId": 1}},
]


@pytest.mark.parametrize("call", ACTING, ids=lambda call: call["event"])
def test_an_event_that_acts_is_accepted_with_what_it_carries(call: dict[str, Any], strict: httpx.Client) -> None:
    answer = strict.post("/track", json=call)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("type_of_object", [{"object_type_id": "2"}, {"objectTypeId": 2}, {}])
def test_a_group_call_may_say_the_type_of_its_object_in_either_spelling(
    type_of_object: dict[str, Any], strict: httpx.Client
) -> None:
    traits = {**type_of_object, "relationshipAttributes": {"role": "owner"}}
    assert strict.post("/group", json={**NEEDED["group"], "traits": traits}).status_code == 200


# Answers and limits ---------------------------------------------------------------------------------------------------


def test_no_error_has_a_code(strict: httpx.Client) -> None:
    answers = [
        strict.post("/track", json={"event": "Seen"}),
        strict.post("/track", content=b"["),
        strict.post("/track", json={**TRACK, "properties": {"text": "x" * BATCH_BYTES}}),
        strict.post("/nothing"),
        strict.get("/track"),
        strict.post("/track", json=TRACK, auth=("", "")),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 413, 404, 405, 401]
    assert not any('"code"' in answer.text for answer in answers)
    for answer in answers:
        assert set(answer.json()) in ({"errors"}, {"meta"})


def test_a_batch_may_have_any_number_of_calls(strict: httpx.Client, sandbox: Sandbox) -> None:
    body = json.dumps({"batch": [{"type": "page", "userId": "u"}] * 5_000}, separators=(",", ":")).encode()
    assert len(body) < BATCH_BYTES
    assert strict.post("/batch", content=body).status_code == 200
    assert sandbox.counts().accepted == 5_000


def test_whether_an_alias_may_travel_in_a_batch_is_for_the_specification_to_say() -> None:
    document = copy.deepcopy(dict(published()))
    document["components"]["schemas"]["Alias"]["x-batchable"] = False
    batch = {"batch": [{"type": "alias", **NEEDED["alias"]}]}
    statuses = []
    for given in (None, document):
        with Sandbox(document=given) as sandbox:
            headers = {"X-Strict-Mode": "1"}
            answer = httpx.post(f"{sandbox.url}/batch", json=batch, auth=("k", ""), headers=headers, verify=False)
            statuses.append(answer.status_code)
    assert statuses == [200, 400]
