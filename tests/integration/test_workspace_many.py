"""Many at once, and what the facade does not name."""

from __future__ import annotations

from typing import Any

from cio_pipelines import constants
from cio_pipelines.api.calls import identify, track
from cio_pipelines.models import Identify, IdentifyTraits, Track

from cio_facade import AsyncCustomerIO, messages, objects, people
from cio_facade.events import customerio


def test_many_messages_travel_together(workspace: Any) -> None:
    who = [workspace.person() for _ in range(20)]
    stream = [people.identify(one, workspace.traits(one)) for one in who]
    stream += [messages.track(one, "Tested", {"n": n}) for n in range(5) for one in who]
    report = workspace.send_many(iter(stream))
    assert (report.accepted, report.complete) == (120, True)
    assert report.requests < 10
    if not workspace.live:
        for one in who:
            identified, *events = workspace.stored(userId=one)
            assert identified["type"] == "identify"
            assert [event["properties"]["n"] for event in events] == list(range(5))
            assert all(event["timestamp"] for event in events)


def test_what_is_not_fit_to_be_sent_costs_itself_alone(workspace: Any) -> None:
    who = workspace.person()
    letters: list[Any] = []
    stream = [
        people.identify(who, workspace.traits(who)),
        messages.track(float("nan"), "Tested"),  # type: ignore[arg-type]
        messages.track(who, ""),
        messages.track(who, "Tested", {"text": "x" * constants.CALL_BYTES}),
        messages.track(who, "Tested"),
    ]
    report = workspace.send_many(stream, on_dead_letter=letters.append)
    assert (report.delivered, report.rejected) == (2, 3)
    assert [letter.index for letter in letters] == [1, 2, 3]
    if not workspace.live:
        assert [call["type"] for call in workspace.stored(userId=who)] == ["identify", "track"]


def test_several_people_are_deleted_at_once(workspace: Any) -> None:
    who = [workspace.person() for _ in range(5)]
    assert workspace.send_many(people.identify(one, workspace.traits(one)) for one in who).complete
    assert workspace.send_many(people.delete(one) for one in who).complete


def test_generated_models_are_messages(workspace: Any) -> None:
    who = workspace.person()
    model = Identify(user_id=who, traits=IdentifyTraits.from_dict(workspace.traits(who)))
    workspace.holds(workspace.send(model), {"type": "identify", "userId": who, "traits": workspace.traits(who)})
    assert workspace.send_many([model, customerio.UserDeleted(user_id=who)]).complete


def test_the_generated_client_is_within_reach(workspace: Any) -> None:
    who = workspace.person()
    calls = [
        (identify, Identify(user_id=who, traits=IdentifyTraits.from_dict(workspace.traits(who)))),
        (track, Track(user_id=who, event="Tested")),
    ]
    for operation, body in calls:
        ask = operation.asyncio_detailed if isinstance(workspace.cio, AsyncCustomerIO) else operation.sync_detailed
        assert workspace.run(ask(client=workspace.cio.api, body=body)).status_code == 200
    if not workspace.live:
        assert [call["type"] for call in workspace.stored(userId=who)] == ["identify", "track"]


def test_what_the_tests_create_is_deleted_in_the_end(workspace: Any) -> None:
    who, what = workspace.person(suppressed=True), workspace.object(3)
    workspace.send_many([people.suppress(who), objects.create(who, what, object_type_id=3)])
    workspace.tidy()
    if not workspace.live:
        of_who = [call.get("event") for call in workspace.stored(userId=who)]
        assert of_who[-2:] == ["User Unsuppressed", "User Deleted"]
        (gone,) = workspace.stored(event="Object Deleted", anonymousId=what)
        assert gone["properties"] == {"objectId": what, "objectTypeId": 3}
