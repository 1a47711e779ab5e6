import copy

import pytest

from scripts.importer.bodies import bodies
from scripts.importer.document import resolve

BOAT = {"type": "object", "properties": {"name": {"type": "string"}}}
SHIP = {"type": "object", "properties": {"decks": {"type": "integer"}}}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def operation(schema, name="build", kind="application/json"):
    found = {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}, "responses": {}}
    return found | ({"operationId": name} if name else {})


def document(*operations, **schemas):
    paths = {f"/boats{number}": {"post": one} for number, one in enumerate(operations)}
    return {"paths": paths, "components": {"schemas": schemas}}


def schema_of(found, path="/boats0", kind="application/json"):
    return found["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]


def test_an_inline_body_becomes_a_component_called_as_the_operation():
    source = document(operation(BOAT))
    before = copy.deepcopy(source)
    found = bodies(source)
    assert schema_of(found) == ref("build")
    assert found["components"]["schemas"] == {"build": BOAT}
    assert found["paths"]["/boats0"]["post"]["requestBody"]["required"] is True
    assert source == before
    assert bodies(found) == found


def test_a_body_that_is_a_reference_stays():
    source = document(operation(ref("Boat")), Boat=BOAT)
    assert bodies(source) == source


def test_a_component_that_is_called_so_already_and_says_something_else_keeps_its_name():
    found = bodies(document(operation(BOAT), build=SHIP))
    assert found["components"]["schemas"] == {"build": SHIP, "build2": BOAT}
    assert schema_of(found) == ref("build2")


def test_a_component_that_is_called_so_already_and_says_the_same_is_the_one():
    found = bodies(document(operation(BOAT), build=BOAT))
    assert found["components"]["schemas"] == {"build": BOAT}
    assert schema_of(found) == ref("build")


def test_each_of_several_kinds_of_content_has_its_own():
    one = operation(BOAT)
    one["requestBody"]["content"]["text/xml"] = {"schema": SHIP, "encoding": {}}
    found = bodies(document(one))
    assert found["components"]["schemas"] == {"build": BOAT, "build2": SHIP}
    assert schema_of(found, kind="text/xml") == ref("build2")
    assert found["paths"]["/boats0"]["post"]["requestBody"]["content"]["text/xml"]["encoding"] == {}


@pytest.mark.parametrize("source", [{}, {"paths": {}}, {"components": {"schemas": {"Boat": BOAT}}}])
def test_without_operations_nothing_is_named(source):
    found = bodies(source)
    assert found.get("components", {}).get("schemas", {}) == source.get("components", {}).get("schemas", {})
    assert bodies(found) == found


def test_a_document_without_components_gets_them():
    source = document(operation(BOAT))
    del source["components"]
    assert bodies(source)["components"] == {"schemas": {"build": BOAT}}


@pytest.mark.parametrize(
    "body", [{}, {"content": {}}, {"content": {"text/plain": {}}}, {"content": {"text/plain": {"schema": {}}}}]
)
def test_a_body_that_says_nothing_has_no_name(body):
    source = document({"operationId": "build", "requestBody": body})
    assert bodies(source)["paths"] == source["paths"]
    assert bodies(source)["components"] == {"schemas": {}}


def test_other_components_and_what_a_path_says_beside_stay():
    source = document(operation(BOAT))
    source["components"]["responses"] = {"Ok": {}}
    source["paths"]["/boats0"]["parameters"] = [{"name": "x", "in": "query"}]
    found = bodies(source)
    assert found["components"]["responses"] == {"Ok": {}}
    assert found["paths"]["/boats0"]["parameters"] == [{"name": "x", "in": "query"}]


@pytest.mark.parametrize("name", ["", "boats/build", "boats~1", "build"], ids=["none", "slash", "tilde", "plain"])
def test_the_reference_leads_to_the_body_whatever_the_operation_is_called(name):
    found = bodies(document(operation(BOAT, name)))
    assert resolve(found, schema_of(found)) == BOAT


@pytest.mark.parametrize("name", [None, 12])
def test_an_id_may_be_no_text(name):
    source = document({**operation(BOAT), "operationId": name})
    found = bodies(source)
    assert resolve(found, schema_of(found)) == BOAT


def test_two_operations_of_one_name_have_a_body_each():
    found = bodies(document(operation(BOAT), operation(SHIP), operation(BOAT)))
    schemas = [resolve(found, schema_of(found, path)) for path in found["paths"]]
    assert schemas == [BOAT, SHIP, BOAT]
