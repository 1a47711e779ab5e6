"""Operations on people: the right event, and the spec agrees."""

import pytest
from spec_checks import problems, sent

from cio_facade import messages, people
from cio_facade.events import customerio

EVENTS = [
    (people.delete, "User Deleted", customerio.UserDeleted),
    (people.suppress, "User Suppressed", customerio.UserSuppressed),
    (people.unsuppress, "User Unsuppressed", customerio.UserUnsuppressed),
]
each_event = pytest.mark.parametrize(("build", "name", "event"), EVENTS, ids=[name for _, name, _ in EVENTS])


@each_event
def test_an_operation_is_the_event_of_its_name_about_the_person(build, name, event):
    message = build("u1")
    assert message.to_dict() == {"type": "track", "userId": "u1", "event": name}
    assert problems(sent(message)) == []
    assert event.from_dict(sent(message)) == event(user_id="u1", message_id="id-1")


@each_event
def test_an_operation_takes_the_builders_fields(build, name, event):
    message = build(7, timestamp="2026-01-31T12:00:00Z", context={"ip": "::1"}, message_id="m1", anonymous_id="a1")
    assert sent(message) == {
        "type": "track",
        "userId": "7",
        "event": name,
        "timestamp": "2026-01-31T12:00:00Z",
        "context": {"ip": "::1"},
        "messageId": "m1",
        "anonymousId": "a1",
    }
    assert problems(sent(message)) == []


def test_suppressing_is_the_event_and_not_a_trait():
    assert people.suppress("u1").type == "track"
    assert "traits" not in people.suppress("u1").to_dict()


def test_identifying_is_the_builder_itself():
    assert people.identify is messages.identify


def test_merging_says_which_one_stays():
    message = people.merge("stays", "goes", message_id="m1")
    assert message == messages.alias("stays", "goes", message_id="m1")
    assert message.to_dict() == {"type": "alias", "userId": "stays", "previousId": "goes", "messageId": "m1"}
    assert problems(sent(message)) == []
