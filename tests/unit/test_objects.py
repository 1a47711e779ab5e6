"""Objects: the type as text among traits, as a number in events, and never at the top."""

import enum

import numpy as np
import pytest
from cio_pipelines import models
from spec_checks import problems, sent

from cio_facade import objects
from cio_facade.errors import ValidationError
from cio_facade.events import customerio


class Kind(enum.IntEnum):
    COURSE = 2


TYPES = [2, "2", np.int64(2), np.uint8(2), Kind.COURSE]
each_type = pytest.mark.parametrize("object_type_id", TYPES, ids=lambda value: type(value).__name__)
ALL = [
    lambda *args, **fields: objects.create("u1", "acme", {"name": "Acme"}, *args, **fields),
    lambda *args, **fields: objects.update("u1", "acme", {"name": "Acme"}, *args, **fields),
    lambda *args, **fields: objects.delete("acme", *args, **fields),
    lambda *args, **fields: objects.relate("u1", "acme", {"role": "admin"}, *args, **fields),
    lambda *args, **fields: objects.unrelate("u1", "acme", *args, **fields),
]
each_operation = pytest.mark.parametrize("build", ALL, ids=["create", "update", "delete", "relate", "unrelate"])


def test_creating_is_a_group_call_with_the_type_among_the_traits():
    assert objects.create("u1", "acme", {"name": "Acme"}).to_dict() == {
        "type": "group",
        "userId": "u1",
        "groupId": "acme",
        "traits": {"name": "Acme", "object_type_id": "1"},
    }
    assert objects.create("u1", "acme").to_dict()["traits"] == {"object_type_id": "1"}
    assert objects.update("u1", "acme", {"a": 1}, 3) == objects.create("u1", "acme", {"a": 1}, object_type_id=3)


def test_relating_puts_the_attributes_under_the_relationship():
    assert objects.relate("u1", "acme", {"role": "admin"}).to_dict() == {
        "type": "group",
        "userId": "u1",
        "groupId": "acme",
        "traits": {"object_type_id": "1", "relationshipAttributes": {"role": "admin"}},
    }
    assert "relationshipAttributes" not in objects.relate("u1", "acme").to_dict()["traits"]


def test_deleting_needs_nobody_so_the_objects_id_stands_in():
    message = objects.delete("acme")
    assert message.to_dict() == {
        "type": "track",
        "event": "Object Deleted",
        "anonymousId": "acme",
        "properties": {"objectId": "acme", "objectTypeId": 1},
    }
    event = customerio.ObjectDeleted.from_dict(sent(message))
    assert event.properties == models.ObjectReference(object_id="acme", object_type_id=1)
    assert objects.delete("acme", anonymous_id="a1").to_dict()["anonymousId"] == "a1"
    assert objects.delete("acme", anonymous_id=None).to_dict()["anonymousId"] == "acme"


def test_unrelating_names_the_person_and_the_object():
    assert objects.unrelate("u1", "acme", 3).to_dict() == {
        "type": "track",
        "userId": "u1",
        "event": "Relationship Deleted",
        "properties": {"objectId": "acme", "objectTypeId": 3},
    }


@each_type
def test_the_type_is_text_among_traits_and_a_number_in_events(object_type_id):
    for build in (objects.create, objects.relate):
        assert sent(build("u1", "acme", object_type_id=object_type_id))["traits"]["object_type_id"] == "2"
    for message in (objects.delete("acme", object_type_id), objects.unrelate("u1", "acme", object_type_id)):
        assert sent(message)["properties"]["objectTypeId"] == 2


@each_type
@each_operation
def test_the_spec_agrees_and_the_type_never_stands_at_the_top(build, object_type_id):
    call = sent(build(object_type_id=object_type_id, context={"ip": "::1"}, timestamp="2026-01-31T12:00:00Z"))
    assert problems(call) == []
    assert not {"objectTypeId", "object_type_id"} & call.keys()
    assert (call["context"], call["timestamp"]) == ({"ip": "::1"}, "2026-01-31T12:00:00Z")


@pytest.mark.parametrize("object_type_id", [True, 2.0, float("nan"), None])
def test_what_is_no_type_is_not_made_into_one(object_type_id):
    """It is left as it is, so that the server refuses it: a guess would put the object into another type."""
    for message in (
        objects.create("u1", "acme", object_type_id=object_type_id),
        objects.delete("acme", object_type_id),
    ):
        call = sent(message)
        found = (call.get("traits") or call["properties"]).get("object_type_id" if "traits" in call else "objectTypeId")
        assert not isinstance(found, str)
        assert found in {True, 2.0, None}


def test_a_model_of_traits_keeps_its_type_out_of_the_way():
    message = objects.create("u1", "acme", models.GroupTraits.from_dict({"name": "Acme"}), 2)
    assert message.to_dict()["traits"] == {"name": "Acme", "object_type_id": "2"}
    assert objects.create("u1", "acme", {"object_type_id": "9"}, 2).to_dict()["traits"] == {"object_type_id": "2"}


def test_the_ids_of_objects_are_brought_to_text():
    assert sent(objects.create("u1", 12))["groupId"] == "12"
    assert sent(objects.delete(12))["properties"]["objectId"] == "12"
    assert sent(objects.delete(12))["anonymousId"] == "12"
    assert sent(objects.unrelate("u1", 12))["properties"]["objectId"] == "12"


@pytest.mark.parametrize("object_id", [None, "", " ", float("nan"), True, 1.0])
@pytest.mark.parametrize("build", [objects.create, objects.relate, objects.unrelate])
def test_an_object_without_an_id_is_refused(build, object_id):
    with pytest.raises(ValidationError) as refused:
        sent(build("u1", object_id))
    assert refused.value.field in {"groupId", "properties.objectId"}


@pytest.mark.parametrize("object_id", [None, "", float("nan"), True])
def test_deleting_what_has_no_id_is_refused(object_id):
    with pytest.raises(ValidationError) as refused:
        sent(objects.delete(object_id, anonymous_id="a1"))
    assert refused.value.field == "properties.objectId"


def test_relating_nobody_is_refused():
    for message in (objects.create(None, "acme"), objects.relate(None, "acme"), objects.unrelate(None, "acme")):
        with pytest.raises(ValidationError) as refused:
            sent(message)
        assert refused.value.field == "userId"
    assert problems(sent(objects.relate(None, "acme", anonymous_id="a1"))) == []


def test_attributes_that_go_on_changing_do_not_change_the_message():
    attributes = {"a": 1}
    created, related = objects.create("u1", "acme", attributes), objects.relate("u1", "acme", attributes)
    attributes["a"] = 2
    assert created.to_dict()["traits"]["a"] == 1
    assert related.to_dict()["traits"]["relationshipAttributes"] == {"a": 1}
