"""What rows may become."""

import pytest
from cio_pipelines import constants

from cio_facade import messages
from cio_facade.errors import ValidationError
from cio_facade.loading.kinds import closest, did_you_mean, gdpr_events, kind_of, kinds, normal

VERBS = [
    "identify",
    "track",
    "page",
    "screen",
    "group",
    "alias",
    "delete",
    "suppress",
    "unsuppress",
    "device",
    "object",
    "relationship",
]


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_a_kind(name: str) -> None:
    assert kind_of(name).name == name
    assert kind_of(name.upper()) is kind_of(name)


@pytest.mark.parametrize("event", constants.SEMANTIC_EVENTS)
def test_every_semantic_event_is_a_kind_by_its_name_and_by_its_class(event: str) -> None:
    kind = kind_of(event)
    assert kind is kind_of(constants.SEMANTIC_EVENTS[event][1]) is kind_of(event.lower().replace(" ", "_"))
    assert kind.fixed_event == event
    assert "event" not in kind.arguments
    assert kind.type == "track"


@pytest.mark.parametrize("name", kinds())
def test_a_kind_says_what_is_required_to_build_its_message(name: str) -> None:
    kind = kind_of(name)
    given = {argument.name: "x" for argument in kind.required}
    for path in kind.identities[:1]:
        given[path[0]] = "x"
    arguments = {**dict.fromkeys(kind.positional), **given}
    if kind.event is not None:
        arguments["event"] = kind.event
    call = kind.build(**arguments).call
    assert call["type"] == kind.type
    assert call.get("event", kind.fixed_event) in (kind.fixed_event, "x")


def test_arguments_are_the_builders() -> None:
    track = kind_of("track").arguments
    assert list(track) == ["user_id", "event", "properties", *messages.CallFields.__annotations__, "group_id"]
    assert [name for name, one in track.items() if one.is_id] == ["user_id", "anonymous_id", "message_id", "group_id"]
    assert [name for name, one in track.items() if one.is_time] == ["timestamp"]
    assert [name for name, one in track.items() if one.is_object] == ["properties", "context", "integrations"]
    assert kind_of("device").arguments["token"].is_id
    assert not kind_of("object").arguments["object_type_id"].is_id


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("identify", "traits"),
        ("track", "properties"),
        ("page", "properties"),
        ("group", "traits"),
        ("device", "attributes"),
        ("object", "attributes"),
        ("relationship", "attributes"),
        ("Order Completed", "properties"),
        ("alias", None),
        ("suppress", None),
        ("Object Deleted", None),
    ],
)
def test_what_has_no_target_of_its_own_goes_to_the_builders_object(name: str, rest: str | None) -> None:
    assert kind_of(name).rest == rest


def test_members_are_what_the_spec_names() -> None:
    assert {member.path: member.type for member in kind_of("identify").members}["traits", "createdAt"] == "string"
    assert ("properties", "url") in {member.path for member in kind_of("page").members}
    assert ("attributes", "relationshipAttributes") in {member.path for member in kind_of("object").members}
    assert kind_of("relationship").members == ()  # its attributes are of the relationship, not of the object
    assert kind_of("track").members == ()
    assert {member.path: member.type for member in kind_of("Order Completed").members}[
        "properties", "total"
    ] == "number"


def test_an_event_may_add_to_the_context() -> None:
    members = {member.path: member for member in kind_of("Email Opened").members}
    assert ("context", "traits", "email") in members
    assert members["properties", "email_id"].required


def test_events_that_act_inside_customer_io_are_made_by_their_builders() -> None:
    assert kind_of("User Deleted") is kind_of("delete")
    assert kind_of("Device Created or Updated") is kind_of("device")
    assert [one.name for one in kind_of("Object Deleted").required] == ["object_id"]
    assert [one.name for one in kind_of("Report Delivery Event").required] == ["delivery_id", "metric"]


def test_who_a_row_is_about_is_said_by_the_spec() -> None:
    assert kind_of("identify").identities == (("user_id",), ("anonymous_id",), ("traits", "email"))
    assert kind_of("track").identities == (("user_id",), ("anonymous_id",), ("group_id",))
    assert kind_of("suppress").identities == ()  # the user id is required
    assert kind_of("Object Deleted").identities == ()
    assert kind_of("Report Content Event").identities == ()


def test_removing_people_is_known_for_what_it_is() -> None:
    assert {name for name in kinds() if kind_of(name).is_gdpr} == {"delete", "suppress", *gdpr_events()}
    assert not kind_of("unsuppress").is_gdpr


def test_only_builders_that_look_at_no_value_are_plain() -> None:
    assert {name for name in VERBS if kind_of(name).plain} == {"identify", "track", "page", "screen", "group", "alias"}
    assert kind_of("Order Completed").plain
    assert not kind_of("Object Deleted").plain


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'identify'"):
        kind_of("identfy")
    with pytest.raises(ValidationError, match="did you mean 'Order Completed'"):
        kind_of("order complete")
    with pytest.raises(ValidationError, match=r"there are identify, track, .* and the semantic events"):
        kind_of("zzz")


def test_names_are_compared_without_case_and_signs() -> None:
    assert normal("userId") == normal("User-ID ") == normal("user_id")
    assert normal("Größe") == normal("GRÖSSE")
    assert closest("e-mial", ["email", "name"]) == "email"
    assert closest("zzz", ["email"]) is None
    assert did_you_mean("zzz", ["email"], "; there is email") == "; there is email"
