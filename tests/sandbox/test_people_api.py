"""The workspace as users of the sandbox read it in Python, and by SQL."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox

ANN = "ann@example.com"


@pytest.fixture
def filled(sandbox: Sandbox, strict: httpx.Client) -> Sandbox:
    batch = [
        {"type": "track", "anonymousId": "a1", "event": "Page Read"},
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"email": ANN, "plan": "pro"}},
        {"type": "page", "userId": "u1", "name": "Home"},
        {"type": "screen", "userId": "u1", "name": "Start"},
        {"type": "identify", "traits": {"email": "eve@example.com"}},
        {"type": "alias", "userId": "u2", "previousId": "u0"},
        {"type": "group", "userId": "u1", "groupId": "acme"},
        {"type": "group", "userId": "u2", "groupId": "acme", "traits": {"object_type_id": "2", "size": 9}},
    ]
    assert strict.post("/batch", json={"batch": batch}).status_code == 200
    return sandbox


def test_people_are_a_mapping_by_user_id(filled: Sandbox) -> None:
    assert list(filled.people) == ["u1", "u2"]
    assert (len(filled.people), "u1" in filled.people, "u9" in filled.people) == (2, True, False)
    assert [person.user_id for person in filled.people.values()] == ["u1", "u2"]
    assert filled.people.get("u9") is None
    assert repr(filled.people) == "<People: 2>"


def test_those_without_a_user_id_are_found_too(filled: Sandbox) -> None:
    assert [person.email for person in filled.people.all()] == [ANN, "eve@example.com", None]
    eve = filled.people.by_email("EVE@example.com")
    assert (eve.user_id, filled.people.numbered(eve.number)) == (None, eve)
    assert filled.people.anonymous("a1").user_id == "u1"


def test_what_a_person_did_is_told_by_kind(filled: Sandbox) -> None:
    ann = filled.people["u1"]
    assert [call["type"] for call in ann.calls] == ["track", "identify", "page", "screen", "group"]
    assert [call["event"] for call in ann.events] == ["Page Read"]
    assert [call["name"] for call in ann.pages] == ["Home"]
    assert [call["name"] for call in ann.screens] == ["Start"]


def test_a_person_is_as_they_were_when_they_were_read(filled: Sandbox, strict: httpx.Client) -> None:
    before = filled.people["u1"]
    strict.post("/identify", json={"userId": "u1", "traits": {"plan": "free"}})
    after = filled.people["u1"]
    assert (before.traits["plan"], after.traits["plan"]) == ("pro", "free")
    assert before != after
    assert after == filled.people["u1"]


def test_who_was_merged_or_suppressed_is_missed_with_the_reason(filled: Sandbox, strict: httpx.Client) -> None:
    strict.post("/alias", json={"userId": "u2", "previousId": "u1"})
    strict.post("/track", json={"userId": "u3", "event": "User Suppressed"})
    for user_id, reason in {"u1": "merged into 'u2'", "u3": "the id is suppressed", "u4": "no person 'u4'"}.items():
        with pytest.raises(KeyError, match=reason):
            filled.people[user_id]
    assert filled.suppressed == {"u3"}


def test_nobody_is_found_by_what_nobody_has(filled: Sandbox) -> None:
    with pytest.raises(KeyError, match="nobody has the address"):
        filled.people.by_email("x@example.com")
    with pytest.raises(KeyError, match="linked to nobody"):
        filled.people.anonymous("a9")
    with pytest.raises(KeyError, match="number 99"):
        filled.people.numbered(99)


def test_a_number_is_never_given_twice(filled: Sandbox, strict: httpx.Client) -> None:
    """What somebody kept of one person never becomes another's."""
    number = filled.people["u2"].number
    strict.post("/track", json={"userId": "u2", "event": "User Deleted"})
    strict.post("/identify", json={"userId": "u9"})
    assert filled.people["u9"].number > number


def test_objects_are_found_by_id_and_by_type(filled: Sandbox) -> None:
    assert list(filled.objects) == [("acme", "1"), ("acme", "2")]
    assert (len(filled.objects), "acme" in filled.objects, ("acme", 3) in filled.objects) == (2, True, False)
    assert filled.objects["acme"].people == ("u1",)
    assert filled.objects["acme", 2] == filled.objects["acme", "2"] == filled.objects.all()[1]
    assert filled.objects["acme", 2].attributes == {"size": 9}
    assert repr(filled.objects) == "<Objects: 2>"
    with pytest.raises(KeyError, match="no object 'other' of type 1"):
        filled.objects["other"]


def test_texts_of_any_kind_come_back_as_they_were(sandbox: Sandbox, strict: httpx.Client) -> None:
    odd = 'nul \0 quote " back \\ line \n \u2028 \U0001f600'
    told: dict[str, Any] = {
        "userId": odd,
        "anonymousId": odd,
        "groupId": odd,
        "traits": {odd: odd, "n": 1e300, "big": 2**63},
    }
    assert strict.post("/identify", json={name: told[name] for name in ("userId", "anonymousId")}).status_code == 200
    assert strict.post(
        "/group", json={**told, "traits": {**told["traits"], "relationshipAttributes": {odd: odd}}}
    ).is_success
    person, thing = sandbox.people[odd], sandbox.objects[odd]
    assert (person.anonymous_ids, person.relationships) == ((odd,), thing.relationships)
    assert (thing.attributes, thing.relationships[0].attributes) == (told["traits"], {odd: odd})


def test_a_query_gives_dicts_and_only_reads(filled: Sandbox) -> None:
    assert filled.sql("SELECT user_id, email FROM people WHERE email = :email", {"email": ANN}) == [
        {"user_id": "u1", "email": ANN}
    ]
    with pytest.raises(ValueError, match="only reading"):
        filled.sql("DELETE FROM people")
    assert len(filled.people) == 2


def test_what_a_file_holds_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with Sandbox(path) as sandbox:
        httpx.post(f"{sandbox.url}/identify", json={"userId": "u1", "traits": {"email": ANN}}, auth=("key", ""))
        before = sandbox.people["u1"]
    with Sandbox(path) as sandbox:
        assert sandbox.people["u1"] == before
        assert len(sandbox.people["u1"].calls) == 1


def test_a_person_outlives_the_sandbox_and_what_they_did_does_not() -> None:
    with Sandbox() as sandbox:
        httpx.post(f"{sandbox.url}/identify", json={"userId": "u1", "traits": {"email": ANN}}, auth=("key", ""))
        person = sandbox.people["u1"]
    assert person.traits == {"email": ANN}
    with pytest.raises(RuntimeError, match="does not run any more"):
        _ = person.calls


def test_a_sandbox_that_is_cleared_has_nobody(filled: Sandbox) -> None:
    filled.clear()
    assert (filled.people.all(), filled.objects.all(), filled.sql("SELECT * FROM anonymous")) == ([], [], [])
