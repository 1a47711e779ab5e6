"""Builders: what they put where, and that what they give is a value."""

import copy
import pickle
from collections import OrderedDict, UserDict
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import attrs
import pandas as pd
import pytest
from cio_pipelines import models
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_checks import problems, sent

from cio_facade import deliveries, devices, messages, objects, people
from cio_facade.events import customerio, ecommerce, email, mobile
from cio_facade.messages import Message, alias, group, identify, merged, page, screen, track

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FIELDS = {
    "anonymous_id": "a1",
    "timestamp": NOON,
    "context": {"ip": "203.0.113.7", "active": False},
    "integrations": {"All": False, "Mixpanel": True},
    "message_id": "m1",
}
ON_THE_WIRE = {
    "anonymousId": "a1",
    "timestamp": NOON,
    "context": {"ip": "203.0.113.7", "active": False},
    "integrations": {"All": False, "Mixpanel": True},
    "messageId": "m1",
}

# Each builder with its own arguments, and the call that these make beside its type.
PRO = {"plan": "pro"}
BUILT = [
    (identify, ("u1", PRO), {"userId": "u1", "traits": PRO}),
    (track, ("u1", "Signed Up", PRO), {"userId": "u1", "event": "Signed Up", "properties": PRO}),
    (page, ("u1", "Pricing", {"url": "/p"}), {"userId": "u1", "name": "Pricing", "properties": {"url": "/p"}}),
    (screen, ("u1", "Home", {"tab": 1}), {"userId": "u1", "name": "Home", "properties": {"tab": 1}}),
    (group, ("u1", "acme", PRO), {"userId": "u1", "groupId": "acme", "traits": PRO}),
    (alias, ("u1", "a1"), {"userId": "u1", "previousId": "a1"}),
]
BUILT = [(build, given, {"type": build.__name__, **call}) for build, given, call in BUILT]
each_builder = pytest.mark.parametrize(("build", "given", "call"), BUILT, ids=[build.__name__ for build, _, _ in BUILT])


# What goes where ------------------------------------------------------------------------------------------------------


@each_builder
def test_a_builder_puts_its_arguments_in_the_names_of_the_wire(build, given, call):
    assert build(*given).to_dict() == call
    assert build(*given).type == call["type"]
    assert problems(sent(build(*given))) == []


@each_builder
def test_every_builder_takes_the_common_fields(build, given, call):
    message = build(*given, **FIELDS)
    assert message.to_dict() == call | ON_THE_WIRE
    assert message.message_id == "m1"
    assert problems(sent(message)) == []


@each_builder
def test_what_is_none_is_left_out(build, given, call):
    assert build(*given, **dict.fromkeys(FIELDS)).to_dict() == call
    assert build(*given).message_id is None


@each_builder
def test_a_field_that_a_builder_does_not_know_is_an_error_of_its_caller(build, given, call):
    with pytest.raises(TypeError, match="unexpected keyword argument 'user'"):
        build(*given, user="u2")


def test_track_takes_a_group_and_views_take_a_category():
    assert track(None, "Renewed", group_id="acme").to_dict() == {"type": "track", "event": "Renewed", "groupId": "acme"}
    assert page("u1", category="Docs").to_dict() == {"type": "page", "userId": "u1", "category": "Docs"}
    assert screen("u1", category="Docs").to_dict()["category"] == "Docs"
    for message in (track(None, "Renewed", group_id="acme"), page("u1", category="Docs"), screen("u1", category="D")):
        assert problems(sent(message)) == []


def test_an_identity_may_be_anonymous_or_an_address():
    by_address = identify(None, {"email": "ann@example.com"})
    anonymous = group(None, "acme", anonymous_id="a1")
    assert by_address.to_dict() == {"type": "identify", "traits": {"email": "ann@example.com"}}
    assert anonymous.to_dict() == {"type": "group", "groupId": "acme", "anonymousId": "a1"}
    assert problems(sent(by_address)) == problems(sent(anonymous)) == []


@given(st.data())
@settings(max_examples=60)
def test_builders_raise_on_no_value(data):
    odd = st.sampled_from([None, float("nan"), pd.NA, pd.NaT, b"x", [], object(), "", 10**5000, {1: 2}, "\ud800"])
    build, given, _ = data.draw(st.sampled_from(BUILT))
    arguments = [data.draw(odd) for _ in given]
    fields = {name: data.draw(odd) for name in FIELDS}
    assert isinstance(build(*arguments, **fields), Message)


IDS = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: not text.isspace()),
    st.integers(-(2**64), 2**64),
    st.uuids(),
)
MAPPINGS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.floats() | st.text(max_size=5), max_size=3
)
COMMON = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))])),
        "anonymous_id": IDS,
        "context": MAPPINGS.map(lambda more: {"ip": "::1", "traits": more}),
        "integrations": st.dictionaries(st.text(max_size=5), st.booleans(), max_size=2),
        "message_id": st.uuids().map(str),
    },
)
TYPES = st.integers(1, 99) | st.integers(1, 99).map(str)
OPERATIONS = {
    identify: (IDS, MAPPINGS),
    track: (IDS, st.text(min_size=1, max_size=20).map("e".__add__), MAPPINGS),
    page: (IDS, st.none() | st.text(max_size=5), MAPPINGS),
    screen: (IDS, st.none() | st.text(max_size=5), MAPPINGS),
    group: (IDS, IDS, MAPPINGS),
    alias: (IDS, IDS),
    people.delete: (IDS,),
    people.suppress: (IDS,),
    people.unsuppress: (IDS,),
    people.merge: (IDS, IDS),
    devices.register: (IDS, IDS, st.sampled_from([None, "ios", "android"]), MAPPINGS),
    devices.delete: (IDS, IDS, st.sampled_from([None, "ios", "android"])),
    objects.create: (IDS, IDS, MAPPINGS, TYPES),
    objects.delete: (IDS, TYPES),
    objects.relate: (IDS, IDS, MAPPINGS, TYPES),
    objects.unrelate: (IDS, IDS, TYPES),
    deliveries.report: (IDS, st.sampled_from(["delivered", "opened", "clicked", "converted"])),
    deliveries.report_content: (st.sampled_from(["viewed_content", "clicked_content"]), st.integers(), st.integers()),
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.__module__}.{operation.__name__}")
@given(data=st.data())
@settings(max_examples=12)
def test_whatever_is_given_in_its_form_makes_a_call_of_the_spec(operation, data):
    message = operation(*[data.draw(each) for each in OPERATIONS[operation]], **data.draw(COMMON))
    assert problems(sent(message)) == []


# Objects and models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict, lambda d: MappingProxyType(dict(d))])
def test_a_mapping_that_goes_on_changing_does_not_change_a_message(kind):
    source = {"a": 1}
    mapping = source if kind is dict else kind(source)
    live = mapping if kind in (dict, OrderedDict, UserDict) else source
    built = [
        identify("u1", mapping, context=mapping, integrations=mapping),
        track("u1", "e", mapping),
        page("u1", "p", mapping),
        screen("u1", "s", mapping),
        group("u1", "g", mapping),
    ]
    before = copy.deepcopy([message.to_dict() for message in built])
    live["a"] = live["b"] = "later"
    assert [message.to_dict() for message in built] == before


def test_models_of_parts_are_taken_for_what_they_hold():
    message = identify(
        "u1",
        models.IdentifyTraits(email="ann@example.com", unsubscribed=True),
        context=models.Context(ip="203.0.113.7"),
    )
    assert message.to_dict() == {
        "type": "identify",
        "userId": "u1",
        "traits": {"email": "ann@example.com", "unsubscribed": True},
        "context": {"ip": "203.0.113.7"},
    }


def test_a_model_that_goes_on_changing_does_not_change_a_message():
    event = ecommerce.OrderCompleted(order_id="o-1")
    deleted = customerio.ObjectDeleted(anonymous_id="a", properties=models.ObjectReference(object_id="o"))
    updated = customerio.DeviceCreatedOrUpdated(
        user_id="u1", context=models.DeviceContext(device=models.PushDevice(token="t")), properties={"a": 1}
    )
    built = [track("u1", event), track(None, deleted), track(None, updated)]
    before = copy.deepcopy([message.to_dict() for message in built])
    event.order_id = "o-2"
    event["later"] = 1
    deleted.properties.object_id = "p"
    updated.properties["a"] = 2
    assert [message.to_dict() for message in built] == before


# Typed events ---------------------------------------------------------------------------------------------------------


def test_a_typed_event_gives_its_name_and_its_properties():
    event = ecommerce.OrderCompleted(order_id="o-1", products=[models.Product(sku="s", price=1.5)])
    assert track("u1", event).to_dict() == {
        "type": "track",
        "userId": "u1",
        "event": "Order Completed",
        "properties": {"order_id": "o-1", "products": [{"sku": "s", "price": 1.5}]},
    }


def test_properties_beside_a_typed_event_are_laid_on_it():
    event = ecommerce.OrderCompleted(order_id="o-1", total=1.0)
    assert track("u1", event, {"total": 2.0, "gift": True}).to_dict()["properties"] == {
        "order_id": "o-1",
        "total": 2.0,
        "gift": True,
    }


def test_what_an_event_adds_to_the_context_goes_there_and_not_among_its_properties():
    context = models.EmailActivityContext.from_dict({"ip": "203.0.113.7", "traits": {"email": "ann@example.com"}})
    message = track("u1", email.EmailOpened(email_id="e-1", context=context), context={"locale": "de", "ip": "::1"})
    assert message.to_dict()["properties"] == {"email_id": "e-1"}
    assert message.to_dict()["context"] == {"ip": "::1", "locale": "de", "traits": {"email": "ann@example.com"}}
    assert "context" not in track("u1", email.EmailOpened(email_id="e-1")).to_dict()


def test_a_property_called_context_stays_a_property_where_the_event_adds_none():
    event = mobile.ApplicationOpened()
    event["context"] = "mine"
    assert track("u1", event).to_dict()["properties"] == {"context": "mine"}
    assert "context" not in track("u1", event).to_dict()


def test_an_event_that_is_a_whole_call_brings_its_own_fields():
    event = customerio.UserDeleted(user_id="u1", timestamp=NOON, message_id="m1")
    call = {
        "type": "track",
        "event": "User Deleted",
        "userId": "u1",
        "timestamp": "2026-01-31T12:00:00+00:00",
        "messageId": "m1",
    }
    assert track(None, event).to_dict() == call
    assert track("u2", event).to_dict() == call | {"userId": "u2"}
    assert track(None, event, timestamp=None, context=None, message_id=None).to_dict() == call
    assert track(None, event, message_id="m2", integrations={"All": False}).to_dict() == call | {
        "messageId": "m2",
        "integrations": {"All": False},
    }


# Laying one object on another -----------------------------------------------------------------------------------------


def test_objects_are_laid_on_each_other_member_by_member():
    base = {"device": {"token": "t", "model": "m"}, "ip": "::1"}
    over = {"device": {"token": "u"}, "ip": None, "locale": "de"}
    assert merged(base, over) == {"device": {"token": "u", "model": "m"}, "ip": None, "locale": "de"}
    assert base == {"device": {"token": "t", "model": "m"}, "ip": "::1"}
    assert over == {"device": {"token": "u"}, "ip": None, "locale": "de"}


def test_models_are_laid_on_each_other_like_what_they_hold():
    base = {"device": models.ContextDevice(model="m")}
    assert merged(base, {"device": {"token": "t"}}) == {"device": {"model": "m", "token": "t"}}
    assert merged(models.Context(ip="::1"), {"locale": "de"}) == {"ip": "::1", "locale": "de"}
    assert merged({"ip": "::1"}, models.Context(locale="de")) == {"ip": "::1", "locale": "de"}


def test_nothing_laid_on_something_changes_nothing():
    assert merged({"a": 1}, None) == {"a": 1} == merged(None, {"a": 1})
    assert merged(None, None) is None


def test_what_is_no_object_is_left_for_validation_to_refuse():
    assert merged([1], {"a": 1}) == [1]
    assert track("u1", "e", [1]).to_dict()["properties"] == [1]
    assert devices.register("u1", "t1", context="text").to_dict()["context"] == "text"


NAMES = st.sampled_from("abc")
JSON = st.recursive(st.integers(), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3)


@given(OBJECTS, OBJECTS)
@settings(max_examples=60)
def test_laying_keeps_all_of_the_upper_and_what_the_lower_has_beside_it(base, over):
    before = copy.deepcopy((base, over))
    laid = merged(base, over)
    assert merged(laid, over) == laid
    assert merged(base, {}) == base
    assert merged({}, over) == over
    assert laid.keys() == base.keys() | over.keys()
    assert (base, over) == before


# Values ---------------------------------------------------------------------------------------------------------------


@each_builder
def test_messages_compare_by_content_and_are_picklable(build, given, call):
    message = build(*given, **FIELDS)
    assert message == build(*given, **FIELDS) != build(*given)
    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == copy.copy(message) == message


def test_a_message_cannot_be_changed_nor_hashed():
    message = track("u1", "e")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.call = {}
    with pytest.raises(TypeError):
        hash(message)


def test_the_call_of_a_message_is_a_copy():
    message = track("u1", "e")
    message.to_dict()["userId"] = "u2"
    assert message.to_dict()["userId"] == "u1"


def test_a_message_shows_what_happens_and_to_nobody():
    shown = [repr(build(*given, **FIELDS)) for build, given, _ in BUILT]
    assert shown == [
        "<Message identify>",
        "<Message track 'Signed Up'>",
        "<Message page>",
        "<Message screen>",
        "<Message group>",
        "<Message alias>",
    ]
    assert repr(track("u1", None)) == "<Message track>"
    assert repr(track("u1", 7)) == "<Message track>"


def test_the_room_makes_all_its_builders_public():
    assert {build.__name__ for build, _, _ in BUILT} <= set(messages.__all__)
