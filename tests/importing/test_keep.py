import copy
import json
from pathlib import Path

import pytest

from scripts.importer.keep import in_order, keep_everything, keep_unspoken

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def event(family="fleet", name="Sailed", **mark):
    found = {"name": name, "family": family, "shape": "properties", **mark}
    return thing() | {"x-semantic-event": found}


def with_schemas(**schemas):
    return {"components": {"schemas": schemas}}


@pytest.fixture(autouse=True)
def inputs_unchanged(monkeypatch):
    """Let each test fail that changes a document it was given."""
    for name in ("keep_unspoken", "keep_everything", "in_order"):
        monkeypatch.setitem(globals(), name, _checked(globals()[name]))


def _checked(function):
    def checked(document, committed):
        before = copy.deepcopy([document, committed])
        found = function(document, committed)
        assert [document, committed] == before
        return found

    return checked


# What the files do not speak of


def test_topics_that_the_files_do_not_speak_of_stay():
    committed = {"servers": [{"url": "a"}], "security": [{"basic": []}], "x-limits": {"crew": 1}, "paths": {"/a": {}}}
    assert keep_unspoken({"servers": [{"url": "b"}]}, committed) == committed | {
        "servers": [{"url": "b"}],
        "components": {"schemas": {}},
    }
    assert keep_unspoken({"paths": {"/b": {}}}, committed)["paths"] == {"/b": {}}


@pytest.mark.parametrize("empty", [{"servers": [], "paths": {}, "x-limits": {}, "security": []}, {}])
def test_what_is_there_and_empty_is_not_spoken_of(empty):
    committed = {"servers": [{"url": "a"}], "security": [{"basic": []}], "x-limits": {"crew": 1}, "paths": {"/a": {}}}
    assert keep_unspoken(empty, committed) == committed | {"components": {"schemas": {}}}


def test_events_of_other_families_stay_and_those_of_the_same_go():
    committed = with_schemas(Sailed=event(), Sunk=event(name="Sunk"), Hired=event("crew", "Hired"))
    found = keep_unspoken(with_schemas(Sailed=event()), committed)
    assert found["components"]["schemas"].keys() == {"Sailed", "Hired"}


def test_a_family_stays_without_news_of_any():
    committed = with_schemas(Sailed=event(), Wind=thing(speed=NUMBER))
    assert keep_unspoken({"paths": {"/a": {}}}, committed)["components"] == committed["components"]


def test_an_event_that_has_moved_to_another_family_is_the_files():
    committed = with_schemas(Sailed=event("crew"), Hired=event("crew", "Hired"))
    found = keep_unspoken(with_schemas(Sailed=event("fleet")), committed)["components"]["schemas"]
    assert found == {"Sailed": event("fleet"), "Hired": event("crew", "Hired")}


def test_components_of_every_kind_come_together_and_the_files_count():
    committed = {"components": {"responses": {"Ok": {"description": "old"}, "Bad": {}}, "parameters": {"Limit": {}}}}
    found = keep_unspoken({"components": {"responses": {"Ok": {"description": "new"}}}}, committed)["components"]
    assert found == {"responses": {"Ok": {"description": "new"}, "Bad": {}}, "parameters": {"Limit": {}}, "schemas": {}}


@pytest.mark.parametrize("keep", [keep_unspoken, keep_everything])
def test_without_a_committed_document_the_files_are_everything(keep):
    document = {"paths": {"/a": {}}, **with_schemas(Sailed=event())}
    assert keep(document, {}) == document


@pytest.mark.parametrize("keep", [keep_unspoken, keep_everything, in_order])
def test_the_same_document_stays_the_same(keep):
    assert keep(COMMITTED, COMMITTED) == COMMITTED


@pytest.mark.parametrize("keep", [keep_unspoken, keep_everything])
def test_keeping_twice_is_keeping_once(keep):
    document = {"paths": {"/b": {"get": {"responses": {}}}}, **with_schemas(Sailed=event(), Boat=thing(a=TEXT))}
    committed = {
        "paths": {"/a": {}, "/b": {"get": {"responses": {"200": {}}}}},
        **with_schemas(Hired=event("crew"), Boat=thing(b=TEXT)),
    }
    once = keep(document, committed)
    assert keep(once, committed) == once


# Everything


def kept(new, old):
    return keep_everything(with_schemas(Boat=new), with_schemas(Boat=old))["components"]["schemas"]["Boat"]


@pytest.mark.parametrize(
    ("new", "old", "result"),
    [
        (thing(a=TEXT), thing(b=TEXT), thing(a=TEXT, b=TEXT)),
        (thing(a=TEXT), thing(a=NUMBER), thing(a=TEXT)),
        (thing(a=TEXT), thing("b", a=TEXT, b=TEXT), thing(a=TEXT, b=TEXT)),
        (thing("a", a=TEXT), thing(a=TEXT), thing("a", a=TEXT)),
        ({"type": "object"}, thing(a=TEXT), thing(a=TEXT)),
        (thing(a=thing(x=TEXT)), thing(a=thing(y=TEXT)), thing(a=thing(x=TEXT, y=TEXT))),
        (thing(a=ref("New")), thing(a=ref("Old")), thing(a=ref("New"))),
        (thing(a=ref("New")), thing(a=TEXT), thing(a=ref("New"))),
        (thing(a=TEXT), thing(a=ref("Old")), thing(a=TEXT)),
        ({"enum": ["a", "c"]}, {"enum": ["a", "b"]}, {"enum": ["a", "c", "b"]}),
        ({"enum": [1]}, {"enum": [True]}, {"enum": [1, True]}),
        (TEXT, {"type": "string", "enum": ["a", "b"]}, TEXT),
        ({"type": "string", "enum": ["a", "b"]}, TEXT, {"type": "string", "enum": ["a", "b"]}),
        ({"anyOf": [ref("A"), TEXT]}, {"anyOf": [ref("B"), TEXT]}, {"anyOf": [ref("A"), TEXT, ref("B")]}),
        (thing(a=TEXT), thing(a=TEXT) | {"anyOf": [{"required": ["a"]}]}, thing(a=TEXT)),
        (
            {"type": "array", "items": thing(a=TEXT)},
            {"type": "array", "items": thing(b=TEXT)},
            {"type": "array", "items": thing(a=TEXT, b=TEXT)},
        ),
        (thing(a=TEXT, old=False), thing(old=TEXT), thing(a=TEXT, old=False)),
    ],
)
def test_what_a_schema_no_longer_has_stays(new, old, result):
    assert kept(new, old) == result


@pytest.mark.parametrize(
    ("new", "old", "values"),
    [
        ({"type": "string", "const": "a", "default": "a"}, {"type": "string", "enum": ["a", "b"]}, {"a", "b"}),
        ({"type": "string", "enum": ["a", "c"]}, {"type": "string", "const": "b", "default": "b"}, {"a", "b", "c"}),
        (
            {"type": "string", "const": "a", "default": "a"},
            {"type": "string", "const": "b", "default": "b"},
            {"a", "b"},
        ),
    ],
    ids=["enum to constant", "constant to enum", "constant to constant"],
)
def test_values_stay_whether_they_are_one_or_several(new, old, values):
    assert set(kept(new, old).get("enum", ())) == values


def test_an_alternative_is_kept_once_whatever_the_order_inside_it():
    one, other = ({"type": "array", "items": {"anyOf": order}} for order in ([TEXT, NUMBER], [NUMBER, TEXT]))
    assert kept({"anyOf": [one, TEXT]}, {"anyOf": [other, TEXT]}) in ({"anyOf": [one, TEXT]}, {"anyOf": [other, TEXT]})


def test_that_a_call_may_travel_in_a_batch_stays():
    assert kept(thing(a=TEXT), thing(a=TEXT) | {"x-batchable": True})["x-batchable"] is True


@pytest.mark.parametrize(
    ("new", "old", "mark"),
    [
        ({}, {"aliases": ["Left"]}, {"aliases": ["Left"]}),
        ({"aliases": ["Gone"]}, {"aliases": ["Left"]}, {"aliases": ["Gone", "Left"]}),
        ({"aliases": ["Left"]}, {}, {"aliases": ["Left"]}),
        ({}, {"aliases": ["Sailed"]}, {}),
        ({}, {"context": ref("Sea")}, {"context": ref("Sea")}),
        ({"context": ref("Sky")}, {"context": ref("Sea")}, {"context": ref("Sky")}),
        ({"shape": "envelope"}, {}, {"shape": "envelope"}),
        ({}, {"family": "crew"}, {}),
    ],
)
def test_what_an_event_is_called_stays(new, old, mark):
    assert kept(event(**new), event(**old)) == event(**mark)


def test_a_component_that_was_an_event_is_what_the_files_say():
    assert "x-semantic-event" not in kept(thing(a=TEXT), event())
    assert kept(event(), thing(a=TEXT))["x-semantic-event"] == event()["x-semantic-event"]


def test_components_paths_and_methods_stay():
    committed = {
        "paths": {"/a": {"get": {"operationId": "a"}}, "/b": {"post": {"operationId": "b"}}},
        **with_schemas(Old=TEXT),
    }
    found = keep_everything({"paths": {"/a": {"put": {"operationId": "c"}}}, **with_schemas(New=TEXT)}, committed)
    assert found["paths"] == {
        "/a": {"get": {"operationId": "a"}, "put": {"operationId": "c"}},
        "/b": {"post": {"operationId": "b"}},
    }
    assert found["components"]["schemas"] == {"Old": TEXT, "New": TEXT}


def operation(new, old):
    found = keep_everything({"paths": {"/a": {"get": new}}}, {"paths": {"/a": {"get": old}}})
    return found["paths"]["/a"]["get"]


def test_the_answers_of_an_operation_stay():
    found = operation({"responses": {"200": {"description": "new"}}}, {"responses": {"200": {}, "404": {}}})
    assert found["responses"] == {"200": {"description": "new"}, "404": {}}


def test_the_parameters_of_an_operation_stay():
    limit, page = ({"name": name, "in": "query"} for name in ("limit", "page"))
    assert operation({"parameters": [limit]}, {"parameters": [page, limit]})["parameters"] == [limit, page]
    assert operation({}, {"parameters": [page]})["parameters"] == [page]


def test_a_parameter_that_has_changed_is_there_once():
    new, old = ({"name": "limit", "in": "query", "schema": schema} for schema in (NUMBER, TEXT))
    assert operation({"parameters": [new]}, {"parameters": [old]})["parameters"] == [new]


def test_the_body_of_an_operation_stays():
    json_body, xml_body = {"application/json": {"schema": TEXT}}, {"text/xml": {"schema": TEXT}}
    assert operation({}, {"requestBody": {"content": json_body}})["requestBody"] == {"content": json_body}
    both = operation({"requestBody": {"content": json_body}}, {"requestBody": {"content": json_body | xml_body}})
    assert both["requestBody"] == {"content": json_body | xml_body}


def test_the_body_of_an_answer_stays():
    old = {"200": {"description": "", "content": {"application/json": {"schema": TEXT}}}}
    assert operation({"responses": {"200": {"description": ""}}}, {"responses": old})["responses"] == old


def test_limits_stay_at_every_level():
    found = keep_everything(
        {"x-limits": {"window": {"requests": 2}}}, {"x-limits": {"crew": 1, "window": {"requests": 1, "seconds": 3}}}
    )
    assert found["x-limits"] == {"crew": 1, "window": {"requests": 2, "seconds": 3}}


def test_servers_tags_and_ways_to_sign_in_stay():
    committed = {
        "servers": [{"url": "a", "x-region": "us"}, {"url": "b"}],
        "tags": [{"name": "calls", "description": "Calls."}],
        "security": [{"basic": []}],
    }
    document = {"servers": [{"url": "c"}, {"url": "a"}], "tags": [{"name": "boats"}], "security": [{"bearer": []}]}
    assert keep_everything(document, committed) == {
        "servers": [{"url": "c"}, {"url": "a"}, {"url": "b"}],
        "tags": [{"name": "boats"}, {"name": "calls", "description": "Calls."}],
        "security": [{"bearer": []}, {"basic": []}],
        "components": {},
    }


# Order


@pytest.mark.parametrize(
    ("new", "old", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 9, "a": 9}, '{"b": 2, "a": 1}'),
        ({"c": 1, "a": 2}, {"a": 9, "b": 9}, '{"a": 2, "c": 1}'),
        ({"anyOf": [TEXT, NUMBER]}, {"anyOf": [NUMBER, TEXT]}, json.dumps({"anyOf": [NUMBER, TEXT]})),
        (
            {"anyOf": [{"a": 1}, TEXT, NUMBER, {"b": 2}]},
            {"anyOf": [NUMBER, TEXT]},
            json.dumps({"anyOf": [NUMBER, TEXT, {"a": 1}, {"b": 2}]}),
        ),
        ({"x": {"anyOf": [1, 2]}}, {"x": {"anyOf": [2, 1]}}, '{"x": {"anyOf": [2, 1]}}'),
        ({"servers": [1, 2]}, {"servers": [2, 1]}, '{"servers": [1, 2]}'),
        ({"a": {"b": 1}}, {"a": "text"}, '{"a": {"b": 1}}'),
        ({"anyOf": {"b": 1, "a": 2}}, {"anyOf": {"a": 2, "b": 1}}, '{"anyOf": {"a": 2, "b": 1}}'),
    ],
)
def test_keys_and_alternatives_come_in_the_committed_order(new, old, result):
    found = in_order(new, old)
    assert json.dumps(found) == result
    assert json.dumps(in_order(found, old)) == result


def test_an_alternative_has_its_place_whatever_the_order_of_what_it_requires():
    one, other = {"required": ["a", "b"]}, {"required": ["c"]}
    found = in_order({"anyOf": [other, {"required": ["b", "a"]}]}, {"anyOf": [one, other]})
    assert [sorted(part["required"]) for part in found["anyOf"]] == [["a", "b"], ["c"]]
