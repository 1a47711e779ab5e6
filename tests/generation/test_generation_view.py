"""What openapi-python-client gets to see instead of the spec."""

import copy

import pytest

from scripts.generator.spec import Spec
from scripts.generator.view import view


@pytest.fixture
def seen(stand_in):
    return view(Spec(stand_in))


@pytest.fixture
def schemas(seen):
    return seen["components"]["schemas"]


def test_the_spec_itself_stays_as_it_is(stand_in):
    before = copy.deepcopy(stand_in)
    view(Spec(stand_in))
    assert stand_in == before


def test_alternatives_of_identity_go_and_unions_stay(schemas):
    assert "anyOf" not in schemas["Identify"]
    assert "anyOf" not in schemas["Track"]
    assert len(schemas["Batch"]["properties"]["batch"]["items"]["anyOf"]) == 6


def test_required_members_stay(schemas):
    assert schemas["Track"]["required"] == ["event"]
    assert schemas["DeviceContext"]["required"] == ["device"]


def test_an_object_without_named_members_is_a_mapping(schemas):
    track = schemas["Track"]["properties"]
    assert track["properties"] == {
        "x-python-type": "dict[str, Any]",
        "description": "What is known of the event.",
    }
    assert track["integrations"]["x-python-type"] == "dict[str, bool]"


@pytest.mark.parametrize(
    ("values", "python"),
    [
        ({}, "dict[str, Any]"),
        (True, "dict[str, Any]"),
        ({"type": "string"}, "dict[str, str]"),
        ({"type": ["boolean", "integer"]}, "dict[str, bool | int]"),
        ({"type": "object"}, "dict[str, dict[str, Any]]"),
    ],
)
def test_a_mapping_knows_the_type_of_its_values(stand_in, values, python):
    stand_in["components"]["schemas"]["Track"]["properties"]["properties"]["additionalProperties"] = values
    seen = view(Spec(stand_in))["components"]["schemas"]["Track"]["properties"]["properties"]
    assert seen["x-python-type"] == python


@pytest.mark.parametrize(
    "values", [{"$ref": "#/components/schemas/Product"}, {"type": "string", "format": "date-time"}]
)
def test_values_that_need_a_step_of_their_own_are_left_to_the_generator(stand_in, values):
    free = stand_in["components"]["schemas"]["Track"]["properties"]["properties"]
    free["additionalProperties"] = values
    assert view(Spec(stand_in))["components"]["schemas"]["Track"]["properties"]["properties"] == free


def test_a_named_mapping_is_put_where_it_is_used_and_has_no_class(stand_in):
    schemas = stand_in["components"]["schemas"]
    schemas["Loose"] = {"type": "object", "description": "Anything."}
    schemas["Page"]["properties"]["properties"] = {"$ref": "#/components/schemas/Loose"}
    seen = view(Spec(stand_in))["components"]["schemas"]
    assert "Loose" not in seen
    assert seen["Page"]["properties"]["properties"] == {"x-python-type": "dict[str, Any]", "description": "Anything."}


def test_an_event_without_properties_keeps_its_class(stand_in):
    del stand_in["components"]["schemas"]["CouponEntered"]["properties"]
    assert "CouponEntered" in view(Spec(stand_in))["components"]["schemas"]


def test_the_context_that_an_event_adds_becomes_a_property(schemas):
    assert schemas["EmailOpened"]["properties"]["context"] == {"$ref": "#/components/schemas/EmailContext"}
    assert schemas["EmailOpened"]["x-semantic-event"]["addsContext"] is True
    assert schemas["OrderCompleted"]["x-semantic-event"]["addsContext"] is False


def test_an_event_takes_its_aliases_for_a_name(stand_in):
    event = {"type": "string", "const": "Object Deleted", "default": "Object Deleted"}
    stand_in["components"]["schemas"]["ObjectDeleted"]["properties"]["event"] = event
    seen = view(Spec(stand_in))["components"]["schemas"]["ObjectDeleted"]["properties"]["event"]
    assert seen == {"type": "string", "default": "Object Deleted", "enum": ["Group Deleted", "Object Deleted"]}


def test_an_answer_without_named_members_is_not_read(seen):
    responses = seen["paths"]["/track"]["post"]["responses"]
    assert "content" not in responses["200"]
    assert responses["400"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_a_parameter_keeps_its_description(seen):
    strict = seen["components"]["parameters"]["StrictMode"]
    assert strict["schema"]["description"] == strict["description"]
