import copy
import json
from pathlib import Path

import pytest

from scripts.importer.tidy import tidy

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))


def document(schema=None, **rest):
    return {
        "openapi": "3.0.0",
        "info": {"title": "Boats", "version": "1"},
        **({"components": {"schemas": {"Boat": schema}}} if schema is not None else {}),
        **rest,
    }


def tidied(schema):
    """What becomes of a component, and again the same when it is tidied twice."""
    once = tidy(document(schema))
    assert tidy(once) == once
    return once["components"]["schemas"]["Boat"]


def member(schema):
    return tidied({"type": "object", "properties": {"sail": schema}})["properties"]["sail"]


def with_operation(operation, **rest):
    operation = {"responses": {"200": {"description": "Fine."}}, **operation}
    return document(paths={"/boats": {"get": operation}}, **rest)


def without_texts(node):
    if isinstance(node, dict):
        texts = ("description", "summary")
        return {
            key: without_texts(value) for key, value in node.items() if not (key in texts and isinstance(value, str))
        }
    return [without_texts(value) for value in node] if isinstance(node, list) else node


def test_prose_goes_and_what_later_passes_read_stays():
    source = document(
        {
            "type": "object",
            "title": "Boat Sailed",
            "description": "Prose.",
            "properties": {"sail": {"title": "A sail"}},
        },
        info={"title": "Boats", "version": "1", "description": "Limited to 5KB.", "contact": {"name": "Ann"}},
        externalDocs={"url": "https://example.org"},
    )
    found = tidy(source)
    assert found["info"] == {"title": "Boats", "version": "1", "description": "Limited to 5KB."}
    assert found["components"]["schemas"]["Boat"] == {
        "type": "object",
        "title": "Boat Sailed",
        "properties": {"sail": {}},
    }
    assert "externalDocs" not in found


def test_a_member_may_have_the_name_of_any_keyword():
    names = ["description", "title", "example", "type", "required", "items", "x-made-up", "allOf", "enum", "properties"]
    members = {name: {"type": "string"} for name in names}
    assert tidied({"type": "object", "properties": members}) == {"type": "object", "properties": members}


def test_the_importers_own_extensions_stay_and_those_of_the_vendor_go():
    mark = {"name": "Boat Sailed", "family": "boats", "shape": "properties", "source": "boat_sailed"}
    assert tidied({"type": "object", "x-semantic-event": mark, "x-batchable": True, "x-hidden": True}) == {
        "type": "object",
        "x-semantic-event": mark,
        "x-batchable": True,
    }


def test_the_input_is_not_changed():
    source = with_operation(
        {"security": [{"Some-Key": []}], "x-code": []}, components={"securitySchemes": {"Some-Key": {}}}
    )
    before = copy.deepcopy(source)
    tidy(source)
    assert source == before


def test_tidying_the_committed_spec_takes_its_descriptions_and_nothing_else():
    assert without_texts(tidy(COMMITTED)) == without_texts(COMMITTED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"oneOf": [{"type": "string"}], "nullable": True}, {"oneOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 0}),
        ({"type": "number", "maximum": 9, "exclusiveMaximum": False}, {"type": "number", "maximum": 9}),
    ],
)
def test_the_language_of_openapi_3_0_becomes_that_of_3_1(old, new):
    assert member(old) == new


def test_the_document_says_that_it_is_openapi_3_1():
    assert tidy(document({}))["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    "sound",
    [
        {"type": "integer", "default": 3},
        {"type": "number", "default": 3},
        {"type": "boolean", "default": False},
        {"type": ["string", "null"], "default": None},
        {"type": "string", "enum": ["a", "b"], "default": "b"},
        {"type": "string", "format": "date", "default": "2024-05-01"},
        {"default": "of any type"},
    ],
)
def test_a_default_that_its_schema_allows_stays(sound):
    assert member(sound) == sound


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "default": "price"},
        {"type": "integer", "default": True},
        {"type": "string", "default": "$.properties.sail"},
        {"type": "string", "default": None},
        {"type": "string", "enum": ["a", "b"], "default": "c"},
        {"type": "boolean", "const": True, "default": 1},
        {"type": "string", "format": "date-time", "default": "now"},
        {"allOf": [{"type": "string"}], "default": "$.sail"},
    ],
)
def test_a_default_that_its_schema_refuses_goes(schema):
    assert member(schema) == {key: value for key, value in schema.items() if key != "default"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "enum": ["a", "b", "a"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "const": "a"}),
        ({"enum": ["a"]}, {"type": "string", "const": "a"}),
        ({"enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"enum": ["a", "b", None]}, {"type": ["string", "null"], "enum": ["a", "b", None]}),
        ({"type": "string", "enum": ["a", "b", None]}, {"type": "string", "enum": ["a", "b"]}),
        ({"type": "string", "enum": [True, 2, "b"]}, {"type": "string", "enum": ["true", "2", "b"]}),
        ({"type": "integer", "enum": ["1", "2", "many"]}, {"type": "integer", "enum": [1, 2]}),
        ({"type": "boolean", "enum": ["true", "false"]}, {"type": "boolean", "enum": [True, False]}),
        ({"type": "object", "enum": ["a", "b"]}, {"type": "object"}),
        ({"type": "number", "enum": [1]}, {"type": "number", "const": 1}),
        (
            {"enum": ["auto", "none", 1]},
            {"anyOf": [{"type": "string", "enum": ["auto", "none"]}, {"type": "integer", "const": 1}]},
        ),
    ],
)
def test_an_enum_has_distinct_values_of_its_schemas_type(old, new):
    assert member(old) == new


@pytest.mark.parametrize("nothing", [None, True, {}, {"description": "Whatever you like."}, {"x-name": "More"}])
def test_additional_properties_that_say_nothing_go(nothing):
    assert member({"type": "object", "additionalProperties": nothing}) == {"type": "object"}


@pytest.mark.parametrize("something", [False, {"type": "boolean"}])
def test_additional_properties_that_say_something_stay(something):
    assert member({"type": "object", "additionalProperties": something}) == {
        "type": "object",
        "additionalProperties": something,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"type": "object", "properties": {"additionalProperties": {"type": "integer"}, "a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        ),
        (
            {"properties": {"allOf": [{"type": "object"}]}, "allOf": [{"$ref": "#/components/schemas/Boat"}]},
            {"properties": {}, "allOf": [{"$ref": "#/components/schemas/Boat"}, {"type": "object"}]},
        ),
        (
            {"properties": {"a": {"type": "string"}, "type": "object"}},
            {"properties": {"a": {"type": "string"}}, "type": "object"},
        ),
    ],
)
def test_a_keyword_among_the_members_moves_to_the_object(old, new):
    assert member(old) == new


def test_a_member_that_says_itself_that_it_is_required_is_required_by_its_object():
    found = tidied(
        {
            "type": "object",
            "required": ["keel"],
            "properties": {"sail": {"type": "string", "required": True}, "oar": {"type": "string", "required": False}},
        }
    )
    assert found == {
        "type": "object",
        "required": ["keel", "sail"],
        "properties": {"sail": {"type": "string"}, "oar": {"type": "string"}},
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": ["string"]}, {"type": "string"}),
        ({"type": ["string", "null", "string"]}, {"type": ["string", "null"]}),
        ({"type": "text"}, {}),
    ],
)
def test_a_type_is_stated_where_it_is_plain_and_in_the_simplest_form(old, new):
    assert member(old) == new


def test_alternatives_of_required_members_get_no_type():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "object"}},
        "anyOf": [{"required": ["a"], "properties": {"a": {"properties": {"b": {"enum": ["c", "d"]}}}}}],
    }
    assert tidied(schema) == schema


def test_a_header_with_one_value_stays_an_open_string():
    parameter = {"name": "X-Strict", "in": "header", "schema": {"type": "string", "enum": ["1"]}}
    found = tidy(with_operation({"parameters": [parameter]}))
    assert found["paths"]["/boats"]["get"]["parameters"][0]["schema"] == {"type": "string"}


def test_response_keys_are_status_codes_and_every_response_has_a_description():
    keys = ("200", "4XX", "default", "400-boats")
    source = with_operation({"responses": {key: {"description": "Prose."} for key in keys}})
    found = tidy(source)["paths"]["/boats"]["get"]["responses"]
    assert found == {key: {"description": ""} for key in keys[:3]}


def test_parameters_of_a_path_go_to_its_operations_and_yield_to_their_own():
    def named(name, place="query", **rest):
        return {"name": name, "in": place, **rest}

    source = document(
        paths={
            "/boats": {
                "parameters": [named("limit", schema={"type": "string"}), {"$ref": "#/components/parameters/Start"}],
                "get": {"parameters": [named("limit", schema={"type": "integer"}), named("start", "header")]},
                "put": {},
            }
        },
        components={"parameters": {"Start": named("start")}},
    )
    item = tidy(source)["paths"]["/boats"]
    start = {"$ref": "#/components/parameters/Start"}
    assert item["get"]["parameters"] == [start, named("limit", schema={"type": "integer"}), named("start", "header")]
    assert item["put"]["parameters"] == [named("limit", schema={"type": "string"}), start]
    assert "parameters" not in item


def test_servers_of_an_operation_stay_only_where_they_differ():
    roots = [{"url": "https://a.example"}, {"url": "https://b.example"}]
    other = [{"url": "https://c.example"}]
    for own, kept in (roots[:1], None), (other, other):
        found = tidy(with_operation({"servers": own}, servers=roots))
        assert found["paths"]["/boats"]["get"].get("servers") == kept


def test_security_is_said_once_and_open_operations_stay_open():
    source = document(
        paths={
            "/boats": {"get": {"security": [{"Some-API-Key": []}]}, "put": {"security": [{"Some-API-Key": []}]}},
            "/time": {"get": {"security": []}},
        },
        components={"securitySchemes": {"Some-API-Key": {"type": "http", "scheme": "basic", "description": "Prose."}}},
    )
    found = tidy(source)
    assert found["security"] == [{"someApiKey": []}]
    assert found["components"]["securitySchemes"] == {"someApiKey": {"type": "http", "scheme": "basic"}}
    assert found["paths"] == {"/boats": {"get": {}, "put": {}}, "/time": {"get": {"security": []}}}
    assert tidy(found) == found


def test_an_operation_that_says_nothing_of_security_needs_no_key_where_the_root_says_nothing_either():
    source = document(paths={"/boats": {"get": {"security": [{"key": []}]}, "put": {}}})
    found = tidy(source)
    assert found["security"] == [{"key": []}]
    assert found["paths"] == {"/boats": {"get": {}, "put": {"security": []}}}


def test_an_address_ends_without_a_slash():
    get = {"servers": [{"url": "https://boats.test/v1"}]}
    found = tidy(document(servers=[{"url": "https://boats.test/v1/"}], paths={"/boats": {"get": get}}))
    assert found["servers"] == [{"url": "https://boats.test/v1"}]
    assert "servers" not in found["paths"]["/boats"]["get"]
