"""People: added, changed, known by several ids, merged, deleted, suppressed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from cio_facade import ValidationError, messages, people


def test_a_person_is_added_then_changed(workspace: Any) -> None:
    who = workspace.person()
    traits = workspace.traits(
        who,
        name="Ann Example",
        createdAt=datetime(2026, 1, 31, 12, tzinfo=UTC),
        cio_subscription_preferences={"topics": {"topic_1": False}},
    )
    added = workspace.send(people.identify(who, traits))
    changed = workspace.send(people.identify(who, {"plan": "pro"}))
    stored = {**traits, "createdAt": "2026-01-31T12:00:00+00:00"}
    workspace.holds(added, {"type": "identify", "userId": who, "traits": stored})
    workspace.holds(changed, {"type": "identify", "userId": who, "traits": {"plan": "pro"}})


def test_the_verb_does_the_same_as_the_message(workspace: Any) -> None:
    who = workspace.person()
    receipt = workspace.run(workspace.cio.identify(who, workspace.traits(who), context={"ip": "203.0.113.7"}))
    workspace.holds(
        receipt,
        {"type": "identify", "userId": who, "traits": workspace.traits(who), "context": {"ip": "203.0.113.7"}},
    )


def test_a_visitor_becomes_a_person(workspace: Any) -> None:
    who, visitor = workspace.person(), f"{workspace.name}-visitor"
    seen = workspace.send(messages.page(None, "Pricing", anonymous_id=visitor))
    joined = workspace.send(people.identify(who, workspace.traits(who), anonymous_id=visitor))
    workspace.holds(seen, {"type": "page", "anonymousId": visitor, "name": "Pricing"})
    workspace.holds(
        joined, {"type": "identify", "userId": who, "anonymousId": visitor, "traits": workspace.traits(who)}
    )


def test_a_person_may_be_known_by_email_alone(workspace: Any) -> None:
    who = workspace.person()
    workspace.send(people.identify(who, workspace.traits(who)))
    receipt = workspace.send(people.identify(None, workspace.traits(who, plan="pro")))
    workspace.holds(receipt, {"type": "identify", "traits": workspace.traits(who, plan="pro")})


def test_ids_may_be_numbers_and_uuids(workspace: Any) -> None:
    number, unique = int(str(uuid4().int)[:15]), uuid4()
    for given, text in ((number, str(number)), (unique, str(unique))):
        workspace.forget(given)
        workspace.holds(
            workspace.send(people.identify(given, {"unsubscribed": True})),
            {"type": "identify", "userId": text, "traits": {"unsubscribed": True}},
        )


def test_two_people_are_merged(workspace: Any) -> None:
    stays, goes = workspace.person(), workspace.person()
    report = workspace.send_many([people.identify(who, workspace.traits(who)) for who in (stays, goes)])
    assert report.complete
    merged = workspace.send(people.merge(stays, goes))
    workspace.holds(merged, {"type": "alias", "userId": stays, "previousId": goes})


def test_a_visitors_id_is_made_an_alias(workspace: Any) -> None:
    who, visitor = workspace.person(), f"{workspace.name}-alias"
    receipt = workspace.run(workspace.cio.alias(who, visitor))
    workspace.holds(receipt, {"type": "alias", "userId": who, "previousId": visitor})


def test_a_person_is_deleted(workspace: Any) -> None:
    who = workspace.person()
    workspace.send(people.identify(who, workspace.traits(who)))
    receipt = workspace.send(people.delete(who))
    workspace.holds(receipt, {"type": "track", "userId": who, "event": "User Deleted"})


def test_a_person_is_suppressed_and_let_in_again(workspace: Any) -> None:
    who = workspace.person(suppressed=True)
    workspace.send(people.identify(who, workspace.traits(who)))
    out = workspace.send(people.suppress(who))
    back = workspace.send(people.unsuppress(who))
    workspace.holds(out, {"type": "track", "userId": who, "event": "User Suppressed"})
    workspace.holds(back, {"type": "track", "userId": who, "event": "User Unsuppressed"})


def test_whom_nobody_can_find_is_not_sent(workspace: Any) -> None:
    with pytest.raises(ValidationError, match="userId"):
        workspace.run(workspace.cio.send(people.identify(None, {"plan": "pro"})))
