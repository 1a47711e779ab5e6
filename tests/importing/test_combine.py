import copy

import pytest

from scripts.importer.combine import combine, topics
from scripts.importer.document import resolve

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def thing(**members):
    return {"type": "object", "properties": members}


def event(family, name="Sailed", **members):
    return thing(**members) | {"x-semantic-event": {"name": name, "family": family, "shape": "properties"}}


def document(title, *, components=None, **parts):
    schemas = parts.pop("schemas", {})
    return {
        "openapi": "3.1.0",
        "info": {"title": title},
        **parts,
        "components": {"schemas": schemas, **(components or {})},
    }


def combined(*documents):
    before = copy.deepcopy(documents)
    found = combine(documents)
    assert documents == before
    return found


def marked(found):
    schemas = found["components"]["schemas"].values()
    return sorted(schema["x-semantic-event"]["name"] for schema in schemas if "x-semantic-event" in schema)


def resolved(document, node):
    """Return a tree with what it refers to in place of the references."""
    if isinstance(node, list):
        return [resolved(document, part) for part in node]
    if not isinstance(node, dict):
        return node
    node = resolve(document, node)
    return {key: resolved(document, value) for key, value in node.items()}


@pytest.mark.parametrize(
    ("source", "spoken"),
    [
        ({}, set()),
        ({"paths": {}, "servers": [], "security": [], "x-limits": {}}, set()),
        ({"paths": {"/boats": {}}, "servers": [{"url": "a"}]}, {"paths", "servers"}),
        ({"security": [{}], "x-limits": {"crew": 1}}, {"security", "x-limits"}),
        (
            document("a", schemas={"e": event("fleet"), "f": event("fleet"), "g": event("crew"), "h": thing()}),
            {"events.fleet", "events.crew"},
        ),
        ({"info": {"title": "a"}, "tags": [{"name": "a"}]}, set()),
    ],
)
def test_what_a_document_speaks_of(source, spoken):
    assert topics(source) == spoken


def test_one_document_stays_as_it_is():
    one = document("only", paths={"/a": {}}, schemas={"a": event("fleet")})
    assert combined(one) == one
    assert combine([combined(one)]) == one


def test_of_each_topic_the_newest_file_that_speaks_of_it_is_believed():
    new = document("new", paths={"/new": {}}, servers=[])
    old = document("old", paths={"/old": {}}, servers=[{"url": "old"}], security=[{"basic": []}])
    oldest = document("oldest", security=[{"bearer": []}], **{"x-limits": {"crew": 3}})
    found = combined(new, old, oldest)
    assert found["info"] == {"title": "new"}
    assert found["paths"] == {"/new": {}}
    assert found["servers"] == [{"url": "old"}]
    assert found["security"] == [{"basic": []}]
    assert found["x-limits"] == {"crew": 3}


def test_a_family_of_events_is_a_topic():
    new = document("new", schemas={"a": event("fleet", "New")})
    old = document("old", schemas={"b": event("fleet", "Old"), "c": event("crew", "Hired")})
    oldest = document("oldest", schemas={"d": event("crew", "Fired"), "e": event("harbour", "Left")})
    found = combined(new, old, oldest)
    assert marked(found) == ["Hired", "Left", "New"]
    assert found["components"]["schemas"]["b"] == thing()


def test_a_file_may_have_events_of_several_families():
    new = document("new", schemas={"a": event("fleet", "New")})
    old = document(
        "old", schemas={"b": event("fleet", "Old"), "c": event("crew", "Hired"), "d": event("crew", "Fired")}
    )
    assert marked(combined(new, old)) == ["Fired", "Hired", "New"]
    assert marked(combined(old, new)) == ["Fired", "Hired", "Old"]


def test_the_same_file_twice_is_the_file():
    one = document(
        "one", paths={"/a": {}}, schemas={"a": event("fleet", wind=ref("Wind")), "Wind": thing(speed=NUMBER)}
    )
    assert marked(combined(one, one)) == ["Sailed"]
    assert resolved(combined(one, one), ref("a")) == resolved(one, ref("a"))


def test_other_components_come_with_the_paths_and_the_security_that_refer_to_them():
    schemes = {"basic": {"scheme": "basic"}}
    new = document("new", components={"securitySchemes": schemes, "responses": {"Ok": {}}}, security=[{"basic": []}])
    old = document(
        "old", components={"securitySchemes": {"bearer": {}}, "responses": {"Fine": {}}}, paths={"/sail": {}}
    )
    assert combined(new, old)["components"] == {
        "schemas": {},
        "securitySchemes": schemes,
        "responses": {"Fine": {}},
    }


@pytest.mark.parametrize("parts", [{"components": {}}, {}, {"paths": {}}])
def test_a_file_may_have_hardly_anything(parts):
    found = combined(document("new", schemas={"a": event("fleet")}), parts, parts)
    assert marked(found) == ["Sailed"]
    assert combined(parts)["components"] == {}


NEW = document("new", schemas={"a": event("fleet", "New", wind=ref("Wind")), "Wind": thing(speed=NUMBER)})


def older(schema):
    return document("old", schemas={"b": schema, "Wind": thing(force=TEXT)})


def test_a_component_that_both_have_is_the_newer_one_for_the_newer_file():
    found = combined(NEW, older(event("crew", wind=ref("Wind"))))
    assert resolved(found, ref("a"))["properties"] == {"wind": thing(speed=NUMBER)}


def test_a_component_that_both_have_is_the_older_one_for_the_older_file():
    found = combined(NEW, older(event("crew", wind=ref("Wind"))))
    assert resolved(found, ref("b"))["properties"] == {"wind": thing(force=TEXT)}


def test_the_context_in_the_mark_is_renamed_too():
    schema = event("crew")
    schema["x-semantic-event"]["context"] = ref("Wind")
    found = combined(NEW, older(schema))
    assert resolved(found, found["components"]["schemas"]["b"]["x-semantic-event"]["context"]) == thing(force=TEXT)


def test_a_reference_to_a_part_of_a_renamed_component_leads_to_that_part():
    found = combined(NEW, older(event("crew", force=ref("Wind/properties/force"))))
    assert resolved(found, ref("b"))["properties"] == {"force": TEXT}


def test_an_older_file_s_paths_refer_to_its_own_components():
    old = document(
        "old", paths={"/a": {"get": {"responses": {"200": ref("Wind")}}}}, schemas={"Wind": thing(force=TEXT)}
    )
    found = combined(NEW, old)
    assert resolve(found, found["paths"]["/a"]["get"]["responses"]["200"]) == thing(force=TEXT)


@pytest.mark.parametrize("kind", ["parameters", "responses", "requestBodies"])
def test_other_components_of_one_name_are_kept_apart_too(kind):
    here = {"$ref": f"#/components/{kind}/Wind"}
    new = document("new", components={kind: {"Wind": {"name": "new"}}}, servers=[{"url": "a"}])
    old = document("old", components={kind: {"Wind": {"name": "old"}}}, paths={"/a": {"parameters": [here]}})
    found = combined(new, old)
    assert resolve(found, found["paths"]["/a"]["parameters"][0]) == {"name": "old"}


def test_values_that_look_like_references_stay():
    schema = event("crew", link={"type": "object", "default": {"$ref": "https://boats.example/Wind"}})
    assert combined(NEW, older(schema))["components"]["schemas"]["b"] == schema


def test_what_only_the_older_file_has_keeps_its_name():
    found = combined(NEW, document("old", schemas={"b": event("crew", sea=ref("Sea")), "Sea": thing(depth=NUMBER)}))
    assert found["components"]["schemas"]["b"]["properties"] == {"sea": ref("Sea")}
    assert resolved(found, ref("b"))["properties"] == {"sea": thing(depth=NUMBER)}
