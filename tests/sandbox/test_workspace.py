"""What calls do to people, devices, objects, and in which words the sandbox says so: each reading by its name."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import Rules, published
from cio_facade.sandbox.workspace import Workspace

ANN = "ann@example.com"
Send = Callable[..., list[str | None]]

IGNORED = "ignored: the id is suppressed"


@pytest.fixture
def send(sandbox: Sandbox, strict: httpx.Client) -> Send:
    """Send calls in one batch, and tell what they did."""

    def send(*calls: dict[str, Any]) -> list[str | None]:
        answer = strict.post("/batch", json={"batch": calls})
        assert answer.status_code == 200, answer.text
        rows = sandbox.sql("SELECT effect FROM calls WHERE request = (SELECT max(id) FROM requests) ORDER BY position")
        return [row["effect"] for row in rows]

    return send


def identify(user_id: str | None = None, traits: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user_id, "traits": traits or {}, **members}


def track(event: str, user_id: str | None = None, **members: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": user_id, **members}


def group(group_id: str, traits: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {"type": "group", "groupId": group_id, "traits": traits or {}, **members}


def alias(user_id: str, previous_id: str) -> dict[str, Any]:
    return {"type": "alias", "userId": user_id, "previousId": previous_id}


def device(event: str, user_id: str, token: str, type_: str | None = None, **properties: Any) -> dict[str, Any]:
    told = {"token": token} | ({"type": type_} if type_ else {})
    return track(event, user_id, context={"device": told}, properties=properties)


def of_object(event: str, object_id: str, type_id: int | None = None, **members: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectId": object_id} | ({"objectTypeId": type_id} if type_id else {})
    return track(event, properties=properties, **members)


def test_every_event_that_acts_is_known_to_the_workspace() -> None:
    """One that the specification gains is to be given its deed, or is like any other event."""
    acting = Rules.read(published()).acting
    assert acting.keys() == Workspace(acting)._acting.keys()


# People and their traits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        identify("u1"),
        track("Page Read", "u1"),
        {"type": "page", "userId": "u1"},
        {"type": "screen", "userId": "u1"},
        group("acme", userId="u1"),
        device("Device Created or Updated", "u1", "t1"),
        alias("u1", "a1"),
    ],
    ids=lambda call: call.get("event") or call["type"],
)
def test_a_call_for_a_user_id_of_nobody_makes_the_person(call: dict[str, Any], sandbox: Sandbox, send: Send) -> None:
    (effect,) = send(call)
    assert effect is not None
    assert effect.startswith("person created")
    assert sandbox.people["u1"].calls == [call]


@pytest.mark.parametrize(
    "call",
    [
        track("User Deleted", "u1"),
        track("User Unsuppressed", "u1"),
        device("Device Deleted", "u1", "t1"),
        of_object("Relationship Deleted", "acme", userId="u1"),
        of_object("Object Deleted", "acme", userId="u1", anonymousId="any"),
        track("Report Delivery Event", "u1", properties={"deliveryId": "d", "metric": "opened"}),
    ],
    ids=lambda call: call["event"],
)
def test_what_removes_or_reports_makes_nobody(call: dict[str, Any], sandbox: Sandbox, send: Send) -> None:
    send(call)
    assert list(sandbox.people) == []


def test_a_trait_replaces_what_was_there_and_null_removes_it(sandbox: Sandbox, send: Send) -> None:
    effects = send(
        identify("u1", {"plan": "free", "city": "Ulm", "address": {"street": "A", "zip": "1"}}),
        identify("u1", {"plan": "pro", "city": None, "address": {"zip": "2"}}),
    )
    assert sandbox.people["u1"].traits == {"plan": "pro", "address": {"zip": "2"}}
    assert effects == ["person created; set plan, city, address", "set plan, address; removed city"]


def test_an_effect_names_what_differs_and_no_value(send: Send) -> None:
    send(identify("u1", {"plan": "pro", "seats": 1}))
    assert send(identify("u1", {"plan": "pro", "seats": True, "city": None})) == ["set seats"]
    assert send(identify("u1", {"plan": "pro"}), track("Page Read", "u1")) == [None, None]


def test_an_effect_of_very_many_traits_is_short(send: Send) -> None:
    (effect,) = send(identify("u1", {f"t{number}": number for number in range(100)}))
    assert effect is not None
    assert effect.endswith("t10, t11 and 88 more")


def test_an_empty_text_is_kept_as_a_trait(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {"plan": "pro"}), identify("u1", {"plan": ""}))
    assert sandbox.people["u1"].traits == {"plan": ""}


def test_preferences_are_replaced_whole_and_one_can_be_set_by_its_path(sandbox: Sandbox, send: Send) -> None:
    name = "cio_subscription_preferences"
    send(identify("u1", {name: {"topics": {"topic_1": True, "topic_2": True}}}))
    send(identify("u1", {f"{name}.topics.topic_2": False, f"{name}.channels.email": True}))
    assert sandbox.people["u1"].subscriptions == {
        "topics": {"topic_1": True, "topic_2": False},
        "channels": {"email": True},
    }
    send(identify("u1", {f"{name}.topics.topic_1": None}))
    assert sandbox.people["u1"].subscriptions["topics"] == {"topic_2": False}
    send(identify("u1", {name: {"topics": {"topic_3": True}}}))
    assert sandbox.people["u1"].subscriptions == {"topics": {"topic_3": True}}
    assert list(sandbox.people["u1"].traits) == [name]


@pytest.mark.parametrize("name", ["cio_subscription_preferences.topics", "other.topics.topic_1"])
def test_another_name_with_dots_is_a_trait_like_any(name: str, sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {name: True}))
    assert sandbox.people["u1"].traits == {name: True}


def test_a_value_at_the_path_of_a_preference_that_is_no_preference_is_a_trait_like_any(
    sandbox: Sandbox, send: Send
) -> None:
    """Nested as deep as a call may be, it could not be written one level deeper."""
    deep: Any = 1
    for _ in range(240):
        deep = [deep]
    send(identify("u1", {"cio_subscription_preferences.topics.topic_1": deep}))
    assert list(sandbox.people["u1"].traits) == ["cio_subscription_preferences.topics.topic_1"]


def test_a_person_may_be_named_by_an_address_alone(sandbox: Sandbox, send: Send) -> None:
    effects = send(identify(None, {"email": ANN}), identify(None, {"email": "Ann@Example.com", "plan": "pro"}))
    assert effects == ["person created; set email", "set email, plan"]
    (person,) = sandbox.people.all()
    assert (person.user_id, person.traits) == (None, {"email": "Ann@Example.com", "plan": "pro"})


def test_an_address_of_several_names_the_one_who_was_there_first(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {"email": ANN}), identify("u2", {"email": ANN}), identify(None, {"email": ANN, "plan": "pro"}))
    assert sandbox.people["u1"].traits["plan"] == "pro"
    assert "plan" not in sandbox.people["u2"].traits


def test_the_person_of_an_address_gets_the_user_id_that_comes_with_it(sandbox: Sandbox, send: Send) -> None:
    send(identify(None, {"email": ANN, "plan": "pro"}))
    assert send(identify("u1", {"email": "ANN@example.com"})) == ["the person of this email is u1 now; set email"]
    assert sandbox.people["u1"].traits == {"email": "ANN@example.com", "plan": "pro"}
    assert len(sandbox.people.all()) == 1


def test_whoever_has_a_user_id_keeps_it_though_another_comes_with_their_address(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {"email": ANN}), identify("u2", {"email": ANN}))
    assert list(sandbox.people) == ["u1", "u2"]


# Anonymous activity --------------------------------------------------------------------------------------------------


def test_identifying_joins_what_was_done_anonymously(sandbox: Sandbox, send: Send) -> None:
    assert send(track("Page Read", anonymousId="a1"), {"type": "page", "anonymousId": "a1"}) == [None, None]
    assert send(identify("u1", anonymousId="a1")) == ["person created; anonymous activity joined: 2 calls"]
    assert send(track("Order Completed", anonymousId="a1")) == [None]
    assert [call["type"] for call in sandbox.people["u1"].calls] == ["track", "page", "identify", "track"]
    assert sandbox.people.anonymous("a1").user_id == "u1"


def test_a_link_without_activity_is_told_too_and_only_once(send: Send) -> None:
    call = identify("u1", anonymousId="a1")
    assert send(call, call) == ["person created; anonymous id linked", None]


def test_what_is_said_of_a_stranger_fills_in_where_the_person_has_nothing(sandbox: Sandbox, send: Send) -> None:
    assert send(identify(traits={"plan": "free", "city": "Ulm", "age": 3}, anonymousId="a1")) == [
        "anonymous: set plan, city, age"
    ]
    assert sandbox.people.all() == []
    send(identify("u1", {"plan": "pro", "city": ""}), identify("u1", {"age": None}, anonymousId="a1"))
    assert sandbox.people["u1"].traits == {"plan": "pro", "city": "Ulm"}


def test_the_traits_of_a_stranger_go_to_the_first_who_is_linked_and_to_no_other(sandbox: Sandbox, send: Send) -> None:
    send(identify(traits={"plan": "free"}, anonymousId="a1"))
    send(identify("u1", anonymousId="a1"), identify("u2", anonymousId="a1"))
    assert (sandbox.people["u1"].traits, sandbox.people["u2"].traits) == ({"plan": "free"}, {})


def test_a_later_identify_links_the_id_anew_and_what_was_joined_stays(sandbox: Sandbox, send: Send) -> None:
    send(track("Page Read", anonymousId="a1"), identify("u1", anonymousId="a1"), identify("u2", anonymousId="a1"))
    send(track("Order Completed", anonymousId="a1"))
    assert [event["event"] for event in sandbox.people["u1"].events] == ["Page Read"]
    assert [event["event"] for event in sandbox.people["u2"].events] == ["Order Completed"]
    assert sandbox.people["u1"].anonymous_ids == ()


def test_a_linked_stranger_is_identified_by_the_anonymous_id(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", anonymousId="a1"), identify(traits={"email": ANN, "plan": "pro"}, anonymousId="a1"))
    assert sandbox.people["u1"].traits == {"email": ANN, "plan": "pro"}
    assert len(sandbox.people.all()) == 1


def test_identifying_by_address_links_the_anonymous_id_too(sandbox: Sandbox, send: Send) -> None:
    send(track("Page Read", anonymousId="a1"), identify(traits={"email": ANN}, anonymousId="a1"))
    assert sandbox.people.anonymous("a1") == sandbox.people.by_email(ANN)
    assert len(sandbox.people.by_email(ANN).calls) == 2


def test_a_call_with_both_ids_links_nothing_unless_it_identifies(sandbox: Sandbox, send: Send) -> None:
    send(track("Page Read", "u1", anonymousId="a1"), track("Page Read", anonymousId="a1"))
    assert len(sandbox.people["u1"].calls) == 1
    assert "a1" not in sandbox.people["u1"].anonymous_ids


def test_a_call_that_names_a_suppressed_user_is_not_joined_with_another(sandbox: Sandbox, send: Send) -> None:
    send(track("User Suppressed", "u1"), track("Page Read", "u1", anonymousId="a1"), identify("u2", anonymousId="a1"))
    assert [call["type"] for call in sandbox.people["u2"].calls] == ["identify"]


# Merges --------------------------------------------------------------------------------------------------------------


def test_an_alias_merges_one_person_into_another(sandbox: Sandbox, send: Send) -> None:
    send(
        identify("u0", {"plan": "free", "city": "Ulm"}, anonymousId="a0"),
        device("Device Created or Updated", "u0", "t1", "ios"),
        group("acme", {"relationshipAttributes": {"role": "owner", "since": 1}}, userId="u0"),
        identify("u1", {"plan": "pro", "city": ""}),
        group("acme", {"relationshipAttributes": {"role": "guest"}}, userId="u1"),
    )
    assert send(alias("u1", "u0"), track("Page Read", anonymousId="a0")) == ["merged u0 into u1", None]
    person = sandbox.people["u1"]
    assert person.traits == {"plan": "pro", "city": "Ulm"}
    assert (person.anonymous_ids, person.merged_ids) == (("a0",), ("u0",))
    assert [one.token for one in person.devices] == ["t1"]
    assert [one.attributes for one in person.relationships] == [{"role": "guest", "since": 1}]
    assert [call["type"] for call in person.calls] == [
        "identify",
        "track",
        "group",
        "identify",
        "group",
        "alias",
        "track",
    ]
    assert "u0" not in sandbox.people


def test_merges_go_over_with_the_person_they_were_merged_into(sandbox: Sandbox, send: Send) -> None:
    send(*(identify(f"u{number}") for number in range(3)), alias("u1", "u0"), alias("u2", "u1"))
    assert sandbox.people["u2"].merged_ids == ("u0", "u1")


def test_a_merged_id_that_comes_back_is_a_new_person_and_may_take_over_in_turn(sandbox: Sandbox, send: Send) -> None:
    send(identify("u0", {"plan": "free"}), alias("u1", "u0"))
    assert send(track("Page Read", "u0")) == ["person created"]
    assert sandbox.people["u0"].traits == {}
    assert send(alias("u0", "u1")) == ["merged u1 into u0"]
    assert sandbox.people["u0"].merged_ids == ("u1",)


def test_an_alias_of_an_id_that_nobody_has_links_it_as_anonymous(sandbox: Sandbox, send: Send) -> None:
    send(track("Page Read", anonymousId="a1"), identify(traits={"plan": "pro"}, anonymousId="a1"))
    assert send(alias("u1", "a1")) == ["person created; anonymous activity joined: 2 calls"]
    assert sandbox.people["u1"].traits == {"plan": "pro"}


def test_an_alias_of_an_id_to_itself_does_nothing(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {"plan": "pro"}))
    assert send(alias("u1", "u1"), alias("u2", "u2")) == [None, None]
    assert list(sandbox.people) == ["u1"]
    assert sandbox.people["u1"].merged_ids == ()


@pytest.mark.parametrize(("user_id", "previous_id"), [("gone", "u1"), ("u1", "gone")])
def test_an_alias_of_a_suppressed_id_is_ignored(user_id: str, previous_id: str, sandbox: Sandbox, send: Send) -> None:
    send(identify("u1"), track("User Suppressed", "gone"))
    assert send(alias(user_id, previous_id)) == [IGNORED]
    assert list(sandbox.people) == ["u1"]


# Deletion and suppression --------------------------------------------------------------------------------------------


@pytest.fixture
def full(send: Send) -> None:
    send(
        track("Page Read", anonymousId="a1"),
        identify("u1", {"email": ANN}, anonymousId="a1"),
        device("Device Created or Updated", "u1", "t1"),
        group("acme", userId="u1"),
        identify("u0"),
        alias("u1", "u0"),
    )


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("name", ["u1", ANN, "ANN@EXAMPLE.COM"])
def test_a_deleted_person_leaves_nothing_but_the_objects(name: str, sandbox: Sandbox, send: Send) -> None:
    """And may be named by an address."""
    assert send(track("User Deleted", name)) == ["person deleted"]
    for table in ("people", "devices", "relationships", "anonymous", "merges"):
        assert sandbox.sql(f"SELECT * FROM {table}") == []
    assert sandbox.sql("SELECT * FROM calls WHERE person > 0") == []
    assert sandbox.objects["acme"].people == ()
    assert len(sandbox.calls()) == 7


@pytest.mark.usefixtures("full")
def test_what_a_deleted_person_did_does_not_come_back(sandbox: Sandbox, send: Send) -> None:
    """Neither with the user id, nor with the anonymous id that was theirs."""
    send(track("User Deleted", "u1"), identify("u1", anonymousId="a1"), identify("u2", anonymousId="a1"))
    assert [call["type"] for call in sandbox.people["u1"].calls] == ["identify"]
    assert [call["type"] for call in sandbox.people["u2"].calls] == ["identify"]
    assert sandbox.people["u1"].traits == {}


def test_nobody_can_be_deleted(send: Send) -> None:
    assert send(track("User Deleted", "u1")) == ["nobody to delete"]


@pytest.mark.usefixtures("full")
def test_a_suppressed_id_is_not_added_again(sandbox: Sandbox, send: Send) -> None:
    assert send(track("User Suppressed", "u1")) == ["person deleted; id suppressed"]
    calls = [
        identify("u1", {"plan": "pro"}, anonymousId="a1"),
        track("Page Read", "u1"),
        group("globex", userId="u1"),
        device("Device Created or Updated", "u1", "t1"),
        device("Device Deleted", "u1", "t1"),
        of_object("Object Deleted", "acme", userId="u1", anonymousId="any"),
        of_object("Relationship Deleted", "acme", userId="u1"),
        track("Report Delivery Event", "u1", properties={"deliveryId": "d", "metric": "opened"}),
        track("Report Content Event", "u1", properties={"actionType": "viewed_content"}),
        track("User Deleted", "u1"),
        track("User Suppressed", "u1"),
        identify(None, {"email": "Ann@example.com"}),
    ]
    assert send(*calls) == [IGNORED] * len(calls)
    assert sandbox.suppressed == {"u1"}
    assert sandbox.people.all() == []
    assert list(sandbox.objects) == [("acme", "1")]
    assert (sandbox.deliveries, sandbox.contents) == ([], [])
    assert sandbox.calls("track", "u1", "Page Read") == [track("Page Read", "u1")]


@pytest.mark.usefixtures("full")
def test_an_id_that_is_no_longer_suppressed_begins_anew(sandbox: Sandbox, send: Send) -> None:
    send(track("User Suppressed", "u1"))
    assert send(track("User Unsuppressed", "u1"), track("User Unsuppressed", "u1")) == ["id no longer suppressed", None]
    assert (sandbox.suppressed, sandbox.people.all()) == (frozenset(), [])
    assert send(identify(None, {"email": ANN}), identify("u1")) == ["person created; set email", "person created"]
    assert sandbox.people["u1"].traits == {}


def test_an_id_that_nobody_has_can_be_suppressed(sandbox: Sandbox, send: Send) -> None:
    assert send(track("User Suppressed", "u9"), identify("u9")) == ["id suppressed", IGNORED]


# Devices -------------------------------------------------------------------------------------------------------------


def test_a_device_is_added_and_updated(sandbox: Sandbox, send: Send) -> None:
    effects = send(
        device("Device Created or Updated", "u1", "t1", "ios", os_version="17", model="X"),
        device("Device Created or Updated", "u1", "t1", os_version="18", model=None),
    )
    assert effects == ["person created; device added", "device: set os_version; removed model"]
    (found,) = sandbox.people["u1"].devices
    assert (found.token, found.type, found.attributes) == ("t1", "ios", {"os_version": "18"})


def test_a_token_is_one_persons_at_a_time(sandbox: Sandbox, send: Send) -> None:
    send(identify("u2"), device("Device Created or Updated", "u1", "t1", "ios", model="X"))
    assert send(device("Device Created or Updated", "u2", "t1")) == ["device taken over"]
    assert sandbox.people["u1"].devices == ()
    (found,) = sandbox.people["u2"].devices
    assert (found.type, found.attributes) == ("ios", {"model": "X"})


def test_a_device_is_removed_by_its_owner_alone(sandbox: Sandbox, send: Send) -> None:
    send(identify("u2"), device("Device Created or Updated", "u1", "t1"))
    assert send(device("Device Deleted", "u2", "t1")) == ["no such device"]
    assert len(sandbox.people["u1"].devices) == 1
    assert send(device("Device Deleted", "u1", "t1")) == ["device removed"]
    assert sandbox.people["u1"].devices == ()


# Objects -------------------------------------------------------------------------------------------------------------


def test_a_group_call_makes_the_object_and_relates_the_person(sandbox: Sandbox, send: Send) -> None:
    told = {"plan": "pro", "object_type_id": "2", "relationshipAttributes": {"role": "owner"}}
    assert send(group("acme", told, userId="u1")) == ["person created; object acme (2) created; related"]
    acme = sandbox.objects["acme", 2]
    assert (acme.attributes, acme.people) == ({"plan": "pro"}, ("u1",))
    assert [(one.object_type_id, one.attributes) for one in sandbox.people["u1"].relationships] == [
        ("2", {"role": "owner"})
    ]


def test_a_later_group_call_updates_object_and_relationship(sandbox: Sandbox, send: Send) -> None:
    send(
        group("acme", {"plan": "pro", "city": "Ulm", "relationshipAttributes": {"role": "owner", "n": 1}}, userId="u1")
    )
    told = {"plan": None, "city": "", "size": 9, "relationshipAttributes": {"role": "", "n": None, "since": 2}}
    assert send(group("acme", told, userId="u1")) == [
        "object acme (1): set size; removed plan, city; relationship: set since; removed role, n"
    ]
    assert sandbox.objects["acme"].attributes == {"size": 9}
    assert sandbox.people["u1"].relationships[0].attributes == {"since": 2}
    assert send(group("acme", userId="u1")) == [None]


@pytest.mark.parametrize(
    ("traits", "type_id"),
    [
        ({}, "1"),
        ({"object_type_id": "2"}, "2"),
        ({"objectTypeId": 3}, "3"),
        ({"objectTypeId": 3.0}, "3"),
        ({"objectTypeId": "accounts"}, "accounts"),
        ({"object_type_id": "2", "objectTypeId": 3}, "2"),
        ({"objectTypeId": True}, "1"),
        ({"objectTypeId": None}, "1"),
        ({"objectTypeId": [2]}, "1"),
        ({"objectTypeId": 2**63}, str(2**63)),
    ],
    ids=str,
)
def test_where_the_type_of_an_object_comes_from(
    traits: dict[str, Any], type_id: str, sandbox: Sandbox, send: Send
) -> None:
    send(group("acme", traits, userId="u1", objectTypeId=7))
    assert list(sandbox.objects) == [("acme", type_id)]
    assert sandbox.objects["acme", type_id].attributes == {}


def test_objects_of_two_types_may_have_one_id(sandbox: Sandbox, send: Send) -> None:
    send(group("acme", {"n": 1}, userId="u1"), group("acme", {"n": 2, "object_type_id": "2"}, userId="u2"))
    assert send(of_object("Object Deleted", "acme", 2, anonymousId="any")) == ["object acme (2) deleted"]
    assert sandbox.objects["acme"].attributes == {"n": 1}
    assert len(sandbox.objects) == 1


def test_a_relationship_of_a_stranger_waits_for_the_person(sandbox: Sandbox, send: Send) -> None:
    told = {"relationshipAttributes": {"role": "owner"}}
    assert send(group("acme", told, anonymousId="a1")) == ["object acme (1) created; related"]
    assert sandbox.objects["acme"].relationships == ()
    send(identify("u1", anonymousId="a1"))
    assert [one.attributes for one in sandbox.people["u1"].relationships] == [{"role": "owner"}]
    assert sandbox.sql("SELECT * FROM anonymous_relationships") == []


@pytest.mark.parametrize("event", ["Object Deleted", "Group Deleted"])
def test_an_object_goes_with_its_relationships(event: str, sandbox: Sandbox, send: Send) -> None:
    send(group("acme", userId="u1"), group("acme", anonymousId="a1"))
    assert send(of_object(event, "acme", anonymousId="any")) == ["object acme (1) deleted"]
    assert send(of_object(event, "acme", anonymousId="any")) == ["no such object"]
    assert sandbox.people["u1"].relationships == ()
    send(identify("u2", anonymousId="a1"))
    assert sandbox.people["u2"].relationships == ()


@pytest.mark.parametrize("name", ["u1", ANN])
def test_a_relationship_ends_and_both_remain(name: str, sandbox: Sandbox, send: Send) -> None:
    """The person may be named by an address."""
    send(identify("u1", {"email": ANN}), group("acme", userId="u1"), group("acme", userId="u2"))
    assert send(of_object("Relationship Deleted", "acme", userId=name)) == ["no longer related to object acme (1)"]
    assert sandbox.objects["acme"].people == ("u2",)
    assert sandbox.people["u1"].relationships == ()
    assert send(of_object("Relationship Deleted", "acme", userId=name)) == ["no such relationship"]


def test_an_event_of_an_object_is_nobodys(sandbox: Sandbox, send: Send) -> None:
    assert send(track("Renewed", groupId="acme")) == [None]
    assert (sandbox.people.all(), list(sandbox.objects)) == ([], [])


# Reports and repeats -------------------------------------------------------------------------------------------------


def test_reports_are_kept(sandbox: Sandbox, send: Send) -> None:
    opened = {"deliveryId": "d1", "metric": "clicked", "recipient": ANN, "actionValue": "v", "href": "/x"}
    viewed = {"actionType": "viewed_content", "contentId": 2**64 - 1, "templateId": 4}
    effects = send(track("Report Delivery Event", properties=opened), track("Report Content Event", properties=viewed))
    assert effects == ["report kept", "report kept"]
    (delivery,) = sandbox.deliveries
    assert (delivery.delivery_id, delivery.metric, delivery.recipient, delivery.reason) == ("d1", "clicked", ANN, None)
    assert (delivery.action_value, delivery.href) == ("v", "/x")
    (content,) = sandbox.contents
    assert (content.action_type, content.content_id, content.template_id) == ("viewed_content", str(2**64 - 1), 4)


def test_a_repeat_is_applied_again(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", {"plan": "free"}, messageId="m1"), identify("u1", {"plan": "pro"}))
    send(identify("u1", {"plan": "free"}, messageId="m1"))
    assert sandbox.people["u1"].traits == {"plan": "free"}


def test_a_repeat_that_is_dropped_does_nothing() -> None:
    with Sandbox(drop_repeats=True) as sandbox, httpx.Client(base_url=sandbox.url, auth=("key", "")) as client:
        for plan in ("free", "pro"):
            client.post("/identify", json={"userId": "u1", "traits": {"plan": plan}, "messageId": "m1"})
        assert sandbox.people["u1"].traits == {"plan": "free"}
        assert len(sandbox.people["u1"].calls) == 1


def test_a_person_was_last_seen_with_the_last_call_that_is_theirs(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1", anonymousId="a1"))
    first = sandbox.people["u1"]
    send(track("Page Read", "u2"))
    assert sandbox.people["u1"] == first
    send(track("Page Read", anonymousId="a1"))
    times = [row["time"] for row in sandbox.sql("SELECT time FROM requests ORDER BY id")]
    assert (sandbox.people["u1"].first_seen, sandbox.people["u1"].last_seen) == (times[0], times[2])


def test_who_is_merged_was_first_seen_with_the_earlier_of_both(sandbox: Sandbox, send: Send) -> None:
    send(identify("u1"))
    send(identify("u2"))
    send(track("Page Read", "u2"))
    first, _, third = (row["time"] for row in sandbox.sql("SELECT time FROM requests ORDER BY id"))
    assert (sandbox.people["u1"].first_seen, sandbox.people["u2"].last_seen) == (first, third)
    send(alias("u2", "u1"), identify("u3"), alias("u2", "u3"))
    assert sandbox.people["u2"].first_seen == first
