"""The semantic events: all there, and each marked so that a class and a name can be derived from it."""

from collections import Counter

import pytest

AT_LEAST = {"ab_test": 1, "customerio": 9, "ecommerce": 28, "email": 6, "live_chat": 4, "mobile": 9, "video": 17}
COMMON = {"anonymousId", "context", "integrations", "messageId", "properties", "timestamp", "userId"}


@pytest.fixture(scope="module")
def events(spec):
    schemas = spec["components"]["schemas"]
    return {name: schema for name, schema in schemas.items() if "x-semantic-event" in schema}


@pytest.fixture(scope="module")
def marks(events):
    return {name: schema["x-semantic-event"] for name, schema in events.items()}


def test_the_events_of_the_first_form_are_there_in_their_families(marks):
    assert Counter(mark["family"] for mark in marks.values()) >= Counter(AT_LEAST)


def test_marks_have_the_documented_shape(marks):
    for name, mark in marks.items():
        assert mark.keys() >= {"name", "family", "shape"}, name
        assert mark.keys() <= {"name", "family", "shape", "aliases", "context"}, name
        assert mark["shape"] in ("properties", "envelope"), name


def test_no_name_and_no_alias_is_used_twice(marks):
    names = [name for mark in marks.values() for name in (mark["name"], *mark.get("aliases", ()))]
    assert len(names) == len(set(names))


def test_aliases_are_the_vendors_other_spellings(marks):
    aliases = {mark["name"]: mark["aliases"] for mark in marks.values() if "aliases" in mark}
    assert "Group Deleted" in aliases["Object Deleted"]
    assert "Video Playback interrupted" in aliases["Video Playback Interrupted"]
    assert all(aliases.values())


def test_a_schema_is_called_as_its_event(marks):
    for schema_name, mark in marks.items():
        assert schema_name == "".join(word[0].upper() + word[1:] for word in mark["name"].split())


def test_an_envelope_is_a_whole_track_call(spec, events):
    track = spec["components"]["schemas"]["Track"]["properties"]
    envelopes = {name: schema for name, schema in events.items() if schema["x-semantic-event"]["shape"] == "envelope"}
    assert envelopes
    for schema in envelopes.values():
        members, name = schema["properties"], schema["x-semantic-event"]["name"]
        assert members.keys() <= track.keys()
        assert members.keys() >= COMMON
        assert (members["type"]["const"], members["type"]["default"]) == ("track", "track")
        assert (members["event"]["const"], members["event"]["default"]) == (name, name)
        assert not {"type", "event"} & set(schema["required"])


def test_events_that_need_identity_or_context_are_envelopes(events):
    for name, schema in events.items():
        envelope = schema["x-semantic-event"]["shape"] == "envelope"
        assert envelope == bool({"userId", "anonymousId", "context"} & set(schema.get("required", []))), name


def test_what_an_event_adds_to_the_context_is_no_property_of_it(events):
    adding = {name for name, schema in events.items() if "context" in schema["x-semantic-event"]}
    clicks = {"EmailLinkClicked", "EmailMarkedAsSpam", "EmailOpened", "EmailUnsubscribed"}
    assert adding >= {"EmailBounced", "EmailDelivered", *clicks}
    for name in adding:
        assert "context" not in events[name].get("properties", {})


def test_events_without_identity_act_inside_customer_io(spec, marks):
    identity = spec["components"]["schemas"]["Track"]["anyOf"]
    (named,) = (branch["properties"]["event"]["enum"] for branch in identity if branch["required"] == ["event"])
    assert set(named) >= {"Report Content Event", "Report Delivery Event"}
    assert set(named) <= {mark["name"] for mark in marks.values() if mark["family"] == "customerio"}
