import copy
import json
import random
from pathlib import Path

import pytest

from scripts.importer.finish import finish, ordered

TEXT = (Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8")
COMMITTED = json.loads(TEXT)


def as_text(document):
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def finished(schema):
    once = finish({"components": {"schemas": {"Boat": schema}}})
    assert as_text(finish(once)) == as_text(once)
    return once["components"]["schemas"]["Boat"]


def shuffled(node, random):
    if isinstance(node, dict):
        keys = random.sample(list(node), len(node))
        # Extensions keep the order in which they are written.
        return {key: node[key] if key.startswith("x-") else shuffled(node[key], random) for key in keys}
    return [shuffled(part, random) for part in node] if isinstance(node, list) else node


def test_ordering_the_committed_spec_gives_its_bytes():
    assert as_text(ordered(COMMITTED)) == TEXT


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_order_of_the_input_the_bytes_are_the_same(seed):
    assert as_text(ordered(shuffled(COMMITTED, random.Random(seed)))) == TEXT


def test_finishing_the_committed_spec_takes_the_text_of_its_info_and_nothing_else():
    info = {key: value for key, value in COMMITTED["info"].items() if key != "description"}
    assert as_text(finish(COMMITTED)) == as_text({**COMMITTED, "info": info})


def test_members_named_like_keywords_are_sorted_as_names():
    members = {
        "version": {},
        "const": {"type": "string"},
        "required": {"type": "array"},
        "properties": {},
        "default": {},
    }
    found = ordered({"properties": members})["properties"]
    assert list(found) == sorted(members)


def test_sets_are_sorted_and_lists_that_mean_something_are_not():
    schema = {
        "enum": ["b", None, "a", 10, 9],
        "required": ["b", "a"],
        "anyOf": [{"type": "string"}, {"type": "number"}],
    }
    assert ordered(schema) == {
        "required": ["a", "b"],
        "enum": [9, 10, "a", "b", None],
        "anyOf": [{"type": "string"}, {"type": "number"}],
    }


def test_a_constant_is_its_own_default_and_never_required():
    schema = {
        "type": "object",
        "required": ["kind", "sail"],
        "properties": {"kind": {"type": "string", "const": "boat"}, "sail": {"type": "string"}},
    }
    assert finished(schema) == {
        "required": ["sail"],
        "type": "object",
        "properties": {"kind": {"type": "string", "const": "boat", "default": "boat"}, "sail": {"type": "string"}},
    }


def test_a_constant_is_not_required_where_it_is_a_component_of_its_own():
    source = {
        "components": {
            "schemas": {
                "Boat": {"required": ["kind"], "properties": {"kind": {"$ref": "#/components/schemas/Kind"}}},
                "Kind": {"const": "boat"},
            }
        }
    }
    assert "required" not in finish(source)["components"]["schemas"]["Boat"]


@pytest.mark.parametrize(
    ("alternatives", "left"),
    [
        ([["a", "kind"], ["b", "kind"]], {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        ([["a", "kind"], ["a"]], {"required": ["a"]}),
        ([["a"], ["kind"]], {}),
    ],
)
def test_alternatives_do_not_require_a_constant_and_stay_meaningful(alternatives, left):
    members = {"a": {}, "b": {}, "kind": {"const": "boat", "default": "boat"}}
    found = finished({"properties": members, "anyOf": [{"required": names} for names in alternatives]})
    assert found == {**left, "properties": members}


def test_an_alternative_that_says_more_than_required_stays():
    alternative = {"required": ["event"], "properties": {"event": {"enum": ["b", "a"]}}}
    schema = {
        "properties": {"event": {"type": "string"}, "kind": {"const": "track"}},
        "anyOf": [{"required": ["id"]}, alternative],
    }
    assert finished(schema)["anyOf"] == [
        {"required": ["id"]},
        {"required": ["event"], "properties": {"event": {"enum": ["a", "b"]}}},
    ]


def test_what_is_empty_goes_but_an_event_without_members_keeps_its_form():
    source = {
        "paths": {"/boats": {"get": {"parameters": [], "operationId": "boats"}}},
        "components": {
            "schemas": {
                "Boat": {"type": "object", "required": [], "properties": {}},
                "Sailed": {"type": "object", "x-semantic-event": {"name": "Sailed", "source": "sailed"}},
            }
        },
    }
    found = finish(source)
    assert found["paths"] == {"/boats": {"get": {"operationId": "boats"}}}
    assert found["components"]["schemas"] == {
        "Boat": {"type": "object"},
        "Sailed": {"type": "object", "properties": {}, "x-semantic-event": {"name": "Sailed"}},
    }


def test_texts_that_only_the_passes_read_go():
    source = {
        "info": {"title": "Boats", "description": "Limits.", "version": "1"},
        "components": {
            "schemas": {"Boat": {"title": "A boat", "properties": {"title": {"title": "The title", "type": "string"}}}}
        },
    }
    assert finish(source) == {
        "info": {"title": "Boats", "version": "1"},
        "components": {"schemas": {"Boat": {"properties": {"title": {"type": "string"}}}}},
    }


@pytest.mark.parametrize(("required", "default"), [(True, {"default": "x"}), (False, {}), (None, {})])
def test_a_parameter_that_may_be_absent_is_not_sent_by_default(required, default):
    parameter = {"in": "query", "name": "sort", "schema": {"const": "x"}}
    parameter |= {} if required is None else {"required": required}
    source = {"paths": {"/boats": {"get": {"parameters": [parameter]}}}}
    found = finish(source)["paths"]["/boats"]["get"]["parameters"][0]["schema"]
    assert found == {"const": "x", **default}


def test_a_parameter_keeps_a_default_that_the_vendor_states():
    parameter = {"in": "query", "name": "limit", "schema": {"type": "integer", "default": 50}}
    found = finish({"paths": {"/boats": {"get": {"parameters": [parameter]}}}})
    assert found["paths"]["/boats"]["get"]["parameters"][0]["schema"] == {"type": "integer", "default": 50}


@pytest.mark.parametrize(
    ("urls", "regions"),
    [
        (["https://api.example/v1", "https://api-eu.example/v1"], [None, "eu"]),
        (["https://api-eu.example", "https://api.example", "https://api-us2.example"], ["eu", None, "us2"]),
        (["https://api-eu.example"], [None]),
        (["https://api.example/v1", "https://api-eu.example/v2"], [None, None]),
        (["https://api.example", "https://other-eu.example"], [None, None]),
    ],
)
def test_a_region_is_what_a_host_has_more_than_another(urls, regions):
    found = finish({"servers": [{"url": url} for url in urls]})["servers"]
    assert [server.get("x-region") for server in found] == regions


def test_a_region_that_is_stated_stays():
    servers = [{"url": "https://api.example"}, {"url": "https://api-eu.example", "x-region": "europe"}]
    assert finish({"servers": servers})["servers"] == servers


def test_the_input_is_not_changed():
    source = {
        "components": {
            "schemas": {"Boat": {"title": "A boat", "required": ["b", "a"], "properties": {"a": {"const": 1}}}}
        }
    }
    before = copy.deepcopy(source)
    finish(source)
    assert source == before
