import copy
import json
from pathlib import Path

from scripts.importer.prune import prune

COMMITTED = json.loads((Path(__file__).parents[2] / "cio_pipelines_api.json").read_text("utf-8"))


def ref(name, group="schemas"):
    return {"$ref": f"#/components/{group}/{name}"}


def event(**mark):
    return {"type": "object", "x-semantic-event": {"name": "Boat Sailed", **mark}}


def test_what_a_path_reaches_stays_through_components_of_every_kind():
    source = {
        "paths": {
            "/boats": {
                "get": {"parameters": [ref("Limit", "parameters")], "responses": {"200": ref("Ok", "responses")}}
            }
        },
        "components": {
            "parameters": {"Limit": {"schema": ref("Number")}, "Start": {"schema": ref("Text")}},
            "responses": {"Ok": {"content": {"application/json": {"schema": ref("Boat")}}}, "Bad": {}},
            "headers": {"Age": {"schema": {"type": "string"}}},
            "schemas": {
                "Boat": {"properties": {"sail": ref("Sail")}},
                "Sail": {"anyOf": [ref("Boat"), {"type": "null"}]},
                "Number": {"type": "integer"},
                "Text": {"type": "string"},
                "Etl": {"properties": {"sail": ref("Sail")}},
            },
        },
    }
    before = copy.deepcopy(source)
    found = prune(source)["components"]
    assert {group: set(parts) for group, parts in found.items()} == {
        "parameters": {"Limit"},
        "responses": {"Ok"},
        "schemas": {"Boat", "Sail", "Number"},
    }
    assert source == before
    assert prune(prune(source)) == prune(source)


def test_an_event_stays_with_what_it_is_made_of_and_its_context():
    schemas = {
        "BoatSailed": event(context=ref("SeaContext")) | {"properties": {"sail": ref("Sail")}},
        "SeaContext": {"properties": {"wind": ref("Wind")}},
        "Wind": {"type": "number"},
        "Sail": {"type": "object"},
        "Boat": {"type": "object"},
    }
    found = prune({"paths": {}, "components": {"schemas": schemas}})["components"]["schemas"]
    assert set(found) == set(schemas) - {"Boat"}


def test_a_security_scheme_stays_when_an_operation_or_the_document_names_it():
    source = {
        "security": [{"basic": []}],
        "paths": {"/boats": {"get": {"security": [{"bearer": []}]}}},
        "components": {"securitySchemes": {"basic": {}, "bearer": {}, "query": {}}},
    }
    assert prune(source)["components"] == {"securitySchemes": {"basic": {}, "bearer": {}}}


def test_a_reference_to_a_part_of_a_component_keeps_the_component():
    source = {
        "paths": {"/boats": {"get": {"responses": {"200": ref("Boat~1Ship/properties/sail")}}}},
        "components": {"schemas": {"Boat/Ship": {"properties": {"sail": {}}}, "Boat": {}}},
    }
    assert set(prune(source)["components"]["schemas"]) == {"Boat/Ship"}


def test_nothing_is_left_of_components_that_nothing_reaches():
    assert prune({"paths": {}, "components": {"schemas": {"Boat": {}}}}) == {"paths": {}}


def test_a_member_named_like_a_reference_is_none():
    source = {
        "paths": {"/boats": {"get": {"schema": {"properties": {"$ref": {"type": "string"}}}}}},
        "components": {"schemas": {"Boat": {}}},
    }
    assert "components" not in prune(source)


def test_the_committed_spec_stays_as_it_is():
    assert prune(COMMITTED) == COMMITTED
